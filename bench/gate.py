"""The gate: thresholds applied to a comparison, the decision on each, and the exit status that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from readbench.board import Row
from readbench.compare import MethodChange, MetricChange, Questions, RunComparison, compare_runs
from readbench.costs import CostChange
from readbench.errors import BenchError
from readbench.paired import Side
from readbench.power import non_inferior
from readbench.tasks import get_task
from readbench.thresholds import Threshold, Thresholds, check_direction, check_names

Verdict = Literal["pass", "regressed", "inconclusive", "incomparable", "reported", "new"]

PASS, REGRESSION, NOTHING_MEASURED, INCOMPARABLE = 0, 1, 3, 4
RESAMPLES = 2_000
"""Enough for a standard error within 2 %."""
STORED_BAND = 2.0
"""How many times as slow the same code may seem by two single measurements on one quiet machine, scaled by
the reference workload: of 5,000 pairs one in a thousand (docs/ci/operating-characteristics.md)."""
MARGIN = "-1pp"
"""What the primary metric of each task may lose where nobody says anything."""


@dataclass(frozen=True)
class Decision:
    """One threshold on one method. ``what`` is the metric or cost, empty where the method as a whole is
    decided on (it failed); ``limit`` the largest loss that passes, in the unit of the value; for a speed of
    interleaved rounds ``before`` and ``after`` are what the rounds took on average."""

    task: str
    method: str
    what: str
    verdict: Verdict
    why: str
    before: float | None = None
    after: float | None = None
    threshold: str = ""
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    relative: bool = False

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class Verdicts:
    """What the gate says, with what it was decided from."""

    comparison: RunComparison
    decisions: tuple[Decision, ...]
    strict: bool = False
    notes: tuple[str, ...] = field(default=())

    def of(self, verdict: Verdict) -> list[Decision]:
        return [decision for decision in self.decisions if decision.verdict == verdict]

    @property
    def exit_status(self) -> int:
        """0 pass, 1 regression, 3 nothing measured, 4 incomparable or, where strict, inconclusive. What got
        worse is told first, whatever else could not be compared."""
        if self.of("regressed"):
            return REGRESSION
        if self.comparison.incomparable or self.of("incomparable"):
            return INCOMPARABLE
        if not any(method.state != "never" for method in self.comparison.methods):
            return NOTHING_MEASURED
        return INCOMPARABLE if self.strict and self.of("inconclusive") else PASS

    def as_json(self) -> dict[str, Any]:
        return {
            "exit_status": self.exit_status,
            "decisions": [asdict(decision) | {"change": decision.change} for decision in self.decisions],
            "notes": list(self.notes),
            "comparison": self.comparison.as_json(),
        }


def judge(
    before: Side, after: Side, thresholds: Thresholds, *, strict: bool = False, methods: Sequence[str] = ()
) -> Verdicts:
    """Compares a run with a baseline and decides. ``methods`` limits it to these spellings.

    Raises BenchError for a threshold that fits neither a metric nor a cost, for a method that neither run
    has, and with exit status 3 for a run that has not finished or measured nothing.
    """
    _check_methods(before, after, methods)
    check_measured(after)
    check_thresholds(before, after, thresholds)
    margins = {
        method: thresholds.of(method)
        for method in {row.method for side in (before, after) for row in _rows(side)}
    }
    questions = Questions(
        metrics=lambda task, method: margins[method].keys(),  # noqa: ARG005
        intervals=lambda pair: pair.stochastic,
        resamples=RESAMPLES,
        margin=lambda method, metric, value: margins[method][metric].tolerated(value),
    )
    comparison = compare_runs(_only(before, methods), _only(after, methods), questions)
    decisions = [
        decision for method in comparison.methods for decision in decide(method, margins[method.method])
    ]
    return Verdicts(comparison, tuple(decisions), strict, comparison.notes)


def check_measured(side: Side) -> None:
    """Raises BenchError, exit status 3, where a run holds nothing that could be judged."""
    manifest = side.manifest
    if manifest.status != "finished":
        raise BenchError(
            f"the run is {manifest.status}", where=manifest.name, todo="run it to its end", exit_status=3
        )
    if all(row.status in ("missing_dependency", "skipped") for row in _rows(side)):
        raise BenchError("nothing was measured", where=manifest.name, exit_status=3)


def check_thresholds(before: Side, after: Side, thresholds: Thresholds) -> None:
    """Raises BenchError for names that the runs do not have and for guards against getting better."""
    metrics = {
        metric.id: metric
        for side in (before, after)
        for task in side.manifest.tasks
        for metric in get_task(task).metrics
    }
    check_names(thresholds, metrics, {row.method for side in (before, after) for row in _rows(side)})
    for _, layer in thresholds.layers:
        for threshold in layer:
            if threshold.name in metrics:
                better = metrics[threshold.name].higher_is_better
                check_direction(
                    threshold.name, threshold.sign, higher_is_better=better,
                    where=f"threshold {threshold.text}",
                )  # fmt: skip


def default_thresholds(side: Side) -> list[str]:
    """One point of each task's primary metric."""
    found = []
    for task, settings in side.manifest.tasks.items():
        better = get_task(task).metric(settings.primary).higher_is_better
        found.append(f"{settings.primary}:{MARGIN if better else MARGIN.replace('-', '+')}")
    return list(dict.fromkeys(found))


