"""What several charts have in common: axes, and names at the right that lines lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from readbench.core.escape import for_html
from readbench.report.page.svg import (
    LETTER,
    Canvas,
    Scale,
    apart,
    cut,
    element,
    group,
    lines,
    path,
    text,
    title,
)


@dataclass(frozen=True)
class Named:
    """A method in a chart. ``mark`` is what all of its elements on the page carry as ``data-m``."""

    name: str
    mark: str


@dataclass(frozen=True)
class Frame:
    """The place of a chart within its canvas, in pixels."""

    left: float
    right: float
    top: float
    bottom: float


def frame_with_names(width: float, height: float) -> Frame:
    """Names stand to the right of it."""
    names = 164 if width > 500 else 122
    return Frame(46, width - names, 26, height - 40)


def rows_height(rows: int, least: int = 260) -> int:
    """High enough for so many names one below the other."""
    return max(least, 15 * rows + 66)


def value_axis(canvas: Canvas, scale: Scale, frame: Frame, name: str, most: int = 6) -> None:
    """Horizontal lines with their values at the left, and the name of the axis above them."""
    ticks = [(value, scale(value)) for value in scale.ticks(most)]
    canvas.add(lines((((frame.left, y), (frame.right, y)) for _, y in ticks), class_="grid", opacity=".3"))
    labels = (text(frame.left - 6, y + 4, f"{value:.4g}") for value, y in ticks)
    canvas.add(text(4, 12, name, class_="axis"), group(labels, class_="axis", text_anchor="end"))


def cost_axis(
    canvas: Canvas, scale: Scale, top: float, bottom: float, show: Callable[[float], str], most: int
) -> None:
    """Upright lines with their values below them."""
    ticks = [(value, scale(value)) for value in scale.ticks(most)]
    canvas.add(lines((((x, top), (x, bottom)) for _, x in ticks), class_="grid", opacity=".3"))
    labels = (text(x, bottom + 16, show(value)) for value, x in ticks)
    canvas.add(group(labels, class_="axis", text_anchor="middle"))


def axis_below(canvas: Canvas, frame: Frame, name: str) -> None:
    """The name of the horizontal axis, below its middle as far as the name has room there."""
    middle = max((frame.left + frame.right) / 2, LETTER * len(name) / 2 + 2)
    canvas.add(text(middle, canvas.height - 6, name, text_anchor="middle", class_="axis"))


def names_at_right(
    canvas: Canvas, frame: Frame, ends: Sequence[tuple[Named, float, float]], low: float, high: float
) -> None:
    """The name of each method beside the chart, with a line from its ``(x, y)`` to the name."""
    heights = apart([y for _, _, y in ends], low, high)
    start = frame.right + 4
    leaders, names = [], []
    for (method, x, y), height in zip(ends, heights, strict=True):
        elbow = [(x, y), (start, y), (start + 12, height), (start + 16, height)]
        leaders.append(element("path", d=path(elbow), data_m=method.mark))
        shown = cut(method.name, canvas.width - start - 20)
        content = for_html(shown) + ("" if shown == method.name else title(method.name))
        names.append(element("text", content, x=start + 19, y=height + 4, data_m=method.mark))
    canvas.add(group(leaders, class_="leader", fill="none", stroke="currentColor", opacity=".4"))
    canvas.add(group(names, class_="name"))
