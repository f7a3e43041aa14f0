"""Keyphrase scores as the literature on keyphrase generation has them: precision by k, F1 of means.

Chan et al. 2019, doi:10.18653/v1/P19-1208, and the exact matching of the toolkit KPEval (Wu,
Yin and Chang 2024, doi:10.18653/v1/2024.findings-acl.117).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readbench.tasks.metric import Metric, OfMeans, f1_of_means
from readbench.text import porter

CUTOFFS = (5, 10)

_SOURCE = (
    "Chan et al. 2019, doi:10.18653/v1/P19-1208; Wu, Yin & Chang 2024, doi:10.18653/v1/2024.findings-acl.117"
)
_VERSION = f"kpeval-1: {porter.VERSION}; exact, duplicates dropped; 0 without gold"
_VERSION_F1 = f"{_VERSION}; F1 of the mean precision and the mean recall"


def _metrics() -> tuple[Metric, ...]:
    precision, recall, f1 = [], [], []
    for k in CUTOFFS:
        p, r = f"kpeval.precision@{k}", f"kpeval.recall@{k}"
        matches = f"matches among the first {k} phrases"
        precision.append(_metric(p, _VERSION, f"{matches}, by {k}", f"matches / {k}"))
        recall.append(_metric(r, _VERSION, f"{matches}, by gold phrases", "matches / gold"))
        summary = f"F1 of the mean precision@{k} and the mean recall@{k}; tests compare the documents' own F1"
        formula = "2 * P * R / (P + R), P and R the means over documents"
        f1.append(_metric(f"kpeval.f1@{k}", _VERSION_F1, summary, formula, f1_of_means(p, r)))
    return (*precision, *recall, *f1)


def _metric(id_: str, version: str, summary: str, formula: str, aggregate: OfMeans | None = None) -> Metric:
    return Metric(id_, True, version, summary, aggregate, "en", formula=formula, source=_SOURCE)


METRICS = _metrics()


@dataclass(frozen=True, slots=True, eq=False)
class Gold:
    """Per document the keys of its gold phrases; None for a document without a target."""

    keys: tuple[frozenset[str] | None, ...]

    @classmethod
    def prepare(cls, targets: Sequence[Sequence[str] | None]) -> Gold:
        """``targets``: per document its gold phrases (blank ones are dropped) or None."""
        return cls(
            tuple(None if gold is None else frozenset(map(porter.key, gold)) - {""} for gold in targets)
        )

    def table(self, keys: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """The values of METRICS (documents, 6) for the ``porter.key`` of the predicted phrases. NaN
        without a target, 0 where a target has no phrases. Duplicates are dropped before the first k are
        taken; precision is always by k, also where fewer were predicted. The F1 of a document is that of
        its own precision and recall."""
        values = np.full((len(self.keys), len(METRICS)), np.nan)
        for row, gold in enumerate(self.keys):
            if gold is not None:
                values[row] = _document(gold, keys[row])
        return values


def _document(gold: frozenset[str], keys: Sequence[str]) -> list[float]:
    if not gold:
        return [0.0] * len(METRICS)
    first = list(dict.fromkeys(keys))[: max(CUTOFFS)]
    hits = [len(gold.intersection(first[:k])) for k in CUTOFFS]
    return [
        *(hit / k for hit, k in zip(hits, CUTOFFS, strict=True)),
        *(hit / len(gold) for hit in hits),
        # 2PR / (P + R) with P = hit / k and R = hit / gold, rounded once.
        *(2 * hit / (k + len(gold)) for hit, k in zip(hits, CUTOFFS, strict=True)),
    ]
