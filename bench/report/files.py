"""``results.parquet`` and ``results.csv``: one row per cell and metric, for people and tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from readbench.board import build_leaderboard
from readbench.record import Costs
from readbench.store import Store, cannot_write


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
                "run": board.manifest.name, "suite": board.manifest.suite, "dataset": board.manifest.dataset,
                "fingerprint": board.manifest.fingerprint, "task": row.task, "method": row.method,
                "status": row.status, "key": record.key if record else None,
            }  # fmt: skip
            costs = (record.costs if record else Costs()).model_dump()
            for name, value in record.metrics.items() if record and record.metrics else [(None, None)]:
                shown = {"metric": name, "value": None, "low": None, "high": None, "n": None, "version": None}
                if value is not None:
                    shown |= value.model_dump(include={"value", "low", "high", "n", "version"})
                rows.append(base | shown | costs)
    table_ = pa.Table.from_pylist(rows)
    try:
        pq.write_table(table_, folder / "results.parquet", compression="zstd")
        pyarrow.csv.write_csv(table_, folder / "results.csv")
    except OSError as error:
        raise cannot_write(folder, error) from error
