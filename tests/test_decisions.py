"""What the gate decides on one metric or cost of one method."""

from __future__ import annotations

from typing import Any

import pytest

from readbench.compare.costs import CostChange
from readbench.compare.runs import MethodChange, MetricChange
from readbench.gate.thresholds import parse_threshold
from readbench.gate.verdicts import decide
from readbench.stats.power import Noise, noise


def changed(gain: float, **more: Any) -> MethodChange:
    change = MetricChange("f1@10", True, 0.5, 0.5 + gain, "not tested", noise=more.pop("noise", None))
    return MethodChange("keyphrases", "m", "compared", metrics=(change,), documents=100, **more)


def verdict(change: MethodChange, text: str) -> str:
    threshold = parse_threshold(text)
    (decision,) = decide(change, {threshold.name: threshold})
    return decision.verdict


def test_on_identical_documents_the_difference_decides() -> None:
    assert verdict(changed(-0.01), "f1@10:-1pp") == "pass"
    assert verdict(changed(-0.0101), "f1@10:-1pp") == "regressed"
    assert verdict(changed(0.2), "f1@10:-1pp") == "pass"
    assert verdict(changed(-0.04), "f1@10:-10%") == "pass"
    assert verdict(changed(-0.06), "f1@10:-10%") == "regressed"


def test_of_a_metric_that_is_better_low_the_rise_is_the_loss() -> None:
    def error(difference: float, **more: Any) -> MethodChange:
        noise_of = more.pop("noise", None)
        change = MetricChange("ece", False, 0.1, 0.1 + difference, "not tested", noise=noise_of)
        return MethodChange("classification", "m", "compared", metrics=(change,), documents=100, **more)

    assert verdict(error(0.03), "ece:+2pp") == "regressed"
    assert verdict(error(0.01), "ece:+2pp") == "pass"
    assert verdict(error(-0.09), "ece:+2pp") == "pass"
    noisy = {"stochastic": True, "seeds": 3, "noise": Noise(0.003, 20, 3)}
    assert verdict(error(0.04, **noisy), "ece:+2pp") == "regressed"
    assert verdict(error(-0.04, **noisy), "ece:+2pp") == "pass"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("failed", "regressed"),
        ("vanished", "regressed"),
        ("incomparable", "incomparable"),
        ("new", "new"),
        ("never", "reported"),
    ],
)
def test_a_method_without_a_pair(state: Any, expected: str) -> None:
    """One that is gone or ended otherwise is a regression whatever was asked about it."""
    assert verdict(MethodChange("keyphrases", "m", state), "f1@10:-1pp") == expected


def test_with_training_noise_the_interval_decides() -> None:
    noisy = {"stochastic": True, "seeds": 3}
    assert verdict(changed(-0.02, noise=Noise(0.03, 20, 3), **noisy), "f1@10:-1pp") == "inconclusive"
    assert verdict(changed(-0.02, noise=Noise(0.003, 20, 3), **noisy), "f1@10:-1pp") == "regressed"
    assert verdict(changed(0.0, noise=Noise(0.003, 20, 3), **noisy), "f1@10:-1pp") == "pass"


def test_an_inconclusive_verdict_says_what_would_decide() -> None:
    def why(**seen: Any) -> str:
        threshold = parse_threshold("f1@10:-1pp")
        (decision,) = decide(changed(0.0, stochastic=True, **seen), {"f1@10": threshold})
        assert decision.verdict == "inconclusive"
        return decision.why

    of_both = noise(0.02, 500, [0.00, 0.05, -0.05])
    assert "documents or" not in why(noise=of_both, seeds=3)
    assert "documents and seeds would, if the difference stays" in why(noise=of_both, seeds=3)
    of_documents = noise(0.02, 500, [0.001, 0.0, -0.001])
    assert "about 7,900 documents would, if the difference stays" in why(noise=of_documents, seeds=3)
    of_seeds = noise(0.001, 500, [0.00, 0.02, -0.02])
    assert "about 88 seeds would" in why(noise=of_seeds, seeds=3)


def test_a_loss_of_exactly_the_threshold_passes_with_training_noise_too() -> None:
    exact = 0.5 - 0.49  # a little more than 0.01, as means of documents come out
    certain = {"stochastic": True, "seeds": 3, "noise": Noise(0.0, 20, 3)}
    assert exact > 0.01
    assert verdict(changed(-exact, **certain), "f1@10:-1pp") == "pass"
    assert verdict(changed(-0.0101, **certain), "f1@10:-1pp") == "regressed"


