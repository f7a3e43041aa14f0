"""Chunks by a regular expression over tags are those of NLTK's chunk parser."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

nltk = pytest.importorskip("nltk")

from readbench_adapters.words.candidates import NOUN_PHRASES, NOUN_PHRASES_ROMANCE  # noqa: E402
from readbench_adapters.words.tag_patterns import tag_pattern  # noqa: E402

TAGS = ["NOUN", "PROPN", "ADJ", "ADP", "NUM", "X", "NN", "NNS", "SPACE", ".", "PRP$", ""]
SIMPLE = (
    NOUN_PHRASES,
    NOUN_PHRASES_ROMANCE,
    "NP: {<NOUN>+}",
    "NP:{<ADJ|NOUN>*<NOUN>}",
    "NP: {<NN.*>+ <ADP>? <.*>}",
    "NP: {<ADJ><NOUN>|<PROPN>+|<NUM>*}",
)
OTHERS = (
    "NP: {(<ADJ><NOUN>)+}",
    "NP: {<NOUN>+}\n }<PROPN>{",
    "NBAR: {<ADJ>*<NOUN>}\nNP: {<NBAR>}",
    "NP: {<NOUN>} # a comment",
    "NP: {<N[A-Z]+>}",
)


def chunks_of_nltk(grammar: str, tags: list[str]) -> list[tuple[int, int]]:
    tree = nltk.RegexpParser(grammar).parse([(str(i), tag) for i, tag in enumerate(tags)])
    leaves = [subtree.leaves() for subtree in tree.subtrees() if subtree.label() == "NP"]
    return [(int(chunk[0][0]), int(chunk[-1][0]) + 1) for chunk in leaves]


@pytest.mark.parametrize("grammar", SIMPLE)
@settings(deadline=None, max_examples=150)
@given(tags=st.lists(st.sampled_from(TAGS[:-1]), min_size=1, max_size=14))
def test_the_chunks_are_those_of_nltk(grammar: str, tags: list[str]) -> None:
    pattern = tag_pattern(grammar)
    assert pattern is not None
    assert list(pattern.chunks(tags)) == chunks_of_nltk(grammar, tags)


@pytest.mark.parametrize("tag", ["", "A>B", "{"])
def test_what_nltk_refuses_is_refused(tag: str) -> None:
    pattern = tag_pattern(NOUN_PHRASES)
    assert pattern is not None
    with pytest.raises(ValueError, match="no tag"):
        list(pattern.chunks(["NOUN", tag]))
    with pytest.raises(ValueError, match="chunkstring"):
        chunks_of_nltk(NOUN_PHRASES, ["NOUN", tag])


@pytest.mark.parametrize("grammar", OTHERS)
def test_every_other_grammar_is_left_to_nltk(grammar: str) -> None:
    assert tag_pattern(grammar) is None


def test_a_long_grammar_is_read_at_once() -> None:
    assert tag_pattern("NP: {" + "<A>" * 500 + "!}") is None
