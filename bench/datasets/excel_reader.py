"""Papers from an Excel workbook (.xlsx), by openpyxl: the first sheet, a header and one row a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.types import Decision
from readbench.datasets.archive import check_members
from readbench.datasets.options import ReadOptions
from readbench.datasets.row_reader import Opened, RowReader, needed
from readbench.datasets.values import plain_value


def open_excel(path: Path, options: ReadOptions) -> Opened:  # noqa: ARG001 - its texts are always UTF-8
    """The rows of the first sheet. Raises MissingDependency without openpyxl; BenchError for a file that is
    damaged or out of bounds, and for a sheet without a header."""
    try:
        import openpyxl
    except ImportError:
        raise needed("openpyxl", path) from None
    check_members(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(values_only=True)
        header = _header(rows)
    except Exception as error:  # openpyxl raises what its parsers of XML and zip raise
        raise _damaged(path, error) from None
    if header is None:
        raise BenchError(
            "its first sheet is empty", where=str(path), todo="give a header and one row a document"
        )
    of = f" of {len(book.worksheets)} sheets" if len(book.worksheets) > 1 else ""
    return Opened(_rows(rows, header, path), (Decision("sheet", f"`{sheet.title}`, the first{of}"),))


def _header(rows: Iterator[tuple[Any, ...]]) -> list[str] | None:
    for row in rows:
        if any(value is not None for value in row):
            names = ["" if value is None else str(value) for value in row]
            while names and not names[-1].strip():
                names.pop()
            return names
    return None


def _rows(
    rows: Iterator[tuple[Any, ...]], header: list[str], path: Path
) -> Iterator[tuple[str, Mapping[str, object]]]:
    number = 0
    while True:
        try:
            row = next(rows, None)
        except Exception as error:  # as above
            raise _damaged(path, error) from None
        if row is None:
            return
        cells = [*row, *[None] * len(header)]
        if all(value is None or value == "" for value in cells):
            continue
        number += 1
        names = [name or f"\0{place}" for place, name in enumerate(header)]
        yield (
            f"row {number}",
            {
                name: _cell(value)
                for name, value in zip(names, cells, strict=False)
                if not name.startswith("\0")
            },
        )


def _cell(value: object) -> object:
    """A cell as CSV would have it: a date as text, and a whole number without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        return plain_value(int(value))
    if value is None or isinstance(value, str | bool | int | float):
        return "" if value is None else plain_value(value)
    return str(value)


def _damaged(path: Path, error: Exception) -> BenchError:
    why = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return BenchError(
        f"is no Excel workbook, or damaged: {why}", where=str(path), todo="save it again as .xlsx, or as CSV"
    )


EXCEL = RowReader({".xlsx", ".xlsm"}, lambda beginning: False, open_excel)  # noqa: ARG005 - by its name alone