def test_a_method_does_not_leave_the_gate_by_declaring_noise() -> None:
    """The baseline was deterministic; with one seed the interval would decide nothing."""
    new = {"stochastic": True, "seeds": 1, "noise": Noise(0.03, 99, 1)}
    assert verdict(changed(-0.012, **new), "f1@10:-1pp") == "inconclusive"
    assert verdict(changed(-0.012, **new, noise_is_new=True), "f1@10:-1pp") == "regressed"
    assert verdict(changed(-0.008, **new, noise_is_new=True), "f1@10:-1pp") == "inconclusive"


def test_why_a_cost_is_not_decided() -> None:
    def why(change: MethodChange, text: str) -> str:
        threshold = parse_threshold(text)
        return decide(change, {threshold.name: threshold})[0].why

    assert why(cost("fit_s", 1, 2), "predict_s:+10%") == "neither run has it"
    assert why(cost("fit_s", 0, 2), "fit_s:+10%") == "it was 0 before"
    assert "+2" in why(cost("fit_s", 0, 2), "fit_s:+1s")


def cost(
    name: str, before: float | None, after: float | None, *, judged: bool = True, documents: int = 0
) -> MethodChange:
    ratio = after / before if before and after else None
    found = CostChange(name, before, after, ratio, judged, "" if judged else "measured on another machine")
    return MethodChange("keyphrases", "m", "compared", costs=(found,), documents=documents)


@pytest.mark.parametrize(
    ("change", "threshold", "expected"),
    [
        (cost("documents_per_s", 100, 91), "documents_per_s:-10%", "pass"),
        # Two single measurements of the same code lie up to twice apart.
        (cost("documents_per_s", 100, 89), "documents_per_s:-10%", "inconclusive"),
        (cost("documents_per_s", 100, 51), "documents_per_s:-10%", "inconclusive"),
        (cost("documents_per_s", 100, 49), "documents_per_s:-10%", "regressed"),
        (cost("documents_per_s", 100, 49), "documents_per_s:-60%", "pass"),
        (cost("predict_s", 1, 1.9), "predict_s:+10%", "inconclusive"),
        (cost("predict_s", 1, 2.1), "predict_s:+10%", "regressed"),
        (cost("documents_per_s", 100, 300), "documents_per_s:-10%", "pass"),
        (cost("documents_per_s", 100, 1, judged=False), "documents_per_s:-10%", "reported"),
        (cost("documents_per_s", 100, None), "documents_per_s:-10%", "inconclusive"),
        # What neither run has no run can have: --strict must be possible to pass.
        (cost("fit_s", 1, 2), "documents_per_s:-10%", "reported"),
        (cost("fit_s", 0, 2), "fit_s:+10%", "inconclusive"),
        (cost("fit_s", 0, 2), "fit_s:+3s", "pass"),
        (cost("fit_s", 0, 4), "fit_s:+3s", "regressed"),
        (cost("fit_s", 0, 0.09), "fit_s:+0.01s", "inconclusive"),
        (cost("fit_s", 0, 4, judged=False), "fit_s:+3s", "reported"),
        (cost("peak_vram_allocated_bytes", 0, 100), "peak_vram_allocated_bytes:+50B", "regressed"),
        # So little time is as likely the machine's doing.
        (cost("predict_s", 0.01, 0.09), "predict_s:+10%", "inconclusive"),
        (cost("predict_s", 0.01, 0.11), "predict_s:+10%", "regressed"),
        (cost("documents_per_s", 20_000, 2_000, documents=100), "documents_per_s:-10%", "inconclusive"),
        (cost("documents_per_s", 20_000, 900, documents=100), "documents_per_s:-10%", "regressed"),
        (cost("peak_memory_bytes", 100, 130), "peak_memory_bytes:+29%", "regressed"),
        (cost("peak_memory_bytes", 100, 130), "peak_memory_bytes:+31%", "pass"),
        (cost("peak_memory_bytes", 100, 130), "peak_memory_bytes:+20B", "regressed"),
    ],
)
def test_costs_decide_where_they_may(change: MethodChange, threshold: str, expected: str) -> None:
    assert verdict(change, threshold) == expected
