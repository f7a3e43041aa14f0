"""The answer of ``bench plan`` to a program, gathered while the plan is made."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from readbench.engine.forecast import Forecast, documents_of
from readbench.engine.reporter import Reporter, Silent
from readbench.planning import plan as planning
from readbench.planning.plan import Plan
from readbench.report.answers import (
    Planned,
    PlannedCell,
    PlannedPreparation,
    PlannedTask,
    PlannedTotal,
    Stage,
)
from readbench.results.estimates import Estimate
from readbench.results.store import Store


@dataclass
class PlanCollector:
    """Stands where a plan is shown, and keeps each one."""

    plans: list[tuple[Plan, Store]] = field(default_factory=list)

    def planned(self, plan: Plan, store: Store) -> None:
        self.plans.append((plan, store))

    def say(self, line: str) -> None: ...

    def reporter(self, jobs: int) -> AbstractContextManager[Reporter]:  # noqa: ARG002
        return nullcontext(Silent())

    def answer(self, exit_status: int) -> Planned:
        """Of the plans that were shown: the last one measures, one before it chooses parameters."""
        plan = self.plans[-1][0]
        return Planned(
            suite=plan.suite.name,
            dataset=plan.dataset.name,
            fingerprint=plan.dataset.fingerprint,
            documents=len(plan.dataset.documents),
            seed=plan.seed,
            limit=plan.options.limit,
            timeout_s=plan.timeout_s,
            memory_bytes=plan.memory_bytes,
            decisions=tuple(decision.sentence() for decision in plan.dataset.decisions),
            left_out=dict(plan.dataset.left_out),
            stages=tuple(_stage(one, store, measures=one is plan) for one, store in self.plans),
            exit_status=exit_status,
        )


def _stage(plan: Plan, store: Store, *, measures: bool) -> Stage:
    forecast = Forecast.of(plan, store)
    return Stage(
        stage="measure" if measures else "choose",
        tasks={
            task: PlannedTask(
                len(splits), len(splits[0].train), len(splits[0].validation), len(splits[0].test)
            )
            for task, splits in plan.splits.items()
        },
        preparations=tuple(
            _preparation(planned, forecast.items[planned.key]) for planned in plan.needed_preparations()
        ),
        cells=tuple(_cell(cell, forecast.items.get(cell.key)) for cell in plan.all_cells),
        total=PlannedTotal(
            cells_s=forecast.cells_s,
            preparations_s=forecast.preparations_s,
            imports_s=forecast.imports_s,
            start_s=forecast.start_s,
            total_s=forecast.total_s,
            unknown=forecast.unknown,
            peak_bytes=forecast.peak_bytes,
        ),
    )


def _preparation(planned: planning.PlannedPreparation, estimate: Estimate | None) -> PlannedPreparation:
    return PlannedPreparation(
        name=planned.preparation.name,
        documents=documents_of(planned),
        device=planned.device,
        estimate_s=None if estimate is None else estimate.seconds,
        estimate_bytes=None if estimate is None else estimate.memory_bytes,
        estimate_from=None if estimate is None else estimate.machine,
    )


def _cell(cell: planning.PlannedCell, estimate: Estimate | None) -> PlannedCell:
    return PlannedCell(
        task=cell.task,
        method=cell.method.spec,
        fold=cell.split.fold,
        repeat=cell.repeat,
        state=cell.state,
        why=cell.why or None,
        stored_status=None if cell.stored is None else cell.stored.status,
        device=cell.device,
        needed_bytes=cell.needed_bytes or None,
        peak_bytes=cell.peak_bytes or None,
        documents=len(cell.split.test),
        shards=cell.shards,
        in_one=cell.in_one or None,
        estimate_s=None if estimate is None else estimate.seconds,
        estimate_bytes=None if estimate is None else estimate.memory_bytes,
        estimate_from=None if estimate is None else estimate.machine,
        key=cell.key,
        on_validation=cell.on_validation,
    )
