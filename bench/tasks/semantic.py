"""Keyphrase scores by meaning: how close each phrase comes to its nearest counterpart, by embeddings.

Semantic precision, recall and F1 as Wu, Yin and Chang 2024 define them (KPEval, section 3.2,
doi:10.18653/v1/2024.findings-acl.117), with the embeddings of another model and without their threshold.
An encoder of phrases makes the embeddings; this file only compares them, with NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readbench.core.vectors import Vectors
from readbench.machine.weights import KNOWN
from readbench.tasks.metric import Metric
from readbench.text import normalise

MODEL = "all-MiniLM-L6-v2"
"""Whose embeddings are compared."""
WEIGHTS = KNOWN[MODEL].sha256
"""SHA-256 of its weights. Vectors of others are refused, because the version of the metrics names these."""

CUTOFF = 10
_SOURCE = "Wu, Yin & Chang 2024, section 3.2, doi:10.18653/v1/2024.findings-acl.117, without its threshold"
_VERSION = (
    f"semantic-1: cosine of {MODEL}, weights {WEIGHTS[:12]}; nearest counterpart, below 0 is 0; "
    "duplicates dropped as by the house"
)


def _metrics() -> tuple[Metric, ...]:
    first = f"of the first {CUTOFF} phrases"
    nearest = "mean over {} phrases of max(0, cosine to the nearest {} phrase)"
    described = {
        f"semantic.precision@{CUTOFF}": (
            f"mean similarity {first} to the nearest gold phrase",
            nearest.format("predicted", "gold"),
        ),
        f"semantic.recall@{CUTOFF}": (
            f"mean similarity of gold phrases to the nearest {first}",
            nearest.format("gold", "predicted"),
        ),
        f"semantic.f1@{CUTOFF}": (
            f"F1 of semantic.precision@{CUTOFF} and semantic.recall@{CUTOFF}",
            "2 * P * R / (P + R) of the document",
        ),
        "semantic.f1@M": ("the same over all phrases", "2 * P * R / (P + R) of the document"),
    }
    extra = "; needs the extra neural"
    return tuple(
        Metric(
            id_, True, _VERSION, summary + extra, language="en", vectors=True, formula=formula, source=_SOURCE
        )
        for id_, (summary, formula) in described.items()
    )


METRICS = _metrics()


@dataclass(frozen=True, slots=True)
class PhraseVectors:
    """Embeddings of all gold phrases, and of the first ``depth`` predicted ones of a document (None: all)."""

    vectors: Vectors
    depth: int | None = None

    def of(self, phrases: Sequence[str]) -> NDArray[np.float64]:
        """Unit vectors (phrases, dimensions); a vector of zeros stays one."""
        rows = np.array([self.vectors[phrase] for phrase in phrases], dtype=np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths == 0, 1.0, lengths), dtype=np.float64)


def depth_of(metrics: Iterable[str]) -> int | None:
    """How many predicted phrases of a document these metrics look at; None for all."""
    return None if any(metric.endswith("@M") for metric in metrics) else CUTOFF


def distinct(phrases: Iterable[str], language: str, depth: int | None = None) -> list[str]:
    """The phrases that the house metrics count, up to ``depth`` of them: of equal stems the first, and none
    without a word."""
    kept: dict[str, str] = {}
    for phrase in phrases:
        key = normalise.key(phrase, language)
        if key:
            kept.setdefault(key, phrase.strip())
            if len(kept) == depth:
                break
    return list(kept.values())


@dataclass(frozen=True, slots=True, eq=False)
class Gold:
    """Per document its distinct gold phrases; empty where it does not count."""

    language: str
    phrases: tuple[tuple[str, ...], ...]

    @classmethod
    def prepare(cls, language: str, targets: Sequence[Sequence[str] | None]) -> Gold:
        """``targets``: per document its gold phrases or None."""
        return cls(language, tuple(tuple(distinct(gold or (), language)) for gold in targets))

    def texts(self, predictions: Sequence[Sequence[str]], depth: int | None) -> set[str]:
        """The phrases to embed for these predictions, one list a document."""
        texts = {phrase for gold in self.phrases for phrase in gold}
        for gold, predicted in zip(self.phrases, predictions, strict=True):
            if gold:
                texts.update(distinct(predicted, self.language, depth))
        return texts

    def table(
        self, predictions: Sequence[Sequence[str]], vectors: PhraseVectors | None
    ) -> NDArray[np.float64]:
        """The values of METRICS (documents, 4): 0 for an empty prediction; NaN without gold, without vectors,
        and for a metric that needs more phrases of a document than were embedded."""
        values = np.full((len(self.phrases), len(METRICS)), np.nan)
        if vectors is None:
            return values
        for row, (gold, phrases) in enumerate(zip(self.phrases, predictions, strict=True)):
            if gold:
                predicted = distinct(phrases, self.language, vectors.depth)
                values[row] = _document(gold, predicted, vectors)
        if vectors.depth is not None:
            values[:, -1] = np.nan
        return values


def _document(gold: Sequence[str], predicted: Sequence[str], vectors: PhraseVectors) -> list[float]:
    if not predicted:
        return [0.0] * len(METRICS)
    # (predicted, gold); rounding may take the cosine of equal directions past 1.
    similarity = np.clip(vectors.of(predicted) @ vectors.of(gold).T, 0.0, 1.0)
    precision, recall, f1 = _scores(similarity[:CUTOFF])
    return [precision, recall, f1, _scores(similarity)[2]]


def _scores(similarity: NDArray[np.float64]) -> tuple[float, float, float]:
    precision = float(similarity.max(axis=1).mean())
    recall = float(similarity.max(axis=0).mean())
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0
