"""Waits for a run that was submitted to a cluster, and finishes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic

from readbench.core.clock import now
from readbench.engine.elsewhere import Cluster, Elsewhere
from readbench.engine.runner import Runner
from readbench.planning.plan import Plan
from readbench.planning.stored_plan import load_plan, read_plan
from readbench.results.leaderboard import build_leaderboard, find_run
from readbench.results.manifest import Manifest
from readbench.results.store import Store
from readbench.runs.interface import Interface
from readbench.runs.manifest import write_manifest
from readbench.runs.places import is_submitted
from readbench.runs.running import Finished, exit_status, finish
from readbench.runs.tuning import Choice


def watch(
    reference: str | None, store: Store, interface: Interface, cluster: Callable[[], Cluster]
) -> Finished:
    """Waits until all cells of a submitted run have ended, and returns its board; of a run that is finished,
    the board at once. ``reference`` as for a board; ``cluster`` is asked for where there is something to wait
    for. Cells that were lost are submitted again by ``bench run``, not here.

    Raises BenchError for a run that does not exist, and where its plan cannot be read.
    """
    name = find_run(reference, store)
    manifest = store.manifest(name)
    if not is_submitted(manifest):
        return Finished(build_leaderboard(name, store), 0)
    folder = store.run(name)
    plan = load_plan(read_plan(folder), store)
    choice, began = _choice_of(manifest, plan), monotonic() - _age_s(manifest)
    with interface.reporter(len(plan.to_run()) + len(plan.needed_preparations())) as reporter:
        waiting = Elsewhere(cluster(), folder, watches=True, say=reporter.doing)
        runner = Runner(plan, store, reporter, elsewhere=waiting)
        runner.run()
        if waiting.left:
            write_manifest(plan, runner, choice, store, name, "running", began, lease=False)
        else:
            finish(plan, runner, choice, store, name, began, interface)
    if waiting.left:
        labels = ", ".join(sorted(task.label for task in waiting.left.values()))
        interface.say(f"left nothing: {labels}; `{manifest.command}` submits them again")
    return Finished(
        build_leaderboard(name, store), 1 if waiting.left else exit_status(runner, plan.options.strict)
    )


def _choice_of(manifest: Manifest, plan: Plan) -> Choice:
    chosen = {
        (task, cell.method): cell.chosen
        for task in plan.specs
        for cell in manifest.cells
        if cell.task == task and cell.chosen is not None
    }
    return Choice(chosen=chosen, trials=tuple(manifest.trials))


def _age_s(manifest: Manifest) -> float:
    """Seconds since the run was started."""
    began, here = (datetime.fromisoformat(text) for text in (manifest.started_at, now()))
    return max(0.0, (here - began).total_seconds())
