"""Graphs of the words of a document, for TextRank, SingleRank, TopicalPageRank and PositionRank.

A node is a stem, numbered by its first occurrence with one of the wanted parts of speech. An edge counts how
often two stems occur within a window of words (Wan and Xiao 2008, https://aclanthology.org/C08-1122; of
Mihalcea and Tarau 2004, https://aclanthology.org/W04-3252, all counts are 1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from readbench_adapters.pke.walk import Vector, ranks_of_edges

TOLERANCE = 1e-4
"""Change of a rank at which the walk ends: pke's for words."""
SMALL = 256
"""Nodes up to which counting in a table is faster than sorting."""


@dataclass(frozen=True)
class Words:
    """The words of a document that are nodes. ``nodes``: node by stem. ``nodes_of`` and ``places``: int64
    (occurrences,), the node of each occurrence and its place among all words of the document."""

    nodes: dict[str, int]
    nodes_of: NDArray[np.int64]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, sentences: Iterable[Any], pos: Collection[str]) -> Words:
        """``sentences`` have ``stems`` and ``pos`` of equal length."""
        tags = [tag in pos for sentence in sentences for tag in sentence.pos]
        stems = [stem for sentence in sentences for stem in sentence.stems]
        places = [place for place, wanted in enumerate(tags) if wanted]
        nodes: dict[str, int] = {}
        nodes_of = [nodes.setdefault(stems[place], len(nodes)) for place in places]
        return cls(nodes, np.array(nodes_of, dtype=np.int64), np.array(places, dtype=np.int64))

    def together(self, window: int) -> NDArray[np.int64]:
        """The pairs of different stems fewer than ``window`` words apart, one for each time, as
        ``first * nodes + second``."""
        steps = min(window, len(self.places)) - 1
        if steps < 1:
            return np.empty(0, dtype=np.int64)
        later = np.arange(len(self.places))[:, np.newaxis] + np.arange(1, steps + 1)
        beyond = later >= len(self.places)
        later[beyond] = 0
        near = (self.places[later] - self.places[:, np.newaxis] < window) & ~beyond
        first = np.repeat(self.nodes_of, np.count_nonzero(near, axis=1))
        second = self.nodes_of[later[near]]
        different = first != second
        pairs: NDArray[np.int64] = first[different] * len(self.nodes) + second[different]
        return pairs

    def ranks(self, window: int, *, counted: bool = True, bias: Vector | None = None) -> dict[str, float]:
        """The rank of every stem by PageRank over its edges, which weigh 1 each unless ``counted``."""
        count, pairs = len(self.nodes), self.together(window)
        if not count:
            return {}
        both_ways = np.concatenate((pairs, pairs % count * count + pairs // count))
        if count <= SMALL:
            table = np.bincount(both_ways, minlength=count * count)
            edges = np.flatnonzero(table)
            times = table[edges]
        else:
            edges, times = np.unique(both_ways, return_counts=True)
        weights = times.astype(np.float64) if counted else np.ones(len(edges))
        sources, targets = np.divmod(edges, count)
        ranks = ranks_of_edges(count, sources, targets, weights, bias=bias, tolerance=TOLERANCE)
        return dict(zip(self.nodes, ranks.tolist(), strict=True))

    def early(self) -> Vector:
        """Weights of the stems, adding up to 1: the sum of ``1 / place`` over their occurrences, the first
        word having place 1 (Florescu and Caragea 2017, https://aclanthology.org/P17-1102)."""
        sums = np.bincount(self.nodes_of, weights=1 / (self.places + 1), minlength=len(self.nodes))
        weights: Vector = sums / sum(sums.tolist())
        return weights


def phrase_scores(
    phrases: Mapping[str, Any], ranks: Mapping[str, float], *, normalized: bool, later_wins: bool = False
) -> dict[str, float]:
    """Scores of candidates: the sum of the ranks of their words, or (``normalized``) the mean. A word that is
    no node has none. ``later_wins``: pke adds 1e-8 for each word before the first occurrence, which decides
    between equal phrases."""
    scores = {}
    for key, phrase in phrases.items():
        stems = phrase.lexical_form
        score = sum([ranks.get(stem, 0.0) for stem in stems])
        if normalized:
            score /= len(stems)
        scores[key] = score + phrase.offsets[0] * 1e-8 if later_wins else score
    return scores
