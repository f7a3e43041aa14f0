"""Topics of candidates and how close they stand to each other, for TopicRank (Bougouin et al. 2013,
https://aclanthology.org/I13-1062) and MultipartiteRank (Boudin 2018, https://aclanthology.org/N18-2105).

A topic is a cluster of candidates that share stems. Two candidates are connected by the sum of ``1 / gap``
over all pairs of their occurrences, where the gap is the number of words from the end of the earlier one to
the start of the later one, at least 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from readbench_adapters.pke.walk import Vector

ROWS = 128
"""Occurrences whose gaps to all others are computed at a time: bounds the memory."""

Ints = NDArray[np.int64]


# -- topics ----------------------------------------------------------------------------------------


def cluster(candidates: Mapping[str, Any], threshold: float, method: str) -> list[list[str]]:
    """Candidates by topic: hierarchical clusters, cut at a distance. The distance of two candidates is
    Jaccard's over their stems (Bougouin et al. 2013, section 3.2). Within a topic they are sorted."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    names = sorted(candidates)
    if len(names) < 2:
        return [names]
    distances = squareform(jaccard([candidates[name].lexical_form for name in names]), checks=False)
    labels = fcluster(linkage(distances, method=method), t=threshold, criterion="distance").tolist()
    topics: list[list[str]] = [[] for _ in range(max(labels))]
    for name, label in zip(names, labels, strict=True):
        topics[label - 1].append(name)
    return topics


def jaccard(phrases: Sequence[Sequence[str]]) -> Vector:
    """Jaccard's distance of every two phrases, float64 (phrases, phrases): the share of their stems that one
    has and the other has not. Where the installed SciPy compares counts, as versions before 1.15 did, a stem
    that one has more often counts as well: pke asks SciPy, and has other topics with another version."""
    present = _members([set(phrase) for phrase in phrases])
    common = present @ present.T
    sizes = np.diagonal(common)
    union = (sizes[:, np.newaxis] + sizes - common).astype(np.float64)
    if compares_counts():
        counted = _members([{(stem, phrase.count(stem)) for stem in phrase} for phrase in phrases])
        common = counted @ counted.T
    distances: Vector = (union - common) / union
    return distances


def _members(sets: Sequence[set[Any]]) -> NDArray[np.float32]:
    """1 where a set (row) has an item (column). float32 is exact for counts below 16 million."""
    columns: dict[Any, int] = {}
    rows, places = [], []
    for row, items in enumerate(sets):
        for item in items:
            rows.append(row)
            places.append(columns.setdefault(item, len(columns)))
    found = np.zeros((len(sets), len(columns)), dtype=np.float32)
    found[rows, places] = 1.0
    return found


@cache
def compares_counts() -> bool:
    """Whether SciPy's Jaccard distance tells two occurrences of a word from one."""
    from scipy.spatial.distance import pdist

    return bool(pdist(np.array([[2.0, 0.0], [1.0, 0.0]]), "jaccard")[0] > 0)


# -- gaps ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Occurrences:
    """Where candidates occur, candidate after candidate. ``starts`` and ``ends``: int64 (occurrences,), the
    first and last word. ``counts``: int64 (candidates,), the occurrences of each."""

    starts: Ints
    ends: Ints
    counts: Ints

    @classmethod
    def of(cls, candidates: Sequence[Any]) -> Occurrences:
        counts = np.array([len(candidate.offsets) for candidate in candidates])
        starts = np.array([start for candidate in candidates for start in candidate.offsets])
        lengths = np.array([len(candidate.lexical_form) for candidate in candidates])
        return cls(starts, starts + np.repeat(lengths - 1, counts), counts)


