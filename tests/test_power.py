"""Decisions with a margin, against SciPy and on data whose truth is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from readbench.stats.power import (
    Noise,
    detectable,
    needed,
    noise,
    non_inferior,
    signed_rank_location,
    student_t_quantile,
)


@settings(deadline=None)
@given(st.floats(0.0005, 0.9995))
def test_t_quantiles_against_closed_forms(p: float) -> None:
    """With one degree of freedom t is Cauchy's distribution; with two, t**2 is rational in p."""
    assert student_t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-9, abs=1e-12)
    two = (2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p)))
    assert student_t_quantile(p, 2) == pytest.approx(two, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("df", "quantile"), [(5, 2.570582), (10, 2.228139), (30, 2.042272), (120, 1.979930), (1e9, 1.959964)]
)
def test_t_quantiles_of_the_printed_tables(df: float, quantile: float) -> None:
    assert student_t_quantile(0.975, df) == pytest.approx(quantile, abs=5e-7)


def test_t_quantiles_of_broken_degrees_of_freedom_lie_between() -> None:
    assert student_t_quantile(0.975, 3) < student_t_quantile(0.975, 2.5) < student_t_quantile(0.975, 2)
    assert student_t_quantile(0.025, 2.5) == pytest.approx(-student_t_quantile(0.975, 2.5), rel=1e-12)


@pytest.mark.parametrize(("p", "df"), [(0, 5), (1, 5), (0.5, 0)])
def test_t_quantiles_that_do_not_exist(p: float, df: float) -> None:
    with pytest.raises(ValueError, match="are needed"):
        student_t_quantile(p, df)


