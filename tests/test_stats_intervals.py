"""Intervals hold the true value in 93 to 97 % of samples, for every metric on a board, or none is shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from docs_scripts import loaded
from scipy import stats as scipy_stats

from readbench.stats.intervals import (
    GROUPS,
    Interval,
    influences,
    influences_on_means,
    intervals_of,
    wilson,
)
from readbench.tasks.classification_scores import ClassificationScores, Labelled
from readbench.tasks.metric import Metric, Scores, f1_of_means, weighted_means

SAMPLES = {30: 250, 100: 120, 500: 30}
MORE = 5
QUICK = (
    "two classes, half and half",
    "two classes, 10 %, well told apart",
    "four classes, 10 to 50 %",
    "phrases, few found",
    "phrases that do not stand in the text",
    "right or wrong",
)


coverage = loaded("statistics/interval_coverage")


def numbers(metric: str, values: list[float] | np.ndarray, repeats: int = 1) -> Interval:
    table = np.asarray(values, dtype=np.float64)[:, None]
    scores = Scores((Metric(metric, True, "", ""),), tuple(map(str, range(len(table)))), table)
    return intervals_of([scores] * repeats)[0]


@pytest.mark.parametrize("population", QUICK)
@pytest.mark.parametrize("n", coverage.DOCUMENTS)
def test_intervals_hold_the_truth(population: str, n: int) -> None:
    check_coverage(population, n, SAMPLES[n])


@pytest.mark.slow
@pytest.mark.parametrize("population", coverage.POPULATIONS)
@pytest.mark.parametrize("n", coverage.DOCUMENTS)
def test_intervals_of_every_population_hold_the_truth(population: str, n: int) -> None:
    check_coverage(population, n, MORE * SAMPLES[n])


def check_coverage(population: str, n: int, samples: int) -> None:
    for metric, tally in coverage.measure(population, n, samples, seed=11).items():
        # Of a rare class few samples show an interval, and those are not any samples.
        if tally.shown < samples / 2:
            continue
        # Where nobody abstains, every interval holds the truth, which is 0.
        if set(tally.values) == {0.0}:
            continue
        # Counts are whole: Wilson's interval of 30 documents holds 93.7 to 97.5 %, whatever one does.
        low, high = 0.93, 0.975 if n > 30 else 0.98
        slack = 3 * math.sqrt(0.05 * 0.95 / tally.shown)
        assert low - slack <= tally.coverage <= high + slack, (metric, tally.coverage, tally.shown)
        assert not tally.narrow, metric


def test_a_proportion_has_wilsons_interval() -> None:
    found = numbers("accuracy", [1.0] * 28 + [0.0] * 2)
    theirs = scipy_stats.binomtest(28, 30).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-6)
    # All right is no proof that all will be.
    whole = numbers("accuracy", [1.0] * 30)
    assert (whole.low, whole.high) == pytest.approx((30 / (30 + 1.959964**2), 1.0), abs=1e-6)


def test_a_mean_lies_within_its_interval_and_the_bounds() -> None:
    values = np.r_[np.zeros(27), 0.2, 0.4, 1.0]
    found = numbers("f1", values)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < values.mean() < found.high < 1
    assert found.high - found.low < 0.25
    # None of thirty documents found anything; the next one may find all.
    nothing = numbers("f1", [0.0] * 29 + [math.nan])
    assert nothing.low == 0
    assert nothing.high is not None
    assert 0.05 < nothing.high < 0.15
    assert numbers("f1", [0.0] * 15 + [0.5] * 15).low != numbers("f1", [0.0] * 15 + [1.0] * 15).low
    assert numbers("f1", [1.25, 0.5, 1.5]).reason == "it is not between 0 and 1"
    assert numbers("f1", np.full(5, np.nan)) == Interval()


def test_influences_are_those_of_a_mean() -> None:
    values = np.random.default_rng(1).random((50, 2))
    found = influences(50, lambda weights: weighted_means(values, weights))
    np.testing.assert_allclose(found, (values - values.mean(axis=0)) / 50, atol=1e-7)


def test_influences_on_means_are_those_of_weights() -> None:
    """Documents that do not count, and a metric that is made of means."""
    values = np.random.default_rng(4).random((40, 3))
    values[:10, 0] = np.nan
    values[5:20, 1] = np.nan
    metrics = (
        Metric("p", True, "", ""),
        Metric("r", True, "", ""),
        Metric("f", True, "", "", f1_of_means("p", "r")),
    )
    scores = Scores(metrics, tuple(map(str, range(40))), values)
    np.testing.assert_allclose(influences_on_means(scores), influences(40, scores.resampled), atol=1e-6)


def test_many_documents_are_grouped() -> None:
    values = np.random.default_rng(2).random((20_000, 1))
    found = influences(20_000, lambda weights: weighted_means(values, weights))
    assert found.shape == (GROUPS, 1)
    assert math.sqrt(float((found**2).sum())) == pytest.approx(values.std() / math.sqrt(20_000), rel=0.05)


def test_influences_of_the_area_give_de_longs_variance() -> None:
    generator = np.random.default_rng(3)
    gold = (generator.random(200) < 0.3).astype(np.int64)
    scores = generator.normal(size=200) + gold
    table = np.column_stack([-scores, scores])
    labelled = Labelled(("0", "1"), 1, gold, (scores > 0.5).astype(np.int64), table)
    made = ClassificationScores.of_arrays(tuple(map(str, range(200))), labelled, {})
    place = [metric.id for metric in made.metrics].index("roc_auc")
    ours = float((influences(200, made.resampled)[:, place] ** 2).sum())
    above = (scores[gold == 1][:, None] > scores[gold == 0][None, :]).mean(axis=1)
    below = (scores[gold == 1][:, None] > scores[gold == 0][None, :]).mean(axis=0)
    assert ours == pytest.approx(above.var() / len(above) + below.var() / len(below), rel=1e-3)


def test_rare_classes_have_no_interval_and_a_reason() -> None:
    scores = coverage.POPULATIONS["two classes, 10 %"](30, np.random.default_rng(4))
    found = dict(zip([m.id for m in scores.metrics], intervals_of([scores]), strict=True))
    assert found["roc_auc"] == Interval(reason="fewer than 50 documents")
    assert found["average_precision"] == Interval(reason="fewer than 200 documents")
    assert found["macro_f1"] == Interval(reason="fewer than 12 documents of a class")
    assert found["mcc"].low is None
    assert found["accuracy"].low is not None
    assert found["ece"].reason == "no interval of it is known to hold"


@pytest.mark.parametrize(("rare", "reason"), [(11, "fewer than 12 documents of a class"), (12, None)])
def test_twelve_documents_of_a_class_are_enough(rare: int, reason: str | None) -> None:
    gold = np.repeat([0, 1], [60 - rare, rare])
    predicted = gold ^ (np.arange(60) % 7 == 0)
    sure = np.where(predicted == 1, 0.8, 0.3)
    labelled = Labelled(("0", "1"), 1, gold, predicted, np.column_stack([1 - sure, sure]))
    scores = ClassificationScores.of_arrays(tuple(map(str, range(60))), labelled, {})
    found = dict(zip([metric.id for metric in scores.metrics], intervals_of([scores]), strict=True))
    for metric in ("macro_f1", "mcc"):
        assert found[metric].reason == reason
        assert (found[metric].low is None) == (reason is not None)


def test_the_spread_of_seeds_is_in_the_interval() -> None:
    metric = (Metric("f1", True, "", ""),)
    ids = tuple(map(str, range(200)))
    generator = np.random.default_rng(5)
    base = generator.beta(2, 2, size=(200, 1))
    near = [Scores(metric, ids, np.clip(base + shift, 0, 1)) for shift in (-0.001, 0.0, 0.001)]
    far = [Scores(metric, ids, np.clip(base + shift, 0, 1)) for shift in (-0.1, 0.0, 0.1)]
    narrow, wide = intervals_of(near)[0], intervals_of(far)[0]
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.low is not None
    assert wide.high is not None
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_calibration_error_of_calibrated_scores_is_near_zero() -> None:
    """The truth is 0; with the bias of chance left in, the mean is above 0.06."""
    means = coverage.measure("two classes, half and half", 100, 200, seed=6)["ece"].values
    assert np.mean(means) < 0.045


def test_scales() -> None:
    assert wilson(0.5, 0.25 / 40, 40, 1.96) == pytest.approx(wilson(0.5, 0.25 / 40, 7, 1.96))
