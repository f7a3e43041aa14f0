"""The statistics against SciPy, against plain loops, and on data whose truth is known."""

from __future__ import annotations

import json
import math
import tracemalloc
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats as scipy_stats

from readbench.stats.ranking import compare_all, rank_ranges
from readbench.stats.resampling import (
    Floats,
    bootstrap,
    bootstrap_p,
    percentile_intervals,
    resamples_needed,
)
from readbench.stats.significance import holm, mcnemar_exact_p, sign_flip_p
from readbench.tasks.metric import weighted_means


def intervals_of_means(
    values: ArrayLike, *, resamples: int = 10_000, level: float = 0.95, seed: int
) -> Floats:
    """Intervals (columns, 2) of the means of values (documents, columns), as the boards have them."""
    table = np.asarray(values, dtype=np.float64)
    replicates = bootstrap(len(table), partial(weighted_means, table), resamples=resamples, seed=seed)
    return percentile_intervals(replicates, level)


def test_bootstrap_against_scipy() -> None:
    values = np.random.default_rng(1).beta(0.5, 1.5, size=200)
    theirs = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    ours = intervals_of_means(values[:, None], seed=3)[0]
    # Both are draws: a percentile of 10,000 means is known to about 2 % of the interval's length.
    assert ours == pytest.approx([theirs.low, theirs.high], abs=0.04 * (theirs.high - theirs.low))


def test_bootstrap_with_missing_documents_against_a_loop() -> None:
    generator = np.random.default_rng(4)
    values = generator.random((30, 4))
    values[generator.random(30) < 0.4, 1] = np.nan
    values[:28, 2] = np.nan
    values[:, 3] = np.nan
    drawn = np.random.default_rng(5).integers(0, 30, size=(500, 30), dtype=np.int32)
    plain = []
    for column in range(3):
        means = []
        for rows in drawn:
            counted = [values[row, column] for row in rows if not math.isnan(values[row, column])]
            if counted:
                means.append(sum(counted) / len(counted))
        plain.append(np.quantile(means, [0.05, 0.95]))
    ours = intervals_of_means(values, resamples=500, level=0.9, seed=5)
    np.testing.assert_allclose(ours[:3], plain, atol=1e-12)
    assert np.isnan(ours[3]).all()


def test_bootstrap_covers_the_truth() -> None:
    # Each column is a study of its own, of 60 skewed values with the mean 0.25.
    studies = np.random.default_rng(6).beta(0.5, 1.5, size=(60, 1500))
    intervals = intervals_of_means(studies, resamples=1000, seed=7)
    covered = np.mean((intervals[:, 0] <= 0.25) & (intervals[:, 1] >= 0.25))
    assert 0.91 <= covered <= 0.97


def test_bootstrap_is_seeded_and_columns_do_not_touch_each_other() -> None:
    values = np.random.default_rng(8).random((100, 6))
    once = intervals_of_means(values, resamples=400, seed=9)
    np.testing.assert_array_equal(once, intervals_of_means(values, resamples=400, seed=9))
    np.testing.assert_allclose(once[:2], intervals_of_means(values[:, :2], resamples=400, seed=9))
    assert not np.allclose(once, intervals_of_means(values, resamples=400, seed=10))


def test_bootstrap_edges() -> None:
    assert intervals_of_means(np.empty((3, 0)), seed=1).shape == (0, 2)
    assert intervals_of_means([[0.25]], resamples=10, seed=1).tolist() == [[0.25, 0.25]]


