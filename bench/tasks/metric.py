"""What a metric is, and the table of per-document values that scoring a method leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readbench.errors import BenchError


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that a method is judged by.

    ``version`` names whatever is part of the metric (normaliser, stemmer, matching): values are
    comparable only where both ``id`` and ``version`` are equal.
    """

    id: str
    higher_is_better: bool
    version: str
    summary: str


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Per-document values. ``values`` is float64 of shape (documents, metrics), rows in the order of
    ``ids`` and columns in that of ``metrics``; NaN where a document does not count for a metric.

    Raises ValueError where the shape is another one.
    """

    metrics: tuple[Metric, ...]
    ids: tuple[str, ...]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.ids), len(self.metrics)):
            wanted = f"({len(self.ids)} documents, {len(self.metrics)} metrics)"
            raise ValueError(f"values are {self.values.shape}, not {wanted}")

    def column(self, metric: str) -> NDArray[np.float64]:
        """The values (documents,) of one metric; BenchError where the table does not have it."""
        for index, known in enumerate(self.metrics):
            if known.id == metric:
                return self.values[:, index]
        raise BenchError(f"no metric {metric!r} among these scores")

    def counts(self) -> NDArray[np.int64]:
        """How many documents count for each metric (metrics,)."""
        return np.asarray(np.count_nonzero(~np.isnan(self.values), axis=0), dtype=np.int64)

    def means(self) -> NDArray[np.float64]:
        """The mean (metrics,) over the documents that count; NaN where none does."""
        counts = self.counts()
        totals = np.nansum(self.values, axis=0)
        means = np.full(len(self.metrics), np.nan)
        np.divide(totals, counts, out=means, where=counts > 0)
        return means


def find_metric(metrics: Sequence[Metric], id_: str) -> Metric:
    """The metric of this id; BenchError naming the known ones where there is none."""
    for metric in metrics:
        if metric.id == id_:
            return metric
    raise BenchError(f"unknown metric {id_!r}", todo=f"use one of: {', '.join(m.id for m in metrics)}")
