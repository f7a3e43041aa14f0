"""A run as a leaderboard: rows with quality, cost and rank range, in order; and what it says in words.

Reads only what a run left; nothing is computed here and nothing heavy is imported.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.names import suggestion
from readbench.results.cost_table import COST_TABLE, join_folds
from readbench.results.manifest import Chosen, Manifest, RunCell, RunTask
from readbench.results.record import MOST_FIRST, CellFacts, Costs, FailedDocuments, Failure, Record, Value
from readbench.results.statistics_file import read_statistics
from readbench.results.store import RUN, Store


@dataclass(frozen=True)
class Row:
    """One method on a board. It has one cell, or one for each fold and repeat: ``records`` are the facts of
    each, and ``record`` is the whole record of the first, for what all have in common (versions, weights).
    ``ranks`` is (best, worst) among the methods that ran, None where it did not. ``predicted``: how many
    documents its cells were asked for, one of several repeats once for each. ``metrics`` and ``costs``
    are those of all cells together. ``changed``: a record of it was written after the run."""

    task: str
    method: str
    status: str
    records: tuple[CellFacts | Record, ...]
    record: Record | None
    ranks: tuple[int, int] | None
    metrics: Mapping[str, Value]
    costs: Costs
    problem: str = ""
    chosen: Chosen | None = None
    reference: float | None = None
    changed: bool = False
    predicted: int = 0

    def value(self, metric: str) -> float | None:
        metric_value = self.metrics.get(metric)
        return None if metric_value is None else metric_value.value

    @property
    def beside_other_work(self) -> bool:
        """Whether its seconds were taken while something else ran, in one of its cells at least."""
        return any(record.beside_other_work for record in self.records)

    @property
    def failed_documents(self) -> FailedDocuments | None:
        """Those of all its cells on which it raised; None where it ended otherwise than ok, or on none."""
        found = [one.failed_documents for one in self.records if one.failed_documents is not None]
        if self.status != "ok" or not found:
            return None
        first = tuple(document for one in found for document in one.first)[:MOST_FIRST]
        return FailedDocuments(count=sum(one.count for one in found), of=self.predicted, first=first)

    @property
    def problem_line(self) -> str:
        """The first line of the problem, for somebody who may read the documents."""
        return self.problem.splitlines()[0] if self.problem else "no reason is known"

    @property
    def problem_without_text(self) -> str:
        """As ``problem_line``, for everybody: the words of an exception of a method may quote a document, so
        that of a method that failed is but the type."""
        failures = (record.failure for record in self.records if record.status != "ok")
        failure = next((one for one in failures if one is not None), None)
        if self.status != "failed" or failure is None:
            return self.problem_line
        return f"{failure.type}, whose words may quote a document: bench show has them"

    @property
    def goes(self) -> int:
        """How many processes predicted one of its cells, at most: more than one where some were ended."""
        return max((record.goes for record in self.records), default=1)

    @property
    def shards(self) -> int:
        """In how many parts one of its cells was predicted, at most."""
        return max((record.shards for record in self.records), default=1)

    def as_json(self) -> dict[str, Any]:
        record, failed = self.record, self.failed_documents
        return {
            "task": self.task,
            "method": self.method,
            "status": self.status,
            "ranks": list(self.ranks) if self.ranks else None,
            "cells": len(self.records),
            "metrics": {name: value.model_dump(mode="json") for name, value in self.metrics.items()},
            "costs": self.costs.model_dump(mode="json") if record else {},
            "counts": {} if record is None else record.counts,
            "details": {} if record is None else record.details,
            "notes": {} if record is None else record.notes,
            "device": None if record is None else record.device,
            "problem": self.problem or None,
            "failed_documents": None if failed is None else failed.model_dump(mode="json"),
            "goes": self.goes,
            "shards": self.shards,
            "changed_since_the_run": self.changed,
            "beside_other_work": self.beside_other_work,
            "processor": _processor(record),
            "chosen": self.chosen.words if self.chosen else None,
            "reference": self.reference,
        }


def _processor(record: Record | None) -> dict[str, Any] | None:
    use = None if record is None else record.processor
    return None if use is None else use.model_dump(mode="json")


@dataclass(frozen=True)
class Table:
    """One task of a run: its rows, best first, failures last."""

    task: str
    settings: RunTask
    rows: tuple[Row, ...]
    statistics: dict[str, Any] = field(default_factory=dict, repr=False)
    sort: str | None = None

    @property
    def primary(self) -> str:
        return self.settings.primary


@dataclass(frozen=True)
class Leaderboard:
    manifest: Manifest
    folder: Path
    tables: tuple[Table, ...]


def find_run(reference: str | None, store: Store) -> str:
    """The name of a run from a run's name or folder, a suite's name (its newest run), or nothing (the
    newest run of all). Raises BenchError where there is none."""
    if reference and Path(reference).joinpath(RUN).is_file():
        return Path(reference).resolve().name
    if reference and _is_results(Path(reference)):
        reference = None
    runs = store.runs()
    if not runs:
        what = f"no run, suite or baseline is called {reference!r}, and there is no run yet"
        raise BenchError(
            what if reference else "there is no run yet",
            where=str(store.root / "runs"),
            todo="start with: bench run quick",
        )
    if reference is None:
        return runs[0]
    if reference in runs:
        return reference
    for name in runs:
        # One damaged manifest must not hide the others; asked for by name it says what is wrong.
        with contextlib.suppress(BenchError):
            if store.manifest(name).suite == reference:
                return name
    raise BenchError(
        f"there is no run and no run of a suite called {reference!r}",
        where=str(store.root / "runs"),
        todo=f"there are: {', '.join(runs[:5])}{' …' if len(runs) > 5 else ''}",
    )


def named_run(reference: str, store: Store) -> str:
    """The run of that name or folder, and no other. Raises BenchError where there is none."""
    if Path(reference).joinpath(RUN).is_file():
        return Path(reference).resolve().name
    runs = store.runs()
    if reference in runs:
        return reference
    todo = suggestion(reference, runs, "bench ls runs lists them")
    raise BenchError(f"no run is called {reference!r}", where=str(store.root / "runs"), todo=todo)


def _is_results(folder: Path) -> bool:
    return (folder / "runs").is_dir() and not (folder / RUN).is_file()


def open_store(reference: str | None, root: Path | str) -> Store:
    """The results folder that a run's folder lies in, that is named itself, or the given one."""
    if reference and _is_results(Path(reference)):
        return Store(reference)
    if reference and Path(reference).joinpath(RUN).is_file():
        return Store(Path(reference).resolve().parent.parent)
    return Store(root)


