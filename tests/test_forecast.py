"""What `bench plan` says a run will take, against what the run took."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, write_suite
from toy_methods import HEAD

SLOW = (
    HEAD
    + '''
import time


class Waited(Nothing):
    """Takes the same time for each document."""

    name = "waited"

    def build(self, documents, folder, context):
        for number, _ in enumerate(documents):
            if number == 0:
                time.sleep(0.3)
                context.progress(0, len(documents))
            time.sleep(0.01)


class Waits(Silent):
    """Takes the same time for each document."""

    name = "toy.waits"

    def needs(self):
        return Needs({"waited": PreparationNeed(Waited())})

    def load(self):
        time.sleep(0.5)

    def predict(self, chunk):
        time.sleep(0.02 * len(chunk))
        return super().predict(chunk)


class Never(Silent):
    """Is planned, and never ran."""

    name = "toy.never"
'''
)
FEW, MANY = 40, 160


class Small:
    """A suite of waiting methods in a folder. ``answer``: what a verb says as JSON."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder = bench, folder
        (folder / "slow.py").write_text(SLOW, encoding="utf-8")

    def answer(self, verb: str, methods: list[str], limit: int, *more: object) -> dict[str, Any]:
        done = self(verb, methods, limit, "--format", "json", *more)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def __call__(self, verb: str, methods: list[str], limit: int, *more: object) -> Any:
        suite = write_suite(self.folder, methods, name="waiting")
        options = ["--limit", limit, "--include-path", self.folder / "slow.py"]
        return self.bench.here(verb, suite, *options, "--output-path", self.folder / "results", *more)

    def stage(self, methods: list[str], limit: int, *more: object) -> dict[str, Any]:
        (stage,) = self.answer("plan", methods, limit, *more)["stages"]
        found: dict[str, Any] = stage
        return found


@pytest.fixture
def small(bench: Bench, tmp_path: Path) -> Small:
    return Small(bench, tmp_path)


@pytest.fixture(scope="module")
def known(extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """After a run of few documents."""
    measured = Small(Bench(extension), tmp_path_factory.mktemp("known"))
    measured.answer("run", ["toy.waits"], FEW)
    return measured


def test_nothing_is_known_before_the_first_run(small: Small) -> None:
    stage = small.stage(["toy.waits"], FEW)
    (cell,), (preparation,) = stage["cells"], stage["preparations"]
    assert (cell["documents"], preparation["documents"]) == (FEW, FEW)
    for what in (cell, preparation):
        assert (what["estimate_s"], what["estimate_bytes"], what["estimate_from"]) == (None, None, None)
    assert (stage["total"]["unknown"], stage["total"]["total_s"]) == (2, None)
    told = small("plan", ["toy.waits"], FEW).stdout
    assert "1 cell to run: unknown (preparations" in told
    assert "all else unknown among it) and 2 of 2 that never ran" in told


def test_the_parts_make_the_total(known: Small) -> None:
    total = known.stage(["toy.waits"], MANY)["total"]
    parts = [total[f"{name}_s"] for name in ("cells", "preparations", "imports", "start")]
    assert total["total_s"] == pytest.approx(sum(parts))
    two = known.stage(["toy.waits"], MANY, "--workers", 2)["total"]
    assert two["total_s"] < total["total_s"]
    assert two["total_s"] > total["cells_s"]  # of one cell, which two workers do not share
    more = known.stage(["toy.waits", "toy.never"], MANY)["total"]
    assert (more["unknown"], more["total_s"]) == (1, pytest.approx(total["total_s"]))


def test_another_machine_is_marked(known: Small, small: Small) -> None:
    measured = json.loads((known.folder / "results" / "estimates.json").read_text(encoding="utf-8"))
    elsewhere = {
        f"beef/{name.partition('/')[2]}": {**one, "machine": "Elbrus"} for name, one in measured.items()
    }
    (small.folder / "results").mkdir()
    (small.folder / "results" / "estimates.json").write_text(json.dumps(elsewhere), encoding="utf-8")
    stage = small.stage(["toy.waits"], MANY)
    assert [one["estimate_from"] for one in (*stage["cells"], *stage["preparations"])] == ["Elbrus"] * 2
    told = small("plan", ["toy.waits"], MANY).stdout
    assert "* measured on another machine: Elbrus" in told
    assert told.count(" s *") == 2


def test_an_estimate_grows_with_the_documents_and_holds(known: Small) -> None:
    """The methods wait instead of working, so that a busy machine stretches them little."""
    stage = known.stage(["toy.waits"], MANY)
    (cell,), (preparation,) = stage["cells"], stage["preparations"]
    few = known.stage(["toy.waits"], FEW, "--fresh")
    assert 2.5 < cell["estimate_s"] / few["cells"][0]["estimate_s"] < 4
    board = known.answer("run", ["toy.waits"], MANY)
    (costs,) = [row["costs"] for row in board["rows"]]
    assert cell["estimate_s"] == pytest.approx(costs["wall_s"], rel=0.3)
    assert preparation["estimate_s"] == pytest.approx(costs["prepare_s"], rel=0.3)
    manifest = json.loads((Path(board["folder"]) / "run.json").read_text(encoding="utf-8"))
    assert 0.4 < stage["total"]["total_s"] / manifest["wall_s"] < 2.5
    assert 0.5 < cell["estimate_bytes"] / costs["peak_memory_bytes"] < 2


def test_what_older_versions_kept_is_read(small: Small) -> None:
    from readbench.machine.machine import machine

    path = small.folder / "results" / "estimates.json"
    path.parent.mkdir()
    path.write_text(json.dumps({f"{machine()['fingerprint']}/toy.never": [1.0, 0.5]}), encoding="utf-8")
    stage = small.stage(["toy.never"], MANY)
    assert stage["cells"][0]["estimate_s"] == 1.0 + 0.5 * MANY
