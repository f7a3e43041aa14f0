"""Is the present code slower than that of another revision? Both run in turn in one job, beside a second
copy of the old code that says how far two runs of the same code lie apart here and now."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from readbench.checkouts import Checkout, checkouts, moved, repository
from readbench.errors import BenchError
from readbench.gate import Decision, Verdicts, check_thresholds, default_thresholds, judge
from readbench.paired import Side, open_side
from readbench.power import Location, signed_rank_location
from readbench.record import Costs
from readbench.thresholds import RATES, Threshold, Thresholds, parse_threshold

Floats = NDArray[np.float64]

BASE, HEAD, CONTROL = "base", "head", "control"
ORDERS = (
    (BASE, HEAD, CONTROL), (CONTROL, HEAD, BASE), (HEAD, BASE, CONTROL),
    (CONTROL, BASE, HEAD), (BASE, CONTROL, HEAD), (HEAD, CONTROL, BASE),
)  # fmt: skip
"""Every order once in six rounds: none of the three is favoured by coming first, or by a machine that gets
slower as it gets warmer."""

LEAST_ROUNDS = len(ORDERS)
MOST_ROUNDS = 3 * LEAST_ROUNDS
"""So many where a verdict is inconclusive until then: with six alone a machine that is disturbed now and then
leaves every fourth slowdown of 1.5 undecided, with up to eighteen one in a thousand (docs/ci.md)."""
BAND_LEVEL = 0.80
"""Of the interval of the control whose farther end is the band. With the two other conditions false alarms
stay below 1 % in noise of every kind that was tried; at 95 % six rounds would miss what is 1.5 times as slow
every fifth time on a busy machine (docs/ci.md)."""
DEFAULT = "documents_per_s_marginal:-10%"
"""What is judged, and tolerated, where no threshold of a cost is given."""


@dataclass(frozen=True)
class SpeedQuestion:
    """What is run on both sides. Paths are as given; those inside the repository are taken from each side."""

    suite: Path
    dataset: str | None = None
    methods: tuple[str, ...] = ()
    limit: int | None = None
    seed: int | None = None
    include_paths: tuple[Path, ...] = ()
    timeout: str | None = None
    memory: str | None = None
    rounds: int = LEAST_ROUNDS
    most_rounds: int = MOST_ROUNDS

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many rounds it is decided: after the first of them, and wherever something is still
        inconclusive after six more, up to the most."""
        return tuple(range(self.rounds, self.most_rounds + 1, len(ORDERS)))


@dataclass(frozen=True)
class Series:
    """One cost of one method over the rounds: what each of the three took (rounds,), in its own unit."""

    task: str
    method: str
    cost: str
    base: Floats
    head: Floats
    control: Floats


@dataclass(frozen=True)
class SpeedVerdict:
    """``ratio``: how many times as slow (or as large) the present code is, with its interval; ``control``:
    the same of the old code against itself; ``band``: the largest ratio that the control allows for."""

    ratio: Location
    control: Location
    band: float
    tolerance: float
    detectable: float
    verdict: str


def judge_series(series: Series, threshold: Threshold) -> SpeedVerdict:
    """Decides on one cost. It is a regression only if the interval of the ratio excludes 1, the ratio
    exceeds the tolerance, and it lies outside the band of the control; beyond the tolerance without the
    others it is inconclusive.

    Ratios are compared as logarithms, paired by round, without asking how times are distributed.
    """
    sign = -1.0 if series.cost in RATES else 1.0
    base, head, control = (sign * np.log(values) for values in (series.base, series.head, series.control))
    found = signed_rank_location(head - (base + control) / 2)
    same = signed_rank_location(control - base, BAND_LEVEL)
    tolerance = _log_tolerance(threshold, series)
    band = max(abs(same.low), abs(same.high))
    if found.low > 0 and found.estimate > tolerance and found.estimate > band:
        verdict = "regressed"
    else:
        verdict = "inconclusive" if found.estimate > tolerance else "pass"
    reach = (found.high - found.low) / 2
    return SpeedVerdict(
        _exp(found), _exp(same), math.exp(band), math.exp(tolerance),
        math.exp(max(band, tolerance) + reach), verdict,
    )  # fmt: skip


def _log_tolerance(threshold: Threshold, series: Series) -> float:
    """The tolerance as a logarithm of a slowdown: -10 % of a rate is 1/0.9 times the time."""
    typical = float(np.median(series.base))
    share = threshold.tolerated(typical) / typical if typical else 0.0
    if series.cost in RATES:
        return -math.log1p(-min(share, 0.999))
    return math.log1p(share)


def _exp(location: Location) -> Location:
    return Location(
        *(math.exp(min(value, 700.0)) for value in (location.estimate, location.low, location.high))
    )


@dataclass
class SpeedGate:
    """Measures both sides in turn. ``say`` hears what is going on."""

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
            checkouts(top, reference, Path(scratch)) as (base, head),
        ):
            runner = _Rounds(question, top, folder, Path(scratch), {BASE: base, HEAD: head, CONTROL: base})
            self.say(f"once without a clock: {base.label}, then {head.label}")
            before, after = runner.run(BASE), runner.run(HEAD)
            thresholds = self.thresholds(before)
            check_thresholds(before, after, thresholds)
            verdicts = judge(before, after, _of_answers(thresholds, before), strict=self.strict)
            if verdicts.comparison.incomparable:
                return verdicts
            for rounds in question.looks:
                series = runner.until(rounds, _costs(thresholds), self.say)
                decisions = [
                    _decision(of_one, threshold)
                    for of_one in series
                    if (threshold := _threshold(thresholds, of_one)) is not None
                ]
                if all(decision.verdict != "inconclusive" for decision in decisions):
                    break
            decisions += _unmeasured(verdicts, series)
            told = f"speed: {rounds} rounds of {base.label} and {head.label}"
            notes = (*verdicts.notes, told)
            return Verdicts(
                verdicts.comparison, (*verdicts.decisions, *decisions), self.strict,
                tuple(note for note in notes if "another machine" not in note),
            )  # fmt: skip