def build_leaderboard(name: str, store: Store, sort: str | None = None) -> Leaderboard:
    """Raises BenchError for an unknown metric to sort by and for a run that cannot be read."""
    # Ten thousand cells are millions of objects, all alive: looking for garbage among them again and again
    # takes longer than reading them.
    with no_garbage_collection():
        return _build(name, store, sort)


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _build(name: str, store: Store, sort: str | None) -> Leaderboard:
    sort = _by_heading(sort)
    manifest = store.manifest(name)
    statistics = read_statistics(store.run(name))
    tables = []
    for task, settings in manifest.tasks.items():
        of_task = statistics.get(task, {})
        of_methods = cells_by_method(manifest, task).items()
        rows = [_row(store, manifest, task, method, cells, of_task) for method, cells in of_methods]
        tables.append(Table(task, settings, tuple(in_order(rows, sort, settings.primary)), of_task, sort))
    if sort is not None and not any(row.value(sort) is not None for t in tables for row in t.rows):
        metrics = {metric for table in tables for row in table.rows for metric in row.metrics}
        # A metric of the board is known also where no method has it, because all of them failed.
        of_board = [metric for table in tables for metric in (table.primary, *table.settings.board)]
        if sort not in metrics and sort not in COST_TABLE and sort not in of_board:
            headings = [cost.heading for cost in COST_TABLE.values() if cost.heading]
            # Those that a board shows come first, for where nothing is near.
            known = dict.fromkeys([*of_board, *headings, *sorted(metrics), *COST_TABLE])
            raise BenchError(f"no row has a metric or cost {sort!r}", todo=suggestion(sort, known))
    return Leaderboard(manifest, store.run(name), tuple(tables))


def _by_heading(sort: str | None) -> str | None:
    """What a printed column holds, by the words above it: ``f1@10 [95 %]``, ``ms/doc``."""
    if sort is None:
        return None
    words = sort.removesuffix("[95 %]").strip()
    if words == "rank":
        return None
    if words == "ms/doc":
        return "documents_per_s_marginal"
    return next((cost.name for cost in COST_TABLE.values() if cost.heading == words), words)


