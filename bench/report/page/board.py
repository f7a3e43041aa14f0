"""The leaderboard as rows of a table: what each cell shows, and what it is sorted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from readbench.report.page.chart_cost import front_of
from readbench.report.page.chart_parts import Named
from readbench.report.page.pictures import AXES, measured, points_of, rank_words
from readbench.report.page.svg import Canvas, Scale, element, line
from readbench.report.words import error_in_words, failed_in_words, failed_mark, marked
from readbench.results.cost_table import COST_TABLE
from readbench.results.leaderboard import Row, Table
from readbench.results.record import Record, Value, weights_of

OUTPUT_LINES = 30
"""Of what a failed method printed, as `bench show` prints it."""


@dataclass(frozen=True)
class Column:
    """``better``: "higher" or "lower" is sorted first, "" is no column of numbers. ``more``: only shown where
    all columns are asked for. ``drawn``: its cells are pictures."""

    heading: str
    explanation: str
    better: str = ""
    more: bool = False
    drawn: bool = False


@dataclass(frozen=True)
class Cell:
    """``sort``: the number that a column is sorted by, None where there is none. ``svg`` is markup."""

    text: str = ""
    sort: float | None = None
    svg: str = ""
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A row of the table. ``facts`` say what really ran, ``output`` what a failed method printed."""

    method: str
    mark: str
    status: str
    problem: str
    cells: Sequence[Cell]
    facts: Sequence[tuple[str, str]]
    output: str


@dataclass(frozen=True)
class BoardView:
    columns: Sequence[Column]
    lines: Sequence[Line]


def board_view(table: Table, marks: Mapping[str, Named], *, output: bool) -> BoardView:
    """``output``: whether to show what failed methods printed, which may hold texts of the data."""
    columns = _columns(table)
    front = {point.method.name for point in _front(table, marks)}
    ok = [row for row in table.rows if row.status == "ok"]
    intervals = _scale([value for row in ok if (value := row.metrics.get(table.primary)) is not None])
    lines = []
    for row in table.rows:
        cells = _cells(row, table, len(ok), intervals, row.method in front) if row.status == "ok" else []
        printed = _output(row) if output else ""
        named = marks[row.method]
        lines.append(Line(row.method, named.mark, row.status, row.problem, cells, facts_of(row), printed))
    return BoardView(columns, lines)


def without_words(table: Table) -> Table:
    """A table whose errors on single documents are named by their type alone: their words may quote one."""
    return replace(table, rows=tuple(_without_words(row) for row in table.rows))


def _without_words(row: Row) -> Row:
    records = []
    for record in row.records:
        failed = record.failed_documents
        if failed is not None:
            first = tuple(one.model_copy(update={"message": "(left out)"}) for one in failed.first)
            failed = failed.model_copy(update={"first": first})
        records.append(record.model_copy(update={"failed_documents": failed}))
    return replace(row, records=tuple(records))


def _front(table: Table, marks: Mapping[str, Named]) -> Sequence[Any]:
    rows = measured(table, table.primary)
    points = points_of(rows, table.primary, AXES[0], marks)
    if not points:
        return ()
    return front_of(points, higher_is_better=rows[0].metrics[table.primary].higher_is_better)


def _metrics(table: Table) -> list[str]:
    return [name for name in dict.fromkeys(table.settings.board) if name != table.primary]


def _costs(table: Table) -> list[Any]:
    """Rates first, then what is always shown; a cost that nobody has is left out."""
    known = [
        cost
        for cost in COST_TABLE.values()
        if cost.heading and any(getattr(row.costs, cost.name) is not None for row in table.rows)
    ]
    return sorted(known, key=lambda cost: (cost.wanted != 0, not cost.is_rate))


def _columns(table: Table) -> list[Column]:
    spread = any(value.spread is not None for row in table.rows for value in row.metrics.values())
    better = _better(table, table.primary)
    columns = [
        Column("rank", "the best and the worst rank that the tests allow", "lower"),
        Column("rank range", "the same, drawn from the first place to the last", drawn=True),
        Column(table.primary, f"the primary metric; {better} is better", better),
        Column("95 % interval", f"of {table.primary}, drawn", drawn=True),
    ]
    if spread:
        columns.append(Column("spread", "standard deviation over folds and repeats", "lower", more=True))
    for cost in _costs(table):
        better = "higher" if cost.higher_is_better else "lower"
        words = f"{cost.name}, {cost.unit}; {better} is better"
        columns.append(Column(cost.heading, words, better, more=cost.wanted != 0))
    columns.append(Column("front", f"no other method is both better by {table.primary} and faster", "higher"))
    for metric in _metrics(table):
        better = _better(table, metric)
        columns.append(Column(metric, f"{better} is better", better, more=True))
    if table.settings.reference is not None:
        words = f"{table.settings.reference.metric} as published elsewhere, not measured here"
        columns.append(Column(table.settings.reference.label, words, "higher", more=True))
    return columns


def _better(table: Table, metric: str) -> str:
    values = [row.metrics[metric] for row in table.rows if metric in row.metrics]
    return "higher" if not values or values[0].higher_is_better else "lower"


