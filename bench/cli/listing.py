"""What `bench ls` shows. Imports nothing heavy: a method is looked at, not loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from readbench.core.errors import BenchError, MissingDependency
from readbench.core.names import suggestion
from readbench.datasets import list_datasets
from readbench.planning.suite import find_suite, list_suites, load_suite

if TYPE_CHECKING:
    from readbench.adapter import Adapter
    from readbench.methods.registry import Registry
    from readbench.planning.suite import Suite


def _grid(*names: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        grid.add_column(name, overflow="fold")
    return grid


def suites(name: str | None = None) -> RenderableType:
    """Every suite, or the methods of one. Raises BenchError for a name that no suite has."""
    if name is not None:
        return suite(load_suite(find_suite(name)))
    grid = _grid("suite", "tasks", "methods", "what it is for")
    for known, path in list_suites().items():
        try:
            found = load_suite(path)
        except BenchError as error:
            grid.add_row(known, "–", "–", Text(str(error), style="red"))
            continue
        # A method whose parameters are chosen is one row of the board, whatever its grid holds.
        count = sum(len(section.methods) + len(section.tuned) for section in found.tasks.values())
        grid.add_row(known, ", ".join(found.tasks), str(count), Text(found.description))
    return grid


def suite(found: Suite) -> RenderableType:
    """One suite: its methods by task, and the values that are tried of those with parameters to choose."""
    grid = _grid("task", "method", "chosen among")
    for task, section in found.tasks.items():
        for spec in section.methods:
            grid.add_row(task, Text(spec), "")
        for tuned in section.tuned:
            values = [f"{key}: {', '.join(map(str, listed))}" for key, listed in tuned.params.items()]
            grid.add_row(task, Text(tuned.method), Text("; ".join(values)))
    return Group(Text(f"{found.name}, version {found.version}: {found.description}"), grid)


def datasets(name: str | None = None) -> RenderableType:
    """Every embedded corpus, or one of them. Raises BenchError for a name that none has."""
    known = [info for info in list_datasets() if name in (None, info.name)]
    if not known:
        names = [info.name for info in list_datasets()]
        raise BenchError(f"no embedded corpus is called {name!r}", todo=suggestion(str(name), names))
    grid = _grid("dataset", "documents", "what it is")
    for info in known:
        grid.add_row(info.name, str(info.documents), Text(info.summary))
    if name is not None:
        return grid
    return Group(
        grid,
        Text(
            "or a path: CSV or JSON Lines with title, abstract and, where known, Keywords, label; a folder "
            "of train, validation, test.jsonl; the same with context and target, for facts and labels; a "
            "folder or zip of docsutf8/ and keys/; hub:OWNER/NAME."
        ),
    )


def metrics(name: str | None = None) -> RenderableType:
    """Every metric, those of one task, or one metric. Raises BenchError for a name that neither has."""
    from readbench.tasks import get_task, task_names

    every = [(task, metric) for task in task_names() for metric in get_task(task).metrics]
    found = [(task, metric) for task, metric in every if name in (None, task, metric.id)]
    if not found:
        known = [*task_names(), *(metric.id for _, metric in every)]
        todo = suggestion(str(name), known, "`bench ls metrics` lists them")
        raise BenchError(f"no metric or task is called {name!r}", todo=todo)
    grid = _grid("metric", "task", "better", "version", "what it says")
    for task, metric in found:
        better = "higher" if metric.higher_is_better else "lower"
        grid.add_row(metric.id, task, better, metric.version.partition(":")[0], Text(metric.summary))
    versions = sorted({metric.version for _, metric in found if ":" in metric.version})
    return Group(grid, *(Text(version, style="dim") for version in versions))


def methods(include_paths: Sequence[Path]) -> RenderableType:
    """Every method, whether it can run here, and what makes it run where it cannot."""
    from readbench.methods.registry import Registry

    registry = Registry(include_paths)
    grid = _grid("method", "task", "here", "what it does")
    todo: dict[str, None] = {}
    for adapter in registry.usable():
        problem = missing(adapter, registry)
        if problem is not None:
            todo.setdefault(problem.todo)
        here = Text("yes", style="green") if problem is None else Text(problem.what, style="red")
        grid.add_row(adapter.name, ", ".join(sorted(adapter.tasks)), here, Text(adapter.summary))
    lines = [Text(f"to make them run: {line}", style="bold") for line in todo if line]
    lines += [Text(f"{name}: {why}", style="red") for name, why in registry.problems.items()]
    return Group(grid, *lines)


def method(name: str, include_paths: Sequence[Path]) -> RenderableType:
    """One method: what it does, whether it can run here, its parameters."""
    from readbench.methods.registry import Registry

    registry = Registry(include_paths)
    adapter = registry[name]
    problem = missing(adapter, registry)
    grid = _grid("parameter", "default", "what it is")
    for key, field in adapter.Params.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = f"[{', '.join(map(str, default))}]" if isinstance(default, tuple) else str(default).lower()
        grid.add_row(key, Text(shown), Text(field.description or ""))
    here = "can run here" if problem is None else f"cannot run here: {problem}"
    return Group(Text(f"{adapter.name}: {adapter.summary}; {here}"), grid)


def missing(adapter: type[Adapter], registry: Registry) -> MissingDependency | None:
    """Why a method, or one that it is made of, cannot run here with its defaults, or None."""
    from readbench.adapter import Context
    from readbench.methods.registry import Method
    from readbench.planning.ensembles import with_members
    from readbench.tasks.spec import TaskSpec

    task = sorted(adapter.tasks)[0]
    try:
        for method in with_members([Method(adapter, adapter.Params())], task, registry):
            method.create(Context(task=TaskSpec(task=task))).missing()
    except MissingDependency as error:
        return error
    except BenchError as error:  # a member that there is not must not cost the whole list
        return MissingDependency(error.what, todo=error.todo)
    return None
