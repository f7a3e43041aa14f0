"""Papers from Parquet, by pyarrow: columns of text, numbers, truth values and lists of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.files import regular
from readbench.datasets.options import ReadOptions
from readbench.datasets.row_reader import Opened, RowReader
from readbench.datasets.values import plain_value

MAX_BYTES = 2**30
"""What the columns that are read may unpack to: all texts are in memory together."""

_ROWS_AT_ONCE = 1000


def open_parquet(path: Path, options: ReadOptions) -> Opened:  # noqa: ARG001 - its texts are always UTF-8
    """The rows of a Parquet file. Columns of other types (vectors, bytes, dates) are left alone.

    Raises BenchError for a file that is damaged, or whose texts unpack to more than ``MAX_BYTES``.
    """
    import pyarrow.parquet as pq

    regular(path)

    try:
        file = pq.ParquetFile(path)
        names = [field.name for field in file.schema_arrow if _is_read(field.type)]
        size = _unpacked(file.metadata, set(names))
    except Exception as error:  # pyarrow raises what its many layers raise
        raise _damaged(path, error) from None
    if size > MAX_BYTES:
        raise BenchError(
            f"its columns unpack to {size} bytes, more than {MAX_BYTES}",
            where=str(path),
            todo="keep the columns of the text and the gold, or write JSON Lines",
        )
    return Opened(_rows(file, names, path))


def _rows(file: Any, names: list[str], path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=names):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", {name: plain_value(value) for name, value in row.items()}
    except Exception as error:  # as above
        raise _damaged(path, error) from None


def _is_read(kind: Any) -> bool:
    """Whether a column of this Arrow type can be a text, an id or gold."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_read(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_read(kind.value_type) and not types.is_floating(kind.value_type)
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
    )


def _unpacked(metadata: Any, names: set[str]) -> int:
    """Bytes that the named columns take once they are unpacked, as the file declares it; at least that many
    where all columns together are few enough."""
    groups = range(metadata.num_row_groups)
    # Of a damaged file `column` ends the whole process: only one that may be too large is asked for them.
    if (of_all := sum(metadata.row_group(group).total_byte_size for group in groups)) <= MAX_BYTES:
        return int(of_all)
    return sum(
        column.total_uncompressed_size
        for group in groups
        for place in range(metadata.num_columns)
        if (column := metadata.row_group(group).column(place)).path_in_schema.partition(".")[0] in names
    )


def _damaged(path: Path, error: Exception) -> BenchError:
    why = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return BenchError(f"is no Parquet file, or damaged: {why}", where=str(path), todo="write it again")


PARQUET = RowReader({".parquet", ".pq"}, lambda beginning: beginning.startswith(b"PAR1"), open_parquet)
