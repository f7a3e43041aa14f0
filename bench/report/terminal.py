"""The leaderboard in a terminal: readable at 80 columns, fuller where there is room."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from readbench.report.words import (
    MARK,
    cautions,
    closing_sentence,
    documents_of_parts,
    failed_mark,
    footnotes,
    marked,
    shown_cost,
)
from readbench.results.cost_table import COST_TABLE, Cost
from readbench.results.leaderboard import Leaderboard, Row, Table
from readbench.results.record import Value


def render(board: Leaderboard, width: int) -> RenderableType:
    """The whole board: what was run, a table a task, and the closing sentences."""
    parts: list[RenderableType] = [_heading(board)]
    tables = [table for table in board.tables if table.rows] or board.tables
    for table in tables:
        parts.append(Text(""))
        if len(tables) > 1:
            parts.append(Text.assemble((table.task, "bold"), f": {documents_of_parts(table)}"))
        parts += [Text(f"Warning: {line}", "yellow") for line in table.settings.warnings]
        parts += [_table(table, width), Text("")]
        parts.extend(_problems(table, board.manifest.name))
        parts.append(Text("\n".join(footnotes(table)), style="dim"))
    parts.append(Text(""))
    for table in tables:
        parts.append(Text(closing_sentence(table), style="bold"))
    return Group(*parts)


def print_board(board: Leaderboard, console: Console) -> None:
    console.print(render(board, console.width))


def _heading(board: Leaderboard) -> Text:
    manifest = board.manifest
    text = Text()
    text.append(f"{manifest.suite}", style="bold")
    text.append(f" on {manifest.dataset}")
    if len(board.tables) == 1:
        text.append(f": {documents_of_parts(board.tables[0])}")
    if manifest.limit:
        text.append(f" (a sample, --limit {manifest.limit})")
    for line in cautions(manifest):
        text.append(f"\n{line}", "yellow")
    return text


def _table(table: Table, width: int) -> RichTable:
    """The columns that fit: those of rank, quality and cost always, the others as far as they leave room for
    the methods on one line each."""
    columns = {column.name: column for column in _columns(table)}
    shown = {name for name, column in columns.items() if column.wanted == 0}
    for column in sorted(columns.values(), key=lambda column: column.wanted):
        if _width([columns[name] for name in {*shown, column.name}]) <= width:
            shown.add(column.name)
    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    chosen = [column for name, column in columns.items() if name in shown]
    others = _width([column for column in chosen if column.name != "method"]) + GAP
    room = max(width - others, NARROWEST)
    for column in chosen:
        if column.name == "method":
            grid.add_column(column.name, overflow="fold", max_width=room)
        else:
            justify: Literal["left", "right"] = "left" if column.name == "rank" else "right"
            grid.add_column(column.name, justify=justify, no_wrap=True)
    for i, row in enumerate(table.rows):
        # Text, not str: in a str, rich would take the brackets of a method for markup and swallow them.
        cells = [
            Text(_broken(column.cells[i], room) if column.name == "method" else column.cells[i])
            for column in chosen
        ]
        grid.add_row(*cells, style="" if row.status == "ok" else "red")
    return grid


def _broken(method: str, room: int) -> str:
    """The name of a method; where it is too long for its column the parameters begin a new line."""
    return method.replace("[", "\n[", 1) if cell_len(method) > room else method


TUNED = " (tuned)"
"""After the name of a method whose parameters were chosen."""

GAP = 2
"""Columns of a terminal between two columns of the table."""

NARROWEST = 12


@dataclass(frozen=True)
class _Column:
    """``wanted``: 0 is always shown; of the others, the lower come first where there is room."""

    name: str
    cells: Sequence[str]
    wanted: int = 0

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.name, *self.cells))


def _width(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _columns(table: Table) -> list[_Column]:
    """All that a table can show, from left to right."""
    rows, primary = table.rows, table.primary
    first = [
        _with_interval(_value(row, primary)) + failed_mark(row) if row.status == "ok" else row.status
        for row in rows
    ]
    columns = [
        _Column("rank", ["–" if row.ranks is None else _range(*row.ranks) for row in rows]),
        _Column("method", [row.method + (TUNED if row.chosen else "") for row in rows]),
        _Column(f"{primary} [95 %]", first),
    ]
    spreads = [value.spread if (value := _value(row, primary)) is not None else None for row in rows]
    if any(spread is not None for spread in spreads):
        shown = ["–" if spread is None else f"±{_short(spread)}" for spread in spreads]
        columns.append(_Column("spread", shown))
    metrics = dict.fromkeys(metric for metric in table.settings.board if metric != primary)
    for place, metric in enumerate(metrics, 1):
        wanted = 0 if metric == table.sort else place
        columns.append(_Column(metric, [_plain(_value(row, metric)) for row in rows], wanted))
    of_costs = [cost for cost in COST_TABLE.values() if cost.heading]
    if table.sort and table.sort not in {*metrics, primary, *(cost.name for cost in of_costs)}:
        columns.append(_sorted_by(table, table.sort))
    reference = table.settings.reference
    if reference is not None:
        theirs = ["–" if row.reference is None else f"{row.reference:.3f}" for row in rows]
        columns.append(_Column(reference.label, theirs))
    # How fast a method is comes first, then what it takes.
    for cost in sorted(of_costs, key=lambda cost: not cost.is_rate):
        column = _cost_column(table, cost, cost.heading, 0 if cost.name == table.sort else cost.wanted)
        # A column of nothing but dashes (no method of the suite learns) says nothing.
        if column.wanted == 0 or any(getattr(row.costs, cost.name) is not None for row in rows):
            columns.append(column)
        if cost.name == MARGINAL:
            columns.append(_milliseconds(rows))
    return columns


MARGINAL = "documents_per_s_marginal"
"""The cost that has a second column, with the time that a document takes."""


def _milliseconds(rows: Sequence[Row]) -> _Column:
    cells = []
    for row in rows:
        rate = row.costs.documents_per_s_marginal
        mark = MARK if marked(row, COST_TABLE[MARGINAL]) else ""
        cells.append(f"{1000 / rate:.3g}{mark}" if rate else "–")
    return _Column("ms/doc", cells, 99)


def _sorted_by(table: Table, name: str) -> _Column:
    """A column of the metric or cost that the board is sorted by."""
    cost = COST_TABLE.get(name)
    if cost is not None:
        return _cost_column(table, cost, name)
    return _Column(name, [_plain(_value(row, name)) for row in table.rows])


def _cost_column(table: Table, cost: Cost, heading: str, wanted: int = 0) -> _Column:
    return _Column(heading, [shown_cost(row, cost) for row in table.rows], wanted)


def _value(row: Row, metric: str) -> Value | None:
    return row.metrics.get(metric) if row.status == "ok" else None


def _range(best: int, worst: int) -> str:
    return f"{best}" if best == worst else f"{best}–{worst}"


def _with_interval(value: Value | None) -> str:
    if value is None or value.value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.value:.3f} [none]" if value.reason else f"{value.value:.3f}"
    return f"{value.value:.3f} [{_short(value.low)} {_short(value.high)}]"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _plain(value: Value | None) -> str:
    return "–" if value is None or value.value is None else f"{value.value:.3f}"


def _problems(table: Table, run: str) -> list[Text]:
    """One line for each reason for which methods did not finish (ten that lack the same package are one
    line), and where to read more."""
    said: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        if row.status != "ok":
            said.setdefault((row.status, row.problem.splitlines()[0] if row.problem else ""), []).append(
                row.method
            )
    lines = []
    for (status, problem), methods in said.items():
        who = methods[0] if len(methods) == 1 else f"{len(methods)} methods ({methods[0]}, …)"
        lines.append(Text(f"{status}: {who}: {problem}", style="red"))
    broken = [row.method for row in table.rows if row.status not in ("ok", "missing_dependency", "lost")]
    if broken:
        lines.append(Text(f"What it printed, and where: bench show {run} {shlex.quote(broken[0])}", "dim"))
    return lines
