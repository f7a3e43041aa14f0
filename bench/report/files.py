"""``results.parquet`` and ``results.csv``: one row per cell and metric, for people and tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from readbench.core.escape import for_spreadsheet
from readbench.core.files import cannot_write
from readbench.report.markup import flat_rows
from readbench.results.leaderboard import Leaderboard, build_leaderboard
from readbench.results.record import Costs
from readbench.results.store import Store

if TYPE_CHECKING:
    import pyarrow as pa


def write_results(folder: Path, store: Store) -> None:
    """Writes both files into the run's folder. A cell without metrics has one row with metric null.

    Raises BenchError where they cannot be written.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    board = build_leaderboard(folder.name, store)
    rows: list[dict[str, Any]] = []
    for table in board.tables:
        for row in table.rows:
            record = row.record
            base = {
                "run": board.manifest.name,
                "suite": board.manifest.suite,
                "dataset": board.manifest.dataset,
                "fingerprint": board.manifest.fingerprint,
                "task": row.task,
                "method": row.method,
                "status": row.status,
                "rank_best": row.ranks[0] if row.ranks else None,
                "rank_worst": row.ranks[1] if row.ranks else None,
                "cells": len(row.records),
                "key": record.key if record else None,
            }
            costs = row.costs.model_dump()
            names = ("value", "low", "high", "reason", "spread", "n", "version")
            for name, value in row.metrics.items() or [(None, None)]:
                shown = dict.fromkeys(names) if value is None else value.model_dump(include=set(names))
                rows.append(base | {"metric": name} | shown | costs)
    table_ = pa.Table.from_pylist(rows, schema=_schema())
    try:
        pq.write_table(table_, folder / "results.parquet", compression="zstd")
        cells = [{name: _in_a_cell(value) for name, value in row.items()} for row in rows]
        pyarrow.csv.write_csv(pa.Table.from_pylist(cells, schema=table_.schema), folder / "results.csv")
    except OSError as error:
        raise cannot_write(folder, error) from error


def _schema() -> pa.Schema:
    """The same types for every run, so that the files of two can be read together: of a column without any
    value Arrow would not know the type."""
    import pyarrow as pa

    before = ("run", "suite", "dataset", "fingerprint", "task", "method", "status")
    fields = [(name, pa.string()) for name in before]
    fields += [(name, pa.int64()) for name in ("rank_best", "rank_worst", "cells")]
    fields += [("key", pa.string()), ("metric", pa.string())]
    fields += [(name, pa.float64()) for name in ("value", "low", "high")]
    fields += [("reason", pa.string()), ("spread", pa.float64()), ("n", pa.int64()), ("version", pa.string())]
    fields += [
        (name, pa.int64() if int in get_args(field.annotation) else pa.float64())
        for name, field in Costs.model_fields.items()
    ]
    return pa.schema(fields)


def write_board(board: Leaderboard, path: Path) -> None:
    """The board as a Parquet file: one row a method, every metric with its interval, every cost.

    Raises BenchError where it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = flat_rows(board)
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.Table.from_pylist([dict.fromkeys(names) | row for row in rows])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")
    except OSError as error:
        raise cannot_write(path, error) from error


def _in_a_cell(value: Any) -> Any:
    return for_spreadsheet(value) if isinstance(value, str) else value
