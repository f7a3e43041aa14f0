"""Scores and intervals of the audit against scikit-learn, scipy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from readbench.audit.values import Score, mean_of_shares, percent, wilson

pairs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=50)


@given(pairs)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
def test_scores_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    truth, predicted = (list(side) for side in zip(*pairs, strict=True))
    score = Score.of(truth, predicted)
    assert score.accuracy == pytest.approx(accuracy_score(truth, predicted))
    assert score.balanced == pytest.approx(balanced_accuracy_score(truth, predicted))
    for value, (low, high) in (
        (score.accuracy, score.accuracy_interval),
        (score.balanced, score.balanced_interval),
    ):
        assert 0 <= low <= value <= high <= 1
    assert score.sure_skill <= score.skill <= 1


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_against_scipy(counts: tuple[int, int]) -> None:
    hits, n = counts
    theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_one_share_has_its_wilson_interval() -> None:
    assert mean_of_shares([70], [100]) == pytest.approx(wilson(70, 100))


@pytest.mark.parametrize("shares", [(0.9, 0.6), (0.99, 0.95), (0.5, 0.5, 0.8)])
def test_the_interval_of_a_mean_of_shares_covers_it(shares: tuple[float, ...]) -> None:
    """In 95 % of samples, within what 2,000 of them can show."""
    generator = np.random.default_rng(0)
    sizes = [60, 200, 90][: len(shares)]
    truth = sum(shares) / len(shares)
    covered = 0
    for _ in range(2000):
        hits = [int(generator.binomial(n, p)) for n, p in zip(sizes, shares, strict=True)]
        low, high = mean_of_shares(hits, sizes)
        covered += low <= truth <= high
    assert 0.93 <= covered / 2000 <= 0.975


def test_always_the_larger_class_has_no_skill() -> None:
    score = Score.of(["a"] * 90 + ["b"] * 10, ["a"] * 100)
    assert (score.accuracy, score.majority, score.balanced, score.chance) == (0.9, 0.9, 0.5, 0.5)
    assert score.skill == 0
    with pytest.raises(ValueError, match="no documents"):
        Score.of([], [])


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (1, "100 %"), (0.9999, "99.9 %"), (0.0001, "0.1 %"), (0.97, "97 %"), (0.9838, "98.4 %")],
)
def test_a_share_in_percent(share: float, said: str) -> None:
    assert percent(share) == said
