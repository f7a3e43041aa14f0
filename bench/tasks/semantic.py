"""Keyphrase scores by meaning: how close each phrase comes to its nearest counterpart, by embeddings.

Semantic precision, recall and F1 as Wu, Yin and Chang 2024 define them (KPEval, section 3.2,
doi:10.18653/v1/2024.findings-acl.117), with the embeddings of another model and without their threshold.
Semantic R-precision is that of Venturini and Kinkel 2025 (doi:10.13140/RG.2.2.31841.83044): it looks at the
first R phrases where R are gold, so that the order counts. Theirs embeds stems, this one phrases as they are
written. An encoder of phrases makes the embeddings; this file only compares them, with NumPy.
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
NEAREST = 3
"""Gold phrases to which R-precision compares a phrase that is not gold by its stems."""
R_PRECISION = "semantic.r_precision"
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
    described[R_PRECISION] = (
        "how good the first R phrases are, where R are gold",
        f"1/R * sum over the first R phrases of 1 where gold by its stems, else of the mean of the {NEAREST} "
        "highest max(0, cosine to a gold phrase)",
    )
    sources = {R_PRECISION: "Venturini & Kinkel 2025, doi:10.13140/RG.2.2.31841.83044, on phrases as written"}
    return tuple(
        Metric(
            id_,
            True,
            _VERSION,
            summary + extra,
            language="en",
            vectors=True,
            formula=formula,
            source=sources.get(id_, _SOURCE),
        )
        for id_, (summary, formula) in described.items()
    )


METRICS = _metrics()
OF_ALL = frozenset({"semantic.f1@M", R_PRECISION})
"""What may need more than the first ``CUTOFF`` phrases of a document."""


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
    return None if any(metric in OF_ALL for metric in metrics) else CUTOFF


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
        """The values of METRICS (documents, 5): 0 for an empty prediction; NaN without gold, without vectors,
        and for a metric that needs more phrases of a document than were embedded."""
        values = np.full((len(self.phrases), len(METRICS)), np.nan)
        if vectors is None:
            return values
        for row, (gold, phrases) in enumerate(zip(self.phrases, predictions, strict=True)):
            if gold:
                predicted = distinct(phrases, self.language, vectors.depth)
                values[row] = _document(gold, predicted, vectors, self.language)
        if vectors.depth is not None:
            values[:, [metric.id in OF_ALL for metric in METRICS]] = np.nan
        return values


def _document(
    gold: Sequence[str], predicted: Sequence[str], vectors: PhraseVectors, language: str
) -> list[float]:
    if not predicted:
        return [0.0] * len(METRICS)
    # (predicted, gold); rounding may take the cosine of equal directions past 1.
    similarity = np.clip(vectors.of(predicted) @ vectors.of(gold).T, 0.0, 1.0)
    precision, recall, f1 = _scores(similarity[:CUTOFF])
    keys = {normalise.key(phrase, language) for phrase in gold}
    exact = [normalise.key(phrase, language) in keys for phrase in predicted[: len(gold)]]
    return [precision, recall, f1, _scores(similarity)[2], _r_precision(similarity, exact)]


def _r_precision(similarity: NDArray[np.float64], exact: Sequence[bool]) -> float:
    """``similarity`` (predicted, gold); ``exact``: whether each of the first R predicted phrases is gold."""
    wanted = similarity.shape[1]
    nearest = np.sort(similarity[:wanted], axis=1)[:, -NEAREST:].mean(axis=1)
    return float(np.where(exact, 1.0, nearest).sum() / wanted)


def _scores(similarity: NDArray[np.float64]) -> tuple[float, float, float]:
    precision = float(similarity.max(axis=1).mean())
    recall = float(similarity.max(axis=0).mean())
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0
