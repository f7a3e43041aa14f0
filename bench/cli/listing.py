"""What `bench ls` finds. Imports nothing heavy: a method is looked at, not loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from readbench.core.errors import BenchError, MissingDependency
from readbench.core.names import suggestion
from readbench.datasets import list_datasets
from readbench.planning.suite import find_suite, list_suites, load_suite
from readbench.report import answers

if TYPE_CHECKING:
    from readbench.adapter import Adapter
    from readbench.methods.registry import Registry
    from readbench.planning.suite import Suite
    from readbench.results.store import Store


def suites(name: str | None = None) -> answers.Suites:
    """Every suite, or one. Raises BenchError for a name that no suite has."""
    if name is not None:
        found = load_suite(find_suite(name))
        return answers.Suites((_suite(found.name, found),))
    listed = []
    for known, path in list_suites().items():
        try:
            listed.append(_suite(known, load_suite(path)))
        except BenchError as error:
            listed.append(answers.Suite(known, None, "", (), str(error)))
    return answers.Suites(tuple(listed))


def _suite(name: str, suite: Suite) -> answers.Suite:
    tasks = [
        answers.SuiteTask(
            task,
            tuple(section.methods),
            tuple(
                answers.Tuned(tuned.method, {key: list(values) for key, values in tuned.params.items()})
                for tuned in section.tuned
            ),
        )
        for task, section in suite.tasks.items()
    ]
    return answers.Suite(name, suite.version, suite.description, tuple(tasks), None)


def datasets(name: str | None = None) -> answers.Datasets:
    """Every embedded corpus, or one of them. Raises BenchError for a name that none has."""
    known = list_datasets()
    found = [info for info in known if name in (None, info.name)]
    if not found:
        todo = suggestion(str(name), [info.name for info in known])
        raise BenchError(f"no embedded corpus is called {name!r}", todo=todo)
    return answers.Datasets(tuple(answers.Corpus(info.name, info.documents, info.summary) for info in found))


def metrics(name: str | None = None) -> answers.Metrics:
    """Every metric, those of one task, or one metric. Raises BenchError for a name that neither has."""
    from readbench.tasks import get_task, task_names

    every = [(task, metric) for task in task_names() for metric in get_task(task).metrics]
    found = [(task, metric) for task, metric in every if name in (None, task, metric.id)]
    if not found:
        known = [*task_names(), *(metric.id for _, metric in every)]
        todo = suggestion(str(name), known, "`bench ls metrics` lists them")
        raise BenchError(f"no metric or task is called {name!r}", todo=todo)
    return answers.Metrics(
        tuple(
            answers.Metric(metric.id, task, metric.higher_is_better, metric.version, metric.summary)
            for task, metric in found
        )
    )


def methods(name: str | None, include_paths: Sequence[Path]) -> answers.Methods:
    """Every method, those of one task, or one method. Raises BenchError for a name that neither has."""
    from readbench.methods.registry import Registry
    from readbench.tasks import task_names

    registry = Registry(include_paths)
    if name is not None and name not in task_names():
        return answers.Methods((_method(registry[name], registry),), {})
    adapters = [adapter for adapter in registry.usable() if name in (None, *adapter.tasks)]
    listed = tuple(_method(adapter, registry) for adapter in adapters)
    return answers.Methods(listed, dict(registry.problems))


def _method(adapter: type[Adapter], registry: Registry) -> answers.Method:
    from readbench.methods.registry import plain

    problem = missing(adapter, registry)
    defaults = plain(adapter.Params())
    return answers.Method(
        adapter.name,
        tuple(sorted(adapter.tasks)),
        adapter.summary,
        problem is None,
        None if problem is None else problem.what,
        None if problem is None else problem.todo or None,
        tuple(
            answers.Parameter(key, defaults[key], field.description or "")
            for key, field in adapter.Params.model_fields.items()
        ),
    )


def runs(name: str | None, store: Store) -> answers.Runs:
    """Every run, the newest first; those of one suite, or one. Raises BenchError for a name that neither
    has."""
    from readbench.results.housekeeping import run_facts

    every = [answers.Run(**vars(facts)) for facts in run_facts(store)]
    found = [one for one in every if name in (None, one.name, one.suite)]
    if not found and name is not None:
        known = [*dict.fromkeys(one.suite for one in every), *(one.name for one in every)]
        raise BenchError(
            f"there is no run and no run of a suite called {name!r}",
            where=str(store.root / "runs"),
            todo=suggestion(name, filter(None, known)),
        )
    return answers.Runs(tuple(found))


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