def decide(method: MethodChange, thresholds: dict[str, Threshold]) -> list[Decision]:
    """Every decision on one method."""

    def whole(verdict: Verdict, why: str) -> list[Decision]:
        return [Decision(method.task, method.method, "", verdict, why)]

    if method.state in ("failed", "vanished"):
        return whole("regressed", method.why)
    if method.state == "incomparable":
        return whole("incomparable", method.why)
    if method.state == "new":
        return whole("new", method.why)
    if method.state == "never":
        return whole("reported", f"it was not measured before either: {method.why}")
    decisions = []
    for name, threshold in thresholds.items():
        if threshold.is_cost:
            decisions.append(_of_cost(method, method.cost(name), threshold))
        elif (change := method.metric(name)) is not None:
            decisions.append(_of_metric(method, change, threshold))
    return decisions or whole("reported", "no threshold holds for it")


def _of_metric(method: MethodChange, change: MetricChange, threshold: Threshold) -> Decision:
    limit = None if change.before is None else threshold.tolerated(change.before)

    def decided(verdict: Verdict, why: str) -> Decision:
        return Decision(
            method.task, method.method, change.metric, verdict, why, change.before, change.after,
            threshold.text, limit, change.low, change.high, change.detectable,
        )  # fmt: skip

    if change.verdict == "incomparable":
        return decided("incomparable", change.why)
    if change.verdict == "identical":
        return decided("pass", change.why or "identical predictions")
    assert change.change is not None
    assert limit is not None
    gain = change.change if change.higher_is_better else -change.change
    if method.stochastic:
        return _of_noisy(method, change, gain, limit, decided)
    flipped = _counted(len(method.flips), "document") + " answered differently"
    if gain < -limit - _tiny(change):
        return decided("regressed", f"the same documents lose more than the threshold; {flipped}")
    return decided("pass", flipped)


def _of_noisy(
    method: MethodChange, change: MetricChange, gain: float, limit: float, decided: Any
) -> Decision:
    assert change.noise is not None
    verdict = non_inferior(gain, limit, change.noise)
    told = f"{_counted(method.documents, 'document')}, {_counted(method.seeds, 'pair')} of seeds"
    if verdict == "inconclusive":
        smallest = "" if change.detectable is None else f"; {change.detectable:.3g} could be detected"
        one = (
            " (one seed each: training noise is unknown; set repeats in the suite)"
            if method.seeds < 2
            else ""
        )
        return decided(verdict, f"{told} do not decide it{smallest}{one}")  # type: ignore[no-any-return]
    if verdict == "regressed":
        return decided(verdict, f"a significant loss beyond the threshold; {told}")  # type: ignore[no-any-return]
    return decided(verdict, f"a loss beyond the threshold is ruled out; {told}")  # type: ignore[no-any-return]


def _of_cost(method: MethodChange, change: CostChange | None, threshold: Threshold) -> Decision:
    if change is None or change.ratio is None or change.before is None or change.after is None:
        why = "it was not measured" if change is None or not change.why else change.why
        return Decision(method.task, method.method, threshold.name, "inconclusive", why,
                        change.before if change else None, change.after if change else None,
                        threshold.text)  # fmt: skip
    limit = threshold.tolerated(change.before)

    def decided(verdict: Verdict, why: str) -> Decision:
        return Decision(
            method.task, method.method, change.cost, verdict, why, change.before, change.after,
            threshold.text, limit, relative=True,
        )  # fmt: skip

    if not change.judged:
        return decided("reported", f"not judged: {change.why}")
    loss = change.before * (change.ratio - 1) * threshold.sign
    plain = change.after / change.before
    scaled = "" if abs(change.ratio / plain - 1) < 0.005 else f" (×{plain:.2f} before scaling)"
    if loss > limit:
        told = f"×{change.ratio:.2f}{scaled}, beyond {threshold.text}"
        certain = change.ratio * STORED_BAND < 1 if change.higher_is_better else change.ratio > STORED_BAND
        if certain or change.cost.endswith("_bytes"):
            return decided("regressed", told)
        return decided(
            "inconclusive",
            f"{told}, but single measurements of the same code lie up to ×{STORED_BAND:g} apart: "
            "decide it with --speed --against",
        )
    return decided("pass", f"×{change.ratio:.2f}{scaled}")


def _tiny(change: MetricChange) -> float:
    """Rounding of a mean must not turn a loss of exactly the threshold into more than it."""
    return 1e-9 * max(1.0, abs(change.before or 0.0))


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _rows(side: Side) -> list[Row]:
    return [row for table in side.board.tables for row in table.rows]


def _only(side: Side, methods: Sequence[str]) -> Side:
    """The side with the named methods alone."""
    if not methods:
        return side
    tables = tuple(
        replace(table, rows=tuple(row for row in table.rows if row.method in methods))
        for table in side.board.tables
    )
    return Side(side.store, replace(side.board, tables=tables))


def _check_methods(before: Side, after: Side, methods: Sequence[str]) -> None:
    """Raises BenchError for a method that neither run has."""
    known = sorted({row.method for side in (before, after) for row in _rows(side)})
    for method in methods:
        if method not in known:
            raise BenchError(f"neither run has {method}", todo=f"there are: {', '.join(known)}")
