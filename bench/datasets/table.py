"""CSV as rows of cells, strictly: a header, rows of its length, and the place of each row."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Decision
from readbench.datasets.columns import names_known
from readbench.datasets.exports import export_of
from readbench.datasets.lines import MAX_LINE_CHARACTERS, check_encoding, check_text, text_lines

_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}


# The line before the header by which Excel is told the delimiter.
_EXCEL = re.compile(r'"?sep=(.)"?', re.I)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row and where it is: ``row 2 (line 5)``, the first after the header being row 1."""

    place: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A header, read, and the rows under it, read as asked for. ``decisions``: how the file is read."""

    header: tuple[str, ...]
    rows: Iterator[Row]
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class _Form:
    """How cells are written: ``quoted``: quotes enclose them; ``spaced``: a blank follows each delimiter."""

    delimiter: str
    quoted: bool
    spaced: bool

    @property
    def words(self) -> str:
        spaced = " and blanks" if self.spaced else ""
        quotes = "" if self.quoted else ", quotes are characters like others"
        return f"between {_DELIMITERS[self.delimiter]}{spaced}{quotes}"


def open_table(path: Path, encoding: str) -> Table:
    """Reads the header of a CSV file, whose delimiter may be a comma, a tab, a semicolon or a vertical bar:
    the one that gives most columns of known names.

    A tab-delimited file may hold quotes that quote nothing, as Web of Science writes them: they are taken as
    they are where every line has its cells without them, and some line has not with them.
    Raises BenchError for an empty file, here, and while ``rows`` are taken for a row that has more or
    fewer fields than the header, a quote that is not closed, and what ``check_encoding`` and ``text_lines``
    raise. Blank lines are passed over.
    """
    # Only ever raised, never put back: another thread may be reading too.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_CHARACTERS))
    in_encoding = check_encoding(path, encoding)
    lines = text_lines(path, encoding)
    first: list[str] = []
    for line in lines:
        first.append(line)
        if line.strip("\r\n"):
            break
    else:
        raise BenchError("is empty", where=str(path), todo="give a file with a header and one row a document")
    if said := _EXCEL.fullmatch(first[-1].strip()):
        first = [next(lines, "\n")]
    delimiter = said[1] if said and said[1] in _DELIMITERS else _delimiter(first[-1])
    quoted = delimiter != "\t" or _quotes_quote(path, encoding, first[-1])
    # a, "b, c": where a blank follows each delimiter, it is no part of a cell, and a quote after it quotes.
    later = [*_cells(first[-1], delimiter)][1:]
    spaced = bool(later) and all(name.startswith(" ") for name in later)
    form = _Form(delimiter, quoted, spaced)
    records = _records(chain(first, lines), form, path)
    _, header = next(records)
    for name in header:
        check_text(name, f"{path}, header")
    decision = Decision("cells", form.words)
    return Table(tuple(header), _rows(records, len(header), path), (in_encoding, decision))


def _quotes_quote(path: Path, encoding: str, header: str) -> bool:
    """Whether the quotes of a tab-delimited file are those of CSV. They are not where each line has all its
    cells by its tabs alone and the quotes of some cell do not enclose it."""
    names = header.rstrip("\r\n").split("\t")
    if (export := export_of([name.strip().lower() for name in names])) is not None and not export.quoted:
        return False
    enclosed = True
    for line in text_lines(path, encoding):
        cells = line.rstrip("\r\n").split("\t")
        if line.strip("\r\n") and len(cells) != len(names):
            return True
        enclosed = enclosed and all(map(_is_cell, cells))
    return enclosed


def _is_cell(cell: str) -> bool:
    """Whether a cell is as CSV has it: without a quote at its beginning, or enclosed by quotes."""
    if not cell.startswith('"'):
        return True
    return len(cell) > 1 and cell.endswith('"') and '"' not in cell[1:-1].replace('""', "")


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


def _records(lines: Iterator[str], form: _Form, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not a blank line, the header too, with the line on which it starts."""
    reader = csv.reader(
        lines,
        delimiter=form.delimiter,
        skipinitialspace=form.spaced,
        strict=True,
        quoting=csv.QUOTE_MINIMAL if form.quoted else csv.QUOTE_NONE,
    )
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
    """The delimiter that gives the header most columns of a known name; of equals the first that gives it
    more than one column, and a comma where none does."""
    found = [(delimiter, cells) for delimiter in _DELIMITERS if len(cells := _cells(header, delimiter)) > 1]
    return max(found, key=lambda one: names_known(one[1]), default=(",", []))[0]


def _cells(header: str, delimiter: str) -> Collection[str]:
    try:
        return next(csv.reader([header], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):  # a quoted name with a line end in it
        return []
