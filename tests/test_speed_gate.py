"""Two revisions in turn: the decision on series whose truth is known, and real runs of a small repository."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bench_process import Bench
from gate_methods import write_methods
from git_repository import git, methods_repository

from readbench.gate.speed_gate import SpeedVerdict, judge_series
from readbench.gate.speed_rounds import ORDERS, Series, SpeedQuestion
from readbench.gate.thresholds import parse_threshold


def series(ratio: float, noise: float, *, rounds: int = 6, seed: int = 1, cost: str = "predict_s") -> Series:
    generator = np.random.default_rng(seed)
    drift = np.linspace(0, 0.1, rounds)
    times = [np.exp(drift + generator.normal(0, noise, rounds)) for _ in range(3)]
    times[1] = times[1] * ratio
    if cost == "documents_per_s_marginal":
        times = [1 / taken for taken in times]
    return Series("keyphrases", "m", cost, *times)


def judged(found: Series, threshold: str = "predict_s:+10%") -> SpeedVerdict:
    return judge_series(found, parse_threshold(threshold))


def test_slower_code_is_found_and_equal_code_is_not() -> None:
    slow = judged(series(1.5, 0.03))
    assert slow.verdict == "regressed"
    assert 1.4 < slow.ratio.estimate < 1.6
    assert judged(series(1.0, 0.03)).verdict == "pass"
    assert judged(series(0.5, 0.03)).verdict == "pass"


def test_a_rate_is_the_same_the_other_way_round() -> None:
    slow = judged(series(1.5, 0.03, cost="documents_per_s_marginal"), "documents_per_s_marginal:-10%")
    assert slow.verdict == "regressed"
    assert 1.4 < slow.ratio.estimate < 1.6
    assert slow.tolerance == pytest.approx(1 / 0.9)


def test_all_three_conditions_are_needed() -> None:
    """Significant, beyond the tolerance and outside the band of the control: each alone is not enough."""
    within_tolerance = judged(series(1.08, 0.001))
    assert within_tolerance.ratio.low > 1
    assert within_tolerance.verdict == "pass"
    # Twice as slow in five rounds of six: beyond the tolerance, and not significant.
    one_quick = series(2.0, 0.001)
    one_quick.head[2] /= 3
    assert judged(one_quick).verdict == "inconclusive"
    # The control differs as much from its own code as the head does.
    restless = series(1.3, 0.001)
    restless.control[:] *= np.array([1.5, 1, 1.5, 1, 1.5, 1])
    found = judged(restless)
    assert found.ratio.low > 1
    assert found.band > found.ratio.estimate
    assert found.verdict == "inconclusive"
    assert found.detectable > found.band


def test_a_pass_rules_out_a_slowdown() -> None:
    """1.3 times as slow passes rarely, however noisy the machine; equal code on a fair one passes."""
    slow = [judged(series(1.3, 0.15, rounds=6, seed=seed)).verdict for seed in range(300)]
    assert slow.count("pass") <= 9
    # An estimate within the tolerance is no proof.
    lucky = judged(series(1.0, 0.4, seed=4))
    assert lucky.ratio.estimate <= lucky.tolerance
    assert lucky.verdict == "inconclusive"
    equal = [judged(series(1.0, 0.02, seed=seed)).verdict for seed in range(100)]
    assert equal.count("pass") >= 98
    assert "regressed" not in equal


@pytest.mark.parametrize(("ticks", "verdict"), [(1, "inconclusive"), (3, "inconclusive"), (40, "pass")])
def test_what_a_coarse_clock_cannot_tell_does_not_pass(ticks: int, verdict: str) -> None:
    """All times are a whole number of ticks. One that took 1.3 times as long would have as many."""
    generator = np.random.default_rng(3)
    more = [(generator.random(12) < 0.1).astype(np.float64) for _ in range(3)]
    base, head, control = (np.add(0.01 * ticks, 0.01 * one) for one in more)
    found = judged(Series("keyphrases", "m", "predict_s", base, head, control))
    assert found.verdict == verdict
    assert found.tick > 1
    # Bytes are counted in pages: there equal values are no sign of anything.
    sizes = Series("keyphrases", "m", "peak_memory_bytes", *(np.full(6, 4096.0) for _ in range(3)))
    assert judged(sizes, "peak_memory_bytes:+10%").verdict == "pass"


def test_every_order_comes_once() -> None:
    assert len(set(ORDERS)) == 6
    for place in range(3):
        assert sorted(order[place] for order in ORDERS) == sorted(["base", "head", "control"] * 2)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return methods_repository(tmp_path / "repo")


def test_fewer_than_six_rounds_are_refused(repo: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo)
    done = bench("gate", "--speed", "--against", "HEAD", "--suite", "suite.toml", "--rounds", 5)
    assert done.returncode == 2
    assert "--rounds 6" in done.stderr
    done = bench(
        "gate", "--speed", "--against", "HEAD", "--suite", "suite.toml", "--rounds", 7, "--most-rounds", 6
    )
    assert done.returncode == 2
    assert "--most-rounds 7" in done.stderr


@pytest.mark.parametrize(
    ("rounds", "most", "looks"), [(6, 18, (6, 12, 18)), (6, 6, (6,)), (8, 18, (8, 14)), (20, 20, (20,))]
)
def test_where_it_is_decided(rounds: int, most: int, looks: tuple[int, ...]) -> None:
    assert SpeedQuestion(Path("suite.toml"), rounds=rounds, most_rounds=most).looks == looks


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("slower", "lost", "status"), [(1.0, 0.0, 0), (1.6, 0.0, 1), (1.0, 0.5, 1)])
def test_a_repository_gates_its_own_methods(
    repo: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch, slower: float, lost: float, status: int
) -> None:
    """Equal code passes; code that takes 1.6 times as long, or that leaves documents unanswered, fails."""
    monkeypatch.chdir(repo)
    write_methods(repo / "methods.py", slower=slower, lost=lost)
    done = bench(
        "gate",
        "--speed",
        "--against",
        "HEAD",
        "--suite",
        "suite.toml",
        "--include-path",
        "methods.py",
        "--fail-on",
        "predict_s:+20%",
        "--fail-on",
        "f1@10:-1pp",
        "--limit",
        60,
        "--format",
        "json",
        timeout=3500,
    )
    assert done.returncode == status, done.stdout + done.stderr
    found = {d["what"]: d["verdict"] for d in json.loads(done.stdout)["decisions"]}
    assert found["predict_s"] == ("regressed" if slower > 1 else "pass")
    assert found["f1@10"] == ("regressed" if lost else "pass")
    assert "round 6 of" in done.stderr
    assert len(git(repo, "worktree", "list").splitlines()) == 1
