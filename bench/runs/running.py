"""One run from a suite's name to its board: plan, choose parameters, measure, compare, write down."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

from readbench.core.errors import BenchError
from readbench.core.files import cannot_write
from readbench.core.types import Dataset
from readbench.datasets import open_dataset
from readbench.datasets.options import read_options
from readbench.engine.phrase_vectors import check_metrics
from readbench.engine.reference_workload import time_reference_workload
from readbench.engine.runner import Runner
from readbench.planning.infer import infer_suite
from readbench.planning.plan import Options, Plan
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite, find_suite, load_suite
from readbench.planning.suite_language import told_apart, unnamed_language
from readbench.planning.suite_options import with_options
from readbench.report.files import write_results
from readbench.results.leaderboard import Leaderboard, build_leaderboard
from readbench.results.record import Record
from readbench.results.store import Store
from readbench.runs.interface import Interface
from readbench.runs.manifest import write_manifest
from readbench.runs.tuning import Tuning, grid, tune
from readbench.stats.of_run import write_statistics


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
    suite, data = _inputs(reference, dataset, labels, options, interface.say)
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
            write_manifest(plan, runner, tuning, store, name, "interrupted", began)
            raise
        write_manifest(plan, runner, tuning, store, name, "finished", began)
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
    suite, data = _inputs(reference, dataset, labels, options, interface.say)
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
    reference: str | None,
    dataset: str | None,
    labels: Path | None,
    options: Options,
    say: Callable[[str], None],
) -> tuple[Suite, Dataset]:
    if reference is None and dataset is None:
        raise BenchError("nothing to run", todo="name a suite (bench ls suites) or give --dataset FILE")
    given = dict(options.reading) | ({"labels": str(labels)} if labels else {})
    if reference is None:
        data = open_dataset(str(dataset), read_options(given))
        suite, why = infer_suite(data)
        say(why)
        suite = with_options(suite, options)
        return suite, told_apart(suite, data)
    suite = with_options(load_suite(find_suite(reference)), options)
    target = dataset or suite.dataset.name
    if target is None:
        raise BenchError(
            "it names no dataset",
            where=f"suite {suite.name}",
            todo=f"give one: bench run {suite.name} --dataset FILE (or papers-demo)",
        )
    said = suite.dataset.model_dump(exclude={"name"}, exclude_unset=True)
    language = unnamed_language(suite)
    reading = read_options(said | ({"language": language} if language else {}) | given)
    return suite, told_apart(suite, open_dataset(target, reading))


def _begin(plan: Plan, runner: Runner, tuning: Tuning, store: Store, name: str) -> Path:
    """The run's folder with its manifest, made before anything is measured: a full disk or a
    read-only place shows now, not after an hour."""
    folder = store.run(name)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    write_manifest(plan, runner, tuning, store, name, "running", monotonic())
    return folder


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
