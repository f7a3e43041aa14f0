"""Makes the record of a cell out of what was planned and how its process ended."""

from __future__ import annotations

import os

from readbench.engine.accounts import Accounts, priced
from readbench.engine.outcome import CellFigures, EarlierFigures
from readbench.engine.scheduled import Ending
from readbench.machine.machine import machine
from readbench.machine.versions import distribution_of
from readbench.methods.registry import plain
from readbench.planning.plan import Plan, PlannedCell
from readbench.results.record import Charged, FailedDocuments, Failure, Priced, ProcessorUse, Record


def new_record(
    plan: Plan,
    accounts: Accounts,
    cell: PlannedCell,
    ending: Ending,
    failure: Failure | None,
    started_at: str,
) -> Record:
    """The record of a cell that has not been scored."""
    preparations = accounts.preparations(cell)
    notes = dict(ending.outcome.notes) if ending.outcome is not None else {}
    failed = ending.outcome.failed_documents if ending.outcome is not None else None
    earlier = _earlier(ending)
    return Record(
        key=cell.key,
        method=cell.method.spec,
        params=plain(cell.method.params),
        task=cell.task_spec.model_dump(mode="json"),
        dataset=plan.dataset.name,
        fingerprint=plan.fingerprint,
        split_hash=cell.split.hash,
        fold=cell.split.fold,
        repeat=cell.repeat,
        device=cell.device,
        seed=cell.seed,
        stochastic=cell.stochastic,
        status=ending.status,
        failure=failure,
        started_at=started_at,
        machine=machine(),
        versions=dict(cell.versions),
        threads=plan.suite.limits.threads,
        contended=plan.options.workers > 1 or (earlier is not None and earlier.contended),
        timeout_s=plan.timeout_s,
        memory_bytes=plan.memory_bytes,
        costs=accounts.costs(cell, ending, preparations),
        priced=_priced(plan, ending),
        processor=_processor(ending, plan.suite.limits.threads, preparations),
        preparations=preparations,
        members={plan.specs_by_key[key]: key for key in cell.members},
        learns_from={plan.specs_by_key[key]: key for key in cell.learns_from},
        weights={
            name: distribution_of(name)
            for name in sorted({module.partition(".")[0] for module in cell.modules})
        },
        notes=notes | accounts.notes(cell, ending),
        output_bytes=ending.output_bytes,
        failed_documents=None if failed is None else FailedDocuments.model_validate(failed.model_dump()),
        goes=1 if earlier is None else earlier.goes + 1,
        shards=cell.shards,
        strict=plan.options.strict,
    )


def _priced(plan: Plan, ending: Ending) -> Priced | None:
    """Which model behind an API was asked, and by what price; None of other methods."""
    figures = ending.outcome.figures if ending.outcome is not None else None
    if not isinstance(figures, CellFigures) or figures.usage is None:
        return None
    return priced(plan, figures.usage)


def repriced(plan: Plan, record: Record) -> Record:
    """A stored record with the money that its tokens make by the suite's prices of today. Tokens are facts,
    and prices change: nothing is asked again for them."""
    if record.priced is None or record.priced.price == plan.suite.prices.get(record.priced.model):
        return record
    now = record.priced.model_copy(update={"price": plan.suite.prices.get(record.priced.model)})
    money = now.per_1000_documents(record.costs)
    costs = record.costs.model_copy(update={"price_per_1000_documents": money})
    return record.model_copy(update={"priced": now, "costs": costs})


def _processor(ending: Ending, threads: int, preparations: list[Charged]) -> ProcessorUse | None:
    """How much of the time that a cell took it had a processor; None where no process ran."""
    if ending.cpu_s is None:
        return None
    figures = ending.outcome.figures if ending.outcome is not None else None
    earlier = _earlier(ending)
    cell_s, predict_s = ending.cpu_s, figures.predict_cpu_s if isinstance(figures, CellFigures) else None
    if earlier is not None:
        cell_s += earlier.process_s
        predict_s = (predict_s or 0.0) + earlier.predict_cpu_s
    load = ending.load
    disturbed = (load is not None and load.disturbs(threads)) or any(
        c.beside_other_work for c in preparations
    )
    return ProcessorUse(
        cell_s=cell_s,
        predict_s=predict_s,
        load_average=os.getloadavg()[0] if load is None else load.after,
        load_before=None if load is None else load.before,
        others=None if load is None else load.others,
        stolen=None if load is None else load.stolen,
        processors=None if load is None else load.processors,
        beside_other_work=disturbed,
    )


def goes_on(ending: Ending) -> bool:
    """Whether a cell may go on where its process ended: one that was ended, by a limit or from outside. What
    a method that raised had predicted is not kept."""
    kind = ending.failure.type if ending.failure is not None else ""
    return ending.status in ("timeout", "out_of_memory") or kind == "ProcessDied"


def _earlier(ending: Ending) -> EarlierFigures | None:
    """What the processes took that a cell went on from."""
    figures = ending.outcome.figures if ending.outcome is not None else None
    return figures.earlier if isinstance(figures, CellFigures) else None


def failure_of(ending: Ending) -> Failure | None:
    """Why a process did not end ok, with what it printed; None where it did."""
    if ending.status == "ok":
        return None
    told = ending.failure
    return Failure(
        type=told.type if told else "Unknown",
        message=told.message if told else "",
        traceback=told.traceback if told else "",
        output=ending.output,
    )
