"""One line a method over groups of documents, or over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from readbench.report.page.chart_parts import (
    Named,
    axis_below,
    frame_with_names,
    names_at_right,
    rows_height,
    value_axis,
)
from readbench.report.page.svg import Canvas, Scale, around, element, group, number, path, text, title


@dataclass(frozen=True)
class Series:
    """A method's value of each group, None where it has none; the marks are drawn around some of them."""

    method: Named
    values: Sequence[float | None]
    marks: Sequence[str] = ()
    """For each value why it is marked; empty where it is not."""


def lines_chart(
    series: Sequence[Series],
    groups: Sequence[str],
    metric: str,
    about: str,
    width: int,
    *,
    joined: bool = True,
) -> str:
    """``groups`` name what stands on the horizontal axis, ``about`` says what they are. Between
    groups without an order, which are not ``joined``, the lines are dotted."""
    height = rows_height(len(series))
    frame = frame_with_names(width, height)
    canvas = Canvas(width, height, f"{metric} by {about}, one line a method.")
    known = [value for one in series for value in one.values if value is not None]
    up = Scale(*around(known), frame.bottom, frame.top)
    value_axis(canvas, up, frame, metric)
    room = (frame.right - frame.left) / len(groups)
    places = [frame.left + room * (place + 0.5) for place in range(len(groups))]
    every = max(1, round(max(map(len, groups)) * 7 / room + 0.4))
    named = list(zip(places, groups, strict=True))[::every]
    labels = (text(x, frame.bottom + 16, name) for x, name in named)
    canvas.add(group(labels, class_="axis", text_anchor="middle"))
    axis_below(canvas, frame, about)
    ends, drawn, marks = [], [], []
    for one in reversed(series):
        points = [(x, up(v)) for x, v in zip(places, one.values, strict=True) if v is not None]
        if points:
            ends.append((one.method, *points[-1]))
            drawn.append(_line(one, points))
            marks += _marks(one, places, up)
    dashes = None if joined else "1 4"
    canvas.add(
        group(drawn, class_="series", fill="none", stroke="currentColor", stroke_dasharray=dashes), *marks
    )
    names_at_right(canvas, frame, ends, frame.top, frame.bottom + 24)
    return canvas.svg()


def _line(one: Series, points: Sequence[tuple[float, float]]) -> str:
    """The line, and its points as strokes without length, whose round ends are dots."""
    dots = "".join(f"M{number(x)} {number(y)}h0" for x, y in points)
    parts = [title(one.method.name), element("path", d=path(points))]
    dotted = element("path", d=dots, stroke_width=5, stroke_linecap="round", stroke_dasharray="none")
    return group([*parts, dotted], data_m=one.method.mark)


def _marks(one: Series, places: Sequence[float], up: Scale) -> list[str]:
    marked = zip(places, one.values, one.marks, strict=False)
    return [
        element(
            "circle",
            title(f"{one.method.name}: {why}"),
            cx=x,
            cy=up(value),
            r=6,
            fill="none",
            stroke="currentColor",
            class_="change",
            data_m=one.method.mark,
        )
        for x, value, why in marked
        if why and value is not None
    ]
