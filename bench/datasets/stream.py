"""Documents to predict for, one by one from a CSV or JSON Lines file of any size.

Unlike the readers of datasets it keeps nothing: no targets, and a row without text is a document too,
because whoever asks for predictions wants one for every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from readbench.datasets.columns import resolve
from readbench.datasets.csv_reader import CsvReader
from readbench.datasets.jsonl_reader import JsonLinesReader, json_objects
from readbench.datasets.lines import check_text
from readbench.datasets.options import ReadOptions
from readbench.datasets.reader import KINDS, refusal
from readbench.datasets.table import open_table
from readbench.datasets.values import field_text, scalar
from readbench.errors import BenchError
from readbench.types import Document


def stream_documents(path: Path, options: ReadOptions | None = None) -> Iterator[Document]:
    """The documents of a file in its order; a row without an id is known by its number from 1.

    Raises BenchError for a file of another kind, here, and for a malformed row when it is reached.
    """
    options = options or ReadOptions()
    if CsvReader().matches(path):
        table = open_table(path, options.encoding)
        rows: Iterator[tuple[str, Mapping[str, object]]] = (
            (row.place, dict(zip(table.header, row.cells, strict=True))) for row in table.rows
        )
    elif JsonLinesReader().matches(path):
        rows = json_objects(path, options.encoding)
    else:
        error = refusal(str(path), [])
        raise BenchError(error.what, where=error.where, todo=f"give a file of documents: {KINDS}")
    return _documents(path, rows, options)


def _documents(
    path: Path, rows: Iterator[tuple[str, Mapping[str, object]]], options: ReadOptions
) -> Iterator[Document]:
    for number, (place, row) in enumerate(rows, 1):
        where = f"{path}, {place}"
        columns = resolve(row, options.columns, where)
        fields = {
            name: text for name, column in columns.fields.items() if (text := field_text(row[column])).strip()
        }
        for text in fields.values():
            check_text(text, where)
        values = {role: row[column] for role, column in columns.roles.items()}
        id_ = scalar(values["id"], "id", where) if "id" in values else str(number)
        if not id_:
            raise BenchError("the id is empty", where=where, todo="give every row an id")
        language = (
            scalar(row[columns.roles["language"]], "language", where) if "language" in columns.roles else ""
        )
        yield Document(id_, fields, language or options.language)
