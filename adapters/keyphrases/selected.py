"""Candidate phrases of a parse with their places: what pke selects and filters, for methods that score each
phrase where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from readbench.text.languages import language_code
from readbench_adapters.pke.filling import fill
from readbench_adapters.pke.selection import Selection
from readbench_adapters.words.candidates import NOUN_PHRASES, Grammar, Ngrams
from readbench_adapters.words.languages import LANGUAGES, language_of
from readbench_adapters.words.parse import ParsedSentence


@dataclass(frozen=True, slots=True)
class Candidate:
    """A phrase as it is first written, in lower case. ``words`` in it; ``places`` are the characters of the
    text, from and to, of each of its occurrences, in any inflection."""

    phrase: str
    words: int
    places: tuple[tuple[int, int], ...]


Select = Callable[[Sequence[ParsedSentence]], list[Candidate]]


def noun_phrases(language: str) -> str:
    """The grammar of noun phrases of a language."""
    known = LANGUAGES.get(language_code(language))
    return NOUN_PHRASES if known is None else known.noun_phrases


def selection(wanted: Ngrams | Grammar, language: str) -> Select:
    """A function from a parse to its candidates, in the order of their first occurrence."""
    from pke.base import LoadFile

    class Selector(Selection, LoadFile):  # type: ignore[misc]
        """pke's candidates without a method."""

    written = language_of(language).written

    def select(sentences: Sequence[ParsedSentence]) -> list[Candidate]:
        extractor = Selector()
        fill(extractor, sentences, "stemming", language=language)
        extractor.select_as(wanted)
        places = [
            (offset, offset + len(word))
            for sentence in sentences
            for word, offset in zip(sentence.words, sentence.offsets, strict=True)
        ]
        return [_candidate(found, written, places) for found in extractor.candidates.values()]

    return select


def _candidate(found: Any, written: Callable[[str], str], places: list[tuple[int, int]]) -> Candidate:
    """``found``: a candidate of pke; ``places`` of the words of the document."""
    words = len(found.lexical_form)
    spans = [(places[first][0], places[first + words - 1][1]) for first in found.offsets]
    return Candidate(written(" ".join(found.surface_forms[0]).lower()), words, tuple(spans))
