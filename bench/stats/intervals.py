"""Intervals of metrics: 95 % of them hold the true value, also of rare classes and few documents.

The variance comes from how much each document moves the metric (the infinitesimal jackknife: Efron &
Tibshirani 1993, An Introduction to the Bootstrap, section 21.3). The interval is then Wilson's, which has
room near 0 and 1. ``docs/statistics/interval-coverage.md`` holds how often the intervals are right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readbench.core.seeds import derived_seed
from readbench.stats.power import student_t_quantile
from readbench.stats.resampling import Floats
from readbench.tasks.metric import Metric, OfMeans, OfSample, Scale, Scores

GROUPS = 2_000
"""Beyond so many documents they are put into groups at random: the standard error is then known to 2 %."""
UNSEEN = 0.1
"""How many documents of each bound are added to a mean; with 0.05 and 0.2 fewer intervals hold 93 to 97 %."""
FEWEST = 12
"""Of documents of the rarest class: with fewer, no interval was found that holds (docs/statistics)."""

# How much heavier a document is made to see what it moves, and the chunk of weights that this takes (25 MB).
_STEP = 1e-5
_CHUNK = 1 << 20
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """``low`` and ``high`` in the unit of the metric, None where there is none; then ``reason`` says why."""

    low: float | None = None
    high: float | None = None
    reason: str | None = None


def influences(documents: int, statistic: Callable[[Floats], Floats], most: int = GROUPS) -> Floats:
    """How much each document moves a statistic: (documents or groups, columns), 0 in the sum; the sum of
    squares is the variance of the statistic. ``statistic`` takes weights (some, documents) and gives (some,
    columns), as that of ``bootstrap``. With more than ``most`` documents there are so many groups of them."""
    groups = np.arange(documents)
    if documents > most:
        generator = np.random.default_rng(derived_seed(0, "groups", str(documents)))
        groups = generator.permutation(documents) % most
    count = min(documents, most)
    whole = statistic(np.ones((1, documents)))
    moved = []
    step = max(1, _CHUNK // max(1, documents))
    for start in range(0, count, step):
        rows = np.arange(start, min(start + step, count))
        moved.append((statistic(1 + _STEP * (groups == rows[:, None])) - whole) / _STEP)
    if not moved:
        return np.empty((0, whole.shape[1]))
    found = np.concatenate(moved)
    found[np.abs(found) < _NOTHING] = 0.0
    return found


def influences_on_means(scores: Scores) -> Floats:
    """The same (documents, metrics) for metrics that are means, or made of means: their derivative is known.
    Those of the whole sample are NaN."""
    means = scores.means()
    found = scores.values - means
    found /= np.maximum(Scores.counts(scores), 1)
    np.copyto(found, 0.0, where=np.isnan(found))
    places = {metric.id: column for column, metric in enumerate(scores.metrics)}
    for column, metric in enumerate(scores.metrics):
        if isinstance(metric.aggregate, OfSample):
            found[:, column] = np.nan
        elif isinstance(metric.aggregate, OfMeans):
            sources = [places[source] for source in metric.aggregate.sources]
            at = means[sources]
            steps = metric.aggregate.combine(at + _STEP * np.eye(len(sources))) - metric.aggregate.combine(at)
            # Its sources are means themselves, whose columns stay as they are.
            found[:, column] = found[:, sources] @ (steps / _STEP)
    return np.asarray(found)


def _moved(repeats: Sequence[Scores], weighed: Sequence[int]) -> list[Floats]:
    """The influences on each metric's mean over the repeats. Only those of the metrics ``weighed``, which are
    of the whole sample, are computed by weighing documents: it takes the square of their number."""
    # A row a metric: what is added up over documents then lies side by side.
    found = list(np.ascontiguousarray(_mean([influences_on_means(scores) for scores in repeats]).T))
    if weighed:
        wanted = {repeats[0].metrics[column].id for column in weighed}
        moved = influences(
            len(repeats[0].ids),
            lambda weights: _mean([scores.resampled(weights, wanted)[:, weighed] for scores in repeats]),
        )
        for place, column in enumerate(weighed):
            found[column] = moved[:, place]
    return found


def intervals_of(repeats: Sequence[Scores]) -> list[Interval]:
    """The interval of each metric's mean over the repeats (the same documents, other seeds).

    The variance over documents and that over seeds are added, with Satterthwaite's degrees of freedom. With
    one repeat the interval is of this trained model.
    """
    first = repeats[0]
    numbers = np.array([scores.aggregates() for scores in repeats])
    counts = np.min([scores.counts() for scores in repeats], axis=0)
    support = np.min([scores.support() for scores in repeats], axis=0)
    found: dict[int, Interval] = {}
    for column, metric in enumerate(first.metrics):
        if not counts[column] or np.isnan(numbers[:, column]).any():
            found[column] = Interval(reason=first.why_undefined(metric.id) or None)
        elif reason := _why_none(metric, int(counts[column]), int(support[column])):
            found[column] = Interval(reason=reason)
    left = [column for column in range(len(first.metrics)) if column not in found]
    moved = _moved(repeats, [column for column in left if _is_weighed(first.metrics[column])])
    right_or_wrong, values = _right_or_wrong(repeats).tolist(), numbers.mean(axis=0).tolist()
    squares = _sums_of_squares(moved)
    for column in left:
        evidence = _Evidence(
            moved[column],
            squares[column],
            int(counts[column]),
            int(support[column]),
            values[column],
            numbers[:, column],
            right_or_wrong[column],
        )
        found[column] = _interval(first.metrics[column], evidence, repeats)
    return [found[column] for column in range(len(first.metrics))]


def _is_weighed(metric: Metric) -> bool:
    """Whether the interval of a metric comes from influences that no formula gives."""
    return isinstance(metric.aggregate, OfSample) and metric.aggregate.scale is not Scale.SHARES


def _why_none(metric: Metric, documents: int, support: int) -> str:
    """Why no interval of a metric holds on so many documents; empty where one may."""
    if not isinstance(metric.aggregate, OfSample):
        return ""
    if metric.aggregate.scale is Scale.NONE:
        return "no interval of it is known to hold"
    if documents < metric.aggregate.fewest:
        return f"fewer than {metric.aggregate.fewest} documents"
    if support < FEWEST:
        of_what = "documents" if support == documents else "documents of a class"
        return f"fewer than {FEWEST} {of_what}"
    return ""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What an interval is made from. ``moved`` (documents,): the influences, and the sum of their
    ``squares``; ``support``: the documents of the rarest class; ``value``: the mean of those ``per_seed``
    (seeds,); ``right_or_wrong``: whether each document is one."""

    moved: Floats
    squares: float
    documents: int
    support: int
    value: float
    per_seed: Floats
    right_or_wrong: bool


