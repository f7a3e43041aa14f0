"""What questions in SQL cost over ten thousand cells and a million predictions."""

from __future__ import annotations

import json
import os
from pathlib import Path
from time import process_time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("duckdb", reason="needs the extra query")

from readbench.report.query.run import ask

CELLS, METHODS, DOCUMENTS = 10_000, 20, 100
RECORDED = Path(__file__).parents[2] / "results" / "reference" / "keyphrases" / "cells"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells of twenty methods, whose files are links to those of one cell of each method."""
    root = tmp_path_factory.mktemp("many") / "results"
    record = json.loads(min(RECORDED.glob("*/record.json")).read_text())
    phrases = [[f"phrase {rank} of {place}" for rank in range(10)] for place in range(DOCUMENTS)]
    table = pa.table({"id": [f"d{place}" for place in range(DOCUMENTS)], "phrases": phrases})
    for method in range(METHODS):
        first = root / "cells" / f"{method:040x}"
        first.mkdir(parents=True)
        (first / "record.json").write_text(json.dumps(record | {"method": f"m{method}", "key": first.name}))
        pq.write_table(table, first / "predictions.parquet", compression="zstd")
        for cell in range(method + METHODS, CELLS, METHODS):
            place = root / "cells" / f"{cell:040x}"
            place.mkdir()
            for file in first.iterdir():
                os.link(file, place / file.name)
    return root


def asked(sql: str, root: Path) -> tuple[list[tuple[object, ...]], float]:
    """The rows, and the processor time of this process with all its threads."""
    before = process_time()
    rows = list(ask(sql, root).rows())
    return rows, process_time() - before


GROUPED = "SELECT method, count(*), max(value) FROM metrics WHERE metric = 'f1@10' GROUP BY method"


@pytest.mark.slow
def test_many_cells(results: Path) -> None:
    asked("SELECT 1", results)  # DuckDB is imported
    records, of_records = asked("SELECT method, count(*) FROM records GROUP BY method", results)
    assert sorted(records) == sorted((f"m{method}", CELLS // METHODS) for method in range(METHODS))
    metrics, of_metrics = asked(GROUPED, results)
    assert len(metrics) == METHODS
    one, of_one = asked(f"SELECT id, phrases FROM predictions_of('{CELLS - 1:040x}')", results)
    assert len(one) == DOCUMENTS
    every, of_every = asked("SELECT count(*) FROM predictions", results)
    assert every == [(CELLS * DOCUMENTS,)]
    figures = {"records": of_records, "metrics": of_metrics, "one cell": of_one, "every cell": of_every}
    print({name: f"{seconds:.3f} s" for name, seconds in figures.items()})
    # One cell is looked up in its own file, and records do not open the predictions.
    assert of_one < of_records / 5
    assert of_records < of_every
