"""What a shell offers for the values of options and arguments (`bench --install-completion`)."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from readbench.results.places import BASELINES, RESULTS

Completer = Callable[[typer.Context, str], list[str]]


@dataclass(frozen=True)
class Typed:
    """What stands on the line already: the values of other options and arguments, and the beginning of this
    one."""

    params: Mapping[str, Any]
    begun: str

    @property
    def results(self) -> Path:
        return Path(self.params.get("output_path") or os.environ.get("BENCH_RESULTS") or RESULTS)


def _completer(found: Callable[[Typed], Iterable[str]]) -> Completer:
    """Those that begin with what was typed. Nothing that goes wrong is shown: a shell would show it in the
    middle of the line that is being typed."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return [name for name in found(Typed(ctx.params, incomplete)) if name.startswith(incomplete)]
        except Exception:
            return []

    # typer finds by the annotations which value goes where, and cannot read texts.
    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str}
    return complete


def _files(begun: str, *endings: str) -> list[str]:
    """Files and folders that begin so; files with one of the endings, where there are any."""
    found = []
    for path in sorted(glob.glob(f"{glob.escape(begun)}*")):  # noqa: PTH207 - keeps what was typed
        if Path(path).is_dir():
            found.append(path + os.sep)
        elif not endings or path.endswith(endings):
            found.append(path)
    return found


@_completer
def suites(typed: Typed) -> Iterable[str]:
    from readbench.planning.suite import list_suites

    return [*list_suites(), *_files(typed.begun, ".toml")]


@_completer
def datasets(typed: Typed) -> Iterable[str]:
    from readbench.datasets import list_datasets

    return [*(info.name for info in list_datasets()), *_files(typed.begun)]


@_completer
def methods(typed: Typed) -> Iterable[str]:
    from readbench.methods.registry import Registry

    return Registry(typed.params.get("include_path") or ())


@_completer
def metrics(_: Typed) -> Iterable[str]:
    from readbench.results.cost_table import COST_TABLE
    from readbench.tasks import get_task, task_names

    return [*(metric.id for task in task_names() for metric in get_task(task).metrics), *COST_TABLE]


@_completer
def thresholds(_: Typed) -> Iterable[str]:
    """A name and the sign of a change for the worse."""
    from readbench.results.cost_table import COST_TABLE
    from readbench.tasks import get_task, task_names

    better = {m.id: m.higher_is_better for task in task_names() for m in get_task(task).metrics}
    better |= {cost.name: cost.higher_is_better for cost in COST_TABLE.values()}
    return [f"{name}:{'-' if higher else '+'}" for name, higher in better.items()]


@_completer
def tasks(_: Typed) -> Iterable[str]:
    from readbench.tasks import task_names

    return task_names()


@_completer
def runs(typed: Typed) -> Iterable[str]:
    """Runs, the newest first, and the suites that have one."""
    return _runs(typed)


@_completer
def run_names(typed: Typed) -> Iterable[str]:
    from readbench.results.store import Store

    return Store(typed.results).runs()


@_completer
def sides(typed: Typed) -> Iterable[str]:
    """Runs, suites and the folders of baselines."""
    return [*_runs(typed), *map(str, sorted(BASELINES.glob("*/"))), *_files(typed.begun)]


def _runs(typed: Typed) -> list[str]:
    from readbench.results.store import Store

    names = Store(typed.results).runs()
    # A run is called SUITE-DAY-TIME-RANDOM.
    return [*dict.fromkeys(name.rsplit("-", 3)[0] for name in names), *names]


@_completer
def methods_of_run(typed: Typed) -> Iterable[str]:
    from readbench.results.leaderboard import find_run, open_store

    reference: Any = typed.params.get("reference")
    store = open_store(reference, typed.results)
    return dict.fromkeys(cell.method for cell in store.manifest(find_run(reference, store)).cells)


def listed(ctx: typer.Context, incomplete: str) -> list[str]:
    """For `bench ls KIND NAME`."""
    of_kind = {"suites": [suites], "methods": [methods, tasks], "metrics": [metrics, tasks], "runs": [runs]}
    kind = str(ctx.params.get("kind") or "")
    return [name for complete in of_kind.get(kind, [datasets]) for name in complete(ctx, incomplete)]
