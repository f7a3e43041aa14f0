"""Tests of paired scores, and the correction for many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    drop out of their pair; p is 1 for a pair without any difference. The null hypothesis is symmetry, not a
    mean of 0: of 30 skewed differences with the mean 0 about 7 % are called different, not 5 %. The sum of
    squares stays the same under flips, so that a studentised test is the same test.

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
    if alike.any():
        chosen = filled[:, alike]
        p[alike] = mcnemar_exact_p(np.count_nonzero(chosen > 0, axis=0), np.count_nonzero(chosen < 0, axis=0))
    drawn = np.flatnonzero((nonzero > EXACT_UP_TO) & ~alike)
    if len(drawn):
        chosen = filled[:, drawn]
        bound = np.abs(chosen.sum(axis=0)) - _TINY * np.abs(chosen).sum(axis=0)
        reached = np.zeros(len(drawn), dtype=np.int64)
        for sums in _flipped_sums(chosen, permutations, seed):
            reached += np.count_nonzero(np.abs(sums) >= bound, axis=0)
        p[drawn] = (1 + reached) / (1 + permutations)
    return p


def mcnemar_exact_p(b: ArrayLike, c: ArrayLike) -> Floats:
    """Exact two-sided p-values (pairs,) that two classifiers are equally often right, from the numbers of
    documents that only the first (``b``, (pairs,)) and only the second (``c``, (pairs,)) has right: a
    binomial test with p = 1/2. Two single numbers give an array without a dimension.

    McNemar 1947, doi:10.1007/BF02295996; exact form: Dietterich 1998, doi:10.1162/089976698300017197.
    Raises ValueError for a negative count.
    """
    # Not scipy.stats, which takes three times as long to import.
    from scipy.special import betainc

    first, second = np.asarray(b, dtype=np.float64), np.asarray(c, dtype=np.float64)
    if (first < 0).any() or (second < 0).any():
        raise ValueError(f"counts are {b!r} and {c!r}, not all at least 0")
    fewer, more = np.minimum(first, second), np.maximum(first, second)
    # The lower tail of a binomial distribution is a regularised incomplete beta function (DLMF 8.17.5).
    tail = np.where(more > 0, betainc(np.maximum(more, 1.0), fewer + 1, 0.5), 1.0)
    return np.asarray(np.minimum(1.0, 2 * tail), dtype=np.float64)


def over_training_p(
    p: Floats,
    differences: Floats,
    errors: Floats,
    documents: int,
    seeds: Sequence[tuple[Floats, ...]],
    overlap: float = 1.0,
) -> Floats:
    """p-values (pairs,) that hold for other seeds and other training documents too, from those over test
    documents (``p``).

    ``differences`` and their standard ``errors`` over documents (pairs,); ``seeds``: for each pair the values
    (seeds,) of those of its two methods that are stochastic, which may be none; ``overlap``: what the
    variance over documents is multiplied with where folds share training documents. The larger of ``p`` and
    of that of Student's t from all variances (Satterthwaite's degrees of freedom), NaN where a method has one
    seed: then it cannot be told. A pair of deterministic methods without folds keeps its ``p``.

    A few seeds lie close together by chance now and then, and among many pairs that is found: no method
    counts as quieter than the stochastic methods of the board are on average.
    """
    from scipy.special import stdtr

    # Each method once, though it is in many pairs.
    several = {id(values): values for of_methods in seeds for values in of_methods if len(values) > 1}
    usual = float(np.mean([np.var(values, ddof=1) for values in several.values()])) if several else 0.0
    found = p.copy()
    for pair, of_methods in enumerate(seeds):
        if any(len(values) < 2 for values in of_methods):
            found[pair] = np.nan
            continue
        parts = [(max(usual, float(np.var(v, ddof=1))) / len(v), len(v) - 1) for v in of_methods]
        if overlap == 1 and not any(variance for variance, _ in parts):
            continue
        parts.append((overlap * float(errors[pair]) ** 2, max(documents - 1, 1)))
        total = sum(variance for variance, _ in parts)
        if total > 0:
            df = total**2 / sum(variance**2 / free for variance, free in parts)
            of_all = 2 * float(stdtr(df, -abs(differences[pair]) / np.sqrt(total)))
            found[pair] = max(float(p[pair]), of_all)
    return found


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