def cells_by_method(manifest: Manifest, task: str) -> dict[str, list[RunCell]]:
    """The cells of each method of a task, in the order of the manifest."""
    cells: dict[str, list[RunCell]] = {}
    for cell in manifest.cells:
        if cell.task == task:
            cells.setdefault(cell.method, []).append(cell)
    return cells


def _row(
    store: Store,
    manifest: Manifest,
    task: str,
    method: str,
    cells: Sequence[RunCell],
    of_task: Mapping[str, Any],
) -> Row:
    first, digest = store.record_with_digest(cells[0].key)
    records: dict[str, CellFacts | Record | None] = {cells[0].key: first}
    digests = {cells[0].key: digest}
    for cell in cells[1:]:
        records[cell.key], digests[cell.key] = store.facts_with_digest(cell.key)
    status, problem = "ok", ""
    for cell in cells:
        status, problem = _state(cell, records[cell.key], manifest.started_at)
        if status != "ok":
            if len(cells) > 1 and problem:
                problem = f"fold {cell.fold + 1}, repeat {cell.repeat + 1}: {problem}"
            break
    known = tuple(record for record in records.values() if record is not None)
    whole = first or (store.record(known[0].key) if known else None)
    metrics: Mapping[str, Value] = whole.metrics if len(cells) == 1 and whole is not None else {}
    joint = of_task.get("joint", {}).get(method)
    if joint is not None:
        metrics = {name: Value.model_validate(value) for name, value in joint.items()}
    return Row(
        task,
        method,
        status,
        known,
        whole,
        _ranks(of_task).get(method),
        metrics,
        _with_tuning(join_folds([record.costs for record in known]), cells[0].chosen),
        problem,
        cells[0].chosen,
        _reference(manifest.tasks[task], method),
        any(cell.is_changed(digests[cell.key]) for cell in cells),
        manifest.tasks[task].tested * (max(cell.repeat for cell in cells) + 1),
    )


def _with_tuning(costs: Costs, chosen: Chosen | None) -> Costs:
    """A method is charged for every combination that was tried, not only for the one that was chosen."""
    seconds = None if chosen is None else chosen.tuning_s
    return costs if seconds is None else costs.model_copy(update={"tuning_s": seconds})


def _ranks(of_task: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    return dict(zip(of_task.get("names", []), of_task.get("rank_ranges", []), strict=True))


def _state(cell: RunCell, record: CellFacts | Record | None, run_started: str) -> tuple[str, str]:
    """The status of a cell in a run, and its problem in words. What a run had not come to when its manifest
    was written may have been measured since: then its record is younger than the run."""
    status: str = cell.status
    if cell.status == "pending":
        if record is None or record.started_at < run_started:
            return "pending", "not measured"
        status = record.status
    if record is None and status == "ok":
        return "lost", "its cell is gone or damaged; the next run measures it again"
    failure = record.failure if record is not None and status != "ok" else None
    return status, "" if failure is None else _problem(failure)


def _problem(failure: Failure) -> str:
    """The message, after its type where it is an exception's: a KeyError's message is but a key."""
    named = failure.traceback and failure.type != "BenchError"
    return f"{failure.type}: {failure.message}" if named else failure.message


def _reference(settings: RunTask, method: str) -> float | None:
    """The value from elsewhere for a spec, or else for its adapter whatever its parameters."""
    if settings.reference is None:
        return None
    values = settings.reference.values
    return values.get(method, values.get(method.partition("[")[0]))


def in_order(rows: Sequence[Row], sort: str | None, primary: str) -> list[Row]:
    """By the chosen metric or cost, best first; then what has no value; what failed comes last, though
    it may have been quick and small."""
    name = sort or primary

    def key(row: Row) -> tuple[bool, bool, float, str]:
        metric, cost = row.metrics.get(name), COST_TABLE.get(name)
        value = row.value(name)
        higher_is_better = metric is None or metric.higher_is_better
        if metric is None and cost is not None:
            value = getattr(row.costs, name)
            higher_is_better = cost.higher_is_better
        sign = -1.0 if higher_is_better else 1.0
        return row.status != "ok", value is None, 0.0 if value is None else sign * value, row.method

    return sorted(rows, key=key)
