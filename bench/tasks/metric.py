"""What a metric is, and the table of per-document values that scoring a method leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from readbench.core.errors import BenchError
from readbench.core.names import suggestion


@dataclass(frozen=True, slots=True)
class OfMeans:
    """An aggregate that is computed from the means of other metrics instead of being a mean itself.

    ``combine`` takes an array (..., sources) of means, in the order of ``sources``, and gives an array
    (...): it serves the means of all documents and those of thousands of resamples. NaN gives NaN.
    """

    sources: tuple[str, ...]
    combine: Callable[[NDArray[np.float64]], NDArray[np.float64]]


FOLD = "fold"
"""The column of evidence that says which fold, and so which model, a document's scores come from; only where
folds are joined."""


class Scale(Enum):
    """What the interval of a metric of the whole sample is made of (``readbench.stats.intervals``).

    COUNTS: a ratio of two counts of documents. RATIO: any other smooth number between the bounds. CURVE: one
    that few documents may decide. SHARES: the mean of proportions of separate documents
    (``Scores.shares``). NONE: no interval of it holds.
    """

    COUNTS = "counts"
    RATIO = "ratio"
    CURVE = "curve"
    SHARES = "shares"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OfSample:
    """An aggregate of all documents at once (an area under a curve, a macro mean over classes): neither a
    mean of documents nor made of such means. The task's own ``Scores`` computes it under weights of the
    documents, and two methods are compared by resampling documents. ``fewest``: with fewer documents no
    interval of it holds.
    """

    scale: Scale = Scale.RATIO
    fewest: int = 0


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that a method is judged by.

    ``version`` names whatever is part of the metric (normaliser, stemmer, matching): values are
    comparable only where both ``id`` and ``version`` are equal. ``aggregate`` is None where the number is
    the mean of the per-document values. Where it is not, the number and its interval come from the means
    of other metrics; the per-document values are still what paired tests compare.

    ``language`` is the only one that a metric reads, with None it reads any. ``vectors``: it compares
    embeddings, and is computed only where a suite asks for it. ``bounds``: the least and the largest value.
    ``formula``: what is computed, and ``source``: where it is defined; the reference page shows both.
    """

    id: str
    higher_is_better: bool
    version: str
    summary: str
    aggregate: OfMeans | OfSample | None = None
    language: str | None = None
    vectors: bool = False
    bounds: tuple[float, float] = (0.0, 1.0)
    formula: str = ""
    source: str = ""


