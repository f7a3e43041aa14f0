"""How far apart two methods of one run are: the difference of each pair and its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from readbench.results.samples import Sample
from readbench.stats.intervals import influences, influences_on_means
from readbench.stats.power import ALPHA, detectable, noise
from readbench.stats.resampling import Floats
from readbench.tasks.metric import OfSample, find_metric

GROUPS = 200
"""Beyond so many documents a metric of the whole sample is weighed by groups of them: a standard error is
then known to 5 %, and a page does not take as long as a run."""


@dataclass(frozen=True, slots=True)
class Gap:
    """``first`` minus ``second`` in the unit of the metric, with the ends of its 95 % interval; these are
    None where a method has training noise and one seed, so that nobody knows how far another seed leads.
    ``detectable``: how large a true difference must be for nine of ten such runs to find it; None as above.
    """

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    detectable: float | None = None


def gaps(samples: Mapping[str, Sample], metric: str, overlap: float = 1.0) -> list[Gap]:
    """Every pair of methods, on the same documents in the same order.

    The variance over documents is that of the difference of what each document moves (the infinitesimal
    jackknife, as for the interval of one method), so that it is paired; that over seeds is added for each
    method, as seeds of two methods have nothing in common. The interval is not corrected for the number of
    pairs: the p-values of the board are. The smallest detectable difference is: it takes the level that the
    smallest p-value must reach (Bonferroni; the board's correction, Holm's, is nowhere stricter).

    ``overlap``: what the variance over documents is multiplied with
    where folds share training documents. Raises ValueError where the documents are not the same.
    """
    ids = {sample.ids for sample in samples.values()}
    if len(ids) > 1:
        raise ValueError("the methods were not tested on the same documents")
    moved = {name: _moved(sample, metric) for name, sample in samples.items()}
    seeds = {name: sample.per_seed(metric) for name, sample in samples.items()}
    pairs = list(combinations(samples, 2))
    alpha = ALPHA / max(len(pairs), 1)
    return [_gap(samples, pair, moved, seeds, overlap, alpha) for pair in pairs]


def smallest_detectable(found: Sequence[Gap]) -> float | None:
    """The median over the pairs whose noise is known; None where there is none."""
    known = [gap.detectable for gap in found if gap.detectable is not None]
    return float(np.median(known)) if known else None


def _gap(
    samples: Mapping[str, Sample],
    pair: tuple[str, str],
    moved: Mapping[str, Floats],
    seeds: Mapping[str, Floats],
    overlap: float,
    alpha: float,
) -> Gap:
    first, second = pair
    difference = float(seeds[first].mean() - seeds[second].mean())
    if np.isnan(difference) or samples[first].one_seed or samples[second].one_seed:
        return Gap(first, second, difference, None, None)
    paired = moved[first] - moved[second]
    documents = len(paired)
    error = float(np.sqrt(overlap * np.sum(paired**2) * documents / max(documents - 1, 1)))
    of_seeds = _differences_of_seeds(seeds[first], seeds[second])
    of_pair = noise(error, documents, of_seeds)
    low, high = of_pair.interval(difference)
    # Two methods that answer alike have shown no noise at all: nothing is known of what could be found.
    # The noise that was seen holds what methods that differ have on single documents: no loss is added to it.
    smallest = detectable(replace(of_pair, documents=0), alpha=alpha) if of_pair.standard_error else None
    return Gap(first, second, difference, low, high, smallest)


def _differences_of_seeds(first: Floats, second: Floats) -> Floats:
    """Differences (seeds,) whose mean varies as that of the methods' means does. Seeds of two methods have
    nothing in common, so that it does not matter which are subtracted; a method that has one value, because
    it is deterministic, has the same with every seed."""
    if len(first) == len(second):
        return first - second
    return np.asarray(first - second.mean() if len(first) > len(second) else first.mean() - second)


def _moved(sample: Sample, metric: str) -> Floats:
    """How much each document (or, of a metric of the whole sample, each group of them) moves the mean over
    the repeats."""
    place = sample.metrics.index(found := find_metric(sample.metrics, metric))
    if not isinstance(found.aggregate, OfSample):
        tables = [influences_on_means(scores)[:, place] for scores in sample.repeats]
        return np.asarray(np.mean(tables, axis=0))

    def weighed(weights: Floats) -> Floats:
        return sample.resampled(weights, {found.id})[:, [place]]

    of_groups = influences(len(sample.ids), weighed, GROUPS)
    return np.asarray(of_groups[:, 0])