def _interval(metric: Metric, evidence: _Evidence, repeats: Sequence[Scores]) -> Interval:
    scale = metric.aggregate.scale if isinstance(metric.aggregate, OfSample) else None
    low, high = repeats[0].bounds(metric)
    width = high - low
    value = (evidence.value - low) / width
    if not 0 <= value <= 1:
        return Interval(reason=f"it is not between {low:g} and {high:g}")
    if scale is Scale.SHARES:
        bounds = of_shares(metric.id, value, evidence.per_seed, repeats)
    elif scale is None and not (metric.aggregate is None and evidence.right_or_wrong):
        bounds = of_mean(value, evidence, width)
    else:
        counted = scale in (None, Scale.COUNTS)
        variance, df = _variance(evidence, counts=counted, few_may_decide=scale is Scale.CURVE)
        if variance == 0 and 0 < value < 1:
            return Interval(reason="no document differs from another")
        reach = student_t_quantile(0.975, df)
        bounds = wilson(value, variance / width**2, evidence.support, reach)
    return Interval(low + width * bounds[0], low + width * bounds[1])


def of_mean(value: float, evidence: _Evidence, width: float) -> tuple[float, float]:
    """The interval of a mean of documents in 0..1: Wilson's, from the documents and ``UNSEEN`` of one at
    either bound. Few documents often hold none of the rare ones that are very good or very bad, and their own
    variance then knows nothing of them."""
    n = evidence.documents
    weight = n + 2 * UNSEEN
    middle = (n * value + UNSEEN) / weight
    squares = n**2 * evidence.squares / width**2 + n * (value - middle) ** 2
    squares += UNSEEN * (middle**2 + (1 - middle) ** 2)
    variance, df = _with_seeds(
        squares / weight / max(n - 1, 1), float(max(n - 1, 1)), evidence.per_seed / width
    )
    low, high = wilson(middle, variance, n, student_t_quantile(0.975, df))
    return min(low, value), max(high, value)


