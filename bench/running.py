"""One run from a suite's name to its board: plan, choose parameters, measure, compare, write down."""

from __future__ import annotations

import secrets
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from readbench.asked_metrics import check_metrics
from readbench.audit.warnings import shortcut_warnings
from readbench.board import Leaderboard, build_leaderboard
from readbench.datasets import open_dataset
from readbench.datasets.options import ReadOptions
from readbench.engine.reference_workload import time_reference_workload
from readbench.engine.runner import Reporter, Runner, now
from readbench.errors import BenchError
from readbench.infer import infer_suite
from readbench.plan import Options, Plan
from readbench.planner import make_plan
from readbench.provenance import digest, machine
from readbench.record import Manifest, Record
from readbench.report.files import write_results
from readbench.run_statistics import write_statistics
from readbench.store import Store, cannot_write, write_json
from readbench.suite import Suite, find_suite, load_suite
from readbench.suite_language import told_apart, unnamed_language
from readbench.tasks import get_task
from readbench.tuning import Tuning, grid, tune
from readbench.types import Dataset


class Silent:
    """A reporter that says nothing."""

    def doing(self, what: str) -> None: ...
    def start(self, label: str) -> None: ...
    def progress(self, label: str, phase: str, done: int, total: int) -> None: ...
    def prepared(self, label: str, seconds: float) -> None: ...
    def end(self, label: str, record: Any) -> None: ...


class Interface(Protocol):
    """How a run speaks to whoever started it."""

    def planned(self, plan: Plan, store: Store) -> None: ...
    def say(self, line: str) -> None: ...
    def reporter(self, jobs: int) -> AbstractContextManager[Reporter]: ...


class Quiet:
    def planned(self, plan: Plan, store: Store) -> None: ...
    def say(self, line: str) -> None: ...

    def reporter(self, jobs: int) -> AbstractContextManager[Reporter]:  # noqa: ARG002
        return nullcontext(Silent())


@dataclass(frozen=True)
class Finished:
    """A run that came to its end, one way or the other."""

    board: Leaderboard
    exit_status: int


def run_suite(
    reference: str | None,
    dataset: str | None,
    labels: Path | None,
    options: Options,
    store: Store,
    interface: Interface,
) -> Finished:
    """Runs a suite and returns its board.

    Raises BenchError for wrong use; KeyboardInterrupt is let through once what was measured is on
    disk and the run is marked interrupted.
    """
    if options.workers < 1:
        raise BenchError(f"--workers must be at least 1, not {options.workers}")
    suite, data = _inputs(reference, dataset, labels, interface.say)
    check_metrics(suite, options.include_paths)
    began = monotonic()

    def carry_out(plan: Plan) -> Mapping[str, Record]:
        interface.say("choosing parameters on the validation part")
        interface.planned(plan, store)
        with interface.reporter(_jobs(plan)) as reporter:
            runner = Runner(plan, store, reporter)
            runner.run()
        return runner.records

    tuning = tune(suite, data, options, store, carry_out)
    plan = make_plan(tuning.frozen, data, options, store)
    if not any(cell.state != "missing" for cell in plan.cells):
        reasons = {cell.why for cell in plan.cells}
        raise BenchError(
            f"none of the {len(plan.cells)} methods can run here: {sorted(reasons)[0]}", exit_status=3
        )
    interface.planned(plan, store)
    name = f"{suite.name}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with interface.reporter(_jobs(plan)) as reporter:
        runner = Runner(plan, store, reporter)
        folder = _begin(plan, runner, tuning, store, name)
        try:
            runner.reference_workload_s = time_reference_workload() if plan.to_run() else None
            runner.run()
        except BaseException:
            _write_manifest(plan, runner, tuning, store, name, "interrupted", began)
            raise
        _write_manifest(plan, runner, tuning, store, name, "finished", began)
        reporter.doing("comparing the methods")
        write_statistics(folder, store)
        write_results(folder, store)
    return Finished(build_leaderboard(name, store), _exit_status(runner, options.strict))


def plan_suite(
    reference: str | None,
    dataset: str | None,
    labels: Path | None,
    options: Options,
    store: Store,
    interface: Interface,
) -> int:
    """Shows what a run would do, without doing it. Returns the exit status: 1 where some method cannot fit.

    Raises BenchError for wrong use.
    """
    suite, data = _inputs(reference, dataset, labels, interface.say)
    # Methods named on the command line are taken as they are.
    tuned_too = not options.methods
    trials = [(task, t, grid(t)) for task, s in suite.tasks.items() for t in s.tuned if tuned_too]
    for task, tuned, spellings in trials:
        interface.say(
            f"{task}: {len(spellings)} combinations of {tuned.method} are tried on the validation part first"
        )
    # What is chosen is not known yet: the first combination stands for each.
    sections = {
        task: section.model_copy(
            update={
                "methods": (*section.methods, *(names[0] for of, _, names in trials if of == task)),
                "tuned": (),
            }
        )
        for task, section in suite.tasks.items()
    }
    plan = make_plan(suite.model_copy(update={"tasks": sections}), data, options, store)
    interface.planned(plan, store)
    return 1 if any(cell.state == "refused" for cell in plan.cells) else 0


def _jobs(plan: Plan) -> int:
    return len(plan.to_run()) + len(plan.needed_preparations())


def _inputs(
    reference: str | None, dataset: str | None, labels: Path | None, say: Callable[[str], None]
) -> tuple[Suite, Dataset]:
    if reference is None and dataset is None:
        raise BenchError("nothing to run", todo="name a suite (bench ls suites) or give --dataset FILE")
    if reference is None:
        data = open_dataset(str(dataset), ReadOptions(labels=labels))
        suite, why = infer_suite(data)
        say(why)
        return suite, told_apart(suite, data)
    suite = load_suite(find_suite(reference))
    target = dataset or suite.dataset.name
    if target is None:
        raise BenchError(
            "it names no dataset",
            where=f"suite {suite.name}",
            todo=f"give one: bench run {suite.name} --dataset FILE (or papers-demo)",
        )
    update = {"language": unnamed_language(suite)} | ({"labels": labels} if labels else {})
    options = ReadOptions(**suite.dataset.model_dump(exclude={"name"}) | update)
    return suite, told_apart(suite, open_dataset(target, options))


def _begin(plan: Plan, runner: Runner, tuning: Tuning, store: Store, name: str) -> Path:
    """The run's folder with its manifest, made before anything is measured: a full disk or a
    read-only place shows now, not after an hour."""
    folder = store.run(name)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    _write_manifest(plan, runner, tuning, store, name, "running", monotonic())
    return folder


def _write_manifest(
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
            "warnings": shortcut_warnings(plan.dataset, spec, store.root),
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


def _exit_status(runner: Runner, strict: bool) -> int:
    """0 all attempted cells ok, 1 some cell failed (under --strict also one that could not run), 3
    nothing was measured."""
    statuses = [record.status for record in runner.records.values()]
    attempted = [status for status in statuses if status != "missing_dependency"]
    if not any(status == "ok" for status in statuses):
        return 1 if attempted else 3
    if any(status != "ok" for status in attempted):
        return 1
    return 1 if strict and len(attempted) < len(statuses) else 0
