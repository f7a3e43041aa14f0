"""Charts as text: scales, names that keep apart, fronts, and who can be told apart."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from readbench.report.page.chart_cost import Point, cost_chart, front_of
from readbench.report.page.chart_labels import Bin, confusion_chart, reliability_chart
from readbench.report.page.chart_lines import Series, lines_chart
from readbench.report.page.chart_parts import Named
from readbench.report.page.chart_ranks import Placed, groups_of, ranks_chart
from readbench.report.page.groups import length_in_words, of_numbers
from readbench.report.page.pictures import show_time
from readbench.report.page.plots import standalone
from readbench.report.page.svg import NARROW, WIDE, Scale, apart, around, cut

ATTACK = '<script>"&'


def point(name: str, cost: float, value: float) -> Point:
    return Point(Named(name, f"0.{name}"), cost, value, value - 0.05, value + 0.05, f"{name} words")


def bruteforce_front(points: list[Point]) -> set[str]:
    return {
        one.method.name
        for one in points
        if not any(
            (other.cost <= one.cost and other.value > one.value)
            or (other.cost < one.cost and other.value >= one.value)
            for other in points
        )
    }


def test_the_front_is_what_no_other_beats() -> None:
    chooser = random.Random(1)
    for _ in range(200):
        points = [
            point(str(place), chooser.choice([1.0, 2.0, 3.0, 4.0]), chooser.random()) for place in range(8)
        ]
        assert {one.method.name for one in front_of(points, higher_is_better=True)} == bruteforce_front(
            points
        )
    cheap, dear = point("cheap", 1, 0.4), point("dear", 2, 0.1)
    assert front_of([dear, cheap], higher_is_better=False) == [cheap, dear]


@pytest.mark.parametrize(
    ("low", "high", "logarithmic", "expected"),
    [
        (0.0, 1.0, False, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.13, 0.19, False, [0.14, 0.16, 0.18]),
        (0.001, 1000.0, True, [0.001, 0.01, 0.1, 1, 10, 100, 1000]),
        (1.0, 100.0, True, [1, 10, 100]),
        (3.0, 30.0, True, [5, 10, 20]),
        (0.04, 0.06, True, [0.04, 0.045, 0.05, 0.055, 0.06]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, logarithmic: bool, expected: list[float]) -> None:
    ticks = Scale(low, high, 0, 100, logarithmic).ticks(6)
    assert ticks == pytest.approx(expected)


def test_a_scale_of_one_value_is_its_middle() -> None:
    assert Scale(2, 2, 0, 100)(2) == 50
    low, high = around([0.3])
    assert low < 0.3 < high
    low, high = around([5.0], logarithmic=True)
    assert 0 < low < 5 < high


def test_names_keep_apart_in_their_order() -> None:
    chooser = random.Random(2)
    for _ in range(300):
        wanted = [chooser.uniform(20, 200) for _ in range(chooser.randint(1, 14))]
        found = apart(wanted, 20, 240)
        ordered = sorted(zip(wanted, found, strict=True))
        heights = [height for _, height in ordered]
        assert all(later - sooner >= 15 - 1e-9 for sooner, later in pairwise(heights))
        assert min(heights) >= 20 - 1e-9
        assert max(heights) <= 240 + 1e-9
    assert apart([50, 100, 150], 20, 240) == [50, 100, 150]
    # Names that want the same place stand around it.
    assert apart([100, 100, 100], 20, 240) == [85, 100, 115]


def test_groups_are_the_largest_runs_without_a_difference() -> None:
    different = {(0, 2), (0, 3), (1, 3)}
    assert groups_of(4, lambda a, b: (a, b) in different) == [(0, 1), (1, 2), (2, 3)]
    assert groups_of(3, lambda _a, _b: False) == [(0, 2)]
    assert groups_of(3, lambda _a, _b: True) == []
    assert groups_of(1, lambda _a, _b: False) == []


def test_groups_of_numbers_hold_every_document_once() -> None:
    counts = [0] * 10 + [3] * 50 + [4] * 20 + list(range(5, 25))
    grouping = of_numbers("gold", "heading", "phrases", counts)
    assert grouping is not None
    sizes = [int((grouping.places == place).sum()) for place in range(len(grouping.groups))]
    assert sum(sizes) == 90
    assert (grouping.places[:10] == -1).all()
    assert grouping.groups[0] == "3"
    assert grouping.groups[-1].endswith("–24")
    values = np.array([float(count) for count in counts])
    assert grouping.means(values)[0] == 3
    values[10:60] = np.nan
    assert grouping.means(values)[0] is None
    alike = of_numbers("gold", "heading", "phrases", [3] * 90)
    assert alike is not None
    assert alike.groups == ("3",)
    assert of_numbers("gold", "heading", "phrases", [3] * 19) is None


def test_words_of_a_text_without_spaces_are_its_characters() -> None:
    assert length_in_words("two words") == 2
    assert (
        length_in_words("\u8fd9\u662f\u4e00\u4e2a\u6ca1\u6709\u7a7a\u683c\u7684\u957f\u53e5\u5b50" * 3) == 36
    )
    assert length_in_words("") == 0


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_charts_are_xml_and_stay_within_their_frame(width: int) -> None:
    names = [f"{ATTACK} {'long ' * place}" for place in range(20)]
    marks = [Named(name, f"0.{place}") for place, name in enumerate(names)]
    points = [Point(m, 10.0 ** (i % 5), i / 20, i / 20 - 0.1, i / 20 + 0.1, "") for i, m in enumerate(marks)]
    placed = [Placed(mark, 1 - i / 20, None, None, "1–20") for i, mark in enumerate(marks)]
    series = [Series(mark, [i / 20, None, 0.5], ["", "", ATTACK]) for i, mark in enumerate(marks)]
    charts = [
        cost_chart(points, ATTACK, ATTACK, width, higher_is_better=True, show=show_time),
        ranks_chart(placed, [(0, 19), (3, 8)], ATTACK, width),
        lines_chart(series, ["a", ATTACK, "c"], ATTACK, ATTACK, width),
        confusion_chart([ATTACK, "b"], [ATTACK, "b", "(none)"], [[3, 0, 1], [0, 0, 0]]),
        reliability_chart([Bin(0.95, 0.9, 10), Bin(0.5, 1.0, 0)]),
    ]
    for chart in charts:
        for text in (chart, standalone(chart)):
            root = ElementTree.fromstring(text)
            assert root.get("role") == "img"
            assert not root.findall(".//{*}script")
        edges = [float(root.get(side) or 0) for side in ("width", "height")]
        for shape in root.iter():
            for name, edge in (("x", edges[0]), ("cx", edges[0]), ("y", edges[1]), ("cy", edges[1])):
                assert 0 <= float(shape.get(name, 1)) <= edge
            numbers = [float(found) for found in re.findall(r"-?\d+\.?\d*", shape.get("d", ""))]
            assert all(-0.1 <= value <= max(edges) for value in numbers)


def test_names_are_cut_where_they_have_no_room() -> None:
    assert cut("short", 100) == "short"
    assert cut("a" * 40, 66) == "a" * 9 + "…"
    assert [show_time(value) for value in (None, 0.0000123, 0.05, 2.0)] == ["–", "12.3 µs", "50 ms", "2.0 s"]
