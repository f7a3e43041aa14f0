"""Keyphrases as tags of words and back: BIO tags from gold phrases, windows over a long text, and ranked
phrases from the probabilities of the tags. Plain arrays; no model is needed here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from readbench.adapter import RankedPhrases
from readbench.text import normalise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

O, B, I = range(3)  # noqa: E741 - what the letters of BIO tagging are
UNLIKELY = 1e-3
"""A phrase less probable than this, and every longer one that begins with it, is left out."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text: where each begins and ends in it, and its stem."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    stems: tuple[str, ...]

    @classmethod
    def of(cls, text: str, language: str) -> Words:
        places = normalise.places(text, language)
        starts, ends, stems = zip(*places, strict=True) if places else ((), (), ())
        return cls(text, starts, ends, stems)

    def __len__(self) -> int:
        return len(self.stems)

    def surface(self, first: int, last: int) -> str:
        """The text from the first character of one word to the last of another, on one line."""
        return " ".join(self.text[self.starts[first] : self.ends[last]].split())


def gold_tags(words: Words, phrases: Iterable[str], language: str) -> list[int]:
    """A tag per word: B for the first word of a gold phrase, I for its other words, O elsewhere. A phrase is
    matched by its stems, so in any inflection, wherever it occurs. Where two overlap the longer one is
    tagged; of equally long ones the earlier one."""
    wanted = {stems for phrase in phrases if (stems := normalise.stems(phrase, language))}
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for stems in sorted(wanted, key=lambda stems: (-len(stems), stems)):
        by_first.setdefault(stems[0], []).append(stems)
    spans = [
        (len(stems), start)
        for start, stem in enumerate(words.stems)
        for stems in by_first.get(stem, ())
        if words.stems[start : start + len(stems)] == stems
    ]
    tags = [O] * len(words)
    for length, start in sorted(spans, key=lambda span: (-span[0], span[1])):
        if not any(tags[start : start + length]):
            tags[start : start + length] = [B, *[I] * (length - 1)]
    return tags


def windows(length: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Begin and end of windows of ``size`` that cover ``length`` places; neighbours share ``overlap`` or
    more. One window where all fits in."""
    if length <= size:
        return [(0, length)]
    starts = [*range(0, length - size, size - overlap), length - size]
    return [(start, start + size) for start in starts]


def best_window(place: int, of: Sequence[tuple[int, int]]) -> int:
    """The number of the window in which a place has most context on its poorer side; of equal ones the first.
    A window that ends where the text ends loses no context there."""
    length = of[-1][1]

    def context(number: int) -> int:
        start, end = of[number]
        before = place - start if start else length
        after = end - 1 - place if end < length else length
        return min(before, after) if before >= 0 and after >= 0 else -1

    return max(range(len(of)), key=lambda number: (context(number), -number))


Spans = list[tuple[int, int, float]]
"""First word, last word, score."""


def likely_spans(probabilities: NDArray[np.floating], longest: int) -> Spans:
    """Every phrase of up to ``longest`` words, with the probability that exactly its words are tagged: B for
    the first, I for the others, no I for the word after it. ``probabilities``: (words, 3) over O, B, I, taken
    as independent of each other."""
    begin, inside = probabilities[:, B].tolist(), probabilities[:, I].tolist()
    n = len(begin)
    spans: Spans = []
    for first in range(n):
        score = begin[first]
        for last in range(first, min(first + longest, n)):
            if last > first:
                score *= inside[last]
            if score < UNLIKELY:
                break
            ends = 1.0 - inside[last + 1] if last + 1 < n else 1.0
            spans.append((first, last, score * ends))
    return spans


def tagged_spans(probabilities: NDArray[np.floating]) -> Spans:
    """The phrases of the most probable tag of each word, scored by the mean probability of these tags. An I
    that follows nothing begins a phrase."""
    tags = probabilities.argmax(axis=1).tolist() if len(probabilities) else []
    spans: Spans = []
    first = 0
    while first < len(tags):
        if tags[first] == O:
            first += 1
            continue
        last = first
        while last + 1 < len(tags) and tags[last + 1] == I:
            last += 1
        chosen = [float(probabilities[i, tags[i]]) for i in range(first, last + 1)]
        spans.append((first, last, sum(chosen) / len(chosen)))
        first = last + 1
    return spans


def ranked_phrases(words: Words, spans: Spans, *, n_best: int, threshold: float = 0.0) -> RankedPhrases:
    """The phrases of spans, best first. Occurrences of one phrase (equal stems) score as the best of them;
    it is spelled as where it occurs first. Of equal scores the earlier phrase comes first."""
    scores: dict[tuple[str, ...], float] = {}
    places: dict[tuple[str, ...], tuple[int, int]] = {}
    for first, last, score in sorted(spans):
        key = words.stems[first : last + 1]
        places.setdefault(key, (first, last))
        scores[key] = max(score, scores.get(key, 0.0))
    order = sorted(scores, key=lambda key: (-scores[key], places[key]))
    kept = [key for key in order if scores[key] >= threshold][:n_best]
    return RankedPhrases(
        tuple(words.surface(*places[key]) for key in kept), tuple(scores[key] for key in kept)
    )


_TYPED = re.compile(r"([BIOESLU])(?:-.*)?", re.IGNORECASE)


def columns_of(labels: Sequence[str]) -> tuple[list[int], list[int], list[int]]:
    """Which of a model's labels mean O, B and I, whatever types they carry. S and U (a phrase of one word)
    count as B, E and L (its last word) as I.

    Raises ValueError for labels that are not of this kind.
    """
    columns: tuple[list[int], list[int], list[int]] = ([], [], [])
    for place, label in enumerate(labels):
        typed = _TYPED.fullmatch(label)
        if typed is None:
            raise ValueError(f"the label {label!r} is none of B-…, I-… and O")
        letter = typed[1].upper()
        columns[B if letter in "BSU" else I if letter in "IEL" else O].append(place)
    if not all(columns[tag] for tag in (O, B, I)):
        raise ValueError(f"its labels are {', '.join(labels)}, where B-…, I-… and O are needed")
    return columns
