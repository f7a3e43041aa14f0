"""Two runs of one results folder that show the very same measurement."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from readbench.compare.costs import CostChange, compare_costs
from readbench.compare.paired import Side, open_side
from readbench.results.leaderboard import Row
from readbench.results.store import RECORD, RUN, Store

KEPT = Path(__file__).resolve().parents[1] / "results" / "baselines" / "quick"
METHOD = "logreg"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The run of the baseline, and a second one of the same cells on a machine that was half as quick."""
    store = Store(shutil.copytree(KEPT, tmp_path / "results"))
    (name,) = store.runs()
    manifest = json.loads((store.run(name) / RUN).read_text(encoding="utf-8"))
    manifest |= {"name": "later", "reference_workload_s": 2 * manifest["reference_workload_s"]}
    store.run("later").mkdir()
    (store.run("later") / RUN).write_text(json.dumps(manifest), encoding="utf-8")
    return store


def costs(store: Store) -> dict[str, CostChange]:
    first = next(name for name in store.runs() if name != "later")
    sides = open_side(first, store.root), open_side("later", store.root)
    old, new = (row_of(side) for side in sides)
    return {change.cost: change for change in compare_costs(*sides, old, new)}


def row_of(side: Side) -> Row:
    return next(row for table in side.board.tables for row in table.rows if row.method == METHOD)


def test_one_measurement_has_one_pace(store: Store) -> None:
    found = costs(store)
    assert {change.ratio for change in found.values() if change.before} == {1.0}
    assert found["predict_s"].judged


def test_a_record_that_was_written_after_both_runs_is_told_by_its_digest(store: Store) -> None:
    key = next(cell.key for cell in store.manifest("later").cells if cell.method == METHOD)
    path = store.cell(key) / RECORD
    record = json.loads(path.read_text(encoding="utf-8"))
    # At the same moment: only the digest tells.
    path.write_text(json.dumps(record | {"output_bytes": record["output_bytes"] + 1}), encoding="utf-8")
    change = costs(store)["predict_s"]
    assert (change.judged, change.why.partition(" (")[0]) == (False, "measured in another run before")
