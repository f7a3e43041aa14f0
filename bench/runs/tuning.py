"""Chooses parameters on the validation part, before the test part is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Protocol

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Task
from readbench.methods.registry import Registry
from readbench.methods.spelling import parse_method, spell_method
from readbench.planning.plan import Options, Plan
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite, TaskSection, Tuned
from readbench.results.manifest import Chosen, Trial
from readbench.results.record import Record
from readbench.results.store import Store
from readbench.tasks import get_task


class RunPlan(Protocol):
    """Carries out a plan and returns its records by cell key."""

    def __call__(self, plan: Plan) -> Mapping[str, Record]: ...


@dataclass(frozen=True)
class Tuning:
    """What was tried and what was chosen. ``suite`` is the one that was written, ``frozen`` the one that
    is run; ``chosen`` says by task and spelling how the parameters of a method were chosen."""

    suite: Suite
    frozen: Suite
    chosen: Mapping[tuple[Task, str], Chosen]
    trials: tuple[Trial, ...]


def grid(tuned: Tuned) -> list[str]:
    """Every combination of the listed values as a spelling, in the order in which they are written."""
    name, fixed = parse_method(tuned.method)
    names = list(tuned.params)
    return [
        spell_method(name, fixed | dict(zip(names, values, strict=True)))
        for values in product(*(tuned.params[key] for key in names))
    ]


def tune(suite: Suite, dataset: Dataset, options: Options, store: Store, run: RunPlan) -> Tuning:
    """Runs every combination on the validation part and returns the suite with the best of each frozen
    among its methods. Of equals the first one written wins. Methods named on the command line are
    taken as they are: then nothing is tuned.

    Raises BenchError where the split has no validation part, or no combination of a method ran.
    """
    if options.methods or not any(section.tuned for section in suite.tasks.values()):
        return Tuning(suite, suite, {}, ())
    registry = Registry(options.include_paths)
    grids = {
        (task, tuned.method): [registry.method(spelling).spelling for spelling in grid(tuned)]
        for task, section in suite.tasks.items()
        for tuned in section.tuned
    }
    every = {
        task: tuple(dict.fromkeys(s for (of, _), spellings in grids.items() if of == task for s in spellings))
        for task in suite.tasks
    }
    sections = {
        task: section.model_copy(update={"methods": every[task]})
        for task, section in suite.tasks.items()
        if every[task]
    }
    plan = make_plan(
        suite.model_copy(update={"tasks": sections}), dataset, options, store, judged_on="validation"
    )
    for task, splits in plan.splits.items():
        if len(splits) > 1:
            raise BenchError(
                "parameters are chosen once, and what one fold validates on another fold tests",
                where=f"suite {suite.name}, task {task}",
                todo='set kind = "holdout" in its [split]',
            )
        if not splits[0].test:
            raise BenchError(
                "parameters are to be chosen, and the split has no validation part",
                where=f"suite {suite.name}",
                todo="set validation in its [split]",
            )
    records = run(plan)
    values: dict[tuple[Task, str], Trial] = {}
    for cell in plan.cells:
        record = records[cell.key]
        primary = suite.tasks[cell.task].primary or get_task(cell.task).primary
        found = record.metrics.get(primary) if record.status == "ok" else None
        values[cell.task, cell.method.spelling] = Trial(
            task=cell.task,
            method=cell.method.spelling,
            key=cell.key,
            status=record.status,
            value=None if found is None else found.value,
        )
    chosen: dict[tuple[Task, str], Chosen] = {}
    for (task, method), spellings in grids.items():
        primary = suite.tasks[task].primary or get_task(task).primary
        sign = 1 if get_task(task).metric(primary).higher_is_better else -1
        ran = [s for s in spellings if values[task, s].value is not None]
        if not ran:
            # It stays on the board with what stopped it.
            chosen[task, spellings[0]] = Chosen(asked=method, combinations=len(spellings), documents=None)
            continue
        best = max(ran, key=lambda s: (sign * (values[task, s].value or 0.0), -spellings.index(s)))
        validated = len(plan.splits[task][0].test)
        chosen[task, best] = Chosen(asked=method, combinations=len(spellings), documents=validated)
    final: dict[Task, TaskSection] = {}
    for task, section in suite.tasks.items():
        named = [registry.method(spelling).spelling for spelling in section.methods]
        # What is chosen may be what the suite names as well: then one row is both.
        new = [spelling for of, spelling in chosen if of == task and spelling not in named]
        final[task] = section.model_copy(update={"methods": (*section.methods, *new), "tuned": ()})
    return Tuning(suite, suite.model_copy(update={"tasks": final}), chosen, tuple(values.values()))
