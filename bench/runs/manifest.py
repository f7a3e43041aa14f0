"""Writes the manifest of a run."""

from __future__ import annotations

import shlex
import sys
from time import monotonic

from readbench.audit.warnings import shortcut_warnings
from readbench.core.clock import now
from readbench.core.digests import digest
from readbench.core.errors import BenchError
from readbench.core.files import first_line, write_json
from readbench.core.types import Part, Task
from readbench.engine.runner import Runner
from readbench.machine.machine import machine
from readbench.planning.labels import without_positive
from readbench.planning.metrics import board_metrics
from readbench.planning.plan import Plan
from readbench.results.manifest import Manifest, RunCell, RunReference, RunStatus, RunTask
from readbench.results.store import RUN, Store
from readbench.runs.tuning import Choice
from readbench.tasks.spec import TaskSpec

PARTS: tuple[Part, ...] = ("train", "validation", "test")


def write_manifest(
    plan: Plan,
    runner: Runner,
    choice: Choice,
    store: Store,
    name: str,
    status: RunStatus,
    began: float,
    *,
    lease: bool = True,
) -> None:
    """``status`` as the manifest has it; ``began`` is the monotonic clock at the start of the run. Without
    ``lease`` the run goes on when this process has ended."""
    path = store.run(name) / RUN
    before = store.manifest(name) if path.exists() else None
    command = shlex.join(["bench", *sys.argv[1:]]) if sys.argv[1:] else "bench.run(...)"
    done = status != "running"
    manifest = Manifest(
        name=name,
        suite=plan.suite.name,
        suite_version=plan.suite.version,
        suite_digest=digest(plan.suite.model_dump(mode="json")),
        status=status,
        lease=None if done or not lease else store.lease.id,
        command=command if before is None else before.command,
        started_at=now() if before is None else before.started_at,
        finished_at=now() if done else None,
        wall_s=monotonic() - began if done else None,
        tasks={task: _task(plan, task, store) for task in plan.suite.tasks},
        dataset=plan.dataset.name,
        dataset_source=plan.dataset.source,
        left_out=dict(plan.dataset.left_out),
        other_languages=list(plan.dataset.other_languages),
        remarks=dict(plan.dataset.remarks),
        decisions=plan.dataset.decisions,
        reading=dict(plan.options.reading),
        demo=plan.dataset.demo,
        fingerprint=plan.fingerprint,
        seed=plan.seed,
        limit=plan.options.limit,
        workers=plan.options.workers,
        timeout_s=plan.timeout_s,
        memory_bytes=plan.memory_bytes,
        machine=machine(),
        reference_workload_s=runner.reference_workload_s,
        trials=list(choice.trials),
        cells=_cells(plan, runner, choice, store, status),
    )
    write_json(path, manifest)


def _cells(plan: Plan, runner: Runner, choice: Choice, store: Store, status: RunStatus) -> list[RunCell]:
    """The cells that have a record; while the run goes on the others as well, so that a killed run shows what
    it had measured."""
    cells = []
    for cell in plan.cells:
        record, digest = runner.records.get(cell.key), runner.digests.get(cell.key)
        if record is None and status == "running" and cell.state == "stored":
            record = cell.stored
        if record is None and status == "interrupted" and not plan.options.fresh:
            # It may have reached the disk in the instant in which the interruption came.
            record, digest = store.record_with_digest(cell.key)
        if record is not None or status == "running":
            cells.append(
                RunCell(
                    task=cell.task,
                    method=cell.method.spec,
                    fold=cell.split.fold,
                    repeat=cell.repeat,
                    key=cell.key,
                    status="pending" if record is None else record.status,
                    record=digest,
                    reused=cell.state == "stored",
                    chosen=choice.chosen.get((cell.task, cell.method.spec)),
                )
            )
    return cells


def _task(plan: Plan, task: Task, store: Store) -> RunTask:
    section, splits, spec = plan.suite.tasks[task], plan.splits[task], plan.specs[task]
    board = board_metrics(plan.suite, task)
    return RunTask(
        spec=spec.model_dump(mode="json"),
        primary=board.primary.id,
        board=[metric.id for metric in board.columns],
        split=plan.suite.split_of(task).model_dump(mode="json"),
        folds=len(splits),
        split_hash=splits[0].hash if len(splits) == 1 else digest([split.hash for split in splits]),
        documents={part: len(splits[0].ids(part)) for part in PARTS},
        tested=sum(len(split.test) for split in splits),
        near_duplicates=plan.near_duplicates[task].documents,
        near_duplicates_across=plan.near_duplicates[task].across,
        reference=RunReference(**section.reference.model_dump()) if section.reference else None,
        warnings=[*without_positive(spec), *_warnings(plan, spec, store)],
    )


def _warnings(plan: Plan, spec: TaskSpec, store: Store) -> list[str]:
    """What makes scores doubtful. To look for it is optional: where that fails, the run says so."""
    try:
        return shortcut_warnings(plan.dataset, spec, store.root)
    except BenchError:
        raise
    except Exception as error:
        return [f"fields were not probed for shortcuts: {type(error).__name__}: {first_line(error)}"]
