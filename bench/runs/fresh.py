"""The measured side of the gate, made on the spot: the suite of a baseline, run anew with nothing resumed."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from readbench.compare.paired import Side, open_side
from readbench.core.errors import BenchError
from readbench.gate.verdicts import check_whole
from readbench.methods.registry import Registry
from readbench.planning.members import with_members
from readbench.planning.plan import Options
from readbench.planning.suite import find_suite, load_suite
from readbench.results.manifest import Manifest
from readbench.results.store import Store
from readbench.runs.interface import Interface
from readbench.runs.running import run_suite

APART = "gate"
"""The results folder, inside the one of the baseline, of what is held against a run of that same folder: the
same code has the same cells, and would replace them before they are compared."""


def run_afresh(
    before: Side, suite: str | None, dataset: str | None, options: Options, store: Store, interface: Interface
) -> Side:
    """Runs the suite of a baseline as it was run, with its seed, limits and methods, and returns what it
    measured.

    Raises BenchError for a baseline that cannot be judged against and where the suite cannot be run; a
    method that fails is a row, and the gate's to judge.
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
    """The methods of the baseline where the suite does not list one of them (they were named on the command
    line), without those whose code is gone; else none, and the suite's own list holds. That of a baseline
    with tuned methods always holds: methods that are named are not tuned."""
    rows = [row for table in before.board.tables for row in table.rows]
    registry = Registry(options.include_paths)
    listed = {
        (task, method.spelling)
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
