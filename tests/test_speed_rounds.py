"""What was not measured in the rounds: said of every method and every cost, and a regression where the
present code alone breaks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gate_runs import GateRuns

from readbench.compare.runs import MethodChange
from readbench.core.errors import BenchError
from readbench.gate.checkouts import Checkout
from readbench.gate.speed_gate import guarded, of_answers, unmeasured
from readbench.gate.speed_rounds import BASE, CONTROL, HEAD, Rounds, SpeedQuestion
from readbench.gate.thresholds import Thresholds, parse_guards, parse_threshold
from readbench.gate.verdicts import Decision
from readbench.results.record import Costs

METHOD = MethodChange("keyphrases", "m", "compared")
FULL = Costs(documents_per_s_marginal=10.0, predict_s=1.0, peak_memory_bytes=100)


class Played(Rounds):
    """Rounds in which each of the three ends as it is told, in turn."""

    def __init__(self, **played: Sequence[str | Costs]) -> None:
        super().__init__(SpeedQuestion(Path("suite.toml")), Path(), Path(), Path(), {})
        self.played = {who: list(played.get(who, [FULL] * 6)) for who in (BASE, HEAD, CONTROL)}

    def run(self, who: str) -> Any:
        how = self.played[who].pop(0)
        status, costs = ("ok", how) if isinstance(how, Costs) else (how, Costs())
        row = SimpleNamespace(task="keyphrases", method="m", status=status, costs=costs)
        return SimpleNamespace(board=SimpleNamespace(tables=[SimpleNamespace(rows=[row])]))


def thresholds(*texts: str) -> Thresholds:
    return Thresholds(((None, tuple(map(parse_threshold, texts))),))


def told(rounds: Rounds, *texts: str) -> list[Decision]:
    series = rounds.until(6, lambda line: None)  # noqa: ARG005
    return unmeasured([METHOD], series, rounds, thresholds(*texts))


def broken(*numbers: int, how: str = "timeout") -> list[str | Costs]:
    return [how if number in numbers else FULL for number in range(6)]


def test_each_cost_with_a_threshold_is_accounted_for() -> None:
    without = [Costs(documents_per_s_marginal=10.0, predict_s=1.0)] * 6
    guards = ("predict_s:+10%", "peak_memory_bytes:+10%", "fit_s:+10%")
    found = {decision.what: decision for decision in told(Played(head=without), *guards)}
    assert found.keys() == {"peak_memory_bytes", "fit_s"}
    memory = found["peak_memory_bytes"]
    assert memory.verdict == "inconclusive"
    assert memory.threshold == "peak_memory_bytes:+10%"
    assert "head in 0" in memory.why
    # What neither side has cannot have got worse.
    assert found["fit_s"].verdict == "reported"
    assert not told(Played(), *guards[:2])


@pytest.mark.parametrize(
    ("played", "verdict"),
    [
        ({"head": broken(0, 3)}, "regressed"),
        ({"head": broken(5, how="failed")}, "regressed"),
        ({"head": broken(*range(6)), "base": broken(2)}, "regressed"),
        ({"head": broken(2), "base": broken(2)}, "inconclusive"),
        ({"head": broken(2), "control": broken(2)}, "inconclusive"),
        ({"head": broken(2), "base": broken(4)}, "inconclusive"),
        ({"base": broken(1)}, "inconclusive"),
        ({"head": broken(1, how="skipped")}, "inconclusive"),
    ],
)
def test_what_breaks_in_the_head_alone_is_a_regression(played: dict[str, Any], verdict: str) -> None:
    (decision,) = told(Played(**played), "predict_s:+10%")
    assert (decision.verdict, decision.what) == (verdict, "")


def test_it_says_in_how_many_rounds_and_how() -> None:
    (decision,) = told(Played(head=broken(0, 3)))
    assert "in 2 of 6 rounds" in decision.why
    assert "timeout" in decision.why
    (decision,) = told(Played(head=broken(2), base=broken(2, how="failed")))
    assert "base in 1 (failed), head in 1 (timeout)" in decision.why


def test_the_default_speed_holds_until_a_speed_is_named() -> None:
    speed = "documents_per_s_marginal"
    assert guarded(thresholds("f1@10:-1pp"), "m").keys() == {speed}
    assert guarded(thresholds("peak_memory_bytes:+10%"), "m").keys() == {speed, "peak_memory_bytes"}
    assert guarded(thresholds("predict_s:+50%"), "m").keys() == {"predict_s"}
    layers = Thresholds((("slow", (parse_threshold("documents_per_s_marginal:-50%"),)),))
    assert guarded(layers, "slow")[speed].amount == 0.5
    assert guarded(layers, "other")[speed].amount == 0.1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([], {"f1@10:-1pp"}),
        (["predict_s:+10%"], {"f1@10:-1pp"}),
        (["fit_s:<2m", "predict_s:+10%"], {"f1@10:-1pp", "fit_s:<2m"}),
        (["f1@5:-2pp", "fit_s:<2m", "fit_s:+10%"], {"f1@5:-2pp", "fit_s:<2m"}),
        (["f1@10:>=0.1"], {"f1@10:>=0.1"}),
    ],
)
def test_answers_are_judged_by_metrics_and_by_every_bound(
    gate_runs: GateRuns, given: list[str], kept: set[str]
) -> None:
    asked = Thresholds(((None, parse_guards(given, "--fail-on")),))
    held = of_answers(asked, gate_runs.side("before"))
    assert {guard.text for _, layer in held.layers for guard in layer} == kept


@pytest.mark.parametrize(
    ("status", "out", "err", "line"),
    [
        (1, "", "Traceback\n  File x\nModuleNotFoundError: No module named 'x'\n", "No module named 'x'"),
        (1, "reading papers-demo\n", "", "reading papers-demo"),
        (2, "", "bench: no method is called 'm'\n", "no method is called"),
        (-9, "", "", "nothing was said"),
    ],
)
def test_a_side_that_left_no_run_is_one_line(
    monkeypatch: pytest.MonkeyPatch, status: int, out: str, err: str, line: str
) -> None:
    def ended(self: Checkout, arguments: object, folder: object) -> Any:  # noqa: ARG001
        return subprocess.CompletedProcess([], status, out, err)

    monkeypatch.setattr(Checkout, "bench", ended)
    base = Checkout("main (abc)", Path(), ())
    rounds = Rounds(SpeedQuestion(Path("suite.toml")), Path(), Path(), Path(), {BASE: base})
    with pytest.raises(BenchError, match=line) as caught:
        rounds.run(BASE)
    assert caught.value.exit_status == 3
    assert "main (abc)" in str(caught.value)
