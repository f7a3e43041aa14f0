"""Bootstrap over documents: replicates, intervals and p-values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Draws times documents of one chunk: the arrays of a chunk stay below 25 MB.
_CHUNK = 1 << 20


def bootstrap(
    documents: int, statistic: Callable[[Floats], Floats], *, resamples: int = 10_000, seed: int
) -> Floats:
    """Replicates (resamples, columns) of a statistic under resampling of documents with replacement.

    ``statistic`` takes weights (some resamples, documents), how often each document was drawn, and gives
    (those resamples, columns). The weights depend on the seed and the number of documents alone, so that
    the replicates of two methods with the same documents and seed are paired.
    """
    generator = np.random.default_rng(seed)
    parts = []
    for start, stop in chunks_of(resamples, documents):
        rows = stop - start
        drawn = generator.integers(0, documents, size=(rows, documents), dtype=np.int32).astype(np.int64)
        drawn += np.arange(rows)[:, None] * documents
        times = np.bincount(drawn.ravel(), minlength=rows * documents).reshape(rows, documents)
        parts.append(statistic(times.astype(np.float64)))
    return np.concatenate(parts)


def percentile_intervals(replicates: Floats, level: float = 0.95) -> Floats:
    """Percentile intervals (columns, 2) of replicates (resamples, columns); NaN replicates are left out,
    and a column without any other gets NaN. Efron & Tibshirani 1993, An Introduction to the Bootstrap,
    section 13.3."""
    tails = [(1 - level) / 2, (1 + level) / 2]
    missing = np.isnan(replicates)
    intervals = np.full((replicates.shape[1], 2), np.nan)
    whole = ~missing.any(axis=0)
    if whole.any():
        intervals[whole] = np.quantile(replicates[:, whole], tails, axis=0).T
    for column in np.flatnonzero(~whole & ~missing.all(axis=0)):
        intervals[column] = np.nanquantile(replicates[:, column], tails)
    return intervals


def bootstrap_p(differences: Floats) -> Floats:
    """Two-sided p-values (pairs,) that a difference is 0, from its paired bootstrap replicates
    (resamples, pairs): twice the smaller share beyond 0, never 0. A replicate of exactly 0 counts on both
    sides; NaN replicates are left out, and p is 1 where all are.

    Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 15.4 (achieved significance level).
    """
    counted = np.count_nonzero(~np.isnan(differences), axis=0)
    with np.errstate(invalid="ignore"):
        below = np.count_nonzero(differences <= 0, axis=0)
        above = np.count_nonzero(differences >= 0, axis=0)
    shares = 2 * (1 + np.minimum(below, above)) / (1 + counted)
    return np.asarray(np.minimum(1.0, shares), dtype=np.float64)


def resamples_needed(methods: int, alpha: float = 0.05) -> int:
    """10,000, or more where Holm's correction over all pairs asks for smaller p-values than they give."""
    pairs = methods * (methods - 1) // 2
    return max(10_000, math.ceil(4 * pairs / alpha))


def as_matrix(values: ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"values have shape {table.shape}, not (documents, columns)")
    return table


def chunks_of(draws: int, n: int) -> Iterator[tuple[int, int]]:
    step = max(1, _CHUNK // max(1, n))
    for start in range(0, draws, step):
        yield start, min(start + step, draws)
