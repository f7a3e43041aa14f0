"""CSV as rows of cells, strictly: a header, rows of its length, and the place of each row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.datasets.lines import check_text, text_lines

_DELIMITERS = ",\t;"

# The csv module refuses cells past 128 KiB by default. This is what a C long holds on any platform;
# sys.maxsize is not, and raises OverflowError where a long has 32 bits.
_MAX_CELL_CHARACTERS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row and where it is: ``row 2 (line 5)``, the first after the header being row 1."""

    place: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A header, read, and the rows under it, read as they are asked for."""

    header: tuple[str, ...]
    rows: Iterator[Row]


def open_table(path: Path, encoding: str) -> Table:
    """Reads the header of a CSV file, whose delimiter may be a comma, a tab or a semicolon.

    Raises BenchError for an empty file, here, and while ``rows`` are taken for a row that has more or
    fewer fields than the header, a quote that is not closed, and what ``text_lines`` raises. Blank
    lines are passed over.
    """
    # Only ever raised, never put back: another thread may be reading too.
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL_CHARACTERS))
    lines = text_lines(path, encoding)
    first: list[str] = []
    for line in lines:
        first.append(line)
        if line.strip("\r\n"):
            break
    else:
        raise BenchError("is empty", where=str(path), todo="give a file with a header and one row a document")
    records = _records(chain(first, lines), _delimiter(first[-1]), path)
    _, header = next(records)
    for name in header:
        check_text(name, f"{path}, header")
    return Table(tuple(header), _rows(records, len(header), path))


def _rows(records: Iterator[tuple[int, list[str]]], width: int, path: Path) -> Iterator[Row]:
    for number, (line, cells) in enumerate(records, 1):
        place = f"row {number} (line {line})"
        if len(cells) != width:
            raise BenchError(
                f"{len(cells)} fields where the header has {width}",
                where=f"{path}, {place}",
                todo="quote cells that hold the delimiter, a quote or a line end",
            )
        yield Row(place, cells)


def _records(lines: Iterator[str], delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not a blank line, the header too, with the line on which it starts."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = -1  # of the header, so that the first row is 1 once it is counted
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            place = "header" if number < 0 else f"row {number + 1}"
            raise BenchError(
                f"broken CSV: {_plain(error)}",
                where=f"{path}, {place} (line {line})",
                todo="close its quotes, and write a quote within a quoted cell twice",
            ) from None
        if cells:
            number += 1
            yield line, cells


def _plain(error: csv.Error) -> str:
    message = str(error)
    return "a quote is never closed" if message == "unexpected end of data" else message


def _delimiter(header: str) -> str:
    """The first delimiter that gives the header more than one column; a comma where none does."""
    for delimiter in _DELIMITERS:
        try:
            if len(next(csv.reader([header], delimiter=delimiter, strict=True))) > 1:
                return delimiter
        except csv.Error:  # a quoted name with a line end in it
            continue
    return _DELIMITERS[0]
