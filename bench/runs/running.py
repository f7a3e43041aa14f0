"""One run from a suite's name to its board: read and check, choose parameters, measure, compare, write."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

from readbench.core.errors import BenchError
from readbench.core.files import first_line, make_folder
from readbench.engine.phrase_vectors import check_encoder
from readbench.engine.reference_workload import time_reference_workload
from readbench.engine.runner import Runner
from readbench.planning.checking import CheckedSuite, check_suite
from readbench.planning.plan import Options, Plan
from readbench.planning.planner import plan_test, plan_validation
from readbench.planning.reading import read_suite
from readbench.planning.stored_plan import store_plan
from readbench.report.files import write_results
from readbench.results.leaderboard import Leaderboard, build_leaderboard
from readbench.results.store import Store
from readbench.runs.interface import Interface
from readbench.runs.manifest import write_manifest
from readbench.runs.places import Place, Submitted, submitted_run
from readbench.runs.tuning import Choice, choose
from readbench.stats.of_run import write_statistics

TRIALS = "trials"
"""The folder, in that of a run, with the plan of what chooses parameters."""
CHOOSING = "choosing parameters on the validation part"


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
    """Runs a suite on this machine and returns its board. Raises as ``run_suite_at`` does."""
    finished = run_suite_at(None, reference, dataset, labels, options, store, interface)
    assert isinstance(finished, Finished)  # here somebody waits
    return finished


def run_suite_at(
    place: Place | None,
    reference: str | None,
    dataset: str | None,
    labels: Path | None,
    options: Options,
    store: Store,
    interface: Interface,
) -> Finished | Submitted:
    """Runs a suite and returns its board: reads and checks it, chooses parameters on the validation part,
    then measures on the test part. With a ``place``, cells run there; Submitted where nobody waits for them.

    Raises BenchError for wrong use, before anything runs; KeyboardInterrupt is let through once what was
    measured is on disk and the run is marked interrupted.
    """
    if options.workers < 1:
        raise BenchError(f"--workers must be at least 1, not {options.workers}")
    if place is not None:
        options = place.options(options)
    checked = _checked(reference, dataset, labels, options, interface)
    if place is not None:
        place.check(checked)
    began = monotonic()
    name = f"{checked.suite.name}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    choice = _choice(checked, store, interface, place, name)
    measuring = monotonic()
    plan = plan_test(checked.with_methods(choice.methods), store)
    _refuse_nothing(plan)
    interface.planned(plan, store)
    submitted = submitted_run(plan, store) if place is not None else None
    name = submitted or name
    with interface.reporter(_jobs(plan)) as reporter:
        elsewhere = None if place is None else place.of(store.run(name), reporter.doing)
        runner = Runner(plan, store, reporter, elsewhere=elsewhere)
        folder = _begin(plan, runner, choice, store, name)
        try:
            if plan.to_run():
                store_plan(plan, store, folder, goes_on=submitted is not None)
                if elsewhere is None:
                    runner.reference_workload_s = time_reference_workload()
            runner.run()
        except BaseException:
            write_manifest(plan, runner, choice, store, name, "interrupted", began)
            raise
        if elsewhere is not None and elsewhere.left:
            write_manifest(plan, runner, choice, store, name, "running", began, lease=False)
            return Submitted(name, len(elsewhere.left), elsewhere.refused)
        finish(plan, runner, choice, store, name, began, interface)
        if plan.to_run() and elsewhere is None:
            runner.learn_start(monotonic() - measuring)
    return Finished(build_leaderboard(name, store), exit_status(runner, options.strict))


def finish(
    plan: Plan, runner: Runner, choice: Choice, store: Store, name: str, began: float, interface: Interface
) -> None:
    """Writes what is there when all cells have ended: the manifest, the comparisons, the results."""
    write_manifest(plan, runner, choice, store, name, "finished", began)
    runner.reporter.doing("comparing the methods")
    _compare(store.run(name), store, interface)
    write_results(store.run(name), store)


def show_plan(
    reference: str | None,
    dataset: str | None,
    labels: Path | None,
    options: Options,
    store: Store,
    interface: Interface,
) -> int:
    """Shows what a run would do, without doing it. Returns the exit status: 1 where some method cannot fit.

    Raises BenchError wherever ``run_suite`` would before it measures anything.
    """
    checked = _checked(reference, dataset, labels, options, interface)
    trials = plan_validation(checked, store)
    if trials is not None:
        interface.say(CHOOSING)
        interface.planned(trials, store)
        interface.say("what is chosen is not known yet: the first combination stands for each")
    plan = plan_test(checked.with_first_candidates(), store)
    interface.planned(plan, store)
    _refuse_nothing(plan)
    return 1 if any(cell.state == "refused" for cell in plan.cells) else 0


def _checked(
    reference: str | None, dataset: str | None, labels: Path | None, options: Options, interface: Interface
) -> CheckedSuite:
    """The first step of a run and of a plan: the suite and its dataset, read and checked by name."""
    read = read_suite(reference, dataset, labels, options)
    if read.why:
        interface.say(read.why)
    checked = check_suite(read.suite, read.dataset, options)
    check_encoder(read.suite)
    return checked


def _choice(
    checked: CheckedSuite, store: Store, interface: Interface, place: Place | None, name: str
) -> Choice:
    """Measures every combination of the parameters that are to be chosen, and chooses."""
    plan = plan_validation(checked, store)
    if plan is None:
        return Choice()
    # What cannot be planned must be refused before the first trial, not after the last one.
    plan_test(checked.with_first_candidates(), store)
    interface.say(CHOOSING)
    interface.planned(plan, store)
    with interface.reporter(_jobs(plan)) as reporter:
        elsewhere = None
        if place is not None:
            folder = store.run(name) / TRIALS
            make_folder(folder)
            store_plan(plan, store, folder)
            elsewhere = place.of(folder, reporter.doing)
        runner = Runner(plan, store, reporter, elsewhere=elsewhere)
        runner.run()
    return choose(checked, plan, runner.records)


def _refuse_nothing(plan: Plan) -> None:
    """Raises BenchError, exit status 3, where no method of the plan can run here."""
    if not any(cell.state != "missing" for cell in plan.cells):
        reasons = sorted({cell.why for cell in plan.cells})
        raise BenchError(f"none of the {len(plan.cells)} methods can run here: {reasons[0]}", exit_status=3)


def _jobs(plan: Plan) -> int:
    return len(plan.to_run()) + len(plan.needed_preparations())


def _begin(plan: Plan, runner: Runner, choice: Choice, store: Store, name: str) -> Path:
    """The run's folder with its manifest, made before anything is measured: a full disk or a
    read-only place shows now, not after an hour."""
    folder = store.run(name)
    make_folder(folder)
    write_manifest(plan, runner, choice, store, name, "running", monotonic())
    return folder


def _compare(folder: Path, store: Store, interface: Interface) -> None:
    """What was measured is on disk: that it could not be compared must not end the run."""
    try:
        write_statistics(folder, store)
    except BenchError:
        raise
    except Exception as error:
        interface.say(f"the methods were not compared: {type(error).__name__}: {first_line(error)}")


def exit_status(runner: Runner, strict: bool) -> int:
    """0 all attempted cells ok, 1 some cell failed (under --strict also one that could not run), 3
    nothing was measured."""
    statuses = [record.status for record in runner.records.values()]
    attempted = [status for status in statuses if status != "missing_dependency"]
    if not any(status == "ok" for status in statuses):
        return 1 if attempted else 3
    if any(status != "ok" for status in attempted):
        return 1
    return 1 if strict and len(attempted) < len(statuses) else 0
