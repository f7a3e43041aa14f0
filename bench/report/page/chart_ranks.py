"""Who can be told apart: the methods in order, and bars that join those that the tests do not separate.

A critical-difference diagram (Demšar 2006, Journal of Machine Learning Research 7:1-30) with the tests of the
board in place of Nemenyi's, and the metric in place of the mean rank, because that is what they test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from readbench.report.page.chart_parts import Named, cost_axis
from readbench.report.page.svg import Canvas, Scale, around, cut, element, group, line, text, title


@dataclass(frozen=True)
class Placed:
    """A method with its value, the ends of the interval and its rank range in words."""

    method: Named
    value: float
    low: float | None
    high: float | None
    ranks: str


def groups_of(count: int, apart: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    """The first and the last place of each largest run of methods, in their order, no two of which can be
    told apart. A method by itself is no group."""
    found: list[tuple[int, int]] = []
    for first in range(count):
        last = first
        while last + 1 < count and not any(apart(place, last + 1) for place in range(first, last + 1)):
            last += 1
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return found


ROW = 19
BAR = 9
"""Pixels from one bar to the next beside it."""


def ranks_chart(rows: Sequence[Placed], groups: Sequence[tuple[int, int]], metric: str, width: int) -> str:
    """``rows``: best first."""
    names = 168 if width > 500 else 116
    top = 30
    height = top + ROW * len(rows) + 26
    lanes = _lanes(groups)
    bars = BAR * (max(lanes, default=-1) + 1)
    right = width - 12 - bars - (44 if width > 500 else 0)
    alike = (
        f"{len(groups)} groups of methods without a significant difference"
        if groups
        else "all methods differ significantly"
    )
    canvas = Canvas(width, height, f"The methods by {metric}, best first: {alike}.")
    ends = [end for row in rows for end in (row.low, row.high, row.value) if end is not None]
    across = Scale(*around(ends), names + 12, right)
    canvas.add(text(names + 12, 12, metric, class_="axis"))
    cost_axis(canvas, across, top - 4, height - 22, lambda value: f"{value:.4g}", 6 if width > 500 else 3)
    for place, row in enumerate(rows):
        canvas.add(_row(row, across, names, top + ROW * place + ROW / 2, right if width > 500 else None))
    for (first, last), lane in zip(groups, lanes, strict=True):
        x = width - 8 - bars + BAR * lane + BAR / 2
        start, end = top + ROW * first + 4, top + ROW * (last + 1) - 4
        whose = f"{rows[first].method.name} to {rows[last].method.name}: no significant difference"
        bar = line(x, start, x, end, class_="group", stroke_width=4, stroke_linecap="round")
        canvas.add(group([title(whose), bar]))
    return canvas.svg()


def _row(row: Placed, across: Scale, names: float, y: float, ranks_at: float | None) -> str:
    parts = [
        title(f"{row.method.name}: {row.value:.3f}, rank {row.ranks}"),
        text(names, y + 4, cut(row.method.name, names - 4), text_anchor="end", class_="name"),
    ]
    if row.low is not None and row.high is not None:
        parts.append(line(across(row.low), y, across(row.high), y, class_="whisker"))
    parts.append(element("circle", cx=across(row.value), cy=y, r=4))
    if ranks_at is not None:
        parts.append(text(ranks_at + 8, y + 4, row.ranks, class_="axis"))
    return element("g", "".join(parts), class_="point", data_m=row.method.mark)


def _lanes(groups: Sequence[tuple[int, int]]) -> list[int]:
    """For each group the first place beside the others where it touches none."""
    ends: list[int] = []
    lanes = []
    for first, last in groups:
        lane = next((place for place, end in enumerate(ends) if end < first), len(ends))
        ends[lane : lane + 1] = [last]
        lanes.append(lane)
    return lanes
