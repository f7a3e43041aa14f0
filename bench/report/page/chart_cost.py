"""Quality against cost: every method a point, and the front of those that no other beats in both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from readbench.report.page.chart_parts import (
    Named,
    axis_below,
    cost_axis,
    frame_with_names,
    names_at_right,
    rows_height,
    value_axis,
)
from readbench.report.page.svg import Canvas, Scale, around, element, line, polyline, title


@dataclass(frozen=True)
class Point:
    """A method: what it costs (the less the better, above 0) and its value with the interval's ends."""

    method: Named
    cost: float
    value: float
    low: float | None
    high: float | None
    words: str


def front_of(points: Sequence[Point], *, higher_is_better: bool) -> list[Point]:
    """The points that no other beats in cost and value, the cheapest first."""
    sign = 1 if higher_is_better else -1
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -sign * point.value)):
        if not front or sign * point.value > sign * front[-1].value:
            front.append(point)
    return front


def cost_chart(
    points: Sequence[Point],
    metric: str,
    cost: str,
    width: int,
    *,
    higher_is_better: bool,
    show: Callable[[float], str],
) -> str:
    """Cost on a logarithmic axis. ``show`` writes a value of the cost with its unit."""
    height = rows_height(len(points), 300)
    frame = frame_with_names(width, height)
    front = front_of(points, higher_is_better=higher_is_better)
    words = ", ".join(point.method.name for point in front)
    canvas = Canvas(width, height, f"{metric} against {cost}. No method beats these in both: {words}.")
    ends = [end for point in points for end in (point.low, point.high, point.value) if end is not None]
    up = Scale(*around(ends), frame.bottom, frame.top)
    across = Scale(
        *around([point.cost for point in points], logarithmic=True), frame.left, frame.right, logarithmic=True
    )
    value_axis(canvas, up, frame, metric)
    cost_axis(canvas, across, frame.top, frame.bottom, show, 6 if width > 500 else 3)
    axis_below(canvas, frame, f"{cost} (logarithmic)")
    steps: list[tuple[float, float]] = []
    for point in front:
        if steps:
            steps.append((across(point.cost), steps[-1][1]))
        steps.append((across(point.cost), up(point.value)))
    canvas.add(polyline([*steps, (frame.right, steps[-1][1])], class_="front", stroke_dasharray="4 3"))
    places = [(point.method, across(point.cost), up(point.value)) for point in points]
    names_at_right(canvas, frame, places, frame.top, frame.bottom + 24)
    for point in points:
        canvas.add(_drawn(point, across(point.cost), up, point in front))
    return canvas.svg()


def _drawn(point: Point, x: float, up: Scale, on_front: bool) -> str:
    y = up(point.value)
    whisker = (
        ""
        if point.low is None or point.high is None
        else line(x, up(point.low), x, up(point.high), class_="whisker")
    )
    shape = (
        element("circle", cx=x, cy=y, r=4.5)
        if on_front
        else element("rect", x=x - 3.5, y=y - 3.5, width=7, height=7)
    )
    class_ = "point best" if on_front else "point"
    content = title(f"{point.method.name}: {point.words}") + whisker + shape
    return element("g", content, class_=class_, data_m=point.method.mark)