@dataclass(frozen=True, eq=False)
class Scores:
    """Per-document values. ``values`` is float64 of shape (documents, metrics), rows in the order of
    ``ids`` and columns in that of ``metrics``; NaN where a document does not count for a metric.
    ``evidence`` are further columns, one value a document, that ``OfSample`` metrics are computed from.

    Raises ValueError where the shape is another one, or where the source of an aggregate is not a column
    that is a mean itself.
    """

    metrics: tuple[Metric, ...]
    ids: tuple[str, ...]
    values: NDArray[np.float64]
    evidence: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.ids), len(self.metrics)):
            wanted = f"({len(self.ids)} documents, {len(self.metrics)} metrics)"
            raise ValueError(f"values are {self.values.shape}, not {wanted}")
        means = {metric.id for metric in self.metrics if metric.aggregate is None}
        for metric in self.metrics:
            if isinstance(metric.aggregate, OfMeans) and not means.issuperset(metric.aggregate.sources):
                raise ValueError(f"{metric.id} needs the means of {', '.join(metric.aggregate.sources)}")

    def column(self, metric: str) -> NDArray[np.float64]:
        """The values (documents,) of one metric; BenchError where the table does not have it."""
        for index, known in enumerate(self.metrics):
            if known.id == metric:
                return self.values[:, index]
        raise BenchError(f"no metric {metric!r} among these scores")

    def counts(self) -> NDArray[np.int64]:
        """How many documents count for each metric (metrics,)."""
        return np.asarray(len(self.ids) - np.count_nonzero(np.isnan(self.values), axis=0), dtype=np.int64)

    def support(self) -> NDArray[np.int64]:
        """How many documents decide on each metric (metrics,): all that count or, where classes count, those
        of the rarest class."""
        return self.counts()

    def bounds(self, metric: Metric) -> tuple[float, float]:
        """The least and the largest value that a metric can have here."""
        return metric.bounds

    def why_undefined(self, metric: str) -> str:  # noqa: ARG002 - for those that override it
        """Why a metric that was asked for has no value here; empty where nothing is known."""
        return ""

    def shares(self, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The numerators and denominators (classes,) whose proportions a ``Scale.SHARES`` metric averages."""
        raise NotImplementedError(f"these scores have no shares of {metric}")

    def means(self) -> NDArray[np.float64]:
        """The mean (metrics,) over the documents that count; NaN where none does. No metric's
        ``aggregate`` is looked at."""
        absent = np.isnan(self.values)
        counts = len(absent) - np.count_nonzero(absent, axis=0)
        totals = np.where(absent, 0.0, self.values).sum(axis=0)
        means = np.full(len(self.metrics), np.nan)
        np.divide(totals, counts, out=means, where=counts > 0)
        return means

    def aggregates(self) -> NDArray[np.float64]:
        """The number (metrics,) of each metric: the mean, or what its ``aggregate`` makes of other means
        or of all documents; NaN where no document counts."""
        every = {metric.id for metric in self.metrics}
        numbers = self.of_sample(self.combined(self.means())[None], np.ones((1, len(self.ids))), every)
        return np.asarray(numbers[0], dtype=np.float64)

    def resampled(
        self, weights: NDArray[np.float64], wanted: Collection[str] | None = None
    ) -> NDArray[np.float64]:
        """The numbers (resamples, metrics) under ``weights`` (resamples, documents): how often each
        document is in each resample. NaN where no document of a resample counts. ``wanted``: the metrics
        that are looked at, None for all; the columns of others hold anything."""
        every = {metric.id: metric for metric in self.metrics}
        asked = set(every if wanted is None else wanted)
        if all(isinstance(every[id_].aggregate, OfSample) for id_ in asked):
            numbers = np.full((len(weights), len(self.metrics)), np.nan)
        else:
            numbers = self.combined(weighted_means(self.values, weights))
        return self.of_sample(numbers, weights, asked)

    def of_sample(
        self,
        numbers: NDArray[np.float64],
        weights: NDArray[np.float64],  # noqa: ARG002 - for those that override it
        wanted: Collection[str],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """``numbers`` (resamples, metrics) with the columns of the ``wanted`` ``OfSample`` metrics filled in.
        A task that has such metrics overrides this."""
        if any(isinstance(metric.aggregate, OfSample) for metric in self.metrics):
            raise NotImplementedError("these scores do not compute metrics of the whole sample")
        return numbers

    def details(self) -> dict[str, Any]:
        """What a record keeps besides numbers (a confusion matrix), as JSON-able values."""
        return {}

    @property
    def column_names(self) -> tuple[str, ...]:
        """The metrics that have a value per document."""
        return tuple(metric.id for metric in self.metrics if not isinstance(metric.aggregate, OfSample))

    def to_columns(self) -> dict[str, list[Any]]:
        """``id``, a column a metric that has a value per document, and the evidence; NaN becomes None."""
        columns: dict[str, list[Any]] = {"id": list(self.ids)}
        names = set(self.column_names)
        for index, metric in enumerate(self.metrics):
            if metric.id in names:
                values = self.values[:, index]
                columns[metric.id] = [None if np.isnan(value) else float(value) for value in values]
        return columns | {name: list(values) for name, values in self.evidence.items()}

    def combined(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """The means (..., metrics), of all documents or of resamples, with the columns that are no means
        replaced by what their ``aggregate`` makes of the others."""
        places = {metric.id: column for column, metric in enumerate(self.metrics)}
        combined = means.copy()
        for column, metric in enumerate(self.metrics):
            if isinstance(metric.aggregate, OfMeans):
                sources = [places[source] for source in metric.aggregate.sources]
                combined[..., column] = metric.aggregate.combine(means[..., sources])
        return combined


def weighted_means(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means (resamples, columns) of ``values`` (documents, columns) under ``weights`` (resamples,
    documents). NaN marks a document that does not count for a column: the mean is the ratio of two sums
    over those that do, NaN where there are none."""
    counted = ~np.isnan(values)
    filled = np.where(counted, values, 0.0)
    # Columns share few patterns of missing documents: count each pattern once.
    seen: dict[bytes, int] = {}
    pattern_of = [
        seen.setdefault(counted[:, column].tobytes(), len(seen)) for column in range(values.shape[1])
    ]
    shown = [np.frombuffer(pattern, dtype=np.bool_) for pattern in seen]
    patterns = np.column_stack(shown).astype(np.float64) if shown else np.empty((len(values), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ filled) / (weights @ patterns)[:, pattern_of], dtype=np.float64)


def f1_of_means(precision: str, recall: str) -> OfMeans:
    """F1 of the mean of one metric and the mean of another; 0 where both are 0."""
    return OfMeans((precision, recall), _f1)


def _f1(means: NDArray[np.float64]) -> NDArray[np.float64]:
    precision, recall = means[..., 0], means[..., 1]
    total = precision + recall
    return np.asarray(2 * precision * recall / np.where(total == 0, 1.0, total), dtype=np.float64)


def find_metric(metrics: Sequence[Metric], id_: str) -> Metric:
    """The metric of this id; BenchError with the nearest ones where there is none."""
    for metric in metrics:
        if metric.id == id_:
            return metric
    todo = suggestion(id_, (metric.id for metric in metrics), "`bench ls metrics` lists them")
    raise BenchError(f"unknown metric {id_!r}", todo=todo)
