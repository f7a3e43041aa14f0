"""The scores of a cell as a file: everything that its metrics can be computed from again, on its documents or
on resamples of them, without gold or predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.damage import stored_table

if TYPE_CHECKING:
    from readbench.tasks.metric import Scores

SCORES = "scores.parquet"


def write_scores(scores: Scores, path: Path) -> None:
    """One row a document: its id, a column a metric, null where it does not count, and the evidence."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(scores.to_columns()), path, compression="zstd")


def read_scores(path: Path) -> dict[str, list[Any]] | None:
    """The columns of a cell's scores: what ``TaskDefinition.scores_from_columns`` takes; None where the file
    is absent or damaged."""
    table = stored_table(path)
    return None if table is None else dict(table.to_pydict())
