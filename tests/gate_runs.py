"""Runs to compare and to gate: of the same methods as they are, again, and injured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate_methods import write_methods, write_suite

from readbench.compare.paired import Side, open_side
from readbench.planning.plan import Options
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite

DOCUMENTS = 80


@dataclass(frozen=True)
class GateRuns:
    """``before``; ``same``: measured again; ``hurt``: a third of the documents unanswered, 60 MiB held more,
    one method broken; ``small`` and ``newer``: one method on 40 documents, the latter of the suite's
    second version. Runs of the same code share their cells in one results folder: ``same`` and ``newer``
    lie in another."""

    folder: Path
    before: str
    same: str
    hurt: str
    small: str
    newer: str

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def again(self) -> Path:
        return self.folder / "again" / "results"

    def results_of(self, name: str) -> Path:
        return self.again if name in ("same", "newer") else self.results

    def side(self, name: str) -> Side:
        return open_side(getattr(self, name), self.results_of(name))

    def run(self, name: str) -> Path:
        return Store(self.results_of(name)).run(getattr(self, name))


def run(folder: Path, suite: Path, adapters: Path, **options: Any) -> str:
    """One run, everything measured anew; returns its name."""
    given = Options(fresh=True, include_paths=(adapters,), **options)
    finished = run_suite(str(suite), None, None, given, Store(folder / "results"), Quiet())
    return finished.board.manifest.name


def make_runs(folder: Path) -> GateRuns:
    suite = write_suite(folder / "tested.toml")
    newer = write_suite(folder / "newer" / "tested.toml", version=2)
    sound = write_methods(folder / "sound" / "methods.py")
    hurt = write_methods(folder / "hurt" / "methods.py", lost=0.33, memory=100 << 20, fails=True)
    one = {"methods": ("test.steady",), "limit": 40}
    return GateRuns(
        folder,
        before=run(folder, suite, sound, limit=DOCUMENTS),
        same=run(folder / "again", suite, sound, limit=DOCUMENTS),
        hurt=run(folder, suite, hurt, limit=DOCUMENTS),
        small=run(folder, suite, sound, **one),
        newer=run(folder / "again", newer, sound, **one),
    )