def closeness(occurrences: Occurrences, group_sizes: Sequence[int] | None = None) -> Vector:
    """The sum of ``1 / gap`` over all pairs of occurrences of two groups, float64 (groups, groups), 0 on the
    diagonal. ``group_sizes``: how many candidates, one after the other, each group has; None: each is one.

    A sum runs through the candidates of the first group, of the second, the occurrences of the one and those
    of the other, as four loops would, so that it is the same to the last bit.
    """
    candidates = len(occurrences.counts)
    sizes = np.ones(candidates, dtype=np.int64) if group_sizes is None else np.array(group_sizes)
    groups = len(sizes)
    group_of = np.repeat(np.repeat(np.arange(groups), sizes), occurrences.counts)
    ends = np.searchsorted(group_of, np.arange(groups + 1))
    sums = np.zeros((groups, groups))
    for first, last in pairwise(_cuts(ends)):
        rows, columns = slice(ends[first], ends[last]), slice(ends[first], None)
        values = 1.0 / _gaps(occurrences, rows, columns).ravel()
        width = groups - first
        bins = ((group_of[rows] - first)[:, np.newaxis] * width + (group_of[columns] - first)).ravel()
        if group_sizes is not None:
            order = _turns(occurrences.counts, rows, columns)
            values[order], bins[order] = values.copy(), bins.copy()
        found = np.bincount(bins, weights=values, minlength=(last - first) * width)
        sums[first:last, first:] = found.reshape(last - first, width)
    upper = np.triu(sums, 1)
    both: Vector = upper + upper.T
    return both


def _cuts(ends: Ints) -> list[int]:
    """Groups at which blocks of about ``ROWS`` occurrences begin, and the number of groups."""
    cuts, groups = [0], len(ends) - 1
    while cuts[-1] < groups:
        wanted = int(np.searchsorted(ends, ends[cuts[-1]] + ROWS))
        cuts.append(min(max(wanted, cuts[-1] + 1), groups))
    return cuts


def _gaps(occurrences: Occurrences, rows: slice, columns: slice) -> NDArray[np.int32]:
    """int32 (rows, columns), at least 1."""
    starts, ends = occurrences.starts.astype(np.int32), occurrences.ends.astype(np.int32)
    gaps = starts[columns] - ends[rows][:, np.newaxis]
    np.maximum(gaps, starts[rows][:, np.newaxis] - ends[columns], out=gaps)
    np.maximum(gaps, 1, out=gaps)
    return gaps


def _turns(counts: Ints, rows: slice, columns: slice) -> Ints:
    """The turn at which each pair of occurrences (row by row) is added, where the occurrences of one
    candidate are run through anew for each candidate of the columns."""
    own = np.repeat(counts, counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    within = np.arange(len(own)) - first
    height, width = rows.start, len(own) - columns.start
    before = (first[rows] - height) * width
    turns: Ints = own[rows][:, np.newaxis] * (first[columns] - columns.start)
    turns += within[rows][:, np.newaxis] * own[columns]
    turns += before[:, np.newaxis]
    turns += within[columns]
    return turns.ravel()


# -- the first of a topic --------------------------------------------------------------------------


def between_topics(weights: Vector, topics: Sequence[Sequence[int]]) -> Vector:
    """The edges between candidates of different topics; there are no others (Boudin 2018, section 2.2)."""
    topic_of = _topic_of(topics)
    return np.where(topic_of[:, np.newaxis] == topic_of, 0.0, weights)


def _topic_of(topics: Sequence[Sequence[int]]) -> Ints:
    """The topic of each candidate."""
    found = np.empty(sum(map(len, topics)), dtype=np.int64)
    for number, topic in enumerate(topics):
        found[topic] = number
    return found


def promote_first(
    weights: Vector, topics: Sequence[Sequence[int]], first_places: Sequence[int], alpha: float
) -> Vector:
    """The graph of candidates, float64 (candidates, candidates) from the row's to the column's, with more
    weight towards the first candidate of each topic (Boudin 2018, equation 2): from each candidate ``j`` of
    another topic to the first ``i``, the weights between ``j`` and the others of the topic, times ``alpha``
    and ``exp(1 / place of i)``. ``first_places`` count the words before a candidate's first occurrence."""
    adjusted, topic_of = weights.copy(), _topic_of(topics)
    for number, topic in enumerate(topics):
        if len(topic) < 2:
            continue
        first = min(topic, key=first_places.__getitem__)
        others = [candidate for candidate in topic if candidate != first]
        outside = np.flatnonzero(topic_of != number)
        # One row for each candidate outside, so that numpy adds each row as it adds a list.
        gained = np.ascontiguousarray(weights[outside][:, others]).sum(axis=1)
        place = 1.0 / (1 + first_places[first])
        adjusted[outside, first] += gained * alpha * math.exp(place)
    return adjusted