def test_memory_stays_small() -> None:
    values = np.random.default_rng(1).random((100_000, 4))
    tracemalloc.start()
    intervals_of_means(values, resamples=30, seed=1)
    sign_flip_p(values - 0.5, permutations=30, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


@pytest.mark.parametrize("n", [2, 5, 9, 11])
def test_sign_flips_of_few_documents_are_exact(n: int) -> None:
    generator = np.random.default_rng(n)
    # Rounded values bring ties.
    differences = np.round(generator.normal(0.3, 1, size=(n, 6)), 1)
    theirs = [
        scipy_stats.permutation_test(
            (column,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        ).pvalue
        for column in differences.T
    ]
    np.testing.assert_allclose(sign_flip_p(differences, seed=1), theirs, atol=1e-12)


def test_sign_flips_of_many_documents_against_scipy() -> None:
    differences = np.random.default_rng(10).normal(0.12, 1, size=(200, 4))
    theirs = [
        scipy_stats.permutation_test(
            (column,),
            lambda values, axis: values.mean(axis=axis),
            permutation_type="samples",
            n_resamples=5000,
            rng=np.random.default_rng(11),
            vectorized=True,
        ).pvalue
        for column in differences.T
    ]
    np.testing.assert_allclose(sign_flip_p(differences, seed=12), theirs, atol=0.03)


def test_drawn_and_enumerated_signs_agree() -> None:
    differences = np.random.default_rng(13).normal(0.4, 1, size=(13, 5))
    exact = sign_flip_p(differences, seed=1)
    # A fourteenth difference, too small to matter, brings the draws.
    drawn = sign_flip_p(np.vstack([differences, np.full(5, 1e-9)]), permutations=40_000, seed=1)
    np.testing.assert_allclose(drawn, exact, atol=0.012)


def test_sign_flip_edges() -> None:
    zeros = np.zeros((50, 1))
    assert sign_flip_p(zeros, seed=1).tolist() == [1.0]
    assert sign_flip_p(np.full((50, 1), np.nan), seed=1).tolist() == [1.0]
    assert sign_flip_p(np.empty((0, 2)), seed=1).tolist() == [1.0, 1.0]
    assert sign_flip_p(np.empty((4, 0)), seed=1).shape == (0,)
    assert sign_flip_p([[-0.3]], seed=1).tolist() == [1.0]
    # One sign pattern and its mirror reach the observed mean.
    assert sign_flip_p(np.ones((10, 1)), seed=1).tolist() == [2 / 1024]
    rising = np.arange(1.0, 101.0)[:, None]
    assert sign_flip_p(rising, permutations=999, seed=1).tolist() == [1 / 1000]


def test_differences_of_one_magnitude_are_tested_exactly() -> None:
    """Right and wrong answers: McNemar's test, whatever the number of permutations."""
    differences = np.array([1.0] * 30 + [-1.0] * 12 + [0.0] * 60)[:, None]
    expected = scipy_stats.binomtest(12, 42).pvalue
    found = sign_flip_p(differences, permutations=9, seed=1)[0]
    assert found == pytest.approx(expected, rel=1e-12)
    # A hair apart they are no longer of one magnitude, and the signs are drawn.
    apart = differences[:42] * np.linspace(1, 1 + 1e-9, 42)[:, None]
    drawn = sign_flip_p(apart, permutations=20_000, seed=1)[0]
    assert drawn == pytest.approx(expected, rel=0.15)


def test_other_pairs_and_chunks_change_no_draw() -> None:
    # 200,000 columns of 20 documents end their chunks elsewhere than 1 does.
    differences = np.random.default_rng(23).normal(0.2, 1, size=(20, 1))
    alone = sign_flip_p(differences, permutations=200, seed=1)
    many = sign_flip_p(np.tile(differences, 200_000), permutations=200, seed=1)
    assert (many == alone[0]).all()


def test_missing_documents_drop_out_of_their_pair() -> None:
    differences = np.random.default_rng(14).normal(0.1, 1, size=(80, 1))
    gaps = np.full((80, 1), np.nan)
    interleaved = np.stack([differences, gaps], axis=1).reshape(160, 1)
    np.testing.assert_allclose(
        sign_flip_p(interleaved, permutations=20_000, seed=1),
        sign_flip_p(differences, permutations=20_000, seed=2),
        atol=0.015,
    )


def test_false_alarms_are_as_rare_as_promised() -> None:
    null = np.random.default_rng(15).laplace(size=(120, 2000))
    p = sign_flip_p(null, permutations=1999, seed=16)
    assert 0.035 <= np.mean(p <= 0.05) <= 0.065
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.001
    alarms = 0
    for trial in range(100):
        scores = np.random.default_rng(trial).random((60, 5))
        compared = compare_all({str(i): scores[:, i] for i in range(5)}, True, trial, permutations=499)
        alarms += bool((compared.p <= 0.05).any())
    assert alarms <= 12


COUNTS = [(0, 0), (0, 1), (1, 9), (9, 1), (5, 5), (0, 40), (30, 51), (480, 520), (9_000, 9_400)]


def test_mcnemar_against_whole_numbers() -> None:
    """Twice the lower tail of 2**n equally likely outcomes, counted without rounding."""
    exact = []
    for b, c in COUNTS:
        n = b + c
        ways, tail = 1, 1
        for i in range(1, min(b, c) + 1):
            ways = ways * (n - i + 1) // i
            tail += ways
        exact.append(min(1.0, float(Fraction(2 * tail, 2**n))))
    first, second = np.array(COUNTS).T
    np.testing.assert_allclose(mcnemar_exact_p(first, second), exact, rtol=1e-12)
    np.testing.assert_array_equal(mcnemar_exact_p(second, first), mcnemar_exact_p(first, second))


@pytest.mark.parametrize(("b", "c"), COUNTS[1:])
def test_mcnemar_is_a_binomial_test(b: int, c: int) -> None:
    assert mcnemar_exact_p(b, c) == pytest.approx(scipy_stats.binomtest(b, b + c, 0.5).pvalue, rel=1e-12)


def test_mcnemar_edges() -> None:
    assert mcnemar_exact_p(0, 5) == pytest.approx(2 / 32, rel=1e-12)
    assert mcnemar_exact_p(0, 5000) == 0.0
    assert mcnemar_exact_p([], []).shape == (0,)
    with pytest.raises(ValueError, match="not all at least 0"):
        mcnemar_exact_p([-1, 2], [3, 2])


def test_holm_example() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([[0.01, np.nan], [0.04, 0.9]]), [[0.03, np.nan], [0.08, 0.9]])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.999))
def test_holm_rejects_what_the_step_down_procedure_rejects(p: list[float], alpha: float) -> None:
    rejected = [False] * len(p)
    for step, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[index] * (len(p) - step) > alpha:
            break
        rejected[index] = True
    adjusted = holm(p)
    assert [value <= alpha for value in adjusted.tolist()] == rejected
    assert all(raw <= value <= 1 for raw, value in zip(p, adjusted, strict=True))


