"""The measured side of the gate, made on the spot: the suite of a baseline, run anew with nothing resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from readbench.paired import Side, open_side
from readbench.plan import Options
from readbench.running import Interface, run_suite
from readbench.store import Store


def run_afresh(
    before: Side, suite: str | None, dataset: str | None, options: Options, store: Store, interface: Interface
) -> Side:
    """Runs the suite of a baseline with its seed and limit, and returns what it measured.

    Raises BenchError where the suite cannot be run; a method that fails is a row, and the gate's to judge.
    """
    manifest = before.manifest
    options = replace(
        options, fresh=True,
        seed=manifest.seed if options.seed is None else options.seed,
        limit=manifest.limit if options.limit is None else options.limit,
    )  # fmt: skip
    finished = run_suite(suite or manifest.suite, dataset, None, options, store, interface)
    return open_side(str(Path(finished.board.folder)), store.root)
