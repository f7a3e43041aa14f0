"""How far apart two methods of one run are: the difference of each pair and its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from readbench.results.samples import Sample
from readbench.stats.intervals import influences, influences_on_means
from readbench.stats.power import noise
from readbench.stats.resampling import Floats
from readbench.tasks.metric import OfSample, find_metric

GROUPS = 200
"""Beyond so many documents a metric of the whole sample is weighed by groups of them: a standard error is
then known to 5 %, and a page does not take as long as a run."""


@dataclass(frozen=True, slots=True)
class Gap:
    """``first`` minus ``second`` in the unit of the metric, with the ends of its 95 % interval; these are
    None where a method has training noise and one seed, so that nobody knows how far another seed leads."""

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None


def gaps(samples: Mapping[str, Sample], metric: str, overlap: float = 1.0) -> list[Gap]:
    """Every pair of methods, on the same documents in the same order.

    The variance over documents is that of the difference of what each document moves (the infinitesimal
    jackknife, as for the interval of one method), so that it is paired; that over seeds is added for each
    method, as seeds of two methods have nothing in common. The interval is not corrected for the number of
    pairs: the p-values of the board are. ``overlap``: what the variance over documents is multiplied with
    where folds share training documents. Raises ValueError where the documents are not the same.
    """
    ids = {sample.ids for sample in samples.values()}
    if len(ids) > 1:
        raise ValueError("the methods were not tested on the same documents")
    moved = {name: _moved(sample, metric) for name, sample in samples.items()}
    seeds = {name: sample.per_seed(metric) for name, sample in samples.items()}
    return [_gap(samples, (a, b), moved, seeds, overlap) for a, b in combinations(samples, 2)]


def _gap(
    samples: Mapping[str, Sample],
    pair: tuple[str, str],
    moved: Mapping[str, Floats],
    seeds: Mapping[str, Floats],
    overlap: float,
) -> Gap:
    first, second = pair
    difference = float(seeds[first].mean() - seeds[second].mean())
    if np.isnan(difference) or samples[first].one_seed or samples[second].one_seed:
        return Gap(first, second, difference, None, None)
    paired = moved[first] - moved[second]
    documents = len(paired)
    error = float(np.sqrt(overlap * np.sum(paired**2) * documents / max(documents - 1, 1)))
    of_seeds = _differences_of_seeds(seeds[first], seeds[second])
    low, high = noise(error, documents, of_seeds).interval(difference)
    return Gap(first, second, difference, low, high)


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
    of_groups = influences(len(sample.ids), lambda weights: sample.resampled(weights)[:, [place]], GROUPS)
    return np.asarray(of_groups[:, 0])
