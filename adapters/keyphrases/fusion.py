"""Reciprocal-rank fusion of other methods of a suite, from their stored predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Combination, Needs, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Prediction, Task
from readbench.text import normalise

MEMBERS = ("pke.tfidf", "pke.multipartiterank", "yake")
"""The default members: one reads the frequencies of a collection, one ranks a graph, one the statistics of
the document alone."""


class Fusion(Combination):
    """Cormack, Clarke and Buettcher 2009, doi:10.1145/1571941.1572114: a phrase scores the sum over the
    members of 1 / (k + its rank there). Two phrases are one where the metric's normaliser makes them equal;
    the spelling is that of the best rank, of equal ranks that of the first member."""

    name: ClassVar[str] = "fusion"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "reciprocal-rank fusion of other methods' phrases, charged with their costs"

    class Params(Base):
        members: tuple[str, ...] = Field(MEMBERS, min_length=2, description="methods, as a suite spells them")
        k: int = Field(60, ge=0, description="the larger, the less the first ranks stand out")
        n_best: int = Field(50, ge=1, description="phrases kept, best first")

    params: Params

    def needs(self) -> Needs:
        return Needs(members=self.params.members)

    def combine(self, predictions: Sequence[Prediction]) -> RankedPhrases:
        ranked = [member.phrases for member in predictions if isinstance(member, RankedPhrases)]
        fused = reciprocal_rank_fusion(ranked, self.context.task.language, self.params.k)
        kept = fused[: self.params.n_best]
        return RankedPhrases(tuple(phrase for phrase, _ in kept), tuple(score for _, score in kept))


@dataclass(slots=True)
class _Fused:
    phrase: str
    best: int
    score: float = 0.0


def reciprocal_rank_fusion(ranked: Sequence[Sequence[str]], language: str, k: int) -> list[tuple[str, float]]:
    """Phrases with their scores, best first; of equal scores the one with the better rank comes first. Ranks
    count from 1. A list's own duplicates, and phrases that normalise to nothing, are dropped before."""
    fused: dict[str, _Fused] = {}
    for phrases in ranked:
        kept: dict[str, str] = {}
        for phrase in phrases:
            kept.setdefault(normalise.key(phrase, language), phrase)
        kept.pop("", None)
        for rank, (key, phrase) in enumerate(kept.items(), 1):
            entry = fused.setdefault(key, _Fused(phrase, rank))
            if rank < entry.best:
                entry.phrase, entry.best = phrase, rank
            entry.score += 1 / (k + rank)
    order = sorted(fused.values(), key=lambda entry: (-entry.score, entry.best))
    return [(entry.phrase, entry.score) for entry in order]
