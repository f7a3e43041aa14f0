"""A text is one text whatever its line width."""

from __future__ import annotations

import csv
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.datasets import open_dataset
from readbench.datasets.stream import stream_documents
from readbench.datasets.texts import unwrapped

TEXT = (
    "Ranking methods build a graph of words from one document and order the candidate phrases by "
    "state-of-the-art centrality; pre- and post-processing are part of each method."
)


@pytest.mark.parametrize("width", [20, 40, 72])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n   "])
def test_wrapped_and_unwrapped_papers_are_the_same_dataset(tmp_path: Path, width: int, end: str) -> None:
    found = []
    for name, text in (("a.csv", TEXT), ("b.csv", end.join(textwrap.wrap(TEXT, width)))):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([["id", "title", "abstract"], ["1", "t", text]])
        found.append(open_dataset(str(tmp_path / name)))
        (streamed,) = stream_documents(tmp_path / name)
        assert streamed.fields == found[-1].documents[0].fields
    assert found[0].fingerprint == found[1].fingerprint
    assert any(decision.about == "line breaks" for decision in found[1].decisions)
    assert not any(decision.about == "line breaks" for decision in found[0].decisions)


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("a\nb", "a b"),
        ("a\n\nb\nc", "a\n\nb c"),
        ("a\n \t\n\n b", "a\n\nb"),
        ("  a\r\nb\r", "a b"),
        ("a\x0cb\u2028c", "a b c"),
        ("peer-\nto-peer", "peer-to-peer"),
        ("pre-\nand post-war", "pre- and post-war"),
        ("基于图的\n方法", "基于图的方法"),
        ("a  b", "a  b"),
        ("", ""),
    ],
)
def test_line_breaks_are_joined_and_paragraphs_stay(text: str, joined: str) -> None:
    assert unwrapped(text) == joined
    assert unwrapped(joined) == joined


words = st.lists(st.text("abcé.,()", min_size=1, max_size=9), min_size=1, max_size=40)


@settings(max_examples=100, deadline=None)
@given(words, st.integers(9, 60))
def test_any_width_gives_the_same_text(words: list[str], width: int) -> None:
    text = " ".join(words)
    assert unwrapped("\n".join(textwrap.wrap(text, width, break_long_words=False))) == text
