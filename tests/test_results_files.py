"""The files of a run for people and tools: the same columns and types in every run."""

from __future__ import annotations

import csv

import pyarrow as pa
import pyarrow.parquet as pq
from gate_runs import GateRuns

from readbench.results.leaderboard import build_leaderboard
from readbench.results.store import Store


def test_the_files_of_two_runs_are_read_together(gate_runs: GateRuns) -> None:
    """One of them with a method that failed, which has no metric and no cost."""
    paths = [gate_runs.run(name) / "results.parquet" for name in ("before", "hurt", "small")]
    schemas = [pq.read_schema(path) for path in paths]
    assert schemas[0].equals(schemas[1])
    assert schemas[0].equals(schemas[2])
    assert not [field.name for field in schemas[0] if pa.types.is_null(field.type)]
    together = pa.concat_tables([pq.read_table(path) for path in paths])
    assert set(together.column("run").to_pylist()) == {gate_runs.before, gate_runs.hurt, gate_runs.small}
    failed = [row for row in together.to_pylist() if row["status"] != "ok"]
    assert failed
    assert {(row["metric"], row["rank_best"]) for row in failed} == {(None, None)}


def test_ranks_are_those_of_the_board(gate_runs: GateRuns) -> None:
    board = build_leaderboard(gate_runs.before, Store(gate_runs.results))
    expected = {row.method: row.ranks for table in board.tables for row in table.rows}
    table = pq.read_table(gate_runs.run("before") / "results.parquet")
    found = {row["method"]: (row["rank_best"], row["rank_worst"]) for row in table.to_pylist()}
    assert found == expected
    with (gate_runs.run("before") / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"]: (int(row["rank_best"]), int(row["rank_worst"])) for row in rows} == expected
