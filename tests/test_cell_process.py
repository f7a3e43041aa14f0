"""What every cell's process is given, and what happens where the process that starts them all is ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_methods import HEAD
from toy_runs import plan_toy, run_toy

from readbench.core.errors import BenchError
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner

DEADLY = (
    HEAD
    + """
import os, signal


class Deadly(Silent):
    name = "toy.deadly"

    def modules(self):
        return LIBRARIES

    def predict(self, chunk):
        os.kill(os.getppid(), signal.SIGKILL)
        return super().predict(chunk)
"""
)
HASHES = (
    HEAD
    + """
class Hashes(Silent):
    name = "toy.hashes"

    def predict(self, chunk):
        self.context.note("order", list({"graph", "ranking", "of", "words", "in", "a", "text"}))
        self.context.note("hash", hash("graph"))
        return super().predict(chunk)
"""
)


@pytest.mark.parametrize("libraries", [(), ("colorsys",)])
def test_the_death_of_the_fork_server_is_one_line_and_no_cell_takes_the_blame(
    tmp_path: Path, libraries: tuple[str, ...]
) -> None:
    """Of the small one, and of that which has imported libraries."""
    plan, store = plan_toy(f"{DEADLY}\n\nLIBRARIES = {libraries!r}\n", tmp_path, "toy.deadly")
    runner = Runner(plan, store, Silent(), charges_imports=False)
    with pytest.raises(BenchError, match=r"the fork server ended unexpectedly \(exit status -9\)") as told:
        runner.run()
    assert told.value.exit_status == 3
    assert list(store.records()) == []
    assert [path.name for path in (tmp_path / "results" / "cells").glob("*")] == []


def test_sets_of_text_have_one_order_in_every_run(tmp_path: Path) -> None:
    """Otherwise a method that goes through a set would predict something else each time."""
    found = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        _, runner = run_toy(HASHES, folder, "toy.hashes")
        (record,) = runner.records.values()
        found.append((record.notes["order"], record.notes["hash"]))
    assert found[0] == found[1]
