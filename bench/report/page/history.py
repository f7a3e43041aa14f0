"""Several runs of one suite, the oldest first: how the methods went, and what the gate says of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from readbench.compare.paired import Side
from readbench.compare.runs import MetricChange, Outcome, Questions, compare_runs
from readbench.core.errors import BenchError
from readbench.gate.thresholds import read_thresholds
from readbench.gate.verdicts import Decision, Verdicts, check_whole, decide, default_thresholds
from readbench.report.page.chart_lines import Series, lines_chart
from readbench.report.page.chart_parts import Named
from readbench.report.page.pictures import Picture
from readbench.report.page.svg import NARROW, WIDE
from readbench.results.leaderboard import Table

VERDICTS = {0: "pass", 1: "regression", 3: "nothing was measured", 4: "incomparable"}
"""The gate's exit statuses in words."""

MARKED: tuple[Outcome, ...] = ("better", "worse")


@dataclass(frozen=True)
class StepRow:
    """One method from one run to the next: its primary metric, what the comparison says of it, and what the
    gate decides and why."""

    task: str
    method: str
    metric: str
    before: float | None
    after: float | None
    change: str
    outcome: str
    verdict: str
    why: str


@dataclass(frozen=True)
class Step:
    """From one run to the next. ``problem`` says why the gate decides nothing."""

    before: str
    after: str
    verdict: str
    notes: Sequence[str]
    rows: Sequence[StepRow]
    problem: str = ""


def steps_of(sides: Sequence[Side]) -> list[Step]:
    """Each run against the one before it, with the thresholds that the gate has where nobody names any."""
    return [_step(before, after) for before, after in pairwise(sides)]


def _step(before: Side, after: Side) -> Step:
    names = before.manifest.name, after.manifest.name
    try:
        for side in (before, after):
            check_whole(side)
        verdicts = _verdicts(before, after)
    except BenchError as error:
        return Step(*names, "not decided", (), (), str(error))
    comparison = verdicts.comparison
    if comparison.incomparable:
        return Step(*names, "incomparable", comparison.notes, (), "; ".join(comparison.incomparable))
    rows = []
    for method in comparison.methods:
        change = next(iter(method.metrics), None)
        decided = [d for d in verdicts.decisions if (d.task, d.method) == (method.task, method.method)]
        rows.append(_row(method.task, method.method, change, method.state, decided))
    return Step(*names, VERDICTS[verdicts.exit_status], comparison.notes, rows)


def _verdicts(before: Side, after: Side) -> Verdicts:
    thresholds = read_thresholds(None, before.manifest.suite, (), default_thresholds(before))
    primary = {task: settings.primary for task, settings in before.manifest.tasks.items()}
    questions = Questions(
        metrics=lambda task, method: [primary[task]] if task in primary else [],  # noqa: ARG005
        margin=lambda method, metric, value: thresholds.of(method)[metric].tolerated(value),
    )
    comparison = compare_runs(before, after, questions)
    decisions = [
        decision for method in comparison.methods for decision in decide(method, thresholds.of(method.method))
    ]
    return Verdicts(comparison, tuple(decisions))


def _row(
    task: str, method: str, change: MetricChange | None, state: str, decided: Sequence[Decision]
) -> StepRow:
    verdict = ", ".join(dict.fromkeys(decision.verdict for decision in decided)) or "–"
    why = "; ".join(dict.fromkeys(decision.why for decision in decided))
    if change is None:
        return StepRow(task, method, "", None, None, "–", state, verdict, why)
    return StepRow(
        task,
        method,
        change.metric,
        change.before,
        change.after,
        _change(change),
        change.verdict,
        verdict,
        why,
    )


def _change(change: MetricChange) -> str:
    if change.change is None:
        return "–"
    interval = "" if change.low is None else f" ({change.low:+.3f} to {change.high:+.3f})"
    return f"{change.change:+.3f}{interval}"


def history_picture(
    sides: Sequence[Side], steps: Sequence[Step], table: Table, marks: Mapping[str, Named]
) -> Picture | None:
    """The primary metric of a task over the runs. A ring: the change to this run is more than chance."""
    boards = [next((one for one in side.board.tables if one.task == table.task), None) for side in sides]
    series = []
    for row in table.rows:
        values = [_value(board, row.method, table.primary) for board in boards]
        if any(value is not None for value in values):
            rings = ["", *(_ring(step, table.task, row.method) for step in steps)]
            series.append(Series(marks[row.method], values, rings))
    if not series:
        return None
    names = [side.manifest.started_at[:16].replace("T", " ")[5:] for side in sides]
    wide, narrow = (
        lines_chart(series, names, table.primary, "runs, the oldest first", width) for width in (WIDE, NARROW)
    )
    note = "A ring marks a significant change. Values are those of each run's board."
    return Picture("history", "history", f"History: {table.task}", note, wide, narrow)


def _value(board: Table | None, method: str, metric: str) -> float | None:
    rows = () if board is None else board.rows
    return next((row.value(metric) for row in rows if row.method == method and row.status == "ok"), None)


def _ring(step: Step, task: str, method: str) -> str:
    for row in step.rows:
        if (row.task, row.method) == (task, method) and row.outcome in MARKED:
            return f"{row.outcome}: {row.change}"
    return ""
