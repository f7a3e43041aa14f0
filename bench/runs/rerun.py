"""Runs the suite of a baseline again for the gate. No stored result is used."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from readbench.compare.paired import Side, open_side
from readbench.core.errors import BenchError
from readbench.gate.verdicts import check_whole
from readbench.methods.registry import Registry
from readbench.planning.ensembles import with_members
from readbench.planning.plan import Options
from readbench.planning.suite import find_suite, load_suite
from readbench.results.manifest import Manifest
from readbench.results.store import Store
from readbench.runs.interface import Interface
from readbench.runs.running import run_suite

APART = "gate"
"""Where a run that is compared with one of the same results folder is kept, inside that folder. Both runs may
have the same cells, and the new ones would replace the old ones before they are compared."""


def rerun_suite(
    before: Side, suite: str | None, dataset: str | None, options: Options, store: Store, interface: Interface
) -> Side:
    """Runs the suite of a baseline with the same seed, limits and methods, and returns the new run. A method
    that fails is a row of it, which the gate judges.

    Raises BenchError for a baseline that is not whole, and where the suite cannot be run.
    """
    check_whole(before, options.methods)
    manifest = before.manifest
    reference = suite or manifest.suite
    options = replace(
        options,
        fresh=True,
        methods=options.methods or _methods(before, reference, options, interface),
        seed=manifest.seed if options.seed is None else options.seed,
        limit=manifest.limit if options.limit is None else options.limit,
        timeout_s=manifest.timeout_s if options.timeout_s is None else options.timeout_s,
        reading=options.reading or manifest.reading,
        positive=options.positive or _positive(manifest, suite),
        memory_bytes=manifest.memory_bytes if options.memory_bytes is None else options.memory_bytes,
    )
    if store.root.resolve() == before.store.root.resolve():
        store = Store(store.root / APART)
        interface.say(f"measured in {store.root}: {manifest.name} keeps its cells")
    finished = run_suite(reference, dataset, None, options, store, interface)
    return open_side(str(Path(finished.board.folder)), store.root)


def _positive(manifest: Manifest, suite: str | None) -> str | None:
    """The positive class of the baseline, which may have been named on the command line; of another suite,
    that suite's own."""
    task = manifest.tasks.get("classification")
    return None if suite is not None or task is None else task.spec.get("positive")


def _methods(before: Side, reference: str, options: Options, interface: Interface) -> tuple[str, ...]:
    """The methods to name: those of the baseline where the suite does not list one of them, because it was
    named on the command line. Methods whose code is gone are left out.

    None are named, so that the suite's own list holds, where the suite lists them all, and where parameters
    were chosen: for methods that are named nothing is chosen.
    """
    rows = [row for table in before.board.tables for row in table.rows]
    registry = Registry(options.include_paths)
    listed = {
        (task, method.spec)
        for task, section in load_suite(find_suite(reference)).tasks.items()
        for method in with_members([registry.method(name) for name in section.methods], task, registry)
    }
    unlisted = [row.method for row in rows if (row.task, row.method) not in listed]
    if not unlisted or any(row.chosen for row in rows):
        return ()
    known = {}
    for row in rows:
        with contextlib.suppress(BenchError):
            known[row.method] = registry.method(row.method)
    interface.say(f"the suite does not list {unlisted[0]}: the methods of the baseline are run")
    return tuple(known)
