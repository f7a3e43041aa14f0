"""An answer of ``bench query`` as text: a table for people, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from readbench.core.errors import BenchError
from readbench.core.escape import for_spreadsheet, json_text
from readbench.core.files import cannot_write
from readbench.report.query.run import Answer

MOST_ROWS = 100
"""How many rows a table in the terminal has; the other formats have all."""


def as_table(answer: Answer) -> RenderableType:
    """The first rows as a table, and how many were not shown."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in answer.columns:
        table.add_column(Text(name), overflow="fold")
    hidden = 0
    for number, row in enumerate(answer.rows()):
        if number < MOST_ROWS:
            table.add_row(*(Text(_shown(value)) for value in row))
        else:
            hidden += 1
    if not hidden:
        return table
    more = f"{hidden:,} more row{'' if hidden == 1 else 's'}: --format csv, json or parquet has all"
    return Group(table, Text(more, style="dim"))


def as_csv(answer: Answer) -> Iterator[str]:
    """Lines of CSV, the names of the columns first. Text that a spreadsheet would compute stays text."""
    yield _csv_line(answer.columns)
    for row in answer.rows():
        yield _csv_line(
            [for_spreadsheet(value) if isinstance(value, str) else _plain(value) for value in row]
        )


def as_json(answer: Answer) -> Iterator[str]:
    """A JSON array of objects, one a row, a line each."""
    names = answer.columns
    if len(set(names)) < len(names):
        todo = "name each one: SELECT a.id AS a_id, b.id AS b_id"
        raise BenchError("two columns have one name", where="the query", todo=todo)
    yield "["
    line = ""
    for row in answer.rows():
        if line:
            yield f"{line},"
        line = json_text(dict(zip(names, map(_plain, row), strict=True)), indent=None)
    if line:
        yield line
    yield "]"


def write_parquet(answer: Answer, path: Path) -> int:
    """Writes all rows, and returns how many. Raises BenchError where the file cannot be written."""
    import pyarrow.parquet as pq

    table = answer.table()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")
    except OSError as error:
        raise cannot_write(path, error) from error
    return int(table.num_rows)


def _csv_line(values: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if value is None else value for value in values])
    return line.getvalue()


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(_plain(value))


def _plain(value: Any) -> Any:
    """A value of DuckDB as JSON and CSV have it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return value