def test_rank_ranges_are_not_transitive() -> None:
    # Best and worst differ; the one between cannot be told from either.
    p = np.array([[1, 0.3, 0.01], [0.3, 1, 0.2], [0.01, 0.2, 1]])
    assert rank_ranges([0.5, 0.4, 0.3], p, higher_is_better=True) == [(1, 2), (1, 3), (2, 3)]
    assert rank_ranges([0.5, 0.4, 0.3], p, higher_is_better=False) == [(2, 3), (1, 3), (1, 2)]
    assert rank_ranges([0.5, np.nan, 0.3], p, higher_is_better=True) == [(1, 2), (1, 3), (2, 3)]
    assert rank_ranges([], np.empty((0, 0)), higher_is_better=True) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7, unique=True), st.randoms(use_true_random=False))
def test_rank_ranges_hold_the_rank(values: list[float], draw: object) -> None:
    generator = np.random.default_rng(draw.randrange(1 << 30))  # type: ignore[attr-defined]
    p = generator.random((len(values), len(values))) ** 4
    p = np.minimum(p, p.T)
    for index, (best, worst) in enumerate(rank_ranges(values, p, higher_is_better=True)):
        rank = 1 + sum(other > values[index] for other in values)
        assert 1 <= best <= rank <= worst <= len(values)


