"""SVG as text: elements, scales, and names that keep apart.

Everything is filled with the colour of the text around it, and lines have that colour as an attribute, so
that a viewer without style sheets draws them too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from readbench.core.escape import for_html

WIDE, NARROW = 560, 358
"""The two widths of a chart in pixels: type keeps its size on a telephone, where a scaled chart would not."""

LETTER = 6.6
"""The width of a letter of 12 px, on average; enough to say where a name must be cut."""

LINE = 15
"""Pixels from one name to the next below it."""


def element(name: str, content: str = "", /, **attributes: str | float | None) -> str:
    """An element. ``content`` is markup already; attributes are escaped, ``class_`` is ``class``, and an
    underscore is a hyphen (``data_m``). None leaves an attribute out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _attribute(value: str | float) -> str:
    return for_html(value) if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """A coordinate with one decimal place, none where it is whole or so large that nobody sees it."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, content: str, **attributes: str | float | None) -> str:
    return element("text", for_html(content), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float | None) -> str:
    return lines([((x1, y1), (x2, y2))], **attributes)


def lines(ends: Iterable[Sequence[tuple[float, float]]], **attributes: str | float | None) -> str:
    """Straight lines as one element."""
    return element("path", d="".join(map(path, ends)), stroke="currentColor", **attributes)


def polyline(points: Sequence[tuple[float, float]], **attributes: str | float | None) -> str:
    return element("path", d=path(points), fill="none", stroke="currentColor", **attributes)


def path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def group(parts: Iterable[str], **attributes: str | float | None) -> str:
    """Elements that share attributes."""
    return element("g", "".join(parts), **attributes)


def title(content: str) -> str:
    """What a pointer that rests on the element is shown."""
    return element("title", for_html(content))


def cut(name: str, width: float) -> str:
    """A name that fits into so many pixels, with an ellipsis where it was cut."""
    letters = max(3, int(width / LETTER))
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


@dataclass(frozen=True)
class Scale:
    """Values to pixels: ``low`` is at ``start``, ``high`` at ``end``."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(value)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the scale: of a logarithmic one 1, 2 and 5 times powers of ten, unless it is so
        narrow that these would be one or two."""
        if self.logarithmic and self.high / self.low >= NARROW_RANGE:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for steps in ((1, 2, 5), (1,)):
                found = [step * 10.0**power for power in powers for step in steps]
                found = [value for value in found if self.low <= value <= self.high]
                if len(found) <= most:
                    break
            return found
        step = _round_step((self.high - self.low) / max(most - 1, 1))
        first = math.ceil(self.low / step - 1e-9)
        count = int((self.high - first * step) / step + 1e-9) + 1
        return [round((first + place) * step, 12) for place in range(max(count, 0))]


NARROW_RANGE = 8
"""The ratio of the ends below which a logarithmic axis has evenly spaced ticks."""


def _round_step(step: float) -> float:
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= step * 0.999), 10 * power)


def around(values: Sequence[float], *, logarithmic: bool = False, share: float = 0.06) -> tuple[float, float]:
    """The ends of an axis that holds the values with some room at both ends."""
    low, high = min(values), max(values)
    if logarithmic:
        room = max((high / low) ** share, 1.05)
        return low / room, high * room
    room = (high - low) * share or abs(high) * share or 0.05
    return low - room, high + room


def apart(wanted: Sequence[float], low: float, high: float, gap: float = LINE) -> list[float]:
    """Where names stand that want to be at these heights: in their order, at least ``gap`` apart, as near as
    that allows, and between ``low`` and ``high`` where there is room for all."""
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    blocks: list[tuple[float, int]] = []  # the centre that a block of names wants, and how many they are
    for place in order:
        blocks.append((wanted[place], 1))
        while len(blocks) > 1 and blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2:
            (first, n), (second, m) = blocks[-2:]
            blocks[-2:] = [((first * n + second * m) / (n + m), n + m)]
    heights: list[float] = []
    for centre, count in blocks:
        heights += [centre + gap * (place - (count - 1) / 2) for place in range(count)]
    for place in range(len(heights)):
        least = low if place == 0 else heights[place - 1] + gap
        heights[place] = max(heights[place], least)
    for place in reversed(range(len(heights))):
        most = high if place == len(heights) - 1 else heights[place + 1] - gap
        heights[place] = min(heights[place], most)
    found = [0.0] * len(wanted)
    for place, height in zip(order, heights, strict=True):
        found[place] = height
    return found


@dataclass
class Canvas:
    """A chart that is being drawn: its parts in the order in which they cover each other."""

    width: float
    height: float
    label: str = ""
    parts: list[str] = field(default_factory=list)

    def add(self, *parts: str) -> None:
        self.parts += parts

    def glyph(self) -> str:
        """The whole element as a part of HTML, beside a text that says the same."""
        size = {"width": self.width, "height": self.height}
        return element(
            "svg", "".join(self.parts), class_="glyph", aria_hidden="true", **size, fill="currentColor"
        )

    def svg(self) -> str:
        """The whole element. ``label`` is what a screen reader says in its place."""
        return element(
            "svg",
            "".join(self.parts),
            xmlns="http://www.w3.org/2000/svg",
            class_="chart",
            role="img",
            aria_label=self.label,
            width=self.width,
            height=self.height,
            viewBox=f"0 0 {number(self.width)} {number(self.height)}",
            font_size="12",
            fill="currentColor",
        )
