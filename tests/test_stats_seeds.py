"""Verdicts hold over the noise of training, and areas under curves hold within one model."""

from __future__ import annotations

import numpy as np
import pytest
from docs_scripts import loaded

from readbench.stats.intervals import Interval, intervals_of
from readbench.stats.of_run import shared_training
from readbench.stats.ranking import compare_all, compare_replicates
from readbench.stats.significance import over_training_p, sign_flip_p
from readbench.tasks.classification import TASK
from readbench.tasks.metric import Metric, Scores
from readbench.tasks.spec import TaskSpec

boards = loaded("statistics/boards")
SPEC = TaskSpec(task="classification", labels=("0", "1"), positive="1")


def seeds_of_one_network(generator: np.random.Generator, n: int, seeds: int, spread: float) -> np.ndarray:
    """Right answers (seeds, documents) of a network whose accuracy varies by ``spread`` from seed to seed."""
    accuracy = np.clip(0.8 + spread * generator.normal(size=(seeds, 1)), 0, 1)
    return (generator.random((seeds, n)) < accuracy).astype(np.float64)


def test_a_network_does_not_differ_from_itself_with_other_seeds() -> None:
    generator = np.random.default_rng(1)
    over_documents, over_seeds = [], []
    for trial in range(300):
        one, other = (seeds_of_one_network(generator, 1_500, 3, 0.02) for _ in range(2))
        means = {"one": one.mean(axis=0), "other": other.mean(axis=0)}
        seeds = {"one": one.mean(axis=1), "other": other.mean(axis=1)}
        over_documents.append(compare_all(means, True, trial, permutations=200).p[0, 1])
        over_seeds.append(compare_all(means, True, trial, permutations=200, seeds=seeds).p[0, 1])
    assert np.mean(np.array(over_documents) <= 0.05) > 0.3
    assert np.mean(np.array(over_seeds) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_seeds_that_lie_close_by_chance_claim_nothing() -> None:
    """The third of three copies has three seeds with nearly the same value, far from the others' mean."""
    seeds = [np.array([0.78, 0.80, 0.82]), np.array([0.77, 0.80, 0.83]), np.array([0.8199, 0.82, 0.8201])]
    apart = over_training_p(
        np.array([0.001]), np.array([0.02]), np.array([0.004]), 1_500, [(seeds[2], seeds[2].copy())]
    )
    assert apart[0] < 0.05
    pairs = [(seeds[0], seeds[2]), (seeds[1], seeds[2]), (seeds[2],)]
    found = over_training_p(np.full(3, 0.001), np.full(3, 0.02), np.full(3, 0.004), 1_500, pairs)
    assert (found > 0.1).all()


def test_boards_of_one_network_claim_nothing() -> None:
    """Six copies: with Holm's correction over 15 pairs at most 5 % of the boards claim a difference."""
    _, now = boards.of_seeds(500, 3, 0.022, 6, 100, 4)
    assert now.wrong <= 11
    before, _ = boards.of_seeds(500, 3, 0.022, 6, 10, 4)
    assert before.wrong >= 7


def test_equal_algorithms_on_folds_do_not_differ() -> None:
    """Two that depend much on their training documents: 60 documents, three folds."""
    before, now, _ = boards.over_folds("best of 41 features", 60, 400, 5)
    assert before.wrong > 0.12 * 400
    assert now.wrong <= 0.05 * 400 + 3 * np.sqrt(0.05 * 0.95 * 400)


def test_folds_that_share_training_documents_widen_the_test() -> None:
    assert shared_training(3, {"train": 40, "test": 20}) == 2.5
    assert shared_training(10, {"train": 90, "test": 10}) == pytest.approx(1 + 10 / 9)
    assert shared_training(1, {"train": 40, "test": 20}) == 1
    assert shared_training(3, {"train": 0, "test": 20}) == 1
    clear = {"good": np.ones(60), "bad": np.r_[np.ones(20), np.zeros(40)]}
    assert compare_all(clear, True, 1, overlap=2.5).rank_ranges == ((1, 1), (2, 2))
    # No difference at all stays none.
    assert compare_all({"a": np.ones(60), "b": np.ones(60)}, True, 1, overlap=2.5).p[0, 1] == 1


def test_intervals_hold_what_other_seeds_would_reach() -> None:
    """300 documents and three seeds: the interval over documents alone is too narrow."""
    metric = (Metric("accuracy", True, "", ""),)
    ids = tuple(map(str, range(300)))
    reached, found, alone = [], [], []
    for draw in range(400):
        (answers,) = boards.network(np.random.default_rng([9, draw]), 300, 3, 0.04, 1)
        reached.append(answers.mean())
        scores = [Scores(metric, ids, one[:, None]) for one in answers]
        found.append(intervals_of(scores)[0])
        alone.append(intervals_of(scores[:1])[0])
    truth = np.mean(reached)

    def held(intervals: list[Interval]) -> float:
        return float(np.mean([i.low <= truth <= i.high for i in intervals if i.low and i.high]))

    assert held(found) >= 0.93
    assert held(alone) < 0.8


def test_a_real_difference_is_found_over_seeds() -> None:
    generator = np.random.default_rng(2)
    good = seeds_of_one_network(generator, 1_500, 3, 0.005)
    bad = seeds_of_one_network(generator, 1_500, 3, 0.005) * (generator.random((3, 1_500)) < 0.9)
    means = {"good": good.mean(axis=0), "bad": bad.mean(axis=0)}
    found = compare_all(means, True, 1, seeds={"good": good.mean(axis=1), "bad": bad.mean(axis=1)})
    assert found.p[0, 1] <= found.alpha
    assert found.rank_ranges == ((1, 1), (2, 2))


def test_with_one_seed_nothing_can_be_told() -> None:
    values = {"net": np.ones(200), "rule": np.zeros(200), "other": np.r_[np.ones(60), np.zeros(140)]}
    found = compare_all(values, True, 1, seeds={"net": np.array([1.0])})
    assert np.isnan(found.p[0, 1])
    assert found.rank_ranges[0] == (1, 3)
    # Deterministic methods are still told apart, and the untold pairs are no tests in Holm's correction.
    assert found.p[1, 2] == sign_flip_p((values["rule"] - values["other"])[:, None], seed=1)[0]
    assert found.to_json()["p"][0][1] is None
    drawn = {
        name: np.random.default_rng(3).normal(point, 0.01, 500) for name, point in (("a", 0.9), ("b", 0.1))
    }
    points = {"a": 0.9, "b": 0.1}
    assert compare_replicates(points, drawn, True, 1, documents=50).p[0, 1] < 0.05
    once = compare_replicates(points, drawn, True, 1, documents=50, seeds={"a": np.array([0.9])})
    assert np.isnan(once.p[0, 1])
    assert once.rank_ranges == ((1, 2), (1, 2))


def test_the_variances_of_documents_and_seeds_are_added() -> None:
    seeds = (np.array([0.6, 0.7, 0.8]),)
    found = over_training_p(np.array([0.001]), np.array([0.2]), np.array([0.0]), 100, [seeds])
    # The mean of three values against a constant: Student's t with two degrees of freedom.
    assert found[0] == pytest.approx(0.0741799, abs=1e-6)
    kept = over_training_p(np.array([0.001]), np.array([0.2]), np.array([0.1]), 100, [()])
    assert kept.tolist() == [0.001]


def columns(folds: list[int] | None) -> dict[str, list[object]]:
    """Two folds; each model gives all its documents one score, as `majority` does."""
    gold = ["1"] * 2 + ["0"] * 8 + ["1"] * 4 + ["0"] * 6
    score = [0.2] * 10 + [0.1] * 10
    found: dict[str, list[object]] = {
        "id": list(map(str, range(20))),
        "gold": list(gold),
        "predicted": ["0"] * 20,
        "score.0": [1 - value for value in score],
        "score.1": list(score),
    }
    return found if folds is None else found | {"fold": list(folds)}


def test_areas_of_folds_are_averaged_not_pooled() -> None:
    place = [metric.id for metric in TASK.metrics].index("roc_auc")
    precision = [metric.id for metric in TASK.metrics].index("average_precision")
    pooled = TASK.scores_from_columns(SPEC, columns(None)).aggregates()
    assert pooled[place] < 0.45
    found = TASK.scores_from_columns(SPEC, columns([0] * 10 + [1] * 10)).aggregates()
    assert found[place] == 0.5
    assert found[precision] == pytest.approx((0.2 + 0.4) / 2)
    # All else is of all documents together.
    rest = np.delete(np.arange(len(pooled)), [place, precision])
    np.testing.assert_array_equal(found[rest], pooled[rest])


def test_a_fold_without_a_class_is_left_out_of_the_areas() -> None:
    of_folds = columns([0] * 10 + [1] * 4 + [2] * 6)
    place = [metric.id for metric in TASK.metrics].index("roc_auc")
    assert TASK.scores_from_columns(SPEC, of_folds).aggregates()[place] == 0.5