def scores_of(n: int, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    hard = generator.random(n)
    return {
        "good": np.clip(hard + 0.2 + generator.normal(0, 0.1, n), 0, 2),
        "twin": np.clip(hard + 0.2 + generator.normal(0, 0.1, n), 0, 2),
        "bad": np.clip(hard + generator.normal(0, 0.1, n), 0, 2),
    }


def test_compare_all() -> None:
    scores = scores_of(300, 17)
    compared = compare_all(scores, True, 18)
    assert compared.names == ("good", "twin", "bad")
    assert compared.rank_ranges == ((1, 2), (1, 2), (3, 3))
    assert compared.p[0, 2] <= compared.alpha < compared.p[0, 1]
    assert compared.differences[0, 2] == pytest.approx(np.mean(scores["good"] - scores["bad"]))
    np.testing.assert_array_equal(compared.differences, -compared.differences.T)
    np.testing.assert_array_equal(compared.p, compared.p.T)
    assert compare_all(scores, False, 18).rank_ranges == ((2, 3), (2, 3), (1, 1))
    gaps = np.stack([scores["good"] - scores["bad"]], axis=1)
    assert compared.p[0, 2] == 3 * sign_flip_p(gaps, seed=18)[0]


def test_compare_all_is_the_same_again_and_plain_json() -> None:
    scores = scores_of(60, 19)
    scores["failed"] = np.full(60, np.nan)
    scores["bad"][:20] = np.nan
    compared = compare_all(scores, True, 20)
    text = json.dumps(compared.to_json(), allow_nan=False)
    assert text == json.dumps(compare_all(scores, True, 20).to_json())
    plain = json.loads(text)
    np.testing.assert_array_equal(np.array(plain["p"], dtype=float), compared.p)
    assert plain["means"][3] is None
    assert plain["differences"][0][3] is None
    assert compared.rank_ranges[3] == (1, 4)
    shared = ~np.isnan(scores["bad"])
    assert compared.differences[0, 2] == pytest.approx(np.mean((scores["good"] - scores["bad"])[shared]))


@pytest.mark.parametrize("count", [0, 1])
def test_compare_nobody_and_one(count: int) -> None:
    compared = compare_all({name: np.ones(3) for name in ["a"][:count]}, True, 1)
    assert compared.rank_ranges == ((1, 1),) * count
    assert compared.to_json()["p"] == [[1.0]] * count


def test_many_methods_can_still_be_told_apart() -> None:
    generator = np.random.default_rng(21)
    scores = {str(i): generator.random(40) + 2 * i for i in range(40)}
    compared = compare_all(scores, True, 22, permutations=100)
    assert compared.permutations > 100
    assert compared.rank_ranges[0] == (40, 40)


def test_scores_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError):
        compare_all({"a": np.ones(3), "b": np.ones(4)}, True, 1)


@pytest.mark.parametrize(
    ("replicates", "expected"),
    [
        # Twice the smaller side, with one more on it and in all: never 0.
        ([1.0] * 99, 2 * 1 / 100),
        ([-1.0] * 3 + [1.0] * 96, 2 * 4 / 100),
        ([1.0] * 3 + [-1.0] * 96, 2 * 4 / 100),
        # A difference of 0 is on both sides.
        ([0.0] + [1.0] * 98, 2 * 2 / 100),
        ([0.0] * 99, 1.0),
        # Replicates that are not defined are left out.
        ([math.nan] * 50 + [1.0] * 49, 2 * 1 / 50),
        ([math.nan] * 99, 1.0),
    ],
)
def test_bootstrap_p_by_hand(replicates: list[float], expected: float) -> None:
    (found,) = bootstrap_p(np.array(replicates)[:, None])
    assert found == pytest.approx(expected)


def test_more_methods_need_more_resamples() -> None:
    """The smallest p-value, times the number of pairs, must lie below 5 %."""
    assert resamples_needed(2) == 10_000
    for methods in (12, 20, 50):
        pairs = methods * (methods - 1) // 2
        assert pairs * 2 / (1 + resamples_needed(methods)) < 0.05
