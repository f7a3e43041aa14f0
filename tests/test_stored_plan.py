"""A stored plan, and one cell of it carried out by a process of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records, write_suite
from toy_methods import TWO
from toy_runs import plan_toy

from readbench.core.errors import BenchError
from readbench.engine.single import NOT_READY
from readbench.planning.stored_plan import PLAN, load_plan, read_plan, results_of, store_plan
from readbench.results.store import Store

METHODS = ["toy.first", "toy.last", "toy.mean"]

MEAN = (
    TWO
    + """

from readbench.adapter import Combination


class Mean(Combination):
    name = "toy.mean"
    tasks = frozenset({"keyphrases"})

    def needs(self):
        return Needs(members=("toy.first", "toy.last"))

    def combine(self, predictions):
        return predictions[1]
"""
)
PREDICTED = ("method", "fold", "seed", "status", "predictions_digest", "metrics", "counts", "split_hash")


def run_small(bench: Bench, folder: Path, *options: object) -> Path:
    (folder / "mean.py").write_text(MEAN, encoding="utf-8")
    suite = write_suite(folder, METHODS, name="small")
    arguments = ["run", suite, "--include-path", folder / "mean.py", "--limit", 8, *options]
    ended = bench.here(*arguments, "--output-path", folder / "results")
    assert ended.returncode == 0, ended.stderr
    return folder / "results"


def forget(results: Path, *folders: str) -> None:
    for folder in folders:
        shutil.rmtree(results / folder)


def kept(results: Path) -> dict[str, Any]:
    return {spec: {name: r[name] for name in PREDICTED} for spec, r in records(results).items()}


def test_cells_one_by_one_leave_what_a_run_leaves(bench: Bench, tmp_path: Path) -> None:
    results = run_small(bench, tmp_path)
    (run,) = (results / "runs").iterdir()
    before, found = kept(results), records(results)
    plan = read_plan(run)
    forget(results, "cells", "preparations")
    keys = {spec: record["key"] for spec, record in found.items()}

    early = bench.here("cell", keys["toy.last"], "--plan", run)
    assert (early.returncode, "has not ended" in early.stderr) == (NOT_READY, True)
    early = bench.here("cell", keys["toy.mean"], "--plan", run)
    assert (early.returncode, "its member toy.first" in early.stderr) == (NOT_READY, True)

    for key in [*(one.key for one in plan.preparations), *(cell.key for cell in plan.cells)]:
        ended = bench.here("cell", key, "--plan", run)
        assert ended.returncode == 0, ended.stderr
    assert kept(results) == before
    for spec, record in records(results).items():
        assert record["costs"]["documents_per_s"] or record["notes"]["import"], spec
        assert [c["key"] for c in record["preparations"]] == [c["key"] for c in found[spec]["preparations"]]

    stamp = (results / "cells" / keys["toy.last"] / "record.json").stat().st_mtime_ns
    again = bench.here("cell", keys["toy.last"], "--plan", run)
    assert (again.returncode, "has a result already" in again.stderr) == (0, True)
    assert (results / "cells" / keys["toy.last"] / "record.json").stat().st_mtime_ns == stamp


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    from readbench.engine.reporter import Silent
    from readbench.engine.runner import Runner

    plan, store = plan_toy(MEAN, tmp_path, "toy.mean")
    folder = store.run("r")
    folder.mkdir(parents=True)
    store_plan(plan, store, folder)
    with pytest.raises(BenchError, match="dataset of the plan is gone"):
        load_plan(read_plan(folder), store)
    Runner(plan, store, Silent())._inputs.write_documents()
    stored = read_plan(folder)
    assert results_of(stored, folder).root == store.root.resolve()
    loaded = load_plan(stored, store)
    assert (loaded.suite, loaded.splits, loaded.specs) == (plan.suite, plan.splits, plan.specs)
    assert loaded.dataset == plan.dataset
    assert loaded.projected == plan.projected
    for one, other in zip(loaded.cells, plan.cells, strict=True):
        assert (one.key, one.seed, one.sources, one.split) == (
            other.key,
            other.seed,
            other.sources,
            other.split,
        )
        assert (one.method.params, one.state, one.members) == (
            other.method.params,
            other.state,
            other.members,
        )
    assert {k: (p.preparation.name, p.ids) for k, p in loaded.preparations.items()} == {
        k: (p.preparation.name, p.ids) for k, p in plan.preparations.items()
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read as a plan"),
        ("[1]", "cannot be read as a plan"),
        ('{"schema_version": 99}', "this program reads 1"),
        ("{}", "this program reads 1"),
    ],
)
def test_a_damaged_plan_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(BenchError, match="there is no plan"):
        read_plan(tmp_path)
    (tmp_path / PLAN).write_text(content)
    with pytest.raises(BenchError, match=said):
        read_plan(tmp_path)


def test_a_cell_refuses_another_program_than_the_planned_one(bench: Bench, tmp_path: Path) -> None:
    results = run_small(bench, tmp_path)
    (run,) = (results / "runs").iterdir()
    key = records(results)["toy.mean"]["key"]
    stored = json.loads((run / PLAN).read_text())
    (cell,) = [one for one in stored["cells"] if one["key"] == key]

    def refused() -> str:
        ended = bench.here("cell", key, "--plan", run, "--fresh")
        assert ended.returncode == 2, ended.stderr
        return ended.stderr

    changed = json.loads(json.dumps(stored))
    changed["sources"][cell["sources"]]["sums"]["readbench.engine.child"] = "0"
    (run / PLAN).write_text(json.dumps(changed))
    assert "readbench.engine.child is another one here" in refused()
    changed = json.loads(json.dumps(stored))
    next(one for one in changed["cells"] if one["key"] == key)["versions"]["numpy"] = "0.1"
    (run / PLAN).write_text(json.dumps(changed))
    assert "numpy is" in refused()
    assert "no cell or preparation nothing" in bench.here("cell", "nothing", "--plan", run).stderr


def test_a_cell_says_why_its_preparation_failed(bench: Bench, tmp_path: Path) -> None:
    """As in a run: the preparation's own failure, in the record of each cell that stands on it."""
    source = """
from readbench.adapter import Adapter, Needs, Preparation, PreparationNeed
from readbench.core.types import RankedPhrases


class Broken(Preparation):
    name = "broken"

    def build(self, documents, folder, context):
        raise ValueError("no such table")

    def open(self, folder):
        return None


class Method(Adapter):
    name = "toy.broken"
    tasks = frozenset({"keyphrases"})

    def needs(self):
        return Needs(preparations={"table": PreparationNeed(Broken(), parts=("test",))})

    def predict(self, chunk):
        return [RankedPhrases(()) for _ in chunk]
"""
    (tmp_path / "broken.py").write_text(source, encoding="utf-8")
    suite = write_suite(tmp_path, ["toy.broken"], name="small")
    results = tmp_path / "results"
    arguments = [suite, "--include-path", tmp_path / "broken.py", "--output-path", results]
    assert bench.here("run", *arguments).returncode == 1
    before = records(results)["toy.broken"]
    (run,) = (results / "runs").iterdir()
    plan = read_plan(run)
    forget(results, "cells")
    for key in (plan.preparations[0].key, plan.cells[0].key):
        assert bench.here("cell", key, "--plan", run).returncode == 1
    after = records(results)["toy.broken"]
    assert after["failure"] == before["failure"]
    assert "its preparation broken ended failed: no such table" in after["failure"]["message"]


def test_a_run_with_nothing_to_do_stores_no_plan(bench: Bench, tmp_path: Path) -> None:
    results = run_small(bench, tmp_path)
    run_small(bench, tmp_path)
    runs = Store(results).runs()
    assert [(results / "runs" / name / PLAN).exists() for name in runs] == [False, True]
