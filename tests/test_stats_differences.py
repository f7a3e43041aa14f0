"""Intervals of the difference of two methods: they hold the true difference as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from readbench.results.samples import Sample
from readbench.stats.differences import Gap, gaps, smallest_detectable
from readbench.tasks.classification import TASK
from readbench.tasks.metric import Metric, Scores
from readbench.tasks.spec import TaskSpec

SCORE = Metric("score", True, "1", "a score")
SPEC = TaskSpec(task="classification", labels=("0", "1"), positive="1")
TRIALS = 1_000


def sample(*repeats: np.ndarray, stochastic: bool = False) -> Sample:
    ids = tuple(f"{place:05}" for place in range(len(repeats[0])))
    return Sample("m", tuple(Scores((SCORE,), ids, values[:, None]) for values in repeats), stochastic)


@pytest.mark.parametrize("documents", [30, 100, 500])
def test_the_interval_holds_the_true_difference(documents: int) -> None:
    """Two methods find many of the same documents hard; one is better by 0.05 on average."""
    generator = np.random.default_rng(documents)
    held = 0
    for _ in range(TRIALS):
        hard = generator.beta(2, 5, documents)
        first = hard + generator.exponential(0.10, documents)
        second = hard + generator.exponential(0.05, documents)
        (gap,) = gaps({"a": sample(first), "b": sample(second)}, "score")
        assert gap.low is not None
        assert gap.high is not None
        held += gap.low <= 0.05 <= gap.high
    assert 0.92 <= held / TRIALS <= 0.975


def test_documents_are_paired() -> None:
    generator = np.random.default_rng(3)
    hard = generator.random(200)
    shifted = hard + 0.1 + generator.normal(0, 0.01, 200)
    (gap,) = gaps({"a": sample(shifted), "b": sample(hard)}, "score")
    assert gap.low is not None
    assert gap.high is not None
    assert gap.low < 0.1 < gap.high
    assert gap.high - gap.low < 0.005  # unpaired it would be 0.11
    (same,) = gaps({"a": sample(hard), "b": sample(hard.copy())}, "score")
    assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_documents_that_do_not_count_move_nothing() -> None:
    values, other = np.array([0.5, np.nan, 0.7, 0.9]), np.array([0.4, np.nan, 0.8, 0.5])
    kept = [0, 2, 3]
    (whole,) = gaps({"a": sample(values), "b": sample(other)}, "score")
    (without,) = gaps({"a": sample(values[kept]), "b": sample(other[kept])}, "score")
    assert whole.difference == pytest.approx(without.difference)


def test_seeds_widen_it_and_one_seed_leaves_none() -> None:
    generator = np.random.default_rng(5)
    fixed = generator.random(300)
    seeds = [fixed + shift for shift in (-0.02, 0.0, 0.02)]
    pairs = {"seeds": sample(*seeds, stochastic=True), "fixed": sample(fixed), "other": sample(fixed + 0.01)}
    found = {(gap.first, gap.second): gap for gap in gaps(pairs, "score")}
    (low, high) = found["seeds", "fixed"].low, found["seeds", "fixed"].high
    assert low is not None
    assert high is not None
    # Three seeds, whose mean has the standard error 0.02 / sqrt(3): Student's t with 2 degrees of freedom.
    assert high - low == pytest.approx(2 * 4.303 * 0.02 / np.sqrt(3), rel=0.01)
    assert found["fixed", "other"].high == pytest.approx(-0.01)
    (once,) = gaps({"a": sample(fixed, stochastic=True), "b": sample(fixed + 0.1)}, "score")
    assert (once.low, once.high) == (None, None)
    assert once.difference == pytest.approx(-0.1)


def test_folds_that_share_training_documents_widen_it() -> None:
    generator = np.random.default_rng(6)
    pair = {"a": sample(generator.random(100)), "b": sample(generator.random(100))}
    (alone,), (shared,) = gaps(pair, "score"), gaps(pair, "score", overlap=2.25)
    widths = [(gap.high or 0) - (gap.low or 0) for gap in (alone, shared)]
    assert widths[1] == pytest.approx(1.5 * widths[0])


def test_metrics_of_the_whole_sample_have_one_too() -> None:
    generator = np.random.default_rng(8)
    held, trials = 0, 100
    true = _f1(0.9, 0.1) - _f1(0.75, 0.25)
    for _ in range(trials):
        gold = generator.random(250) < 0.4
        both = {
            name: _classified(
                gold, np.where(gold, generator.random(250) < right, generator.random(250) < wrong)
            )
            for name, right, wrong in (("a", 0.9, 0.1), ("b", 0.75, 0.25))
        }
        (gap,) = gaps(both, "f1")
        assert gap.low is not None
        assert gap.high is not None
        held += gap.low <= true <= gap.high
    assert held / trials >= 0.88  # 0.95 less three standard errors of so few trials


def _f1(right: float, wrong: float) -> float:
    """F1 of a class of 40 %: its recall is ``right``, and ``wrong`` of the others are taken for it."""
    precision = 0.4 * right / (0.4 * right + 0.6 * wrong)
    return 2 * precision * right / (precision + right)


def _classified(gold: np.ndarray, predicted: np.ndarray) -> Sample:
    columns = {
        "id": [f"{place:05}" for place in range(len(gold))],
        "gold": [str(int(label)) for label in gold],
        "predicted": [str(int(label)) for label in predicted],
    }
    return Sample("m", (TASK.scores_from_columns(SPEC, columns),))


def test_other_documents_are_refused() -> None:
    with pytest.raises(ValueError, match="the same documents"):
        gaps({"a": sample(np.zeros(3)), "b": sample(np.zeros(4))}, "score")


@pytest.mark.parametrize("documents", [50, 400])
def test_nine_of_ten_runs_find_the_smallest_detectable_difference(documents: int) -> None:
    """Of two methods: with more pairs the level is that of the smallest of Holm's p-values."""
    generator = np.random.default_rng(documents)

    def runs(distance: float, trials: int) -> list[Gap]:
        found = []
        for _ in range(trials):
            hard = generator.beta(2, 5, documents)
            first = hard + distance + generator.normal(0, 0.1, documents)
            second = hard + generator.normal(0, 0.1, documents)
            found += gaps({"a": sample(first), "b": sample(second)}, "score")
        return found

    told = smallest_detectable(runs(0.0, 20))
    assert told is not None
    found = [gap.low is not None and gap.low > 0 for gap in runs(told, TRIALS)]
    assert 0.86 <= np.mean(found) <= 0.94


def test_more_pairs_need_a_larger_difference() -> None:
    generator = np.random.default_rng(5)
    samples = {name: sample(generator.random(100)) for name in "abcd"}
    (two,) = gaps({name: samples[name] for name in "ab"}, "score")
    same = next(gap for gap in gaps(samples, "score") if (gap.first, gap.second) == ("a", "b"))
    assert two.detectable is not None
    assert same.detectable is not None
    assert (two.low, two.high) == (same.low, same.high)
    assert two.detectable < same.detectable < 1.5 * two.detectable


def test_nothing_is_detectable_where_no_noise_was_seen() -> None:
    values = np.array([0.5, 0.25, 0.75])
    assert smallest_detectable(gaps({"a": sample(values), "b": sample(values.copy())}, "score")) is None
    assert smallest_detectable([]) is None
