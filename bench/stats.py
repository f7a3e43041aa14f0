"""Statistics of paired per-document scores: intervals, tests, corrections and rank ranges (numpy only).

Everything random is seeded and depends on nothing but the seed, the number of documents and the
number of draws: another metric or method in the same call changes no result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from readbench.tasks.metric import weighted_means

Floats = NDArray[np.float64]

SIGN_FLIP, MCNEMAR, BOOTSTRAP = "paired sign-flip test", "McNemar's exact test", "paired document bootstrap"

EXACT_UP_TO = 13
"""With this many documents that differ, all 2**13 = 8,192 sign patterns are fewer than 10,000 draws."""

# Draws times documents of one chunk: the arrays of a chunk stay below 25 MB.
_CHUNK = 1 << 20
# Two sums that are equal in exact arithmetic differ by less than this share of the sum of magnitudes.
_TINY = 1e-10


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
    for start, stop in _chunks(resamples, documents):
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


def bootstrap_intervals(
    values: ArrayLike,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int,
    combine: Callable[[Floats], Floats] | None = None,
) -> Floats:
    """Percentile intervals (columns, 2) of the means of columns of values (documents, columns).

    Documents are resampled jointly for all columns. NaN marks a document that does not count for a
    column: the statistic is the ratio of two sums, over the resampled documents that count. A resample
    in which none counts is left out; a column without any value gets NaN. In the unit of ``values``.
    ``combine`` turns the means (..., columns) of resamples into the statistics of the same shape, for
    those that are no means but come from means (``Scores.combined``).
    """
    table = _matrix(values)
    n, columns = table.shape
    if n == 0 or columns == 0:
        return np.full((columns, 2), np.nan)

    def statistic(weights: Floats) -> Floats:
        means = weighted_means(table, weights)
        return means if combine is None else combine(means)

    return percentile_intervals(bootstrap(n, statistic, resamples=resamples, seed=seed), level)


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


def sign_flip_p(differences: ArrayLike, *, permutations: int = 10_000, seed: int) -> Floats:
    """Two-sided p-values that the mean difference of each pair is 0: (documents, pairs) -> (pairs,).

    Under the null hypothesis the two methods could be exchanged on any document, which flips the sign
    of its difference. p = (1 + #{|permuted mean| >= |observed mean|}) / (1 + permutations), never 0
    (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585). Where at most 13 differences are not 0, all
    sign patterns are enumerated and p is exact; so it is, by the binomial distribution, where all
    differences have one magnitude: of right and wrong answers this is McNemar's exact test. NaN documents
    drop out of their pair; p is 1 for a pair without any difference.

    Source of the test: Fisher 1935, The Design of Experiments, section 21.
    """
    table = _matrix(differences)
    filled = np.where(np.isnan(table), 0.0, table)
    p = np.ones(filled.shape[1])
    nonzero = np.count_nonzero(filled, axis=0)
    for pair in np.flatnonzero(nonzero <= EXACT_UP_TO):
        p[pair] = _exact_flip_p(filled[filled[:, pair] != 0, pair])
    smallest = np.where(filled == 0, np.inf, np.abs(filled)).min(axis=0, initial=np.inf)
    alike = (nonzero > EXACT_UP_TO) & (np.abs(filled).max(axis=0, initial=0.0) == smallest)
    for pair in np.flatnonzero(alike):
        p[pair] = mcnemar_exact_p(
            int(np.count_nonzero(filled[:, pair] > 0)), int(np.count_nonzero(filled[:, pair] < 0))
        )
    drawn = np.flatnonzero((nonzero > EXACT_UP_TO) & ~alike)
    if len(drawn):
        chosen = filled[:, drawn]
        bound = np.abs(chosen.sum(axis=0)) - _TINY * np.abs(chosen).sum(axis=0)
        reached = np.zeros(len(drawn), dtype=np.int64)
        for sums in _flipped_sums(chosen, permutations, seed):
            reached += np.count_nonzero(np.abs(sums) >= bound, axis=0)
        p[drawn] = (1 + reached) / (1 + permutations)
    return p


def mcnemar_exact_p(b: int, c: int) -> float:
    """Exact two-sided p-value that two classifiers are equally often right, from the number of documents
    that only the first (``b``) and only the second (``c``) has right: a binomial test with p = 1/2.

    McNemar 1947, doi:10.1007/BF02295996; exact form: Dietterich 1998, doi:10.1162/089976698300017197.
    Raises ValueError for a negative count.
    """
    if b < 0 or c < 0:
        raise ValueError(f"counts are {b} and {c}, not both at least 0")
    n, fewer = b + c, min(b, c)
    if b == c:
        return 1.0
    # log C(n, i) for i = 0..fewer, as a running sum of log((n - i + 1) / i).
    i = np.arange(1, fewer + 1, dtype=np.float64)
    logs = np.concatenate([[0.0], np.cumsum(np.log((n - i + 1) / i))])
    top = float(logs[-1])
    log_p = math.log(2) + top + math.log(float(np.exp(logs - top).sum())) - n * math.log(2)
    return min(1.0, math.exp(log_p))


def holm(p: ArrayLike) -> Floats:
    """Holm's adjusted p-values, in the order and shape given; a NaN stays NaN and counts as no test.

    Adjusted p of the i-th smallest of m: the largest of (m - j + 1) p_(j) over j <= i, at most 1.
    Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure, Scand. J. Statistics 6:65-70.
    """
    raw = np.asarray(p, dtype=np.float64)
    flat = raw.ravel()
    adjusted = np.full(flat.shape, np.nan)
    order = np.argsort(flat, kind="stable")[: np.count_nonzero(~np.isnan(flat))]
    steps = np.arange(len(order), 0, -1) * flat[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.reshape(raw.shape)


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

    def told_apart(self, one: str, other: str) -> bool:
        """Whether two methods differ significantly."""
        return bool(self.p[self.names.index(one), self.names.index(other)] <= self.alpha)

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

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Comparison:
        """The inverse of ``to_json``."""
        k = len(value["names"])
        # Float arrays read null as NaN; the shape is given for k = 0.
        arrays = {name: np.array(value[name], dtype=np.float64) for name in ("means", "differences", "p")}
        return cls(
            names=tuple(value["names"]),
            higher_is_better=value["higher_is_better"],
            means=arrays["means"].reshape(k),
            differences=arrays["differences"].reshape(k, k),
            p=arrays["p"].reshape(k, k),
            rank_ranges=tuple((low, high) for low, high in value["rank_ranges"]),
            permutations=value["permutations"],
            alpha=value["alpha"],
            seed=value["seed"],
            test=value.get("test", SIGN_FLIP),
        )


def compare_all(
    scores: Mapping[str, ArrayLike],
    higher_is_better: bool,
    seed: int,
    *,
    permutations: int = 10_000,
    alpha: float = 0.05,
) -> Comparison:
    """Compares all pairs of methods by sign-flip permutation with Holm's correction.

    ``scores``: per method the values (documents,) of one metric, the same documents in the same order,
    NaN where one does not count. With many methods ``permutations`` is raised to 2 * pairs / alpha:
    a p-value is at least 1 / (1 + permutations), so that with fewer the correction alone would
    keep any two methods from ever being told apart. Raises ValueError where lengths differ.
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
    for pairs in _blocks(len(left), len(table)):
        gap = table[:, left[pairs]] - table[:, right[pairs]]
        mean = _column_means(gap)
        differences[left[pairs], right[pairs]] = mean
        differences[right[pairs], left[pairs]] = -mean
        raw[pairs] = sign_flip_p(gap, permutations=permutations, seed=seed)
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
) -> Comparison:
    """Compares all pairs of methods on a metric of the whole sample: ``points`` are their values,
    ``replicates`` (resamples,) their values on the same resamples of documents, with Holm's correction.

    At least ``resamples_needed(methods)`` resamples let the correction tell methods apart.
    """
    names = tuple(points)
    k = len(names)
    means = np.array([points[name] for name in names], dtype=np.float64)
    table = np.column_stack([replicates[name] for name in names]) if k else np.empty((0, 0))
    left, right = np.triu_indices(k, 1)
    p = np.ones((k, k))
    p[left, right] = p[right, left] = holm(bootstrap_p(table[:, left] - table[:, right]))
    ranges = rank_ranges(means, p, higher_is_better=higher_is_better, alpha=alpha)
    differences = means[:, None] - means[None, :]
    return Comparison(
        names, higher_is_better, means, differences, p, tuple(ranges), len(table), alpha, seed, BOOTSTRAP
    )


