"""Documents to predict for, one by one from a CSV or JSON Lines file of any size, or from a file of another
kind of rows (Parquet, Excel, JSON, exports of reference managers).

Unlike the readers of datasets it keeps nothing but a digest of each id: no targets, and a row without text is
a document too, because whoever asks for predictions wants one for every row. Ids are those that the readers
give, so that predictions can be joined with the dataset.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.files import regular
from readbench.core.types import Document
from readbench.datasets.columns import Columns, field_texts, listed, require_mapped, resolve
from readbench.datasets.csv_reader import CsvReader
from readbench.datasets.digests import Digests
from readbench.datasets.instruction_reader import InstructionReader, instruction_fields, is_instruction
from readbench.datasets.jsonl_reader import JsonLinesReader, json_objects
from readbench.datasets.lines import check_encoding, check_text, shown, stem
from readbench.datasets.options import ReadOptions
from readbench.datasets.reader import KINDS, refusal
from readbench.datasets.row_kinds import ROW_READERS
from readbench.datasets.row_reader import Placed, RowReader
from readbench.datasets.table import open_table
from readbench.datasets.token_lists import unfolded
from readbench.datasets.values import scalar

# Line ends among them: a table of predictions would be torn at such an id by one reader or another.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def stream_documents(
    path: Path, options: ReadOptions | None = None, *, fields: Collection[str] = (), needs_ids: bool = False
) -> Stream:
    """The documents of a file in its order; a row without an id is known by its number from 1, one of the
    instruction format by file and line.

    ``fields`` are those that a method reads: a file that has none of them is refused. ``needs_ids``: so is
    one without ids of its own. Raises BenchError for a file of another kind, here, and for columns and rows
    when they are reached.
    """
    if _row_reader(path) is None and not (CsvReader().matches(path) or JsonLinesReader().matches(path)):
        error = refusal(str(path), [])
        raise BenchError(error.what, where=error.where, todo=f"give a file of documents: {KINDS}")
    return Stream(path, options or ReadOptions(), tuple(fields), needs_ids)


def count_documents(path: Path, options: ReadOptions | None = None) -> int:
    """How many documents a file of rows holds, without making them: lines of JSON, rows of a table. 0 for
    other kinds, whose rows cannot be counted cheaply, and for a file that cannot be read: whoever reads it
    says why."""
    encoding = (options or ReadOptions()).encoding
    try:
        if CsvReader().matches(path):
            return sum(1 for _ in open_table(path, encoding).rows)
        if JsonLinesReader().matches(path):
            with regular(path).open("rb") as file:
                return sum(1 for line in file if not line.isspace())
    except (BenchError, OSError):
        return 0
    return 0


class Stream:
    """Reads the file anew each time it is iterated over. ``without_text`` counts the documents, so far, that
    have no text in any of the fields that the method reads."""

    def __init__(self, path: Path, options: ReadOptions, fields: tuple[str, ...], needs_ids: bool) -> None:
        self.path, self._options, self._fields, self._needs_ids = path, options, fields, needs_ids
        self.without_text = 0

    def __iter__(self) -> Iterator[Document]:
        self.without_text = 0
        seen = Digests()
        for place, document in self._placed():
            if not seen.add(_digest(document.id)):
                self._refuse_if_double(document.id, place)
            if not any(name in document.fields for name in self._fields or document.fields):
                self.without_text += 1
            yield document

    def _refuse_if_double(self, id_: str, place: str) -> None:
        """Reads once more up to the row at hand: digests are kept, not ids and their places."""
        for earlier, document in self._placed():
            if earlier == place:
                return  # of another id with the same digest
            if document.id == id_:
                raise BenchError(
                    f"the id {shown(id_)} is in {earlier} and again in {place}",
                    where=str(self.path),
                    todo="give every document an id of its own",
                )

    def _placed(self) -> Iterator[tuple[str, Document]]:
        """Every document with its place in the file."""
        if CsvReader().matches(self.path):
            table = open_table(self.path, self._options.encoding)
            columns = self._checked(table.header, str(self.path))
            for number, row in enumerate(table.rows, 1):
                cells = dict(zip(table.header, row.cells, strict=True))
                yield row.place, self._document(cells, columns, number, f"{self.path}, {row.place}")
            return
        reader = _row_reader(self.path)
        rows = reader.open(self.path, self._options).rows if reader else self._json_lines()
        first = next(rows, None)
        if first is None:
            return
        if InstructionReader().matches(self.path) or is_instruction(first[1]):
            yield first[0], self._instruction(*first)
            yield from ((place, self._instruction(place, row)) for place, row in rows)
        else:
            yield from self._objects(first, rows)

    def _json_lines(self) -> Placed:
        check_encoding(self.path, self._options.encoding)
        yield from json_objects(self.path, self._options.encoding)

    def _objects(
        self, first: tuple[str, Mapping[str, object]], rows: Placed
    ) -> Iterator[tuple[str, Document]]:
        where = f"{self.path}, {first[0]}"
        row = unfolded(first[1], where)
        names, columns = tuple(row), self._checked(tuple(row), where)
        has_ids = "id" in columns.roles
        yield first[0], self._document(row, columns, 1, where)
        for number, (place, value) in enumerate(rows, 2):
            where = f"{self.path}, {place}"
            row = unfolded(value, where)
            if tuple(row) != names:
                names, columns = tuple(row), resolve(row, self._options.columns, where)
            if ("id" in columns.roles) != has_ids:
                # Row numbers beside ids of the file's own could meet.
                what = f"has no id, {first[0]} has one" if has_ids else f"has an id, {first[0]} has none"
                raise BenchError(what, where=where, todo="give every row an id, or none")
            yield place, self._document(row, columns, number, where)

    def _checked(self, names: Collection[str], where: str) -> Columns:
        columns = resolve(names, self._options.columns, where)
        require_mapped(names, self._options.columns, where)
        if self._needs_ids and "id" not in columns.roles:
            raise BenchError(
                f"no uuid or id column; columns found: {listed(names)}",
                where=where,
                todo="give every row the id that it is known by",
            )
        if self._fields and not any(name in columns.fields for name in self._fields):
            raise BenchError(
                f"no column {' or '.join(self._fields)}, which the method reads; "
                f"columns found: {listed(names)}",
                where=where,
                todo="name the columns of the text so",
            )
        return columns

    def _document(self, row: Mapping[str, object], columns: Columns, number: int, where: str) -> Document:
        fields = field_texts(row, columns, where)
        values = {role: row[column] for role, column in columns.roles.items()}
        id_ = scalar(values["id"], "id", where) if "id" in values else str(number)
        language = scalar(values.get("language"), "language", where)
        return self._whole(id_, fields, language, where)

    def _instruction(self, place: str, row: Mapping[str, object]) -> Document:
        where = f"{self.path}, {place}"
        id_ = scalar(row.get("id"), "id", where)
        if not id_ and self._needs_ids:
            raise BenchError("no uuid or id", where=where, todo="give every row the id that it is known by")
        id_ = id_ or f"{stem(self.path)}-{place.removeprefix('line ')}"
        return self._whole(
            id_, instruction_fields(row, where), scalar(row.get("language"), "language", where), where
        )

    def _whole(self, id_: str, fields: Mapping[str, str], language: str, where: str) -> Document:
        for text in (id_, language, *fields.values()):
            check_text(text, where)
        if not id_:
            raise BenchError("the id is empty", where=where, todo="give every row an id")
        if _CONTROL.search(id_):
            raise BenchError(
                f"a control character or a line end in the id {shown(id_)}",
                where=where,
                todo="give every row an id of one line",
            )
        return Document(id_, fields, language or self._options.language)


def _row_reader(path: Path) -> RowReader | None:
    """The reader of a file that is neither CSV nor JSON Lines nor of the instruction format."""
    if InstructionReader().matches(path):
        return None
    return next((reader for reader in ROW_READERS if reader.matches(path)), None)


def _digest(id_: str) -> int:
    """Eight bytes that stand for an id while this process lives."""
    return hash(id_)
