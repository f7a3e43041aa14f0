"""What a person sees while a run goes on: live bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from readbench.core.types import Split, Task
from readbench.core.units import count_of, show_seconds, show_size
from readbench.engine.forecast import Forecast, documents_of
from readbench.planning.labels import without_positive
from readbench.planning.plan import Plan, PlannedCell
from readbench.results.estimates import Estimate
from readbench.results.record import Record
from readbench.results.store import Store
from readbench.tasks import get_task


class PlainReporter:
    """One line an event, for logs."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def doing(self, what: str) -> None:
        self._line(what)

    def start(self, label: str) -> None:
        self._line(f"start {label}")

    def progress(self, label: str, phase: str, done: int, total: int) -> None:
        pass

    def prepared(self, label: str, seconds: float) -> None:
        self._line(f"done {label} in {show_seconds(seconds)}")

    def end(self, label: str, record: Record) -> None:
        self._line(_ended(label, record))

    def _line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveReporter:
    """A bar for what is running now, with its phase and documents; a line for what has ended."""

    def __init__(self, console: Console, jobs: int) -> None:
        self.console = console
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._all = self._progress.add_task("all", total=jobs)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def doing(self, what: str) -> None:
        self._progress.update(self._all, description=escape(what))

    def start(self, label: str) -> None:
        self._progress.update(self._all, description="all")
        self._bars[label] = self._progress.add_task(escape(label), total=None)

    def progress(self, label: str, phase: str, done: int, total: int) -> None:
        if label in self._bars:
            self._progress.update(
                self._bars[label],
                description=escape(f"{label} · {phase}"),
                completed=done,
                total=total or None,
            )

    def prepared(self, label: str, seconds: float) -> None:
        self._finish(label, Text.assemble(("✓ ", "green"), f"{label}  {show_seconds(seconds)}"))

    def end(self, label: str, record: Record) -> None:
        mark = ("✓ ", "green") if record.status == "ok" else ("✗ ", "red")
        self._finish(label, Text.assemble(mark, _ended(label, record)))

    def _finish(self, label: str, line: Text) -> None:
        if label in self._bars:
            self._progress.remove_task(self._bars.pop(label))
        self._progress.advance(self._all)
        self.console.print(line)


def _ended(label: str, record: Record) -> str:
    costs = record.costs
    if record.status != "ok":
        message = record.failure.message.splitlines()[0] if record.failure and record.failure.message else ""
        kind = record.failure.type if record.failure else ""
        return f"{label}  {record.status}: {kind}: {message}"
    primary = get_task(record.task["task"]).primary
    score = record.metrics[primary].value
    shown = "–" if score is None else f"{score:.3f}"
    return (
        f"{label}  {primary} {shown}  predict {show_seconds(costs.predict_s)}  "
        f"memory {show_size(costs.peak_memory_bytes)}"
    )


def print_plan(plan: Plan, forecast: Forecast, console: Console) -> None:
    """The plan and an estimate, before anything runs."""
    sample = f" (sample of {plan.options.limit}, seed {plan.seed})" if plan.options.limit else ""
    parts = "; ".join(_parts(task, splits) for task, splits in plan.splits.items())
    where = f" on {plan.dataset.name}{sample}: {parts}, fingerprint {plan.fingerprint[:12]}"
    console.print(Text.assemble((plan.suite.name, "bold"), where))
    for name, count in plan.dataset.counts.items():
        if count:
            console.print(Text(f"  {count} {name}"))
    for line in (decision.sentence() for decision in plan.dataset.decisions):
        console.print(Text(f"  {line}"))
    for line in {line for cell in plan.cells for line in without_positive(cell.task_spec)}:
        console.print(Text(f"  {line}"))
    console.print(_what_happens(plan, forecast))
    running = len(plan.to_run())
    if running:
        limit = f"limits {show_seconds(plan.timeout_s)} and {show_size(plan.memory_bytes)} a cell"
        console.print(Text(f"{count_of(running, 'cell')} to run: {_in_all(plan, forecast)}; {limit}"))
        if forecast.machines:
            console.print(Text(f"* measured on another machine: {'; '.join(forecast.machines)}"))