def _cells(row: Row, table: Table, ranked: int, scale: Scale | None, on_front: bool) -> list[Cell]:
    value = row.metrics.get(table.primary)
    ranks = row.ranks
    interval = "" if value is None or value.low is None else f"{value.low:.3f} to {value.high:.3f}"
    cells = [
        Cell(rank_words(ranks), None if ranks is None else ranks[0] + ranks[1] / 1000),
        Cell(rank_words(ranks), svg="" if ranks is None else _rank_glyph(ranks, ranked)),
        _with_failures(_metric_cell(value), row),
        Cell(interval, svg=_interval_glyph(value, scale)),
    ]
    if any(column.heading == "spread" for column in _columns(table)):
        spread = None if value is None else value.spread
        cells.append(Cell("–" if spread is None else f"±{spread:.3f}", spread))
    for cost in _costs(table):
        taken = getattr(row.costs, cost.name)
        note = "measured beside other work: not comparable with a run alone" if marked(row, cost) else ""
        cells.append(Cell(cost.show(taken), taken, note=note))
    cells.append(Cell("◆" if on_front else "", 1.0 if on_front else 0.0))
    cells += [_metric_cell(row.metrics.get(metric)) for metric in _metrics(table)]
    if table.settings.reference is not None:
        theirs = row.reference
        cells.append(Cell("–" if theirs is None else f"{theirs:.3f}", theirs))
    return cells


def _metric_cell(value: Value | None) -> Cell:
    if value is None or value.value is None:
        return Cell("–", None, note="" if value is None else value.reason or "")
    return Cell(f"{value.value:.3f}", value.value)


def _with_failures(cell: Cell, row: Row) -> Cell:
    """The value of a method that raised on some documents is marked."""
    failed = row.failed_documents
    if failed is None:
        return cell
    return replace(cell, text=cell.text + failed_mark(row), note=f"ok, {failed_in_words(failed)}")


GLYPH = 96
"""The width of a picture in a cell."""


def _scale(values: Sequence[Value]) -> Scale | None:
    ends = [end for value in values for end in (value.low, value.high, value.value) if end is not None]
    return Scale(min(ends), max(ends), 5, GLYPH - 5) if ends else None


def _rank_glyph(ranks: tuple[int, int], ranked: int) -> str:
    across = Scale(1, max(ranked, 2), 5, GLYPH - 5)
    canvas = Canvas(GLYPH, 14)
    canvas.add(line(5, 7, GLYPH - 5, 7, class_="grid"))
    start, end = across(ranks[0]), across(ranks[1])
    bar = element("rect", x=start - 4, y=3.5, width=end - start + 8, height=7, rx=3.5)
    canvas.add(bar)
    return canvas.glyph()


def _interval_glyph(value: Value | None, scale: Scale | None) -> str:
    if value is None or value.value is None or scale is None:
        return ""
    canvas = Canvas(GLYPH, 14)
    canvas.add(line(5, 7, GLYPH - 5, 7, class_="grid"))
    if value.low is not None and value.high is not None:
        canvas.add(line(scale(value.low), 7, scale(value.high), 7, class_="whisker", stroke_width="2"))
    canvas.add(element("circle", cx=scale(value.value), cy=7, r=3.5))
    return canvas.glyph()


def facts_of(row: Row) -> list[tuple[str, str]]:
    """What each row really ran, as pairs of a name and what it is."""
    record = row.record
    if record is None:
        return []
    params = ", ".join(f"{name}={value}" for name, value in record.params.items())
    facts = [("parameters", params or "none"), ("device", record.device)]
    if row.chosen is not None:
        facts.append(("chosen", row.chosen.words))
    facts += [("weights", _weights(weights)) for weights in weights_of(record)]
    if record.members:
        facts.append(("members", ", ".join(record.members)))
    if record.learns_from:
        facts.append(("learned from", "what its members predicted for the validation part"))
    facts += [
        ("preparation", f"{charged.name}, {charged.seconds:.1f} s charged") for charged in record.preparations
    ]
    if len(row.records) > 1:
        folds = len({cell.fold for cell in row.records})
        repeats = len({cell.repeat for cell in row.records})
        facts.append(("cells", f"{len(row.records)}: {folds} folds, {repeats} seeds"))
    if (failed := row.failed_documents) is not None:
        errors = "; ".join(map(error_in_words, failed.first))
        facts.append(
            ("failed documents", f"{failed.count} of {failed.of}, scored as empty answers: {errors}")
        )
    facts += _doubts(row, record)
    facts.append(("measured", f"{record.started_at}, key {record.key[:12]}"))
    return facts


def _weights(weights: Mapping[str, str]) -> str:
    name, source, digest = (weights.get(key, "?") for key in ("name", "source", "sha256"))
    return f"{name} ({source}, SHA-256 {digest[:12]})"


def _doubts(row: Row, record: Record) -> list[tuple[str, str]]:
    doubts = []
    if record.contended:
        doubts.append(("speed", "measured while other cells ran: real speeds are higher"))
    if record.processor is not None:
        doubts.append(("load of the machine", f"{record.processor.load_average:.1f} over the last minute"))
    if row.goes > 1:
        doubts.append(("goes", f"{row.goes}: it was ended and went on; seconds are sums over them"))
    if row.shards > 1:
        doubts.append(("parts", f"{row.shards}: each by a process of its own; seconds are sums over them"))
    if row.changed:
        doubts.append(("changed", "measured again or changed after this run"))
    return doubts


def _output(row: Row) -> str:
    """The end of what a failed method printed, and the traceback."""
    failed = next((record.failure for record in row.records if record.failure is not None), None)
    if row.status == "ok" or failed is None:
        return ""
    lines = failed.output.rstrip().splitlines()[-OUTPUT_LINES:]
    return "\n".join([*lines, failed.traceback.rstrip()]).strip()
