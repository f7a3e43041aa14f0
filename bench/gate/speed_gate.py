"""Decides whether the present code is slower than another revision. Both run in turn in one job, with the
old code a second time as the control: it shows how much two runs of the same code differ here and now."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from readbench.compare.paired import Side
from readbench.compare.runs import MethodChange, RunComparison
from readbench.core.errors import BenchError
from readbench.gate.bounds import Bound
from readbench.gate.checkouts import checkouts, repository
from readbench.gate.speed_rounds import BASE, CONTROL, HEAD, LEAST_ROUNDS, Rounds, Series, SpeedQuestion
from readbench.gate.thresholds import Threshold, Thresholds, parse_threshold
from readbench.gate.verdicts import Decision, Verdict, Verdicts, check_thresholds, default_thresholds, judge
from readbench.results.cost_table import COST_TABLE, Cost
from readbench.stats.power import Conclusion, Floats, Location, signed_rank_location

BAND_LEVEL = 0.80
"""The level of the control's interval; the band reaches to its farther end. With the two other conditions
false alarms stay below 2 %, on a quiet machine and on one at a load of 8 to 13. On the busy one eighteen
rounds miss one slowdown of 1.5 in twenty by throughput; at a level of 95 % they would miss one in seven
(1,000 pairs each, of the two series in docs/ci/operating-characteristics.md)."""
DEFAULT = "documents_per_s_marginal:-10%"
"""The threshold of a method that has none on a speed."""
BEYOND = math.log(1.1)
"""A pass rules out, at 97.5 %, that the code is more than a tenth slower than the tolerance allows. An
estimate below the tolerance alone passed a slowdown of 1.3 in up to one pair in ten on a noisy machine."""
BROKEN = frozenset({"failed", "timeout", "out_of_memory"})
"""The statuses of a method that broke. One that was skipped or lacks a library did not break."""


@dataclass(frozen=True)
class SpeedVerdict:
    """``ratio``: how many times as slow (or as large) the present code is, with its interval; ``control``:
    the same of the old code against itself; ``band``: the largest ratio that the control allows for;
    ``tick``: the smallest ratio that the clock can tell, 1 where it is fine enough."""

    ratio: Location
    control: Location
    band: float
    tolerance: float
    detectable: float
    verdict: Conclusion
    tick: float = 1.0


def judge_series(series: Series, threshold: Threshold) -> SpeedVerdict:
    """Decides on one cost. It is a regression only if the interval of the ratio excludes 1, the ratio
    exceeds the tolerance, and it lies outside the band of the control. It passes only if the estimate is
    within the tolerance and the interval, widened by what the clock cannot tell, excludes ``BEYOND`` more.
    All else is inconclusive.

    Ratios are compared as logarithms, paired by round, without asking how times are distributed.
    """
    sign = -1.0 if COST_TABLE[series.cost].higher_is_better else 1.0
    base, head, control = (sign * np.log(values) for values in (series.base, series.head, series.control))
    slowdown = signed_rank_location(head - (base + control) / 2)
    of_same_code = signed_rank_location(control - base, BAND_LEVEL)
    tolerance = _log_tolerance(threshold, series)
    band = max(abs(of_same_code.low), abs(of_same_code.high))
    tick = _tick(np.concatenate([base, head, control])) if COST_TABLE[series.cost].is_speed else 0.0
    if slowdown.low > 0 and slowdown.estimate > tolerance and slowdown.estimate > band:
        verdict: Conclusion = "regressed"
    else:
        ruled_out = slowdown.high + tick <= tolerance + BEYOND
        verdict = "pass" if slowdown.estimate <= tolerance and ruled_out else "inconclusive"
    reach = (slowdown.high - slowdown.low) / 2
    return SpeedVerdict(
        _exp(slowdown),
        _exp(of_same_code),
        math.exp(band),
        math.exp(tolerance),
        math.exp(max(band, tolerance) + reach),
        verdict,
        math.exp(min(tick, 700.0)),
    )


def _tick(logarithms: Floats) -> float:
    """The smallest difference between times (their logarithms) where the clock is so coarse that most of them
    are equal; infinite where all are, and 0 where the clock is fine enough."""
    different = np.unique(np.round(logarithms, 9))
    if 2 * len(different) > len(logarithms):
        return 0.0
    return float(np.diff(different).min()) if len(different) > 1 else math.inf


def _log_tolerance(threshold: Threshold, series: Series) -> float:
    """The tolerance as a logarithm of a slowdown: -10 % of a rate is 1/0.9 times the time."""
    typical = float(np.median(series.base))
    share = threshold.tolerated(typical) / typical if typical else 0.0
    if COST_TABLE[series.cost].higher_is_better:
        return -math.log1p(-min(share, 0.999))
    return math.log1p(share)


def _exp(location: Location) -> Location:
    return Location(
        *(math.exp(min(value, 700.0)) for value in (location.estimate, location.low, location.high))
    )


@dataclass
class SpeedGate:
    """Measures both sides in turn. ``say`` is called with a line on what runs."""

    question: SpeedQuestion
    thresholds: Callable[[Side], Thresholds]
    say: Callable[[str], None] = field(default=lambda line: None)  # noqa: ARG005
    strict: bool = False

    def against(self, reference: str, folder: Path | None = None) -> Verdicts:
        """Judges the code that ``folder`` (by default the present one) belongs to against a git reference:
        its speed by the rounds, and its answers, which the rounds leave anyway.

        Raises BenchError: exit status 2 for a reference that git does not know, 3 where a side cannot run.
        """
        question = self.question
        if question.rounds < LEAST_ROUNDS:
            raise BenchError(
                f"{question.rounds} rounds prove nothing", todo=f"use --rounds {LEAST_ROUNDS} or more"
            )
        if question.most_rounds < question.rounds:
            raise BenchError(
                f"{question.rounds} rounds are more than {question.most_rounds}",
                todo=f"use --most-rounds {question.rounds} or more",
            )
        folder = (folder or Path.cwd()).resolve()
        top = repository(folder)
        with (
            tempfile.TemporaryDirectory(prefix="bench-gate-") as scratch,
            checkouts(top, reference, Path(scratch), folder) as (base, head),
        ):
            code = {BASE: base, HEAD: head, CONTROL: base}
            runner = Rounds(question, top, folder, Path(scratch), code)
            self.say(f"once without a clock: {base.label}, then {head.label}")
            before, after = runner.run(BASE), runner.run(HEAD)
            thresholds = self.thresholds(before)
            check_thresholds(before, after, thresholds)
            verdicts = judge(before, after, of_answers(thresholds, before), strict=self.strict)
            if verdicts.comparison.incomparable:
                return verdicts
            for rounds in question.looks:
                series = runner.until(rounds, self.say)
                decisions = [
                    _decision(measured_series, threshold)
                    for measured_series in series
                    if (threshold := guarded(thresholds, measured_series.method).get(measured_series.cost))
                    is not None
                ]
                if all(decision.verdict != "inconclusive" for decision in decisions):
                    break
            decisions += unmeasured(verdicts.comparison.methods, series, runner, thresholds)
            measured = f"speed: {rounds} rounds of {base.label} and {head.label}"
            return Verdicts(
                _on_one_machine(verdicts.comparison),
                (*verdicts.decisions, *decisions),
                self.strict,
                (*verdicts.remarks, measured),
            )


def _on_one_machine(comparison: RunComparison) -> RunComparison:
    """The comparison without a difference of machines: both sides ran here, though another revision may
    identify this machine in another way."""
    kept = tuple(difference for difference in comparison.differences if difference.of != "machine")
    return replace(comparison, differences=kept)


def guarded(thresholds: Thresholds, method: str) -> dict[str, Threshold]:
    """The thresholds of a method's costs. Where none of them guards a speed, the default one does: a
    threshold of memory does not say that the method may become slower."""
    of_costs = {name: threshold for name, threshold in thresholds.of(method).items() if threshold.is_cost}
    if not any(COST_TABLE[name].is_speed for name in of_costs):
        default = parse_threshold(DEFAULT)
        of_costs[default.name] = default
    return of_costs


def of_answers(thresholds: Thresholds, before: Side) -> Thresholds:
    """What the answers of the last round are judged by: thresholds of metrics, and every bound. How costs
    changed is judged by the rounds."""
    layers = tuple(
        (held_for, tuple(guard for guard in layer if isinstance(guard, Bound) or not guard.is_cost))
        for held_for, layer in thresholds.layers
    )
    if not any(not guard.is_cost for _, layer in layers for guard in layer):
        default = tuple(parse_threshold(text) for text in default_thresholds(before))
        layers = ((None, default), *layers)
    return Thresholds(tuple(item for item in layers if item[1]))


def unmeasured(
    methods: Iterable[MethodChange], series: Sequence[Series], rounds: Rounds, thresholds: Thresholds
) -> list[Decision]:
    """A decision for each guarded cost that was not measured in every round, of the methods that ran on both
    sides."""
    measured = {
        (measured_series.task, measured_series.method, measured_series.cost) for measured_series in series
    }
    decisions = []
    for method in methods:
        if method.state not in ("compared", "identical"):
            continue
        if lost := rounds.lost.get((method.task, method.method)):
            decisions.append(_broken(method, lost, rounds.done))
            continue
        for cost, threshold in guarded(thresholds, method.method).items():
            if (method.task, method.method, cost) not in measured:
                taken = rounds.taken.get((method.task, method.method, cost), {})
                decisions.append(_unseen(method, threshold, taken, rounds.done))
    return decisions


def _broken(method: MethodChange, lost: Mapping[str, Mapping[int, str]], rounds: int) -> Decision:
    """A regression if the head alone broke in more rounds than the base did: a method that breaks now and
    then on both sides did not get worse."""
    of_base = {number for who in (BASE, CONTROL) for number in lost.get(who, ())}
    alone = {number for number, how in lost.get(HEAD, {}).items() if how in BROKEN and number not in of_base}
    endings = ", ".join(
        f"{who} in {len(how)} ({', '.join(sorted(set(how.values())))})"
        for who in (BASE, CONTROL, HEAD)
        if (how := lost.get(who))
    )
    if len(alone) > len(of_base):
        why = f"it broke in {len(alone)} of {rounds} rounds in which the base did not: {endings}"
        return Decision(method.task, method.method, "", "regressed", why)
    why = f"its speed was not measured: of {rounds} rounds it did not end ok for the {endings}"
    return Decision(method.task, method.method, "", "inconclusive", why)


def _unseen(
    method: MethodChange, threshold: Threshold, taken: Mapping[str, Sequence[float]], rounds: int
) -> Decision:
    def decided(verdict: Verdict, why: str) -> Decision:
        return Decision(method.task, method.method, threshold.name, verdict, why, threshold=threshold.text)

    if not any(taken.values()):
        return decided("reported", "neither side spends any, or can measure it")
    counts = ", ".join(f"{who} in {len(taken.get(who, ()))}" for who in (BASE, CONTROL, HEAD))
    return decided("inconclusive", f"it was not measured in each of {rounds} rounds: {counts}")


def _worse(cost: Cost) -> str:
    """What a ratio above 1 says of a cost."""
    if cost.is_speed:
        return "as slow"
    return "as low" if cost.higher_is_better else "as large"


def _decision(series: Series, threshold: Threshold) -> Decision:
    judged = judge_series(series, threshold)
    words = _worse(COST_TABLE[series.cost])
    why = (
        f"×{judged.ratio.estimate:.2f} {words} [{judged.ratio.low:.2f} {judged.ratio.high:.2f}] in "
        f"{len(series.base)} rounds; the same code: up to ×{judged.band:.2f}"
    )
    if judged.verdict == "inconclusive":
        why += f"; ×{judged.detectable:.2f} could be detected, less with more --rounds"
        if judged.tick > 1:
            why += "; the clock is too coarse, give it more documents"
    before = math.exp(float(np.mean(np.log(np.concatenate([series.base, series.control])))))
    after = math.exp(float(np.mean(np.log(series.head))))
    return Decision(
        series.task,
        series.method,
        series.cost,
        judged.verdict,
        why,
        before,
        after,
        threshold.text,
        threshold.tolerated(before),
        judged.ratio.low,
        judged.ratio.high,
        judged.detectable,
        relative=True,
    )
