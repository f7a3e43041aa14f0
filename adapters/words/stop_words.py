"""Stop lists by name and language. ``pke`` is the list that pke takes, which is spaCy's, in any language;
``jcdl2020`` that of Gallina et al. 2020, English alone.

The English list of NLTK's stopwords corpus (179 words, after Porter et al., Snowball) cannot be installed
from PyPI, so its words stand here.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from string import punctuation
from typing import Literal

from readbench.adapter import MissingDependency
from readbench_adapters.words.languages import is_english, language_of

StopList = Literal["pke", "jcdl2020", "punctuation"]

_NLTK_ENGLISH = """
i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves he
him his himself she she's her hers herself it it's its itself they them their theirs themselves what
which who whom this that that'll these those am is are was were be been being have has had having do
does did doing a an the and but if or because as until while of at by for with about against between
into through during before after above below to from up down in out on off over under again further
then once here there when where why how all any both each few more most other some such no nor not
only own same so than too very s t can will just don don't should should've now d ll m o re ve y ain
aren aren't couldn couldn't didn didn't doesn doesn't hadn hadn't hasn hasn't haven haven't isn isn't
ma mightn mightn't mustn mustn't needn needn't shan shan't shouldn shouldn't wasn wasn't weren weren't
won won't wouldn wouldn't
"""
NLTK_ENGLISH = frozenset(_NLTK_ENGLISH.split())


BRACKETS = frozenset({"-lrb-", "-rrb-", "-lcb-", "-rcb-", "-lsb-", "-rsb-"})
"""How the Penn Treebank writes brackets, lower-cased."""


@lru_cache(maxsize=16)
def stop_words(name: StopList, language: str = "en") -> frozenset[str]:
    """The words of a list in a language, lower-cased.

    Raises MissingDependency for a language without stop words, and for jcdl2020 in any but English.
    """
    if name == "punctuation":
        return frozenset(punctuation)
    if name == "jcdl2020":
        check_stop_list(name, language)
        return NLTK_ENGLISH | frozenset(punctuation) | BRACKETS
    code = language_of(language).code
    if code == "en":
        from pke.lang import stopwords

        return frozenset(stopwords["en"])
    # pke's codes for other languages are odd ("ge", "sp"): half of them find no list there.
    module = import_module(f"spacy.lang.{code}.stop_words")
    return frozenset(word.lower() for word in module.STOP_WORDS)


def check_stop_list(name: StopList, language: str) -> None:
    """Raises MissingDependency where a list is not there in a language; imports nothing."""
    if name == "jcdl2020" and not is_english(language):
        raise MissingDependency(
            f"the stop list jcdl2020 is English, the texts are {language!r}", todo="take stoplist=pke"
        )
