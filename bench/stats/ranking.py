"""All methods of a task compared with each other, and the ranks that follow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from readbench.stats.resampling import Floats, bootstrap_p
from readbench.stats.significance import BOOTSTRAP, MCNEMAR, SIGN_FLIP, holm, over_training_p, sign_flip_p

Seeds = Mapping[str, Floats]
"""The values (seeds,) of each stochastic method."""


def rank_ranges(
    values: ArrayLike, adjusted: ArrayLike, *, higher_is_better: bool, alpha: float = 0.05
) -> list[tuple[int, int]]:
    """The range of ranks (best, worst) of each method, from values (methods,) and a symmetric matrix of
    adjusted p-values (methods, methods).

    best: 1 + the number of methods significantly better; worst: the number of methods that are not
    significantly worse, itself included. A NaN value or p-value tells no methods apart.
    """
    points = np.asarray(values, dtype=np.float64)
    better = points[:, None] > points[None, :] if higher_is_better else points[:, None] < points[None, :]
    beats = better & (np.asarray(adjusted, dtype=np.float64) <= alpha)
    best = 1 + beats.sum(axis=0)
    worst = len(points) - beats.sum(axis=1)
    return [(int(low), int(high)) for low, high in zip(best, worst, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Every method against every other on one metric, for k methods in the order of ``names``.

    ``means`` (k,), each over the documents that count for the method; ``differences`` (k, k): mean of
    row minus mean of column, over the documents that count for both; ``p`` (k, k): Holm-adjusted over
    all pairs, 1 on the diagonal; ``rank_ranges``: (best, worst) of each method at ``alpha``.
    """

    names: tuple[str, ...]
    higher_is_better: bool
    means: Floats
    differences: Floats
    p: Floats
    rank_ranges: tuple[tuple[int, int], ...]
    permutations: int
    alpha: float
    seed: int
    test: str = SIGN_FLIP

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; NaN becomes null."""
        return {
            "names": list(self.names),
            "higher_is_better": self.higher_is_better,
            "means": _nullable(self.means),
            "differences": [_nullable(row) for row in self.differences],
            "p": [_nullable(row) for row in self.p],
            "rank_ranges": [list(pair) for pair in self.rank_ranges],
            "permutations": self.permutations,
            "alpha": self.alpha,
            "seed": self.seed,
            "test": self.test,
        }


def compare_all(
    scores: Mapping[str, ArrayLike],
    higher_is_better: bool,
    seed: int,
    *,
    permutations: int = 10_000,
    alpha: float = 0.05,
    seeds: Seeds | None = None,
    overlap: float = 1.0,
) -> Comparison:
    """Compares all pairs of methods by sign-flip permutation with Holm's correction.

    ``scores``: per method the values (documents,) of one metric, the same documents in the same order,
    NaN where one does not count. With many methods ``permutations`` is raised to 2 * pairs / alpha:
    a p-value is at least 1 / (1 + permutations), so that with fewer the correction alone would
    keep any two methods from ever being told apart. ``seeds``: of each stochastic method its values
    (seeds,); p-values then hold over seeds, and are NaN for one with one seed. ``overlap``: what the variance
    over documents is multiplied with where folds share training documents. Raises ValueError where lengths
    differ.
    """
    names = tuple(scores)
    columns = [np.asarray(scores[name], dtype=np.float64) for name in names]
    if any(column.ndim != 1 or len(column) != len(columns[0]) for column in columns):
        raise ValueError("the methods' scores are not equally long vectors")
    k = len(names)
    table = np.column_stack(columns) if k else np.empty((0, 0))
    left, right = np.triu_indices(k, 1)
    permutations = max(permutations, math.ceil(2 * len(left) / alpha))
    differences = np.zeros((k, k))
    raw = np.ones(len(left))
    errors = np.zeros(len(left))
    for pairs in _blocks(len(left), len(table)):
        gap = table[:, left[pairs]] - table[:, right[pairs]]
        mean = _column_means(gap)
        differences[left[pairs], right[pairs]] = mean
        differences[right[pairs], left[pairs]] = -mean
        raw[pairs] = sign_flip_p(gap, permutations=permutations, seed=seed)
        if seeds or overlap > 1:
            errors[pairs] = _errors_of_means(gap)
    if seeds or overlap > 1:
        of_pairs = _of_pairs(seeds or {}, names, left, right)
        raw = over_training_p(raw, differences[left, right], errors, len(table), of_pairs, overlap)
    p = np.ones((k, k))
    p[left, right] = p[right, left] = holm(raw)
    means = _column_means(table)
    ranges = rank_ranges(means, p, higher_is_better=higher_is_better, alpha=alpha)
    right_or_wrong = bool(np.isin(table[~np.isnan(table)], (0.0, 1.0)).all())
    return Comparison(
        names,
        higher_is_better,
        means,
        differences,
        p,
        tuple(ranges),
        permutations,
        alpha,
        seed,
        MCNEMAR if right_or_wrong else SIGN_FLIP,
    )


def compare_replicates(
    points: Mapping[str, float],
    replicates: Mapping[str, Floats],
    higher_is_better: bool,
    seed: int,
    *,
    alpha: float = 0.05,
    documents: int = 0,
    seeds: Seeds | None = None,
    overlap: float = 1.0,
) -> Comparison:
    """Compares all pairs of methods on a metric of the whole sample: ``points`` are their values,
    ``replicates`` (resamples,) their values on the same resamples of ``documents``, with Holm's correction.
    ``seeds`` and ``overlap`` as in ``compare_all``.

    At least ``resamples_needed(methods)`` resamples let the correction tell methods apart.
    """
    names = tuple(points)
    k = len(names)
    means = np.array([points[name] for name in names], dtype=np.float64)
    table = np.column_stack([replicates[name] for name in names]) if k else np.empty((0, 0))
    left, right = np.triu_indices(k, 1)
    p = np.ones((k, k))
    gaps = table[:, left] - table[:, right]
    raw = bootstrap_p(gaps)
    if seeds or overlap > 1:
        of_pairs = _of_pairs(seeds or {}, names, left, right)
        errors = _deviations(gaps)
        raw = over_training_p(raw, means[left] - means[right], errors, documents, of_pairs, overlap)
    p[left, right] = p[right, left] = holm(raw)
    ranges = rank_ranges(means, p, higher_is_better=higher_is_better, alpha=alpha)
    differences = means[:, None] - means[None, :]
    return Comparison(
        names, higher_is_better, means, differences, p, tuple(ranges), len(table), alpha, seed, BOOTSTRAP
    )


def _column_means(table: Floats) -> Floats:
    counts = np.count_nonzero(~np.isnan(table), axis=0)
    means = np.full(table.shape[1], np.nan)
    np.divide(np.nansum(table, axis=0), counts, out=means, where=counts > 0)
    return means


def _errors_of_means(table: Floats) -> Floats:
    """The standard error of each column's mean (columns,); 0 of a single value."""
    counts = np.count_nonzero(~np.isnan(table), axis=0)
    squares = np.nansum((table - _column_means(table)) ** 2, axis=0)
    return np.asarray(np.sqrt(squares / np.maximum((counts - 1) * counts, 1)))


def _deviations(table: Floats) -> Floats:
    """The standard deviation of each column (columns,), NaN left out; 0 where nothing is left."""
    counts = np.count_nonzero(~np.isnan(table), axis=0)
    squares = np.nansum((table - _column_means(table)) ** 2, axis=0)
    return np.asarray(np.sqrt(squares / np.maximum(counts, 1)))


def _of_pairs(
    seeds: Seeds, names: Sequence[str], left: NDArray[np.intp], right: NDArray[np.intp]
) -> list[tuple[Floats, ...]]:
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    return [tuple(seeds[names[i]] for i in pair if names[i] in seeds) for pair in pairs]


def _blocks(pairs: int, n: int) -> Iterator[slice]:
    """Slices of pairs whose differences take at most 64 MB; each block draws the same signs again."""
    step = max(1, (1 << 23) // max(1, n))
    for start in range(0, pairs, step):
        yield slice(start, start + step)


def _nullable(values: Sequence[float] | Floats) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in values]
