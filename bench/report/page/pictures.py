"""Which charts a task has, and with which numbers: what the page shows and ``--plots`` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from readbench.core.units import show_seconds, show_size
from readbench.report.page.chart_cost import Point, cost_chart
from readbench.report.page.chart_lines import Series, lines_chart
from readbench.report.page.chart_parts import Named
from readbench.report.page.chart_ranks import Placed, groups_of, ranks_chart
from readbench.report.page.groups import Grouping
from readbench.report.page.scores import TaskScores
from readbench.report.page.svg import NARROW, WIDE
from readbench.report.words import ALIKE
from readbench.results.leaderboard import Row, Table, in_order
from readbench.results.record import Costs


@dataclass(frozen=True)
class Picture:
    """A chart in two widths. ``name`` is part of a file's name; ``choice`` are the metric and the cost, or
    the method, where the reader chooses among several charts of one ``kind``; ``choice_names`` say what each
    is. A chart that is small has but one width, and ``narrow`` is empty."""

    kind: str
    name: str
    heading: str
    note: str
    wide: str
    narrow: str
    choice: tuple[str, ...] = ()
    choice_names: tuple[str, ...] = ()

    def key(self, task: int) -> str:
        """What the script finds it by among the packed charts; ``task`` is the place of its task."""
        return "\n".join((str(task), self.kind, *(self.choice or (self.name,))))


def show_time(seconds: float | None) -> str:
    """As on the board, and below a millisecond in microseconds: an axis has ticks there."""
    if seconds is None or seconds >= 0.001:
        return show_seconds(seconds)
    return f"{seconds * 1e6:.3g} µs"


@dataclass(frozen=True)
class Axis:
    """A cost that the less the better, as an axis."""

    name: str
    of: Callable[[Costs], float | None]
    show: Callable[[float | None], str] = field(default=show_time)


def _inverse(rate: float | None) -> float | None:
    return 1 / rate if rate else None


# Loading and preparing are parts of what a document costs somebody who starts the method alone.
AXES = (
    Axis("time a document, everything loaded", lambda costs: _inverse(costs.documents_per_s_marginal)),
    Axis("time a document, started alone", lambda costs: _inverse(costs.documents_per_s)),
    Axis("memory", lambda costs: costs.peak_memory_bytes, show_size),
    Axis("time to learn", lambda costs: costs.fit_s),
    Axis("memory of the GPU", lambda costs: costs.peak_vram_allocated_bytes, show_size),
)


def marks_of(table: Table, task: int) -> dict[str, Named]:
    """How the elements of each method of a task are told on the page."""
    return {row.method: Named(row.method, f"{task}.{place}") for place, row in enumerate(table.rows)}


def measured(table: Table, metric: str) -> list[Row]:
    """Rows that have a value of a metric, best first."""
    rows = [row for row in table.rows if row.status == "ok" and row.value(metric) is not None]
    return in_order(rows, metric, metric)


def cost_pictures(table: Table, marks: Mapping[str, Named]) -> Iterator[Picture]:
    """Every metric of the board against every cost that two methods or more have; the first is shown."""
    for metric in dict.fromkeys((table.primary, *table.settings.board)):
        rows = measured(table, metric)
        for axis in AXES:
            points = points_of(rows, metric, axis, marks)
            if len({point.cost for point in points}) < 2:
                continue
            better = rows[0].metrics[metric].higher_is_better
            wide, narrow = (
                cost_chart(points, metric, axis.name, width, higher_is_better=better, show=axis.show)
                for width in (WIDE, NARROW)
            )
            name = f"{metric} against {axis.name}"
            choice = (metric, axis.name)
            heading = "Quality against cost"
            yield Picture("cost", name, heading, OF_FRONT, wide, narrow, choice, ("Metric", "Cost"))


OF_FRONT = "Round, on the dashed line: no method is both better and cheaper. Upright lines: 95 % intervals."


def points_of(rows: Sequence[Row], metric: str, axis: Axis, marks: Mapping[str, Named]) -> list[Point]:
    """The methods that have the metric and the cost."""
    return [point for row in rows if (point := _point(row, metric, axis, marks)) is not None]


def _point(row: Row, metric: str, axis: Axis, marks: Mapping[str, Named]) -> Point | None:
    value, cost = row.metrics[metric], axis.of(row.costs)
    if value.value is None or not cost or cost <= 0:
        return None
    words = f"{metric} {value.value:.3f}, {axis.name} {axis.show(cost)}"
    return Point(marks[row.method], float(cost), value.value, value.low, value.high, words)


def ranks_picture(table: Table, marks: Mapping[str, Named]) -> Picture | None:
    """None where fewer than two methods were compared."""
    rows = [row for row in measured(table, table.primary) if row.ranks]
    if len(rows) < 2:
        return None
    places = {name: place for place, name in enumerate(table.statistics["names"])}
    p = table.statistics["p"]

    def apart(first: int, second: int) -> bool:
        adjusted = p[places[rows[first].method]][places[rows[second].method]]
        return adjusted is not None and adjusted <= ALIKE

    groups = groups_of(len(rows), apart)
    placed = [
        Placed(marks[row.method], value.value, value.low, value.high, rank_words(row.ranks))
        for row in rows
        if (value := row.metrics[table.primary]).value is not None
    ]
    wide, narrow = (ranks_chart(placed, groups, table.primary, width) for width in (WIDE, NARROW))
    note = (
        f"A bar joins methods without a significant difference ({table.statistics['test']}, Holm, 5 %). "
        "Beside each: its rank range. Lines: 95 % intervals of each method by itself."
    )
    return Picture("ranks", "rank ranges", "Which methods differ", note, wide, narrow)


def rank_words(ranks: tuple[int, int] | None) -> str:
    if ranks is None:
        return "–"
    best, worst = ranks
    return f"{best}" if best == worst else f"{best}–{worst}"


def group_pictures(
    scores: TaskScores, groupings: Sequence[Grouping], marks: Mapping[str, Named]
) -> Iterator[Picture]:
    for grouping in groupings:
        series = [Series(marks[name], grouping.means(values)) for name, values in scores.values.items()]
        yield _lines(
            grouping.name,
            grouping.heading,
            series,
            grouping.groups,
            scores.metric.id,
            grouping.about,
            order=grouping.order,
        )


def present_picture(table: Table, marks: Mapping[str, Named]) -> Picture | None:
    """The primary metric of the phrases that occur in the text and of those that do not."""
    views = [f"absent.{table.primary}", table.primary, f"present.{table.primary}"]
    rows = measured(table, table.primary)
    if not rows or not all(view in rows[0].metrics for view in views):
        return None
    series = [Series(marks[row.method], [row.value(view) for view in views]) for row in rows]
    names = ("not in the text", "all", "in the text")
    heading = "Gold phrases in the text and not in it"
    return _lines("present", heading, series, names, table.primary, "gold phrases", order=False)


LEARNS_FROM = "train_documents"
"""The parameter of methods that says how many documents they learn from."""


def learning_picture(table: Table, marks: Mapping[str, Named]) -> Picture | None:
    """The primary metric by the number of documents that a method learns from: a line for each adapter that
    has rows of two sizes or more."""
    rows = measured(table, table.primary)
    sizes = {row.method: size for row in rows if (size := _learned_from(row, table)) is not None}
    adapters: dict[str, dict[int, Row]] = {}
    for row in rows:
        if row.method in sizes:
            adapters.setdefault(row.method.partition("[")[0], {}).setdefault(sizes[row.method], row)
    curves = {adapter: of_size for adapter, of_size in adapters.items() if len(of_size) > 1}
    if not curves:
        return None
    every = sorted({size for of_size in curves.values() for size in of_size})
    series = []
    for adapter, of_size in curves.items():
        best = of_size[max(of_size)]
        values = [of_size[size].value(table.primary) if size in of_size else None for size in every]
        series.append(Series(Named(adapter, marks[best.method].mark), values))
    about = "documents to learn from"
    heading = "Learning curves"
    names = [f"{size:,}" for size in every]
    return _lines("learning", heading, series, names, table.primary, about, order=True)


def _learned_from(row: Row, table: Table) -> int | None:
    """None for a method without the parameter; where that is unset it learns from the whole training part."""
    if row.record is None or LEARNS_FROM not in row.record.params:
        return None
    size = row.record.params[LEARNS_FROM]
    return int(size) if isinstance(size, int | float) and size else table.settings.documents.get("train")


def _lines(
    name: str,
    heading: str,
    series: Sequence[Series],
    groups: Sequence[str],
    metric: str,
    about: str,
    *,
    order: bool,
) -> Picture:
    wide, narrow = (
        lines_chart(series, groups, metric, about, width, joined=order) for width in (WIDE, NARROW)
    )
    return Picture("lines", name, heading, f"Mean {metric} of the documents of each group.", wide, narrow)
