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

from readbench.report.words import closing_sentence, statistical_notes, tuned_lines
from readbench.results.cost_table import COST_TABLE, Cost
from readbench.results.leaderboard import Leaderboard, Row, Table
from readbench.results.record import Value, weights_of


def render(board: Leaderboard, width: int) -> RenderableType:
    """The whole board: what was run, a table a task, and the closing sentences."""
    parts: list[RenderableType] = [_heading(board)]
    tables = [table for table in board.tables if table.rows] or board.tables
    for table in tables:
        parts.append(Text(""))
        if len(tables) > 1:
            parts.append(Text.assemble((table.task, "bold"), f": {_parts(table)}"))
        parts += [Text(f"Warning: {line}", "yellow") for line in table.settings.warnings]
        parts += [_table(table, width), Text("")]
        parts.extend(_problems(table, board.manifest.name))
        parts.append(_footnotes(table))
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
        text.append(f": {_parts(board.tables[0])}")
    if manifest.limit:
        text.append(f" (a sample, --limit {manifest.limit})")
    if manifest.demo:
        text.append(
            "\nDemo corpus written for this project: its scores say nothing about real papers.", "yellow"
        )
    left_out = ", ".join(f"{count} {reason}" for reason, count in manifest.left_out.items() if count)
    if left_out:
        text.append(f"\nLeft out by the reader: {left_out}.", "yellow")
    for other in manifest.other_languages:
        text.append(f"\n{other.documents} {other.words}.", "yellow")
    if manifest.status != "finished":
        text.append(f"\nThis run is {manifest.status}: what is missing was not measured.", "yellow")
    return text


def _parts(table: Table) -> str:
    """The number of documents of each part, and how often all of it was done."""
    settings = table.settings
    folds = f" in {settings.folds} folds" if settings.folds > 1 else ""
    repeats = max((len(row.records) for row in table.rows), default=0) // max(settings.folds, 1)
    words = [f"{settings.tested} test documents{folds}"]
    words += [
        f"{settings.documents[part]} for {name}{' in each' if folds else ''}"
        for part, name in (("train", "training"), ("validation", "validation"))
        if settings.documents.get(part)
    ]
    words += [f"{repeats} seeds where training varies"] if repeats > 1 else []
    return ", ".join(words)


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
    first = [_with_interval(_value(row, primary)) if row.status == "ok" else row.status for row in rows]
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
    rates = [row.costs.documents_per_s_marginal for row in rows]
    return _Column("ms/doc", [f"{1000 / rate:.3g}" if rate else "–" for rate in rates], 99)


def _sorted_by(table: Table, name: str) -> _Column:
    """A column of the metric or cost that the board is sorted by."""
    cost = COST_TABLE.get(name)
    if cost is not None:
        return _cost_column(table, cost, name)
    return _Column(name, [_plain(_value(row, name)) for row in table.rows])


def _cost_column(table: Table, cost: Cost, heading: str, wanted: int = 0) -> _Column:
    return _Column(heading, [cost.show(getattr(row.costs, cost.name)) for row in table.rows], wanted)


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


def _weights(table: Table) -> list[str]:
    """The weights of methods, one line for those that ran with the same."""
    users: dict[str, list[str]] = {}
    for row in table.rows:
        if row.status == "ok" and row.record is not None:
            for weights in weights_of(row.record):
                name, source, sha256 = (weights.get(key, "?") for key in ("name", "source", "sha256"))
                named = f"{name} ({source}, SHA-256 {sha256[:12]})"
                users.setdefault(named, []).append(row.method)
    return [f"Weights of {', '.join(methods)}: {named}." for named, methods in users.items()]


def _footnotes(table: Table) -> Text:
    ok = [row.record for row in table.rows if row.record is not None and row.status == "ok"]
    lines = []
    without = max((record.counts.get("without_gold", 0) for record in ok), default=0)
    if without:
        lines.append(f"{without} documents without gold are left out of the means.")
    settings = table.settings
    if settings.near_duplicates_across:
        lines.append(
            f"{settings.near_duplicates_across} test documents have a near-duplicate among those to learn "
            "from: scores of methods that learn may be too good."
        )
    elif settings.near_duplicates:
        lines.append(f"{settings.near_duplicates} near-duplicate documents, kept on one side of the split.")
    weights = {name: owner for record in ok for name, owner in record.weights.items()}
    if weights:
        lines.append(
            "Ran with " + ", ".join(f"{name} ({owner})" for name, owner in sorted(weights.items())) + "."
        )
    lines += _weights(table)
    lines += tuned_lines(table)
    reference = table.settings.reference
    if reference is not None:
        lines.append(f"{reference.label}: {reference.metric} as given elsewhere, not measured here.")
    if any(len(row.records) > 1 for row in table.rows):
        lines.append(
            "Interval: all test documents together. spread: standard deviation over folds and repeats. "
            "Seconds are a cell's mean, memory the largest."
        )
    changed = [row.method for row in table.rows if row.changed]
    if changed:
        lines.append(f"Measured again or changed after this run: {', '.join(changed)}.")
    if any(record.contended for record in ok):
        lines.append("Measured beside other cells (--workers): speeds are not comparable with a run alone.")
    if len(ok) > 1:
        lines.append(
            "rank: the best and the worst place that the tests leave open "
            f"({table.statistics.get('test', 'not tested')}, Holm, 5 %). docs/s: documents a second, once "
            "everything is loaded."
        )
    lines += statistical_notes(table)
    return Text("\n".join(lines), style="dim")
