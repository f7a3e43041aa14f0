"""The scores of a cell as a file: everything that its metrics can be computed from again, on its documents or
on resamples of them, without gold or predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.damage import stored_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from readbench.tasks.metric import Scores

SCORES = "scores.parquet"


def write_scores(scores: Scores, path: Path) -> None:
    """One row a document: its id, a column a metric, null where it does not count, and the evidence. The file
    is that of ``scores.to_columns()``, made from arrays instead of lists of numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {"id": list(scores.ids)}
    columns |= {
        metric.id: _nullable(scores.values[:, place])
        for place, metric in enumerate(scores.metrics)
        if metric.id in scores.column_names
    }
    columns |= {name: list(values) for name, values in scores.evidence.items()}
    pq.write_table(pa.table(columns), path, compression="zstd")


def _nullable(values: NDArray[np.float64]) -> pa.Array:
    """Numbers (documents,) with null for NaN; of nothing but nulls the type is null, as of a list."""
    import numpy as np
    import pyarrow as pa

    absent = np.isnan(values)
    return pa.nulls(len(values)) if absent.all() else pa.array(values, mask=absent)


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
