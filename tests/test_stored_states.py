"""When a stored cell or preparation stands, and when it is made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from toy_methods import PREPARED
from toy_runs import plan_toy, run_toy

from readbench.core.errors import DamagedFile
from readbench.results.record import read_record
from readbench.results.store import SUMS, Store

FAILED = {"failure": {"type": "X", "message": "x"}, "metrics": {}}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    _, runner = run_toy(PREPARED, folder, "toy.one")
    assert [record.status for record in runner.records.values()] == ["ok"]
    return folder


@pytest.fixture
def stored(measured: Path, tmp_path: Path) -> Path:
    """A folder with a method and its results, to be changed."""
    shutil.copytree(measured, tmp_path, dirs_exist_ok=True)
    return tmp_path


def edit(folder: Path, pattern: str, **changes: Any) -> None:
    """Changes a stored file as if it had been written so."""
    (path,) = (folder / "results").glob(pattern)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    (path.parent / SUMS).unlink()


def planned(folder: Path, **options: Any) -> tuple[str, str]:
    plan, _ = plan_toy(PREPARED, folder, "toy.one", **options)
    return plan.cells[0].state, plan.cells[0].why


OTHER_MACHINE = {"machine": {"fingerprint": "elsewhere"}}


@pytest.mark.parametrize(
    ("changes", "options", "state", "why"),
    [
        ({}, {}, "stored", ""),
        (OTHER_MACHINE, {}, "run", "its costs were measured on another machine"),
        ({"contended": True}, {}, "run", "its costs were measured while other cells ran"),
        ({"contended": True}, {"workers": 2}, "stored", ""),
        ({"status": "failed", **FAILED}, {}, "stored", ""),
        ({"status": "failed", **FAILED}, {"retry": True}, "run", "it ended failed before"),
        ({"status": "timeout", "timeout_s": 5.0, **FAILED}, {"timeout_s": 5.0}, "stored", ""),
        ({"status": "timeout", "timeout_s": 5.0, **FAILED}, {"timeout_s": 4.0}, "stored", ""),
        (
            {"status": "timeout", "timeout_s": 5.0, **FAILED},
            {"timeout_s": 6.0},
            "run",
            "its time limit was lower before",
        ),
        (
            {"status": "out_of_memory", "memory_bytes": 2**30, **FAILED},
            {"memory_bytes": 2**31},
            "run",
            "its memory limit was lower before",
        ),
        ({"status": "out_of_memory", "memory_bytes": 2**31, **FAILED}, {"memory_bytes": 2**30}, "stored", ""),
        ({"status": "missing_dependency", **FAILED}, {}, "run", "it lacked a dependency before"),
        ({}, {"fresh": True}, "run", ""),
    ],
)
def test_a_cell(stored: Path, changes: dict[str, Any], options: dict[str, Any], state: str, why: str) -> None:
    edit(stored, "cells/*/record.json", **changes)
    assert planned(stored, **options) == (state, why)


@pytest.mark.parametrize(
    ("changes", "options", "stands"),
    [
        ({}, {}, True),
        ({}, {"fresh": True}, False),
        ({"machine": "elsewhere"}, {}, False),
        ({"contended": True}, {}, False),
        ({"contended": True}, {"workers": 2}, True),
    ],
)
def test_a_preparation(stored: Path, changes: dict[str, Any], options: dict[str, Any], stands: bool) -> None:
    edit(stored, "preparations/*/preparation.json", **changes)
    plan, _ = plan_toy(PREPARED, stored, "toy.one", **options)
    assert [preparation.stored for preparation in plan.preparations.values()] == [stands]


def test_a_metric_of_another_version_is_computed_again_and_nothing_runs(stored: Path) -> None:
    (path,) = (stored / "results").glob("cells/*/record.json")
    before = json.loads(path.read_text())
    metrics = {name: value | {"version": "old", "value": 0.5} for name, value in before["metrics"].items()}
    edit(stored, "cells/*/record.json", metrics=metrics)
    plan, runner = run_toy(PREPARED, stored, "toy.one")
    assert plan.to_run() == []
    record = Store(stored / "results").record(plan.cells[0].key)
    assert record is not None
    assert record == runner.records[record.key]
    assert json.loads(record.model_dump_json())["metrics"] == before["metrics"]
    assert record.started_at == before["started_at"]


def test_a_record_of_version_1_is_read(stored: Path) -> None:
    """It repeats the version of each metric, and says of each that nothing explains a missing value."""
    (path,) = (stored / "results").glob("cells/*/record.json")
    data = json.loads(path.read_text())
    store = Store(stored / "results")
    expected = store.record(path.parent.name)
    assert expected is not None
    versions = {name: value.version for name, value in expected.metrics.items()}
    assert {name: v for v, names in data["metric_versions"].items() for name in names} == versions
    assert not any("version" in value for value in data["metrics"].values())
    old = {name: value for name, value in data.items() if name != "metric_versions"} | {"schema_version": 1}
    old["metrics"] = {
        name: {"reason": None, "spread": None} | value | {"version": versions[name]}
        for name, value in data["metrics"].items()
    }
    path.write_text(json.dumps(old))
    assert store.record(path.parent.name) == read_record(old, str(path)) == expected
    facts = store.facts(path.parent.name)
    assert facts is not None
    assert facts.schema_version == expected.schema_version
    assert len(json.dumps(data)) < 0.7 * len(json.dumps(old))


@pytest.mark.parametrize("damage", [3, [], {"version": 3}, {"version": [[1]]}])
def test_versions_of_metrics_that_are_none_count_as_damage(stored: Path, damage: object) -> None:
    (path,) = (stored / "results").glob("cells/*/record.json")
    edit(stored, "cells/*/record.json", metric_versions=damage)
    with pytest.warns(DamagedFile):
        assert Store(stored / "results").record(path.parent.name) is None


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_measured_beside_other_cells_says_so(tmp_path: Path, workers: int) -> None:
    plan, runner = run_toy(PREPARED, tmp_path, "toy.one", workers=workers)
    (record,) = runner.records.values()
    (cost,) = (Store(tmp_path / "results").preparation_cost(key) for key in plan.preparations)
    assert record.status == "ok"
    assert cost is not None
    assert record.contended is cost.contended is (workers > 1)
