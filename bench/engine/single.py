"""Carries out one cell or preparation of a stored plan: what every executor starts, wherever that is."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from readbench.adapter import Context
from readbench.core.damage import stored_json
from readbench.core.digests import digest
from readbench.core.errors import BenchError
from readbench.core.files import make_folder, write_json
from readbench.engine.outcome import ChildFailure
from readbench.engine.records import failure_of
from readbench.engine.reporter import Reporter
from readbench.engine.runner import Runner
from readbench.engine.scheduled import Ending
from readbench.machine.gpu import gpu_memory
from readbench.machine.sources import SourceReader
from readbench.machine.versions import versions_of
from readbench.planning.plan import Plan, PlannedCell
from readbench.planning.stored_plan import (
    StoredCell,
    StoredPlan,
    StoredPreparation,
    cell_is_done,
    load_plan,
    preparation_is_done,
    read_plan,
    results_of,
)
from readbench.results.record import Failure, Status, StoredModel
from readbench.results.store import Store

FAILED = "failed"
"""The folder, beside a plan, with what became of its preparations that did not end ok: a file each."""
NOT_READY = 75
"""The exit status where something that a cell stands on has not ended: it may be started again later
(EX_TEMPFAIL of sysexits.h)."""


class Failed(StoredModel):
    """How something ended that is not ok and has no record: a preparation, or a job that was lost."""

    status: Status
    failure: Failure

    @classmethod
    def of(cls, ending: Ending) -> Failed:
        return cls(status=ending.status, failure=failure_of(ending) or Failure(type="Unknown", message=""))

    def ending(self) -> Ending:
        told = self.failure
        failure = ChildFailure.model_construct(type=told.type, message=told.message, traceback=told.traceback)
        return Ending(self.status, failure=failure, output=told.output)


def failed_preparation(folder: Path, key: str) -> Failed | None:
    """What became of a preparation of the plan in a folder; None where it did not fail."""
    return stored_json(folder / FAILED / f"{key}.json", Failed.model_validate)


def keep_failed(folder: Path, key: str, failed: Failed) -> None:
    """Raises BenchError where that cannot be written."""
    path = folder / FAILED / f"{key}.json"
    make_folder(path.parent)
    write_json(path, failed)


Did = Literal["ok", "failed", "already"]


def carry_out(key: str, folder: Path, reporter: Reporter, *, fresh: bool = False) -> Did:
    """Carries out the cell or the preparation with that key of the plan in ``folder``, in a process of its
    own with limits and clocks as in a run; what it leaves is in the results folder. What has been done since
    the plan was made is not done again, unless ``fresh``. The working directory becomes that of the plan.

    Raises BenchError for a key that the plan does not have, where other sources, libraries or weights are
    found than those that the key stands for, and, with the exit status NOT_READY, where something that it
    stands on has not ended.
    """
    folder = folder.resolve()
    stored = read_plan(folder)
    store = results_of(stored, folder)
    try:
        os.chdir(stored.directory)
    except OSError as error:
        raise BenchError(
            f"the working directory of the plan cannot be entered: {error.strerror}",
            where=str(stored.directory),
            todo="run from a folder that every machine sees",
        ) from error
    for cell in stored.cells:
        if cell.key == key:
            return _cell(cell, stored, folder, store, reporter, fresh=fresh)
    for planned in stored.preparations:
        if planned.key == key:
            return _preparation(planned, stored, folder, store, reporter, fresh=fresh)
    raise BenchError(f"the plan has no cell or preparation {key}", where=str(folder))


def _cell(
    cell: StoredCell, stored: StoredPlan, folder: Path, store: Store, reporter: Reporter, *, fresh: bool
) -> Did:
    if not fresh and cell_is_done(cell, store):
        return "already"
    plan = load_plan(stored, store, only={cell.key, *cell.members, *cell.learns_from})
    planned = next(one for one in plan.all_cells if one.key == cell.key)
    failed = _failed(plan, plan.stands_on(planned), folder)
    for member in planned.stands_on_cells:
        if store.facts(member) is None:
            raise _not_ready(f"its member {_spec(stored, member)}")
    _check_same(planned, cell)
    record = Runner(plan, store, reporter, mark=digest(folder.name)[:12]).run_cell(planned, failed)
    return "ok" if record.status == "ok" else "failed"


def _preparation(
    planned: StoredPreparation,
    stored: StoredPlan,
    folder: Path,
    store: Store,
    reporter: Reporter,
    *,
    fresh: bool,
) -> Did:
    if not fresh and preparation_is_done(planned, store):
        return "already"
    plan = load_plan(stored, store, only={planned.key})
    failed = _failed(plan, [key for key in plan.preparations if key != planned.key], folder)
    if failed:
        ending = next(iter(failed.values()))
    else:
        found = Runner(plan, store, reporter).run_preparation(plan.preparations[planned.key])
        if found is None:
            return "ok"
        ending = found
    keep_failed(folder, planned.key, Failed.of(ending))
    return "failed"


def _spec(stored: StoredPlan, key: str) -> str:
    return next((cell.method for cell in stored.cells if cell.key == key), key)


def _failed(plan: Plan, keys: Collection[str], folder: Path) -> dict[str, Ending]:
    """How those of some preparations ended that failed. Raises BenchError where one has not ended."""
    endings = {}
    for key in keys:
        if (failed := failed_preparation(folder, key)) is not None:
            endings[key] = failed.ending()
        elif not plan.preparations[key].stored:
            raise _not_ready(f"its preparation {plan.preparations[key].preparation.name}")
    return endings


def _not_ready(what: str) -> BenchError:
    return BenchError(f"{what} has not ended", todo="start it again when it has", exit_status=NOT_READY)


def _check_same(cell: PlannedCell, stored: StoredCell) -> None:
    """Raises BenchError where this is another program than the one that the key of the cell stands for."""
    sources = SourceReader().of(cell.method.adapter)
    if sources.digest != cell.sources.digest:
        names = sorted(
            name
            for name in sources.sums.keys() | cell.sources.sums.keys()
            if sources.sums.get(name) != cell.sources.sums.get(name)
        )
        raise _other(cell, f"the source {names[0] if names else ''} is another one here than in the plan")
    versions = versions_of(cell.modules)
    for name in sorted(versions.keys() | cell.versions.keys()):
        if versions.get(name) != cell.versions.get(name):
            found, wanted = versions.get(name, "not there"), cell.versions.get(name, "absent")
            raise _other(cell, f"{name} is {found} here and {wanted} in the plan")
    context = Context(task=cell.task_spec, seed=cell.seed, threads=1, device=cell.device)
    if dict(cell.method.create(context).weights()) != stored.weights:
        raise _other(cell, "its model weights are not here, or others than in the plan")
    if cell.device == "cuda" and not gpu_memory():
        raise BenchError(
            "it is planned for a GPU, and there is none here",
            where=f"method {cell.method.spec}",
            todo="ask for one (--gpus-per-cell 1), or plan it for the processor (--gpus-per-cell 0)",
        )


def _other(cell: PlannedCell, what: str) -> BenchError:
    return BenchError(
        what,
        where=f"method {cell.method.spec}",
        todo="use one environment and one cache of models that every machine sees, or run the suite again",
    )
