"""Which documents were answered differently: a digest of each answer, that says whether two answers are
equal and nothing about the text."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from readbench.core.files import cannot_write
from readbench.results.tables import PREDICTIONS

if TYPE_CHECKING:
    import pyarrow as pa

ANSWERS = "answers.parquet"
BESIDE_THE_ANSWER = frozenset({"id", "scores", "classes", "raw"})
"""Columns of predictions that are no part of the answer: a score that differs in its last digit on another
machine is the same list of phrases, the same label."""


def read_answers(folder: Path) -> pa.Table | None:
    """``id`` and ``answer`` (16 hexadecimal digits) of each document of a cell, from its predictions or,
    in a baseline, from what was kept of them; None where there is neither."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in (ANSWERS, PREDICTIONS):
        path = folder / name
        if not path.is_file():
            continue
        try:
            if name == ANSWERS:
                return pq.read_table(path)
            columns = [column for column in pq.read_schema(path).names if column not in BESIDE_THE_ANSWER]
            return _digested(pq.read_table(path, columns=["id", *columns]))
        except (OSError, pa.ArrowException):
            return None
    return None


def write_answers(table: pa.Table, folder: Path) -> None:
    """Raises BenchError where the folder cannot be written."""
    import pyarrow.parquet as pq

    try:
        pq.write_table(table, folder / ANSWERS, compression="zstd")
    except OSError as error:
        raise cannot_write(folder, error) from error


def _digested(predictions: pa.Table) -> pa.Table:
    import pyarrow as pa

    names = sorted(set(predictions.column_names) - {"id"})
    columns = [_texts(predictions.column(name)) for name in names]
    digests = [
        hashlib.blake2b("\x1e".join(values).encode(), digest_size=8).hexdigest()
        for values in zip(*columns, strict=True)
    ]
    return pa.table({"id": predictions.column("id"), "answer": pa.array(digests, pa.string())})


def _texts(column: pa.ChunkedArray) -> list[str]:
    """One text a row that is equal exactly where the values are. Lists of texts are joined by Arrow: a
    million of them take a second and not ten."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind):
        return ["\x00" if value is None else value for value in column.to_pylist()]
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        # With the length: an empty list is not a list of one empty text.
        lengths = pc.cast(pc.list_value_length(column), pa.string())
        joined = pc.binary_join_element_wise(lengths, pc.binary_join(column, "\x1f"), "\x1f")
        return ["\x00" if value is None else value for value in joined.to_pylist()]
    return [repr(value) for value in column.to_pylist()]
