"""The scores of a cell as a file: everything that its metrics can be computed from again, on its documents or
on resamples of them, without gold or predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.damage import stored_table

if TYPE_CHECKING:
    import pyarrow as pa

    from readbench.tasks.metric import Scores

SCORES = "scores.parquet"
MANY = 200
"""With so many documents values repeat, and a file that lists them once is smaller, though it takes longer to
write. With fewer, what Parquet adds to each column is most of the file and of the time."""


def write_scores(scores: Scores, path: Path) -> None:
    """One row a document: its id, a column a metric, null where it does not count, and the evidence. The file
    is that of ``scores.to_columns()``, made from arrays instead of lists of numbers."""
    import numpy as np
    import pyarrow as pa

    names = set(scores.column_names)
    values = np.ascontiguousarray(scores.values.T)
    absent = np.isnan(values)
    counts = np.count_nonzero(absent, axis=1).tolist()
    columns: dict[str, Any] = {"id": list(scores.ids)}
    for place, metric in enumerate(scores.metrics):
        if metric.id not in names:
            continue
        if counts[place] == len(scores.ids):
            # Of nothing but nulls the type is null, as of a list.
            columns[metric.id] = pa.nulls(len(scores.ids))
        else:
            columns[metric.id] = pa.array(values[place], mask=absent[place] if counts[place] else None)
    columns |= {name: list(values) for name, values in scores.evidence.items()}
    write_score_table(pa.table(columns), path)


def write_score_table(table: pa.Table, path: Path) -> None:
    """What stands in the columns of such a file, however it was made."""
    import pyarrow.parquet as pq

    if len(table) < MANY:
        pq.write_table(table, path, compression="snappy", use_dictionary=False, write_statistics=False)
    else:
        pq.write_table(table, path, compression="zstd")


def read_scores(path: Path) -> dict[str, Any] | None:
    """The columns of a cell's scores: what ``TaskDefinition.scores_from_columns`` takes, numbers as arrays of
    float64 with NaN for null, all others as lists; None where the file is absent or damaged."""
    table = stored_table(path)
    return None if table is None else {name: _plain(table.column(name)) for name in table.column_names}


def _plain(column: pa.ChunkedArray) -> Any:
    import pyarrow as pa

    if pa.types.is_float64(column.type):
        return column.to_numpy()
    return column.to_pylist()