def resamples_needed(methods: int, alpha: float = 0.05) -> int:
    """10,000, or more where Holm's correction over all pairs asks for smaller p-values than they give."""
    pairs = methods * (methods - 1) // 2
    return max(10_000, math.ceil(4 * pairs / alpha))


def _matrix(values: ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"values have shape {table.shape}, not (documents, columns)")
    return table


def _column_means(table: Floats) -> Floats:
    counts = np.count_nonzero(~np.isnan(table), axis=0)
    means = np.full(table.shape[1], np.nan)
    np.divide(np.nansum(table, axis=0), counts, out=means, where=counts > 0)
    return means


def _chunks(draws: int, n: int) -> Iterator[tuple[int, int]]:
    step = max(1, _CHUNK // max(1, n))
    for start in range(0, draws, step):
        yield start, min(start + step, draws)


def _blocks(pairs: int, n: int) -> Iterator[slice]:
    """Slices of pairs whose differences take at most 64 MB; each block draws the same signs again."""
    step = max(1, (1 << 23) // max(1, n))
    for start in range(0, pairs, step):
        yield slice(start, start + step)


def _flipped_sums(columns: Floats, permutations: int, seed: int) -> Iterator[Floats]:
    """Sums of columns (n, m) under random signs of the rows, the same for all columns, in chunks."""
    n = len(columns)
    total = columns.sum(axis=0)
    # Whole 64-bit words, so that the stream does not depend on where the chunks end.
    width = -(-n // 64)
    generator = np.random.default_rng(seed)
    for start, stop in _chunks(permutations, max(n, columns.shape[1])):
        rows = stop - start
        packed = generator.integers(0, 1 << 64, size=(rows, width), dtype=np.uint64)
        kept = np.unpackbits(packed.view(np.uint8), axis=1, count=n).astype(np.float64)
        # A sign of +1 or -1 is 2 * bit - 1.
        yield 2 * (kept @ columns) - total


def _exact_flip_p(differences: Floats) -> float:
    """The share of all sign patterns of at most 13 non-zero differences (n,) that reach the observed sum."""
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    bound = abs(float(differences.sum())) - _TINY * float(np.abs(differences).sum())
    return float(np.mean(np.abs(sums) >= bound))


def _nullable(values: Sequence[float] | Floats) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in values]