def wilson(value: float, variance: float, n: int, reach: float) -> tuple[float, float]:
    """Wilson's score interval of a value in 0..1 with the given variance, as of a proportion of as many
    documents as would have that variance (Korn & Graubard 1998, Survey Methodology 24:193-201). ``n``: how
    many where the value is 0 or 1 and has none. ``reach``: the quantile, 1.96 for 95 %.

    Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    spread = value * (1 - value)
    size = spread / variance if spread > 0 and variance > 0 else float(n)
    share = reach**2 / size
    centre = (value + share / 2) / (1 + share)
    half = reach / (1 + share) * math.sqrt(spread / size + share / (4 * size))
    low = 0.0 if value == 0 else max(0.0, centre - half)
    return low, 1.0 if value == 1 else min(1.0, centre + half)


def of_shares(metric: str, value: float, per_seed: Floats, repeats: Sequence[Scores]) -> tuple[float, float]:
    """The interval of a mean of proportions of separate documents, from Wilson's intervals of each: the
    distances of their ends are added as variances are (Zou & Donner 2008, doi:10.1002/sim.3095)."""
    normal = student_t_quantile(0.975, math.inf)
    below, above, classes = 0.0, 0.0, 1
    for scores in repeats:
        shares = [(hits, n) for hits, n in zip(*scores.shares(metric), strict=True) if n > 0]
        classes = max(classes, len(shares))
        for hits, n in shares:
            share = hits / n
            low, high = wilson(share, share * (1 - share) / n, int(n), normal)
            below += (share - low) ** 2 / len(repeats)
            above += (high - share) ** 2 / len(repeats)
    seeds = len(per_seed)
    of_seeds = float(np.var(per_seed, ddof=1)) / seeds if seeds > 1 else 0.0
    further = student_t_quantile(0.975, seeds - 1) ** 2 * of_seeds if of_seeds > 0 else 0.0
    low = value - math.sqrt(below / classes**2 + further)
    return max(0.0, low), min(1.0, value + math.sqrt(above / classes**2 + further))


def _variance(evidence: _Evidence, *, counts: bool, few_may_decide: bool) -> tuple[float, float]:
    """The variance over documents and seeds, and its degrees of freedom."""
    variance, n = evidence.squares, evidence.documents
    df = math.inf if counts else float(max(n - 1, 1))
    if few_may_decide:
        # A sum of squares that few documents make up is known as badly as if there were few documents.
        fourth = float(((evidence.moved**2) ** 2).sum())
        of_variance = fourth - variance**2 / max(len(evidence.moved), 1)
        if of_variance > 0:
            df = min(df, max(1.0, 2 * variance**2 / of_variance))
    if not counts:
        variance *= n / max(n - 1, 1)
    return _with_seeds(variance, df, evidence.per_seed)


def _with_seeds(variance: float, df: float, per_seed: Floats) -> tuple[float, float]:
    """The variance over documents and that of the mean over seeds, added, with Satterthwaite's degrees of
    freedom."""
    seeds = len(per_seed)
    of_seeds = float(np.var(per_seed, ddof=1)) / seeds if seeds > 1 else 0.0
    if of_seeds == 0:
        return variance, df
    total = variance + of_seeds
    return total, total**2 / (variance**2 / df + of_seeds**2 / (seeds - 1))


def _sums_of_squares(moved: Sequence[Floats]) -> list[float]:
    """Of the influences on each metric. Most are rows of one length, whose sums are formed at once."""
    if len({len(row) for row in moved}) > 1:
        return [float((row**2).sum()) for row in moved]
    found: list[float] = (np.stack(moved) ** 2).sum(axis=1).tolist() if moved else []
    return found


def _right_or_wrong(repeats: Sequence[Scores]) -> NDArray[np.bool_]:
    """Of which metrics (metrics,) each document is right or wrong, in the one repeat that there is."""
    values = repeats[0].values
    if len(repeats) > 1:
        return np.zeros(values.shape[1], dtype=np.bool_)
    return np.asarray(((values == 0) | (values == 1) | np.isnan(values)).all(axis=0))


def _mean(tables: Sequence[Floats]) -> Floats:
    return tables[0] if len(tables) == 1 else np.asarray(np.mean(tables, axis=0))
