"""Marks of texts: what is counted, how it is spelled, and that no word is among it."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readbench.audit.marks import Mark, mark_table, shown_mark


def value(text: str, subject: str, measure: str) -> float:
    """A mark of a text, which stands among texts without it so that the column is not constant."""
    table = mark_table([text, text, "", ""])
    for column, mark in enumerate(table.marks):
        if (mark.subject, mark.measure) == (subject, measure):
            return float(table.values[0, column])
    return 0.0


def test_what_is_counted() -> None:
    text = "(Doe, J.; Roe,R.)\n7"
    assert value(text, ",", "count") == 2
    assert value(text, ",", "spaced") == 1
    assert value(text, ";", "share") == pytest.approx(1 / len(text))
    assert value(text, "(", "begins") == 1
    assert value(text, "7", "ends") == 0
    assert value("end.", ".", "ends") == 1
    assert value(text, "\n", "count") == 1
    assert value(text, "characters", "count") == len(text)
    assert value(text, "words", "count") == 4
    assert value(text, "Lu", "count") == 4
    assert value(text, "Nd", "count") == 1
    assert value("价格便宜,好", "Lo", "count") == 5


@given(st.text(max_size=80))
def test_counts_against_plain_python(text: str) -> None:
    for mark in ",;:.()":
        assert value(text, mark, "count") == text.count(mark)
    if text:
        assert value(text, "characters", "count") == len(text)


@given(st.lists(st.text(alphabet=string.ascii_lowercase + " ,;", max_size=30), min_size=2, max_size=8))
def test_no_letter_and_no_digit_is_a_mark(texts: list[str]) -> None:
    """Two texts with the same marks have the same row, whatever their words are."""
    other = [text.translate(str.maketrans(string.ascii_lowercase, "q" * 26)) for text in texts]
    one, two = mark_table(texts), mark_table(other)
    assert one.marks == two.marks
    assert np.array_equal(one.values, two.values)


def test_rare_and_constant_marks_are_left_out() -> None:
    texts = ["plain, text"] * 999 + ["a # here, too"]
    assert "#" not in {mark.subject for mark in mark_table(texts).marks}
    assert (",", "count") not in {(mark.subject, mark.measure) for mark in mark_table(texts).marks}
    assert mark_table(["", ""]).values.shape == (2, 0)


@pytest.mark.parametrize(
    ("mark", "threshold", "said"),
    [
        (Mark(";", "count"), 0.5, "has `;`"),
        (Mark(";", "count"), 3.5, "has `;` 4 times or more"),
        (Mark(",", "spaced"), 0.5, "has `,` before white space"),
        (Mark(";", "share"), 0.0124, "`;` makes over 1.2 % of the characters"),
        (Mark(".", "ends"), 0.5, "ends with `.`"),
        (Mark("characters", "count"), 1500.0, "has 1,501 characters or more"),
        (Mark("Lu", "share"), 0.1, "upper-case letters make over 10 % of the characters"),
        (Mark("Nd", "count"), 0.5, "has digits"),
    ],
)
def test_marks_are_spelled_out(mark: Mark, threshold: float, said: str) -> None:
    assert mark.condition(threshold) == said


@given(st.characters(codec="utf-8"))
def test_a_mark_can_be_seen(character: str) -> None:
    assert shown_mark(character).isprintable()
