"""The gate: thresholds applied to a comparison of two runs, and the exit status that follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from readbench.compare.paired import Side
from readbench.compare.runs import Questions, RunComparison, compare_runs
from readbench.core.errors import BenchError
from readbench.core.names import suggestion
from readbench.gate.bound_decisions import decide_bounds
from readbench.gate.bounds import Bound
from readbench.gate.decisions import NO_THRESHOLD, Decision, Verdict, decide
from readbench.gate.thresholds import Guard, Thresholds, check_names
from readbench.results.leaderboard import Row
from readbench.tasks import get_task, task_names
from readbench.tasks.metric import Metric

__all__ = [
    "Decision",
    "Verdict",
    "Verdicts",
    "check_guards",
    "check_measured",
    "check_thresholds",
    "check_whole",
    "decide",
    "default_thresholds",
    "judge",
]

PASS, REGRESSION, NOTHING_MEASURED, INCOMPARABLE = 0, 1, 3, 4
RESAMPLES = 2_000
"""Enough for a standard error within 2 %."""
MARGIN = "-1pp"
"""What the primary metric of each task may lose where nobody says anything."""


@dataclass(frozen=True)
class Verdicts:
    """What the gate says, with what it was decided from. ``remarks``: what it says beside the notes of the
    comparison."""

    comparison: RunComparison
    decisions: tuple[Decision, ...]
    strict: bool = False
    remarks: tuple[str, ...] = ()

    def of(self, verdict: Verdict) -> list[Decision]:
        return [decision for decision in self.decisions if decision.verdict == verdict]

    @property
    def exit_status(self) -> int:
        """0 pass, 1 regression, 3 no method measured in both runs, 4 incomparable or, where strict,
        inconclusive. A regression comes first, whatever else could not be compared."""
        if self.of("regressed"):
            return REGRESSION
        if self.comparison.incomparable or self.of("incomparable"):
            return INCOMPARABLE
        if all(method.state in ("never", "new") for method in self.comparison.methods):
            return NOTHING_MEASURED
        return INCOMPARABLE if self.strict and self.of("inconclusive") else PASS

    def as_json(self) -> dict[str, Any]:
        return {
            "exit_status": self.exit_status,
            "decisions": [asdict(decision) | {"change": decision.change} for decision in self.decisions],
            "notes": [*self.comparison.notes, *self.remarks],
            "comparison": self.comparison.as_json(),
        }


def judge(
    before: Side, after: Side, thresholds: Thresholds, *, strict: bool = False, methods: Sequence[str] = ()
) -> Verdicts:
    """Compares a run with a baseline and decides. ``methods`` limits it to these specs.

    Raises BenchError for a threshold that fits neither a metric nor a cost, for a method that neither run
    has, and with exit status 3 for a run that has not finished, has lost a cell or measured nothing.
    """
    _check_methods(before, after, methods)
    for side in (before, after):
        check_whole(side, methods)
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
    bounded = [
        decision
        for row in _rows(_only(after, methods))
        for decision in decide_bounds(row, thresholds.bounds_of(row.method))
    ]
    named = {(decision.task, decision.method) for decision in bounded}
    decisions = [d for d in decisions if d.why != NO_THRESHOLD or (d.task, d.method) not in named]
    return Verdicts(comparison, (*decisions, *bounded), strict)


def check_whole(side: Side, methods: Sequence[str] = ()) -> None:
    """Raises BenchError, exit status 3, for a run that has not finished or lacks the record of a cell that
    ended ok: without them every result would count as new, and pass."""
    manifest = side.manifest
    if manifest.status != "finished":
        raise BenchError(
            f"the run is {manifest.status}", where=manifest.name, todo="run it to its end", exit_status=3
        )
    for row in _rows(side):
        if row.status == "lost" and (not methods or row.method in methods):
            raise BenchError(
                f"the record of {row.method} is gone or cannot be read",
                where=manifest.name,
                todo="run the suite again, or bring it back",
                exit_status=3,
            )


def check_measured(side: Side) -> None:
    """Raises BenchError, exit status 3, where a run holds nothing that could be judged."""
    if all(row.status in ("missing_dependency", "skipped") for row in _rows(side)):
        raise BenchError("nothing was measured", where=side.manifest.name, exit_status=3)


def check_guards(thresholds: Thresholds, tasks: Iterable[str], where: str = "the thresholds") -> None:
    """Raises BenchError for a threshold that guards nothing, whatever is measured: of a metric that none of
    the tasks has, or against getting better. What other suites read too may name metrics of theirs."""
    judged = {metric.id: metric for task in tasks for metric in get_task(task).metrics}
    every = {metric.id for task in task_names() for metric in get_task(task).metrics}
    for guard in (guard for _, layer in thresholds.layers for guard in layer):
        if guard.is_cost:
            continue
        metric = judged.get(guard.name)
        if metric is not None:
            _check_guard(guard, metric, f"{where} {guard.text}")
        elif guard.name not in every:
            todo = suggestion(guard.name, judged, "`bench ls metrics` lists them")
            raise BenchError(f"no metric or cost is called {guard.name!r}", where=where, todo=todo)
        elif not guard.shared:
            raise BenchError(
                f"{guard.name} is no metric of {', '.join(sorted(tasks))}: it would guard nothing",
                where=where,
                todo="leave it out, or gate a method that has it",
            )


def _check_guard(guard: Guard, metric: Metric, where: str) -> None:
    """Raises BenchError for a guard against getting better, and for a bound outside of the metric's range."""
    guard.check_direction(higher_is_better=metric.higher_is_better, where=where)
    if isinstance(guard, Bound):
        guard.check_reach(metric, where)


def check_thresholds(before: Side, after: Side, thresholds: Thresholds) -> None:
    """Raises BenchError for names that the runs do not have and for guards against getting better."""
    metrics = {
        metric.id: metric
        for side in (before, after)
        for task in side.manifest.tasks
        for metric in get_task(task).metrics
    }
    check_names(thresholds, metrics, {row.method for side in (before, after) for row in _rows(side)})
    for guard in (guard for _, layer in thresholds.layers for guard in layer):
        if guard.name in metrics:
            _check_guard(guard, metrics[guard.name], f"threshold {guard.text}")


def default_thresholds(side: Side) -> list[str]:
    """One point of each task's primary metric."""
    thresholds = []
    for task, settings in side.manifest.tasks.items():
        better = get_task(task).metric(settings.primary).higher_is_better
        thresholds.append(f"{settings.primary}:{MARGIN if better else MARGIN.replace('-', '+')}")
    return list(dict.fromkeys(thresholds))


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
