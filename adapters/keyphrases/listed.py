"""What several methods list for one document: each phrase once, with its ranks and scores, as features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log

from readbench.adapter import RankedPhrases
from readbench.text import normalise


@dataclass(slots=True)
class Candidate:
    """A phrase that some methods list, in the spelling of its best rank. ``ranks`` (from 1) and ``scores`` by
    the number of the method. ``first``: words of the text before its first occurrence, None where it has
    none; ``count``: occurrences."""

    key: str
    phrase: str
    ranks: dict[int, int] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    first: int | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """The candidates of a document of ``words`` words, in the order in which they were found. ``bounds``: of
    each method's list its first and its last score; None of an empty one."""

    candidates: list[Candidate]
    bounds: list[tuple[float, float] | None]
    words: int
    depth: int


def listed(text: str, lists: Sequence[RankedPhrases], language: str, depth: int) -> Listed:
    """Two phrases are one where the metric's normaliser makes them equal. A list's own duplicates, and
    phrases that normalise to nothing, are dropped before ranks are counted; of the rest ``depth`` stay."""
    found: dict[str, Candidate] = {}
    bounds: list[tuple[float, float] | None] = []
    for number, one in enumerate(lists):
        kept: dict[str, tuple[str, float]] = {}
        for phrase, score in zip(one.phrases, one.scores, strict=True):
            kept.setdefault(normalise.key(phrase, language), (phrase, score))
        kept.pop("", None)
        of_list = list(kept.items())[:depth]
        for rank, (key, (phrase, score)) in enumerate(of_list, 1):
            candidate = found.setdefault(key, Candidate(key, phrase))
            if rank < min(candidate.ranks.values(), default=rank):
                candidate.phrase = phrase
            candidate.ranks[number], candidate.scores[number] = rank, score
        bounds.append((of_list[0][1][1], of_list[-1][1][1]) if of_list else None)
    words = normalise.key(text, language)
    stems = f" {words} "
    for candidate in found.values():
        candidate.first, candidate.count = _occurrences(candidate.key, stems)
    return Listed(list(found.values()), bounds, len(words.split()), depth)


def _occurrences(key: str, stems: str) -> tuple[int | None, int]:
    """Words before the first occurrence of a phrase, and how often it occurs, by stems between blanks."""
    place, count, wanted = stems.find(f" {key} "), 0, f" {key} "
    first = None if place < 0 else stems.count(" ", 0, place)
    while place >= 0:
        count += 1
        place = stems.find(wanted, place + 1)
    return first, count


def features(document: Listed) -> list[list[float]]:
    """One row a candidate. Of each method: whether it lists the phrase, its reciprocal rank and the logarithm
    of its rank, its score, and the score between the last (0) and the first (1) of the list. Then the number
    of methods that list it, the best rank, words, characters, the place of the first occurrence in words and
    as a share of the text, occurrences, and the length of the text."""
    beyond = document.depth + 1
    rows = []
    for candidate in document.candidates:
        row: list[float] = []
        for number, bounds in enumerate(document.bounds):
            rank = candidate.ranks.get(number)
            first, last = bounds or (0.0, 0.0)
            score = candidate.scores.get(number, last)
            share = (score - last) / (first - last) if first != last else 1.0
            row += [
                rank is not None,
                1 / (rank or beyond),
                log(rank or beyond),
                score,
                share if rank else 0.0,
            ]
        best = min(candidate.ranks.values())
        place = document.words if candidate.first is None else candidate.first
        row += [
            len(candidate.ranks),
            sum(1 / (60 + rank) for rank in candidate.ranks.values()),
            log(best),
            candidate.key.count(" ") + 1,
            len(candidate.phrase),
            log(1 + place),
            place / max(1, document.words),
            candidate.first is not None,
            log(1 + candidate.count),
            log(1 + document.words),
        ]
        rows.append([float(value) for value in row])
    return rows