def _what_happens(plan: Plan, forecast: Forecast) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("method", overflow="fold")
    grid.add_column("what happens", overflow="fold")
    grid.add_column("estimate", justify="right", no_wrap=True)
    for planned in plan.needed_preparations():
        found = forecast.items[planned.key]
        read = documents_of(planned)
        what = ["prepare first", *([f"of {count_of(read, 'document')}"] if read else []), *_about(found)]
        _add(grid, planned.preparation.name, ", ".join(what), _estimate(found))
    for cell in plan.all_cells:
        if cell.state == "run":
            found = forecast.items[cell.key]
            what = [_runs(cell)]
            what += [f"at least {show_size(cell.needed_bytes)}"] if cell.needed_bytes else []
            what += [f"about {show_size(cell.peak_bytes)}"] if cell.peak_bytes else _about(found)
            _add(grid, cell.label, ", ".join(what), _estimate(found))
        elif cell.state == "stored" and cell.stored is not None:
            again = "" if cell.stored.status == "ok" else " (--retry runs it again)"
            _add(grid, cell.label, f"stored: {cell.stored.status}{again}", "–")
        elif cell.state == "refused":
            _add(grid, cell.label, f"cannot fit: {cell.why}", "–", style="red")
        else:
            _add(grid, cell.label, f"cannot run: {cell.why}", "–", style="red")
    return grid


def _runs(cell: PlannedCell) -> str:
    why = f" ({cell.why})" if cell.why else ""
    device = f" on {cell.device}" if cell.device != "cpu" else ""
    parts = f" in {cell.shards} parts" if cell.shards > 1 else ""
    return f"run{why}{device}{parts}{f' in one part: {cell.in_one}' if cell.in_one else ''}"


def _about(estimate: Estimate | None) -> list[str]:
    """The memory that was held the last time."""
    known = estimate is not None and estimate.memory_bytes is not None
    return [f"{show_size(estimate.memory_bytes)} before"] if estimate is not None and known else []


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "unknown"
    return show_seconds(estimate.seconds) + (" *" if estimate.machine else "")


def _in_all(plan: Plan, forecast: Forecast) -> str:
    """The time of the whole run as a sum of its parts, and what of it nobody knows."""
    parts = []
    if plan.needed_preparations():
        parts.append(f"preparations {show_seconds(forecast.preparations_s)}")
    parts += [
        f"{name} {'unknown' if seconds is None else show_seconds(seconds)}"
        for name, seconds in (
            ("imports", forecast.imports_s),
            ("all else", forecast.start_s),
        )
    ]
    known = "unknown" if forecast.total_s is None else f"about {show_seconds(forecast.total_s)}"
    known += f" ({', '.join(parts)} among it)"
    if forecast.unknown:
        known += f" and {forecast.unknown} of {len(forecast.items)} that never ran"
    peak = (
        "" if forecast.peak_bytes is None else f"; at most {show_size(forecast.peak_bytes)} a process before"
    )
    return known + peak


def _parts(task: Task, splits: Sequence[Split]) -> str:
    """The number of documents of each part; of several folds, those of the first."""
    counts = {"test": splits[0].test, "train": splits[0].train, "validation": splits[0].validation}
    parts = ", ".join(f"{len(ids)} {part}" for part, ids in counts.items() if ids)
    return f"{task} {parts} documents" + (f" in each of {len(splits)} folds" if len(splits) > 1 else "")


def _add(grid: Table, *cells: str, style: str = "") -> None:
    """Adds a row of plain text: in a string rich would take the brackets of a spec for markup."""
    grid.add_row(*(Text(cell) for cell in cells), style=style)


class Counting:
    """Shows how far one long step is. Where there is no terminal it shows nothing."""

    def __init__(self, what: str, progress: Progress | None) -> None:
        self._what, self._progress = what, progress
        self._bar = None if progress is None else progress.add_task(escape(what), total=None)
        self._begun = False

    def __call__(self, done: int, total: int) -> None:
        """``total`` 0 is unknown. What is done at the first call was done before: the time left follows from
        what comes after it."""
        if self._progress is None or self._bar is None:
            return
        if not self._begun:
            self._begun = True
            self._progress.reset(self._bar, completed=done, total=total or None)
        self._progress.update(self._bar, description=escape(self._what), completed=done, total=total or None)

    def beside(self, done: int, total: int) -> None:
        """How far what is prepared for the next ones is."""
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, description=escape(f"{self._what} · preparing {done}/{total}"))


@contextmanager
def counting(console: Console, what: str) -> Iterator[Counting]:
    """A bar for one long step in a terminal, nothing elsewhere."""
    if not console.is_terminal:
        yield Counting(what, None)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(compact=True))
    with Progress(*columns, *times, console=console, transient=True) as progress:
        yield Counting(what, progress)


class TerminalInterface:
    """How the command line speaks while a run goes on."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def planned(self, plan: Plan, store: Store) -> None:
        print_plan(plan, Forecast.of(plan, store), self.console)

    def say(self, line: str) -> None:
        self.console.print(Text(line), soft_wrap=not self.console.is_terminal)

    def reporter(self, jobs: int) -> PlainReporter | LiveReporter:
        return LiveReporter(self.console, jobs) if self.console.is_terminal else PlainReporter(self.console)
