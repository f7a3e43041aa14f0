"""What ``bench ls``, ``bench doctor`` and ``bench check`` show, as tables of a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from readbench.core.units import count_of, show_size
from readbench.report.answers import (
    Check,
    Datasets,
    Doctor,
    Method,
    Methods,
    Metric,
    Metrics,
    Runs,
    Sizes,
    Suite,
    Suites,
)

STATE_STYLES: Mapping[str, str] = {"ok": "green", "missing": "red", "warning": "yellow"}
KINDS_OF_FILES = (
    "or a path: CSV or JSON Lines with title, abstract and, where known, Keywords, label; a folder "
    "of train, validation, test.jsonl; the same with context and target, for facts and labels; a "
    "folder or zip of docsutf8/ and keys/; hub:OWNER/NAME."
)


def _grid(*names: str) -> Table:
    """The first column is never broken: a name is to be copied."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for place, name in enumerate(names):
        grid.add_column(name, overflow="fold", no_wrap=place == 0)
    return grid


def suites(answer: Suites) -> RenderableType:
    grid = _grid("suite", "tasks", "methods", "what it is for")
    for one in answer.suites:
        if one.problem is not None:
            grid.add_row(one.name, "–", "–", Text(one.problem, style="red"))
            continue
        # A method whose parameters are chosen is one row of the board, whatever its grid holds.
        count = sum(len(task.methods) + len(task.tuned) for task in one.tasks)
        grid.add_row(one.name, ", ".join(task.task for task in one.tasks), str(count), Text(one.description))
    return grid


def suite(one: Suite) -> RenderableType:
    """One suite: its methods by task, and the values that are tried of those with parameters to choose."""
    grid = _grid("task", "method", "chosen among")
    for task in one.tasks:
        for spec in task.methods:
            grid.add_row(task.task, Text(spec), "")
        for tuned in task.tuned:
            values = [f"{key}: {', '.join(map(str, listed))}" for key, listed in tuned.params.items()]
            grid.add_row(task.task, Text(tuned.method), Text("; ".join(values)))
    return Group(Text(f"{one.name}, version {one.version}: {one.description}"), grid)


def datasets(answer: Datasets, *, all_of_them: bool) -> RenderableType:
    grid = _grid("dataset", "documents", "what it is")
    for one in answer.datasets:
        grid.add_row(one.name, str(one.documents), Text(one.summary))
    return Group(grid, Text(KINDS_OF_FILES)) if all_of_them else grid


def metrics(answer: Metrics) -> RenderableType:
    """A table a task: its name need not stand in every row. Metrics that differ in their cut-off alone are
    one row."""
    parts: list[RenderableType] = []
    cut = False
    for task in dict.fromkeys(one.task for one in answer.metrics):
        of_task = [one for one in answer.metrics if one.task == task]
        families: dict[str, list[Metric]] = {}
        for one in of_task:
            families.setdefault(one.name.partition("@")[0], []).append(one)
        grid = _grid("metric", "better", "what it says")
        for family in families.values():
            first, *others = family
            cut = cut or bool(others)
            name = " ".join([first.name, *(f"@{one.name.partition('@')[2]}" for one in others)])
            grid.add_row(Text(name), "higher" if first.higher_is_better else "lower", Text(first.summary))
        parts += [Text(f"{task}: {count_of(len(of_task), 'metric')}", style="bold"), grid]
    versions = sorted({one.version for one in answer.metrics if ":" in one.version})
    parts += [Text(version, style="dim") for version in versions]
    if cut:
        parts.append(Text("f1@5 @10 stands for f1@5 and f1@10; one in full: bench ls metrics NAME", "dim"))
    return Group(*parts)


def methods(answer: Methods) -> RenderableType:
    """Every method, whether it can run here, and what makes it run where it cannot."""
    parts: list[RenderableType] = []
    for tasks in dict.fromkeys(one.tasks for one in answer.methods):
        grid = _grid("method", "here", "what it does")
        for one in answer.methods:
            if one.tasks == tasks:
                here = Text("yes", style="green") if one.runs_here else Text("no", style="red")
                grid.add_row(one.name, here, Text(one.summary))
        parts += [Text(", ".join(tasks), style="bold"), grid]
    lacking: dict[str, list[str]] = {}
    for one in answer.methods:
        if not one.runs_here:
            lacking.setdefault(_lack(one), []).append(one.name)
    parts += [Text(f"{', '.join(names)}: {lack}", style="bold") for lack, names in lacking.items()]
    parts += [Text(f"{name}: {why}", style="red") for name, why in answer.problems.items()]
    return Group(*parts)


def method(one: Method) -> RenderableType:
    """One method: what it does, whether it can run here, its parameters."""
    grid = _grid("parameter", "default", "what it is")
    for parameter in one.parameters:
        grid.add_row(parameter.name, Text(_default(parameter.default)), Text(parameter.description))
    here = "can run here" if one.runs_here else f"cannot run here: {_lack(one)}"
    return Group(Text(f"{one.name}: {one.summary}; {here}"), grid)


def _lack(one: Method) -> str:
    """What a method lacks here, and what brings it."""
    return "; ".join(part for part in (one.missing, one.todo) if part)


def _default(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value).lower()


def runs(answer: Runs) -> RenderableType:
    """The name of a run says when it was started."""
    grid = _grid("run", "dataset", "status", "cells", "size")
    for one in answer.runs:
        cells = f"{one.ok} of {one.cells} ok" if one.ok < one.cells else f"{one.cells} ok"
        style = "" if one.status == "finished" else "yellow"
        row = (one.name, one.dataset, one.status, cells)
        grid.add_row(*map(Text, row), show_size(one.bytes), style=style)
    problems = [Text(one.problem, style="red") for one in answer.runs if one.problem]
    return Group(grid, *problems)


def sizes(answer: Sizes) -> RenderableType:
    """What a results folder holds, the largest part first."""
    grid = _grid("in the folder", "entries", "size")
    for column in grid.columns[1:]:
        column.justify = "right"
    for part in sorted(answer.parts, key=lambda part: -part.bytes):
        grid.add_row(Text(part.name), f"{part.entries:,}", show_size(part.bytes))
    return Group(grid, Text(f"{answer.folder}: {show_size(answer.bytes)}", "bold"))


def doctor(answer: Doctor) -> RenderableType:
    """All checks as a table, and how many are not ok."""
    grid = _grid("check", "state", "what was found")
    grid.columns[1].no_wrap = True
    for check in answer.checks:
        grid.add_row(check.name, Text(check.state, STATE_STYLES[check.state]), _found(check))
    states = [check.state for check in answer.checks]
    counts = [f"{n} {state}" for state in ("missing", "warning", "ok") if (n := states.count(state))]
    return Group(grid, Text(", ".join(counts), "bold"))


def _found(check: Check) -> Text:
    cell = Text(check.found)
    if check.todo:
        cell.append(f"\n→ {check.todo}", "bold")
    return cell