@dataclass
class _Rounds:
    question: SpeedQuestion
    top: Path
    folder: Path
    scratch: Path
    code: Mapping[str, Checkout]
    done: int = 0
    taken: dict[tuple[str, str, str], dict[str, list[float]]] = field(default_factory=dict)
    """By task, method and cost what each of the three took in the rounds until now."""

    def run(self, who: str) -> Side:
        """One run of the suite with one side's code, everything measured anew."""
        results = self.scratch / who
        done = self.code[who].bench(self._arguments(who, results), self.folder)
        if done.returncode not in (0, 1):
            told = (done.stderr.strip() or done.stdout.strip() or "nothing was said").splitlines()[-1]
            raise BenchError(
                f"the run did not take place: {told}", where=self.code[who].label, exit_status=3,
                todo="name methods that both sides have with --method",
            )  # fmt: skip
        return open_side(done.stdout.strip().splitlines()[-1], results)

    def _arguments(self, who: str, results: Path) -> list[str]:
        question = self.question
        arguments = ["run", str(question.suite), "--fresh", "--output-path", str(results)]
        for flag, value in (
            ("--dataset", question.dataset), ("--limit", question.limit), ("--seed", question.seed),
            ("--timeout", question.timeout), ("--memory", question.memory),
        ):  # fmt: skip
            arguments += [] if value is None else [flag, str(value)]
        for method in question.methods:
            arguments += ["--method", method]
        for path in question.include_paths:
            arguments += ["--include-path", str(moved(path, self.top, self.code[who]))]
        return arguments

    def until(self, rounds: int, costs: Sequence[str], say: Callable[[str], None]) -> list[Series]:
        """Goes on until so many rounds are done; every cost of every method that both sides measured in
        each of them."""
        for number in range(self.done, rounds):
            order = ORDERS[number % len(ORDERS)]
            say(f"round {number + 1} of {rounds}: {', '.join(order)}")
            for who in order:
                self._note(who, costs)
        self.done = rounds
        return [
            Series(*key, *(np.array(of_one[who]) for who in (BASE, HEAD, CONTROL)))
            for key, of_one in self.taken.items()
            if all(len(of_one.get(who, ())) == rounds for who in (BASE, HEAD, CONTROL))
        ]

    def _note(self, who: str, costs: Sequence[str]) -> None:
        for table in self.run(who).board.tables:
            for row in table.rows:
                for cost in costs:
                    value = getattr(row.costs, cost)
                    if row.status == "ok" and value:
                        of_one = self.taken.setdefault((row.task, row.method, cost), {})
                        of_one.setdefault(who, []).append(float(value))


def _costs(thresholds: Thresholds) -> list[str]:
    named = [name for name in Costs.model_fields if name in thresholds.names]
    return named or [parse_threshold(DEFAULT).name]


def _threshold(thresholds: Thresholds, series: Series) -> Threshold | None:
    found = thresholds.of(series.method).get(series.cost)
    if found is None and not any(name in Costs.model_fields for name in thresholds.names):
        return parse_threshold(DEFAULT)
    return found


def _of_answers(thresholds: Thresholds, before: Side) -> Thresholds:
    """The thresholds of metrics; costs are judged by the rounds."""
    layers = tuple(
        (held_for, tuple(threshold for threshold in layer if not threshold.is_cost))
        for held_for, layer in thresholds.layers
    )
    if any(layer for _, layer in layers):
        return Thresholds(tuple(item for item in layers if item[1]))
    return Thresholds(((None, tuple(parse_threshold(text) for text in default_thresholds(before))),))


def _unmeasured(verdicts: Verdicts, series: Sequence[Series]) -> list[Decision]:
    """Methods that both sides have and that did not end ok in every round: never passed over in silence."""
    measured = {(of_one.task, of_one.method) for of_one in series}
    why = "its speed was not measured in every round"
    return [
        Decision(method.task, method.method, "", "inconclusive", why)
        for method in verdicts.comparison.methods
        if method.state in ("compared", "identical") and (method.task, method.method) not in measured
    ]


def _decision(series: Series, threshold: Threshold) -> Decision:
    found = judge_series(series, threshold)
    words = "as large" if series.cost.endswith("_bytes") else "as slow"
    why = (
        f"×{found.ratio.estimate:.2f} {words} [{found.ratio.low:.2f} {found.ratio.high:.2f}] in "
        f"{len(series.base)} rounds; the same code: up to ×{found.band:.2f}"
    )
    if found.verdict == "inconclusive":
        why += f"; ×{found.detectable:.2f} could be detected, less with more --rounds"
    before = math.exp(float(np.mean(np.log(np.concatenate([series.base, series.control])))))
    after = math.exp(float(np.mean(np.log(series.head))))
    verdict: Any = found.verdict
    return Decision(
        series.task, series.method, series.cost, verdict, why, before, after, threshold.text,
        threshold.tolerated(before), found.ratio.low, found.ratio.high, found.detectable, relative=True,
    )  # fmt: skip
