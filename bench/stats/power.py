"""Deciding with a margin: how uncertain a paired difference is over documents and seeds, whether it lies
beyond a tolerated loss, and which loss this many documents can detect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Conclusion = Literal["pass", "regressed", "inconclusive"]

ALPHA = 0.025
"""One-sided, so that a regression lies outside a 95 % interval: of methods that did not change, at most this
share is called regressed."""
NO_DISTANCE = 1e-12
"""A difference this close to the margin lies on it: only rounding sets them apart."""
POWER = 0.90
"""The smallest detectable loss is the one that is found with this probability."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The standard error of a difference and its degrees of freedom. ``seeds``: how many pairs of training
    runs it comes from; with one, training noise is not in it. ``documents``: how many it was seen on, 0 for
    more than matter. ``of_seeds``: the part of the variance that more seeds make smaller."""

    standard_error: float
    df: float
    seeds: int
    documents: int = 0
    of_seeds: float = 0.0

    def interval(self, difference: float, level: float = 0.95) -> tuple[float, float]:
        reach = student_t_quantile((1 + level) / 2, self.df) * self.standard_error
        return difference - reach, difference + reach


def noise(documents_se: float, documents: int, per_seed: ArrayLike) -> Noise:
    """The noise of a mean difference over seeds, from what resampling documents gives for it
    (``documents_se``) and from the differences of the pairs of seeds (seeds,).

    The two variances are added. What seeds and documents do together is in both, so that the sum is too
    large rather than too small. Degrees of freedom: Welch-Satterthwaite (Satterthwaite 1946,
    doi:10.2307/3002019), from documents - 1 and seeds - 1.
    """
    differences = np.asarray(per_seed, dtype=np.float64)
    seeds = len(differences)
    of_documents = documents_se**2
    of_seeds = float(np.var(differences, ddof=1)) / seeds if seeds > 1 else 0.0
    total = of_documents + of_seeds
    free = max(documents - 1, 1)
    if total == 0:
        return Noise(0.0, float(free), seeds, documents)
    parts = of_documents**2 / free + (of_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    return Noise(math.sqrt(total), total**2 / parts, seeds, documents, of_seeds)


def non_inferior(gain: float, margin: float, noise: Noise, alpha: float = ALPHA) -> Conclusion:
    """Whether a gain (negative is a loss, whatever the direction of the metric) is a regression beyond a
    margin of at least 0.

    *regressed*: the loss is significant and the best estimate of it exceeds the margin. *pass*: a loss
    beyond the margin is ruled out (non-inferiority: Piaggio et al. 2012, doi:10.1001/jama.2012.87802).
    Neither: *inconclusive*. Of a single pair of seeds, whose training noise nobody knows, it takes more: all
    of the interval beyond the margin, and it never passes.
    """
    reach = student_t_quantile(1 - alpha, noise.df) * noise.standard_error
    low, high = gain - reach, gain + reach
    if noise.seeds < 2:
        return "regressed" if high < -margin else "inconclusive"
    if low > -margin or (low == high and gain >= -margin):
        return "pass"
    return "regressed" if high < 0 and gain < -margin else "inconclusive"


def detectable(noise: Noise, margin: float = 0.0, alpha: float = ALPHA, power: float = POWER) -> float:
    """The smallest loss that ``non_inferior`` calls regressed with probability ``power``, whatever the seeds:
    large enough to be significant, and for its estimate to exceed the margin. In the unit of the
    difference, for metrics between 0 and 1.

    A loss makes the interval wider by itself: where it falls on whole documents (right before, wrong now), a
    loss of d on n documents has the variance d / n over documents, beside the noise that was seen.
    """
    significant = student_t_quantile(1 - alpha, noise.df)
    reached = student_t_quantile(power, noise.df) * noise.standard_error

    def needed(loss: float) -> float:
        of_loss = loss / noise.documents if noise.documents else 0.0
        return significant * math.sqrt(noise.standard_error**2 + of_loss)

    # What is needed grows as the root of the loss: the iteration converges from below.
    loss = 0.0
    for _ in range(100):
        loss = needed(loss) + reached
    beyond = needed(loss) if noise.seeds < 2 else 0.0
    return max(loss, margin + beyond + reached)


@dataclass(frozen=True, slots=True)
class Needed:
    """What would decide an inconclusive verdict: so many documents with the seeds that there are, or so many
    seeds with the documents that there are, or both ``times`` as many. None where that alone never does."""

    documents: int | None
    seeds: int | None
    times: float


def needed(gain: float, margin: float, noise: Noise, alpha: float = ALPHA) -> Needed | None:
    """How many documents or seeds would let ``non_inferior`` decide, if the estimate stays where it is and
    the variances over documents and over seeds fall with their numbers. Degrees of freedom are kept as they
    are. None where the estimate lies on the margin, and no number decides, and where one pair of seeds hides
    the training noise."""
    distance = -gain if gain < -margin else gain + margin
    if distance <= NO_DISTANCE or noise.standard_error == 0 or noise.seeds < 2 or not noise.documents:
        return None
    target = (distance / student_t_quantile(1 - alpha, noise.df)) ** 2
    of_documents = max(noise.standard_error**2 - noise.of_seeds, 0.0)

    def more(count: int, part: float, other: float) -> int | None:
        return math.ceil(count * part / (target - other)) if target > other else None

    return Needed(
        more(noise.documents, of_documents, noise.of_seeds),
        more(noise.seeds, noise.of_seeds, of_documents),
        noise.standard_error**2 / target,
    )


@lru_cache(maxsize=4096)
def student_t_quantile(p: float, df: float) -> float:
    """The quantile of Student's t for 0 < p < 1 and df > 0, which need not be whole.

    Raises ValueError for a ``p`` or ``df`` out of its range.
    """
    # Not scipy.stats, which takes three times as long to import.
    from scipy.special import stdtrit

    if not 0 < p < 1 or df <= 0:
        raise ValueError(f"p is {p} and df {df}; 0 < p < 1 and df > 0 are needed")
    return float(stdtrit(df, p))


@dataclass(frozen=True, slots=True)
class Location:
    """Where paired values lie, without asking how they are distributed: the estimate and its interval."""

    estimate: float
    low: float
    high: float


def signed_rank_location(values: ArrayLike, level: float = 0.95) -> Location:
    """The Hodges-Lehmann estimate of the centre of symmetric values (n,) and its exact interval, from the
    averages of all pairs. With fewer than 6 values no interval of 95 % exists and it is infinite: six is
    the least number of rounds for which all rounds on one side (2 / 2**6 = 3 %) mean something.

    Hodges & Lehmann 1963, doi:10.1214/aoms/1177704172; Hollander, Wolfe & Chicken 2014, section 3.3.
    """
    found = np.asarray(values, dtype=np.float64)
    n = len(found)
    if n == 0:
        return Location(math.nan, -math.inf, math.inf)
    rows, columns = np.triu_indices(n)
    averages = np.sort((found[rows] + found[columns]) / 2)
    estimate = float(np.median(averages))
    left_out = _signed_rank_critical(n, (1 - level) / 2)
    if left_out < 0:
        return Location(estimate, -math.inf, math.inf)
    return Location(estimate, float(averages[left_out]), float(averages[-1 - left_out]))


@lru_cache(maxsize=256)
def _signed_rank_critical(n: int, tail: float) -> int:
    """The largest w with P(W <= w) <= tail, for Wilcoxon's signed-rank sum W of n values and a tail below
    1/2; -1 where there is none."""
    from scipy.stats import wilcoxon

    # Up to the middle of the distribution, of which the tail is a part.
    sums = np.arange(n * (n + 1) // 4 + 1)
    test = wilcoxon(_values_with_rank_sums(n, sums), alternative="less", method="exact")
    return int(np.searchsorted(np.ravel(test.pvalue), tail * (1 + 1e-12), side="right")) - 1


def _values_with_rank_sums(n: int, sums: NDArray[np.int64]) -> Floats:
    """Values (n, sums) of the magnitudes 1 to n, the positive ones of which add up to each of ``sums``: the
    largest rank that still fits is taken until nothing is left."""
    left = sums.copy()
    values = np.empty((n, len(sums)))
    for rank in range(n, 0, -1):
        fits = left >= rank
        values[rank - 1] = np.where(fits, rank, -rank)
        left -= rank * fits
    return values
