"""Writes the manifest of a run."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from time import monotonic

from readbench.audit.warnings import shortcut_warnings
from readbench.core.clock import now
from readbench.core.digests import digest
from readbench.core.files import write_json
from readbench.engine.runner import Runner
from readbench.machine.machine import machine
from readbench.planning.labels import without_positive
from readbench.planning.plan import Plan
from readbench.results.manifest import Manifest
from readbench.results.store import Store
from readbench.runs.tuning import Tuning
from readbench.tasks import get_task


def write_manifest(
    plan: Plan, runner: Runner, tuning: Tuning, store: Store, name: str, status: str, began: float
) -> None:
    path = store.run(name) / "run.json"
    started = store.manifest(name).started_at if path.exists() else now()
    cells = []
    for cell in plan.cells:
        record = runner.records.get(cell.key)
        if record is None and status == "interrupted" and not plan.options.fresh:
            # It may have reached the disk in the instant in which the interruption came.
            record = store.record(cell.key)
        if record is not None:
            chosen = tuning.chosen.get((cell.task, cell.method.spelling))
            cells.append(
                {
                    "task": cell.task,
                    "method": cell.method.spelling,
                    "fold": cell.split.fold,
                    "repeat": cell.repeat,
                    "key": cell.key,
                    "status": record.status,
                    "reused": cell.state == "stored",
                    "chosen": chosen,
                }
            )
    tasks = {}
    for task, section in plan.suite.tasks.items():
        definition = get_task(task)
        primary = section.primary or definition.primary
        columns = section.board or tuple(m for m in definition.board if m != primary)
        for metric in (primary, *columns, *((section.reference.metric,) if section.reference else ())):
            definition.metric(metric)
        splits = plan.splits[task]
        spec = next((cell.spec for cell in plan.cells if cell.task == task), plan.suite.spec(task))
        tasks[task] = {
            "spec": spec.model_dump(mode="json"),
            "primary": primary,
            "board": list(columns),
            "split": plan.suite.split_of(task).model_dump(mode="json"),
            "folds": len(splits),
            "split_hash": splits[0].hash if len(splits) == 1 else digest([split.hash for split in splits]),
            "documents": {part: len(splits[0].ids(part)) for part in ("train", "validation", "test")},
            "tested": sum(len(split.test) for split in splits),
            "near_duplicates": plan.near_duplicates[task].documents,
            "near_duplicates_across": plan.near_duplicates[task].across,
            "reference": section.reference.model_dump() if section.reference else None,
            "warnings": [*without_positive(spec), *shortcut_warnings(plan.dataset, spec, store.root)],
        }
    done = status != "running"
    manifest = Manifest.model_validate(
        {
            "name": name,
            "suite": plan.suite.name,
            "suite_version": plan.suite.version,
            "status": status,
            "tasks": tasks,
            "cells": cells,
            "trials": list(tuning.trials),
            "suite_digest": digest(tuning.suite.model_dump(mode="json")),
            "command": shlex.join(["bench", *sys.argv[1:]]) if sys.argv[1:] else "bench.run(...)",
            "started_at": started,
            "finished_at": now() if done else None,
            "wall_s": monotonic() - began if done else None,
            "dataset": plan.dataset.name,
            "dataset_source": plan.dataset.source,
            "dataset_counts": dict(plan.dataset.counts),
            "dataset_decisions": [asdict(decision) for decision in plan.dataset.decisions],
            "reading": dict(plan.options.reading),
            "demo": plan.dataset.demo,
            "fingerprint": plan.dataset.fingerprint,
            "seed": plan.seed,
            "limit": plan.options.limit,
            "workers": plan.options.workers,
            "timeout_s": plan.timeout_s,
            "memory_bytes": plan.memory_bytes,
            "machine": machine(),
            "reference_workload_s": runner.reference_workload_s,
        }
    )
    write_json(path, manifest)
