"""Comparing what was kept: old or damaged scores, parameters that a suite chose, noise of one side alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from comparisons import changed, compared, method, printed
from gate_runs import GateRuns

from readbench.compare.paired import Side, open_side
from readbench.compare.runs import Questions, compare_runs
from readbench.results.leaderboard import build_leaderboard
from readbench.results.manifest import Chosen
from readbench.results.score_files import SCORES
from readbench.results.statistics_file import STATISTICS

# -- what was kept is old or damaged ----------------------------------------------------------------------


def copied_side(gate_runs: GateRuns, name: str, tmp_path: Path) -> Side:
    return open_side(
        getattr(gate_runs, name), shutil.copytree(gate_runs.results_of(name), tmp_path / "results")
    )


def rewrite(side: Side, name: str, change: Callable[[pa.Table], pa.Table], *, repeat: int = 0) -> None:
    cell = next(cell for cell in side.cells("keyphrases", name) if cell.repeat == repeat)
    path = side.store.cell(cell.key) / SCORES
    pq.write_table(change(pq.read_table(path)), path)


def test_flips_take_a_metric_that_both_runs_have(gate_runs: GateRuns, tmp_path: Path) -> None:
    before, after = copied_side(gate_runs, "before", tmp_path), gate_runs.side("hurt")
    known = method(compared(before, after), "test.steady")
    rewrite(before, "test.steady", lambda table: table.drop_columns(["f1@10"]))
    asked = Questions(lambda task, name: ())  # noqa: ARG005
    other = method(compare_runs(before, after, asked), "test.steady")
    assert other.flip_metric not in ("", "f1@10")
    rewrite(before, "test.steady", lambda table: table.select(["id"]))
    none = method(compare_runs(before, after, asked), "test.steady")
    assert none.flip_metric == ""
    assert {flip.before for flip in none.flips} == {None}
    for found in (other, none):
        assert {flip.id for flip in found.flips} == {flip.id for flip in known.flips}


def test_scores_that_cannot_be_read_end_with_3(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    side = copied_side(gate_runs, "before", tmp_path)
    cell = side.cells("keyphrases", "test.noisy")[0]
    path = side.store.cell(cell.key) / SCORES
    for damaged in (b"no parquet", None):
        if damaged is None:
            path.unlink()
        else:
            path.write_bytes(damaged)
        status, told = printed(
            capsys, "compare", tmp_path / "results" / "runs" / gate_runs.before, gate_runs.run("hurt")
        )
        assert status == 3
        assert "the scores of test.noisy are gone or damaged" in told


@pytest.mark.parametrize("content", ["[]", "null", '"text"', '{"keyphrases": []}', "{"])
def test_statistics_that_are_no_object_are_absent(gate_runs: GateRuns, tmp_path: Path, content: str) -> None:
    side = copied_side(gate_runs, "before", tmp_path)
    (side.store.run(gate_runs.before) / STATISTICS).write_text(content)
    board = build_leaderboard(gate_runs.before, side.store)
    assert [row.ranks for row in board.tables[0].rows] == [None] * 3


@pytest.mark.parametrize("shorter", [True, False])
def test_documents_are_the_same_with_every_seed(gate_runs: GateRuns, tmp_path: Path, shorter: bool) -> None:
    side = copied_side(gate_runs, "same", tmp_path)

    def others(table: pa.Table) -> pa.Table:
        if shorter:
            return table.slice(1)
        ids = table.column("id").to_pylist()
        return table.set_column(0, "id", pa.array(["other", *ids[1:]]))

    rewrite(side, "test.noisy", others, repeat=1)
    found = compared(gate_runs.side("before"), side)
    assert method(found, "test.noisy").state == "incomparable"
    assert method(found, "test.steady").state == "identical"


# -- parameters that the suite chose ----------------------------------------------------------------------


def with_chosen(side: Side, specs: dict[str, str], chosen: dict[str, Chosen]) -> Side:
    """The side with methods under other specs, as if the suite had chosen their parameters."""
    cells = [
        cell | {"method": specs.get(cell["method"], cell["method"]), "chosen": chosen.get(cell["method"])}
        for cell in side.manifest.model_dump()["cells"]
    ]
    tables = tuple(
        replace(
            table,
            rows=tuple(
                replace(row, method=specs.get(row.method, row.method), chosen=chosen.get(row.method))
                for row in table.rows
            ),
        )
        for table in side.board.tables
    )
    return Side(side.store, replace(changed(side, cells=cells).board, tables=tables))


def test_what_was_chosen_is_compared_whatever_was_chosen(gate_runs: GateRuns) -> None:
    best = Chosen(asked="test.steady", combinations=2, documents=20)
    before, after = (
        with_chosen(gate_runs.side(name), {"test.steady": spec}, {"test.steady": best})
        for name, spec in (("before", "test.steady[n_best=5]"), ("hurt", "test.steady[n_best=7]"))
    )
    found = compared(before, after)
    assert [m.method for m in found.methods if "steady" in m.method] == ["test.steady[n_best=7]"]
    steady = method(found, "test.steady[n_best=7]")
    assert steady.state == "compared"
    assert steady.flips
    assert any("chosen was test.steady[n_best=7], before test.steady[n_best=5]" in n for n in found.notes)


def test_what_the_suite_names_is_compared_by_its_spec(gate_runs: GateRuns) -> None:
    """And so is what was chosen where two methods were asked for in the same words."""
    sides = gate_runs.side("before"), gate_runs.side("same")
    specs = [{"test.steady": f"test.a[n={n}]", "test.breaks": f"test.a[n={n + 1}]"} for n in (1, 3)]
    best = Chosen(asked="test.a", combinations=2, documents=20)
    for chosen in ({}, dict.fromkeys(("test.steady", "test.breaks"), best)):
        pair = [with_chosen(side, spelled, chosen) for side, spelled in zip(sides, specs, strict=True)]
        states = sorted(m.state for m in compared(*pair).methods if m.method != "test.noisy")
        assert states == ["new", "new", "vanished", "vanished"]


def test_training_noise_that_a_method_has_only_now_is_told(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")
    noisy = tuple(
        replace(
            table,
            rows=tuple(
                replace(row, records=tuple(r.model_copy(update={"stochastic": True}) for r in row.records))
                for row in table.rows
            ),
        )
        for table in side.board.tables
    )
    found = compared(gate_runs.side("before"), Side(side.store, replace(side.board, tables=noisy)))
    assert "keyphrases: test.steady says that it has training noise, and did not before" in found.notes
    assert not any("test.noisy" in note for note in found.notes)
