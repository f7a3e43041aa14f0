"""Charts of classification: which labels are taken for which, and whether confidences can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from readbench.report.page.svg import NARROW, Canvas, Scale, cut, element, line, polyline, text, title

MOST_LABELS = 12
"""With more, a matrix is too small to read."""


def confusion_chart(gold: Sequence[str], predicted: Sequence[str], rows: Sequence[Sequence[int]]) -> str:
    """Counts of documents: a row for each gold label, a column for each predicted one."""
    left, top = 96, 44
    cell = min(64, (NARROW - left - 8) / len(predicted))
    height = top + cell * len(gold) + 8
    canvas = Canvas(NARROW, height, f"Confusion matrix of {len(gold)} labels.")
    canvas.add(text(left, 14, "predicted", class_="axis"), text(4, top - 6, "gold", class_="axis"))
    for place, label in enumerate(predicted):
        x = left + cell * (place + 0.5)
        canvas.add(text(x, top - 6, cut(label, cell - 2), text_anchor="middle", class_="axis"))
    for row, (label, counts) in enumerate(zip(gold, rows, strict=True)):
        y = top + cell * row
        name = text(left - 6, y + cell / 2 + 4, cut(label, left - 8), text_anchor="end", class_="name")
        canvas.add(name)
        total = sum(counts) or 1
        for column, count in enumerate(counts):
            x = left + cell * column
            share = count / total
            right = label == predicted[column]
            shade = element(
                "rect",
                title(f"gold {label}, predicted {predicted[column]}: {count} ({share:.0%} of the row)"),
                x=x + 1,
                y=y + 1,
                width=cell - 2,
                height=cell - 2,
                class_="right" if right else "wrong",
                fill_opacity=f"{0.06 + 0.44 * share:.2f}",
            )
            figure = text(x + cell / 2, y + cell / 2 + 4, str(count), text_anchor="middle", class_="name")
            canvas.add(shade, figure)
    return canvas.svg()


@dataclass(frozen=True)
class Bin:
    """Documents whose highest probability lies close together: their mean confidence, the share of them that
    is right, and how many they are."""

    confidence: float
    right: float
    documents: int


def reliability_chart(bins: Sequence[Bin]) -> str:
    """The share of right answers by confidence; on the diagonal a confidence says how often it is right. The
    area of a point is the number of its documents."""
    size = 300
    canvas = Canvas(NARROW, size, "Reliability: the share of right answers by confidence.")
    across, up = Scale(0, 1, 46, NARROW - 16), Scale(0, 1, size - 42, 20)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        canvas.add(line(across(0), up(tick), across(1), up(tick), class_="grid", opacity=".3"))
        canvas.add(text(across(0) - 6, up(tick) + 4, f"{tick:g}", text_anchor="end", class_="axis"))
        canvas.add(text(across(tick), size - 26, f"{tick:g}", text_anchor="middle", class_="axis"))
    canvas.add(line(across(0), up(0), across(1), up(1), class_="leader", stroke_dasharray="4 3"))
    canvas.add(text(4, 10, "share right", class_="axis"))
    canvas.add(text(across(0.5), size - 6, "confidence", text_anchor="middle", class_="axis"))
    canvas.add(polyline([(across(one.confidence), up(one.right)) for one in bins], class_="front"))
    most = max(one.documents for one in bins)
    for one in bins:
        words = f"{one.documents} documents: confidence {one.confidence:.2f}, right {one.right:.2f}"
        radius = 2.5 + 7 * (one.documents / most) ** 0.5
        at = {"cx": across(one.confidence), "cy": up(one.right), "r": radius}
        canvas.add(element("circle", title(words), **at, fill_opacity=".55", class_="dot"))
    return canvas.svg()
