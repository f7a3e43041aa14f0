"""Tests of paired scores, and the correction for many of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from readbench.stats.resampling import Floats, as_matrix, chunks_of

SIGN_FLIP, MCNEMAR, BOOTSTRAP = "paired sign-flip test", "McNemar's exact test", "paired document bootstrap"

EXACT_UP_TO = 13
"""With this many documents that differ, all 2**13 = 8,192 sign patterns are fewer than 10,000 draws."""

# Two sums that are equal in exact arithmetic differ by less than this share of the sum of magnitudes.
_TINY = 1e-10


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
    table = as_matrix(differences)
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


def _flipped_sums(columns: Floats, permutations: int, seed: int) -> Iterator[Floats]:
    """Sums of columns (n, m) under random signs of the rows, the same for all columns, in chunks."""
    n = len(columns)
    total = columns.sum(axis=0)
    # Whole 64-bit words, so that the stream does not depend on where the chunks end.
    width = -(-n // 64)
    generator = np.random.default_rng(seed)
    for start, stop in chunks_of(permutations, max(n, columns.shape[1])):
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
