"""Candidates as a parameter: what may become a keyphrase, apart from how it is scored.

    default          the method's own selection
    ngrams(1,3)      every sequence of one to three words
    noun-phrases     adjectives, then nouns: {<ADJ>*<NOUN|PROPN>+}, and adjectives after them where the
                     language puts them there (French, Italian, Portuguese, Romanian, Spanish)
    {<NOUN>+}        any grammar of NLTK's chunk parser over Universal POS tags, named NP or unnamed

All but the first go through pke's candidate filter with its defaults. Candidates change a score more than the
method does, so they are part of a method's spec and of its row on the board.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

NOUN_PHRASES = "NP: {<ADJ>*<NOUN|PROPN>+}"
NOUN_PHRASES_ROMANCE = "NP: {<ADJ>*<NOUN|PROPN>+<ADJ>*}"
NGRAMS = re.compile(r"ngrams\(\s*(\d+)\s*,\s*(\d+)\s*\)")


@dataclass(frozen=True)
class Ngrams:
    """Sequences of ``shortest`` to ``longest`` words."""

    shortest: int
    longest: int


@dataclass(frozen=True)
class Grammar:
    """An NLTK chunk grammar whose label NP marks the candidates."""

    text: str


def parse_candidates(text: str, noun_phrases: str = NOUN_PHRASES) -> Ngrams | Grammar | None:
    """What a parameter asks for; None is the method's own selection. ``noun_phrases`` is the grammar of
    the language.

    Raises ValueError for a text that is none of the forms above.
    """
    if text == "default":
        return None
    if text == "noun-phrases":
        return Grammar(noun_phrases)
    lengths = NGRAMS.fullmatch(text)
    if lengths:
        shortest, longest = int(lengths[1]), int(lengths[2])
        if not 1 <= shortest <= longest:
            raise ValueError(f"the shortest n-gram must be from 1 to the longest: {text}")
        return Ngrams(shortest, longest)
    grammar = text.strip()
    if "{" in grammar and "<" in grammar:
        named = grammar if re.search(r"\bNP\s*:", grammar) else f"NP: {grammar}"
        if named.count("{") == named.count("}") and named.count("<") == named.count(">"):
            return Grammar(named)
    raise ValueError("candidates are default, ngrams(1,3), noun-phrases or a grammar such as {<ADJ>*<NOUN>+}")


def _checked(text: str) -> str:
    parse_candidates(text)
    return text


Candidates = Annotated[str, AfterValidator(_checked)]
CandidatesField = Field("default", description="default, ngrams(1,3), noun-phrases, or a grammar")
