"""Chooses parameters from what was measured on the validation part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from readbench.core.types import Task
from readbench.methods.registry import Method
from readbench.planning.checking import CheckedSuite
from readbench.planning.grids import Grid
from readbench.planning.metrics import board_metrics
from readbench.planning.plan import Plan
from readbench.results.manifest import Chosen, Trial
from readbench.results.record import Costs, Record
from readbench.tasks.metric import Metric


@dataclass(frozen=True)
class Choice:
    """What was tried and what was chosen. ``methods`` are the chosen ones of each task; ``chosen`` says by
    task and spec how their parameters were chosen."""

    methods: Mapping[Task, tuple[Method, ...]] = field(default_factory=dict)
    chosen: Mapping[tuple[Task, str], Chosen] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()


def choose(checked: CheckedSuite, plan: Plan, records: Mapping[str, Record]) -> Choice:
    """The best combination of each grid by the primary metric of its task; of equals the one that is written
    first. Where none ran, the first one stays on the board with what stopped it.

    ``records`` are those of the cells of ``plan``, by key.
    """
    methods: dict[Task, tuple[Method, ...]] = {}
    chosen: dict[tuple[Task, str], Chosen] = {}
    trials: list[Trial] = []
    for name, task in checked.tasks.items():
        if not task.grids:
            continue
        primary = board_metrics(checked.suite, name).primary
        found = _trials(name, primary, plan, records)
        trials += found.values()
        best = [(_best(grid, primary, found), grid) for grid in task.grids]
        methods[name] = tuple(method for method, _ in best)
        for method, grid in best:
            how = _how(grid, method, found, len(plan.splits[name][0].test))
            tried = [records[found[candidate.spec].key] for candidate in grid.candidates]
            chosen[name, method.spec] = how.model_copy(update={"tuning_s": _seconds(tried)})
    return Choice(methods, chosen, tuple(trials))


def _trials(task: Task, primary: Metric, plan: Plan, records: Mapping[str, Record]) -> dict[str, Trial]:
    """What each cell of a task reached, by spec; no value where it did not end ok."""
    found = {}
    for cell in plan.cells:
        if cell.task == task:
            record = records[cell.key]
            metric = record.metrics.get(primary.id) if record.status == "ok" else None
            found[cell.method.spec] = Trial(
                task=task,
                method=cell.method.spec,
                key=cell.key,
                status=record.status,
                value=None if metric is None else metric.value,
            )
    return found


def _best(grid: Grid, primary: Metric, trials: Mapping[str, Trial]) -> Method:
    sign = 1 if primary.higher_is_better else -1
    values = [(trials[method.spec].value, method) for method in grid.candidates]
    ran = [(sign * value, method) for value, method in values if value is not None]
    # ``max`` keeps the first of equals.
    return max(ran, key=lambda pair: pair[0])[1] if ran else grid.candidates[0]


def _seconds(trials: Sequence[Record]) -> float:
    """What somebody would have paid for all trials: each is loaded, trained and run, on preparations that are
    built once."""
    built = {charge.key: charge.seconds for record in trials for charge in record.preparations}
    return sum(built.values()) + sum(_seconds_of(record.costs) for record in trials)


def _seconds_of(costs: Costs) -> float:
    """Of a cell that did not come to its end, the time until then."""
    if costs.predict_s is None:
        return costs.wall_s or 0.0
    return sum(part or 0.0 for part in (costs.load_s, costs.fit_s, costs.warmup_s, costs.predict_s))


def _how(grid: Grid, best: Method, trials: Mapping[str, Trial], documents: int) -> Chosen:
    reached = trials[best.spec].value
    as_good = [method for method in grid.candidates if trials[method.spec].value == reached]
    return Chosen(
        asked=grid.method,
        combinations=len(grid.candidates),
        documents=None if reached is None else documents,
        equal=0 if reached is None else len(as_good) - 1,
        edges=() if reached is None else grid.edges(as_good),
    )
