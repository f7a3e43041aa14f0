"""Text of data, methods and models takes no effect where it is written to."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.core import escape
from readbench.report.screen import Screen

CLEAR, TITLE, C1 = "\x1b[2J\x1b[H", "\x1b]0;owned\x07", "\x9b31m"
COMMANDS = (
    "::error file=a.py,line=1::gone",
    "::stop-commands::x",
    "  ::add-mask::all",
    "##[group]x",
    "##vso[task]x",
)

# What a hostile file would hold, in pieces: any text seldom looks like one of these.
PIECES = st.lists(
    st.sampled_from(
        [
            CLEAR,
            TITLE,
            C1,
            *COMMANDS,
            "|",
            "`",
            "``",
            "<img src=x>",
            "[a](b)",
            "@org/team",
            "\r",
            "\n",
            "plain",
        ]
    )
    | st.text(max_size=5),
    max_size=8,
).map("".join)


@settings(deadline=None)
@given(PIECES)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = escape.for_terminal(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert not re.search(r"(?m)^\s*::[\w-]+( .*)?::", shown)
    assert not re.search(r"##\w*\[", shown)
    assert escape.for_terminal(shown) == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_a_workflow_command_is_none_wherever_its_line_is_broken(command: str) -> None:
    text = f"it failed: {command}"
    shown = escape.for_terminal(text)
    assert len(shown) == len(text)
    for place in range(len(shown)):
        assert not re.match(r"\s*::[\w-]+( .*)?::|\s*##\w*\[", shown[place:])


def test_a_console_styles_and_obeys_nothing_else() -> None:
    sink = io.StringIO()
    Screen(file=sink, force_terminal=True, width=60, color_system="standard").print(
        f"[red]{CLEAR}{TITLE}x[/red]"
    )
    assert "\x1b[31m" in sink.getvalue()
    assert CLEAR not in sink.getvalue()
    assert "\x1b]" not in sink.getvalue()
    assert "\x07" not in sink.getvalue()


@settings(deadline=None)
@given(PIECES)
def test_markdown_is_one_line_of_text(text: str) -> None:
    for shown in (escape.for_markdown(text), escape.markdown_code(text)):
        assert "\n" not in shown
        assert "\x1b" not in shown
    plain = escape.for_markdown(text)
    assert not re.search(r"<(?!!-- -->)", plain)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`\[]", plain)
    assert not re.search(r"(?<!\w)@\w", plain)


def test_a_bar_does_not_end_a_cell() -> None:
    table = escape.markdown_table(["a", "b"], [["x|y", "1"]], right=[1])
    assert table == ["| a | b |", "| --- | ---: |", r"| x\|y | 1 |"]


@settings(deadline=None)
@given(PIECES)
def test_json_says_what_it_was_given(text: str) -> None:
    written = escape.json_text({"text": text})
    assert json.loads(written) == {"text": text}
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", written)


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(A1)", "\tx", "\r=x", "＝1"])
def test_a_formula_becomes_text(text: str) -> None:
    assert escape.for_spreadsheet(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-0.5", "+1e3", "graph theory", "", "a=b", "-inf"])
def test_numbers_and_words_stay(text: str) -> None:
    assert escape.for_spreadsheet(text) == text


@settings(deadline=None)
@given(PIECES)
def test_xml_can_be_read_again(text: str) -> None:
    from xml.etree import ElementTree

    element = ElementTree.Element("case", name=escape.for_xml(text))
    assert ElementTree.fromstring(ElementTree.tostring(element)).get("name") == escape.for_xml(text)