@pytest.mark.parametrize("n", range(1, 13))
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_signed_rank_interval_leaves_out_what_all_signs_say(n: int, level: float) -> None:
    """Averages of 0, 1, 3, 7, ... are all different: the end says how many of them are left out."""
    values = np.array([2.0**rank - 1 for rank in range(n)])
    rows, columns = np.triu_indices(n)
    averages = np.sort((values[rows] + values[columns]) / 2)
    signs = np.array(list(itertools.product((0, 1), repeat=n)))
    sums = signs @ np.arange(1, n + 1)
    rare = [w for w in range(n * (n + 1) // 2 + 1) if np.mean(sums <= w) <= (1 - level) / 2 + 1e-12]
    expected = averages[rare[-1]] if rare else -math.inf
    assert signed_rank_location(values, level).low == expected


@pytest.mark.parametrize("n", [6, 7, 10, 12, 25])
def test_signed_rank_interval_against_inverting_the_test(n: int) -> None:
    """SciPy's exact test rejects the centres just outside the interval and none of those just inside."""
    values = np.random.default_rng(n).normal(0.1, 1, n)
    found = signed_rank_location(values)
    for edge, outwards in ((found.low, -1e-6), (found.high, 1e-6)):
        outside = scipy_stats.wilcoxon(values - edge - outwards, method="exact").pvalue
        inside = scipy_stats.wilcoxon(values - edge + outwards, method="exact").pvalue
        assert outside <= 0.05 < inside


def test_six_values_are_the_fewest_that_have_an_interval() -> None:
    assert signed_rank_location([1, 2, 3, 4, 5, 7]).low == 1
    assert signed_rank_location([1, 2, 3, 4, 5]).low == -math.inf
    assert math.isnan(signed_rank_location([]).estimate)


def test_signed_rank_interval_covers_the_truth() -> None:
    generator = np.random.default_rng(1)
    inside = 0
    for _ in range(2_000):
        # Heavy tails, as of times on a shared machine.
        found = signed_rank_location(generator.standard_t(2, 8))
        inside += found.low <= 0 <= found.high
    assert inside / 2_000 >= 0.945


def test_noise_of_documents_and_of_seeds_add_up() -> None:
    found = noise(0.03, 101, [0.1, 0.2, 0.3])
    of_seeds = np.var([0.1, 0.2, 0.3], ddof=1) / 3
    assert found.standard_error == pytest.approx(math.sqrt(0.03**2 + of_seeds))
    # Welch-Satterthwaite, by hand.
    assert found.df == pytest.approx((0.03**2 + of_seeds) ** 2 / (0.03**4 / 100 + of_seeds**2 / 2))
    alone = noise(0.03, 101, [0.1])
    assert (alone.standard_error, alone.seeds) == (0.03, 1)
    assert alone.df == pytest.approx(100)
    assert noise(0.0, 5, [0.2, 0.2]).standard_error == 0
    two = noise(0.03, 101, [0.1, 0.3])
    assert two.standard_error == pytest.approx(math.sqrt(0.03**2 + 0.02 / 2))
    assert two.df < 2


def test_the_interval_of_a_difference_is_that_of_student_s_t() -> None:
    low, high = Noise(0.01, 10, 3).interval(0.5)
    assert (low, high) == pytest.approx((0.5 - 2.228139 * 0.01, 0.5 + 2.228139 * 0.01))
    assert Noise(0.01, 10, 3).interval(0.5, 0.9)[1] == pytest.approx(0.5 + 1.812461 * 0.01)


def test_three_verdicts() -> None:
    sure = Noise(0.002, 50, 3)
    assert non_inferior(0.0, 0.01, sure) == "pass"
    assert non_inferior(-0.005, 0.01, sure) == "pass"
    assert non_inferior(-0.03, 0.01, sure) == "regressed"
    unsure = Noise(0.02, 50, 3)
    assert non_inferior(0.0, 0.01, unsure) == "inconclusive"
    assert non_inferior(-0.03, 0.01, unsure) == "inconclusive"
    assert non_inferior(-0.05, 0.01, unsure) == "regressed"
    # A loss that is significant and within the margin.
    assert non_inferior(-0.006, 0.01, Noise(0.001, 50, 3)) == "pass"
    assert non_inferior(0.0, 0.0, Noise(0.0, 50, 3)) == "pass"
    # Significant, and the best estimate lies within the margin, but not the whole interval.
    assert non_inferior(-0.009, 0.01, Noise(0.004, 50, 3)) == "inconclusive"
    assert non_inferior(-0.011, 0.01, Noise(0.004, 50, 3)) == "regressed"


def test_one_seed_never_passes_and_needs_more_to_fail() -> None:
    one = Noise(0.002, 50, 1)
    assert non_inferior(0.0, 0.01, one) == "inconclusive"
    assert non_inferior(-0.012, 0.01, one) == "inconclusive"
    assert non_inferior(-0.012, 0.01, Noise(0.002, 50, 3)) == "regressed"
    assert non_inferior(-0.03, 0.01, one) == "regressed"


def study(true_loss: float, seeds: int, documents: int, generator: np.random.Generator) -> str:
    """One comparison of a method with itself after a change that costs ``true_loss``."""
    differences = -true_loss + generator.normal(0, 0.15, documents)
    per_seed = differences.mean() + generator.normal(0, 0.004, seeds)
    found = noise(0.15 / math.sqrt(documents), documents, per_seed)
    return non_inferior(float(per_seed.mean()), 0.01, found)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_unchanged_methods_are_rarely_called_regressed(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    alarms = sum(study(0.0, seeds, 500, generator) == "regressed" for _ in range(1_500))
    assert alarms / 1_500 <= 0.035


def test_the_detectable_loss_is_detected() -> None:
    """Right answers become wrong, as many as are called detectable: found nine times in ten."""
    generator = np.random.default_rng(9)
    documents, seeds, spread = 500, 5, 0.004
    nothing = noise(0.001, documents, generator.normal(0, spread, 400)[:seeds])
    nothing = Noise(math.hypot(0.001, spread / math.sqrt(seeds)), nothing.df, seeds, documents)
    smallest = detectable(nothing, 0.01)
    lost = round(smallest * documents)
    found = 0
    for _ in range(1_000):
        differences = np.zeros(documents)
        differences[:lost] = -1.0
        per_seed = differences.mean() + generator.normal(0, spread, seeds)
        seen = noise(float(differences.std(ddof=1)) / math.sqrt(documents), documents, per_seed)
        found += non_inferior(float(per_seed.mean()), 0.01, seen) == "regressed"
    assert 0.85 <= found / 1_000 <= 1.0


def test_detectable_loss_exceeds_the_margin() -> None:
    assert detectable(Noise(1e-9, 50, 3), 0.01) == pytest.approx(0.01)
    assert detectable(Noise(0.01, 1e9, 3), 0.0) == pytest.approx(0.0324, abs=1e-4)


@settings(deadline=None)
@given(
    gain=st.floats(-0.2, 0.2),
    margin=st.floats(0.0, 0.05),
    documents_se=st.floats(1e-4, 0.1),
    seeds=st.lists(st.floats(-0.05, 0.05), min_size=2, max_size=6),
)
def test_what_would_decide_decides(
    gain: float, margin: float, documents_se: float, seeds: list[float]
) -> None:
    """More documents make their part of the variance smaller, more seeds the other: with as many as are
    called needed, the same estimate is decided."""
    seen = noise(documents_se, 300, seeds)
    if non_inferior(gain, margin, seen) != "inconclusive":
        return
    wanted = needed(gain, margin, seen)
    if wanted is None:
        assert abs(gain + margin) <= 1e-12 or seen.standard_error == 0
        return
    of_documents = seen.standard_error**2 - seen.of_seeds

    def decided(documents: float, seeds: float) -> bool:
        variance = of_documents / documents + seen.of_seeds / seeds
        more = Noise(math.sqrt(variance) * (1 - 1e-9), seen.df, seen.seeds, seen.documents)
        return non_inferior(gain, margin, more) != "inconclusive"

    assert decided(wanted.times, wanted.times)
    if wanted.documents is not None:
        assert decided(wanted.documents / 300, 1)
        assert wanted.documents >= 300
    if wanted.seeds is not None:
        assert decided(1, wanted.seeds / seen.seeds)
    assert not decided(0.9 * wanted.times, 0.9 * wanted.times)


def test_of_one_pair_of_seeds_nothing_says_how_many_would_do() -> None:
    assert needed(-0.02, 0.01, noise(0.03, 100, [0.1])) is None
    assert needed(-0.01, 0.01, noise(0.03, 100, [0.1, 0.2])) is None


def test_one_seed_detects_what_lies_wholly_beyond_the_margin() -> None:
    # 1.96 standard errors for the interval and 1.28 for nine times in ten, on top of the margin.
    assert detectable(Noise(0.01, 1e9, 1), 0.05) == pytest.approx(0.05 + 0.0324, abs=1e-4)
    assert detectable(Noise(0.01, 1e9, 3), 0.05) == pytest.approx(0.05 + 0.0128, abs=1e-4)
