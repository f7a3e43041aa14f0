"""Expressions that are compiled where somebody uses them, and then match as any other."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from readbench.engine.late_patterns import LATE, LatePattern, compiled_late

IN_A_LATE_MODULE = {"re": re, "__name__": next(iter(LATE))}
SPACY = """
import re, sys, time
from readbench.engine.late_patterns import LatePattern, compiled_late

began = time.process_time()
with compiled_late(sys.argv[1:]):
    import spacy.lang.fr.tokenizer_exceptions as exceptions
owner = exceptions.TOKEN_MATCH.__self__
import spacy
words = spacy.blank("fr")("Saint-Étienne, aujourd'hui l'arc-en-ciel du grand-duc de l'État")
print(type(owner).__name__, [word.text for word in words], re.compile is exceptions.re.compile)
"""


def test_of_named_modules_alone() -> None:
    plain = re.compile
    with compiled_late(()):
        late = eval("re.compile('a+', re.IGNORECASE)", dict(IN_A_LATE_MODULE))
        assert isinstance(late, LatePattern)
        assert isinstance(re.compile("a"), re.Pattern)
    assert re.compile is plain
    with compiled_late(LATE.values()):
        assert isinstance(eval("re.compile('a+')", dict(IN_A_LATE_MODULE)), re.Pattern)
    assert late.match("AAb").group() == "AA"
    assert (late.pattern, late.search("baa").span()) == ("a+", (1, 3))


def test_a_wrong_expression_says_so_when_it_is_used() -> None:
    match = LatePattern("(", 0).match
    with pytest.raises(re.error):
        match("x")


def test_an_import_that_fails_leaves_nothing_behind() -> None:
    plain = re.compile
    with pytest.raises(ZeroDivisionError), compiled_late(()):
        raise ZeroDivisionError
    assert re.compile is plain


def test_french_of_spacy_is_cut_into_the_same_words() -> None:
    pytest.importorskip("spacy", reason="needs the extra keyphrases")
    told = [
        subprocess.run([sys.executable, "-c", SPACY, *languages], capture_output=True, text=True, check=True)
        for languages in ([], ["fr"])
    ]
    late, at_once = (one.stdout.strip() for one in told)
    assert late.startswith("LatePattern ")
    assert at_once.startswith("Pattern ")
    assert late.removeprefix("LatePattern") == at_once.removeprefix("Pattern")
    assert late.endswith("True")
