"""Every two methods of a board: how far apart they are, and how certain that is."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from readbench.core.escape import for_markdown, for_spreadsheet, json_text, markdown_code, markdown_table
from readbench.report.page.scores import task_scores
from readbench.report.words import ALIKE
from readbench.results.leaderboard import Leaderboard, Table
from readbench.results.store import Store
from readbench.stats.differences import Gap
from readbench.tasks import get_task

HEADINGS = ("better", "other", "difference [95 %]", "p", "detectable", "verdict")
DIFFERENT, ALIKE_WORDS, UNKNOWN = "different", "no significant difference", "not known"
SHORT = {DIFFERENT: "yes", ALIKE_WORDS: "not shown", UNKNOWN: "not known"}
"""The verdicts in a column called *different*."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods. ``difference`` is how much more of the metric ``better`` has than ``other`` (negative
    where less of it is better), with the ends of its 95 % interval. ``p`` is corrected for the number of
    pairs. ``detectable``: the smallest difference that nine of ten such runs find. Null is not known."""

    better: str
    other: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class TaskPairs:
    """The pairs of one task, those with the best methods first. ``missing``: which methods could not be
    compared, and why."""

    task: str
    metric: str
    test: str
    pairs: tuple[Pair, ...]
    missing: Mapping[str, str]


def compared(board: Leaderboard, store: Store) -> list[TaskPairs]:
    """Every two methods of each task that ended ok, from the scores in the store."""
    return [_of_task(board, table, store) for table in board.tables]


def _of_task(board: Leaderboard, table: Table, store: Store) -> TaskPairs:
    scores = task_scores(board, table, store)
    higher = get_task(table.task).metric(table.primary).higher_is_better
    found = [_pair(gap, table, higher) for gap in (scores.gaps if len(scores.samples) > 1 else ())]
    place = {row.method: i for i, row in enumerate(table.rows)}
    found.sort(key=lambda pair: (place[pair.better], place[pair.other]))
    test = str(table.statistics.get("test", "not tested"))
    return TaskPairs(table.task, table.primary, test, tuple(found), scores.missing)


def _pair(gap: Gap, table: Table, higher: bool) -> Pair:
    """A gap, turned so that the better method stands first."""
    p = _adjusted(gap, table)
    better, other, difference, low, high = gap.first, gap.second, gap.difference, gap.low, gap.high
    if difference != 0 and (difference > 0) != higher:
        better, other, difference = other, better, -difference
        low, high = (None if end is None else -end for end in (high, low))
    return Pair(better, other, difference, low, high, p, gap.detectable, _verdict(p))


def _adjusted(gap: Gap, table: Table) -> float | None:
    names = table.statistics.get("names", [])
    if gap.first not in names or gap.second not in names:
        return None
    p = table.statistics["p"][names.index(gap.first)][names.index(gap.second)]
    return None if p is None else float(p)


def _verdict(p: float | None) -> str:
    if p is None:
        return UNKNOWN
    return DIFFERENT if p <= ALIKE else ALIKE_WORDS


def _cells(pair: Pair) -> tuple[str, ...]:
    interval = "" if pair.low is None or pair.high is None else f" [{pair.low:+.3f} {pair.high:+.3f}]"
    return (
        pair.better,
        pair.other,
        f"{pair.difference:+.3f}{interval}",
        "–" if pair.p is None else "<0.001" if pair.p < 0.001 else f"{pair.p:.3f}",
        "–" if pair.detectable is None else f"{pair.detectable:.3f}",
        pair.verdict,
    )


def _note(of_task: TaskPairs) -> str:
    return (
        f"difference: of {of_task.metric}, better minus other. p: {of_task.test}, Holm. detectable: the "
        "smallest difference that nine of ten such runs find."
    )


def _left_out(of_task: TaskPairs) -> list[str]:
    return [f"{method} is not compared: {why}" for method, why in of_task.missing.items()]


def render_pairs(found: Sequence[TaskPairs]) -> RenderableType:
    parts: list[RenderableType] = []
    for of_task in found:
        parts += [Text(""), Text(f"{of_task.task}: {of_task.metric}", "bold")]
        if not of_task.pairs:
            parts.append(Text("There are no two methods to compare."))
        else:
            parts += [_grid(of_task.pairs), Text(""), Text(_note(of_task), "dim")]
        parts += [Text(line, "yellow") for line in _left_out(of_task)]
    return Group(*parts)


def _grid(pairs: Sequence[Pair]) -> RichTable:
    """The others below each method, so that their names have room at 80 columns."""
    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("better than", overflow="fold")
    for name in ("difference [95 %]", "p", "detectable", "different"):
        grid.add_column(name, justify="right", no_wrap=True)
    for better, of_method in groupby(pairs, key=attrgetter("better")):
        grid.add_row(Text(better, "bold"))
        for pair in of_method:
            cells = (f"  {pair.other}", *_cells(pair)[2:-1], SHORT[pair.verdict])
            grid.add_row(*map(Text, cells), style="" if pair.verdict == DIFFERENT else "dim")
    return grid


def in_markup(found: Sequence[TaskPairs], form: str) -> str:
    """The pairs as Markdown, CSV or JSON (``md``, ``csv``, ``json``)."""
    forms: Mapping[str, Callable[[Sequence[TaskPairs]], str]] = {"md": _md, "csv": _csv, "json": _json}
    return forms[form](found).removesuffix("\n")


def _md(found: Sequence[TaskPairs]) -> str:
    lines: list[str] = []
    for of_task in found:
        rows = [
            (markdown_code(pair.better), markdown_code(pair.other), *map(for_markdown, _cells(pair)[2:]))
            for pair in of_task.pairs
        ]
        lines += [f"**{of_task.task}**", "", *markdown_table(HEADINGS, rows), "", _note(of_task), ""]
    return "\n".join(lines)


def _csv(found: Sequence[TaskPairs]) -> str:
    sink = io.StringIO()
    fields = ["task", "metric", *Pair.__dataclass_fields__]
    writer = csv.DictWriter(sink, fields, lineterminator="\n")
    writer.writeheader()
    for of_task in found:
        for pair in of_task.pairs:
            row = {"task": of_task.task, "metric": of_task.metric} | asdict(pair)
            writer.writerow({k: for_spreadsheet(v) if isinstance(v, str) else v for k, v in row.items()})
    return sink.getvalue()


def _json(found: Sequence[TaskPairs]) -> str:
    return json_text({"tasks": [asdict(of_task) for of_task in found]})
