"""The lines of key files: a phrase each, with its count beside it in some collections."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from readbench.core.types import Decision

_NUMBER = r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?"
_SHAPES = {
    "after a tab": re.compile(rf"(?P<phrase>.*\S)[ ]*\t\s*{_NUMBER}\s*"),
    "before a tab": re.compile(rf"\s*{_NUMBER}[ ]*\t\s*(?P<phrase>.*\S)\s*"),
    "after a mark": re.compile(rf"(?P<phrase>.*\S)\s*[;,|:]\s*{_NUMBER}\s*"),
    "before a mark": re.compile(rf"\s*{_NUMBER}\s*[;,|:]\s*(?P<phrase>.*\S)\s*"),
    "in parentheses": re.compile(rf"(?P<phrase>.*\S)\s*\(\s*{_NUMBER}\s*\)\s*"),
}
_NEARLY_ALL = 0.95

K = TypeVar("K")


def without_counts(files: Mapping[K, Sequence[str]]) -> tuple[dict[K, list[str]], list[Decision]]:
    """The lines without the number that nearly every line has beside its phrase, in one and the same way: how
    often readers gave it, or its weight. Phrases that end in a number ("windows 95") keep it."""
    filled = [line for lines in files.values() for line in lines if line.strip()]
    for name, shape in _SHAPES.items():
        seen = sum(shape.fullmatch(line) is not None for line in filled)
        if filled and seen >= _NEARLY_ALL * len(filled):
            decision = Decision("keyphrases", f"a count {name} is left out", seen, len(filled), "lines")
            return {place: [_bare(shape, line) for line in lines] for place, lines in files.items()}, [
                decision
            ]
    return {place: list(lines) for place, lines in files.items()}, []


def _bare(shape: re.Pattern[str], line: str) -> str:
    match = shape.fullmatch(line)
    return match["phrase"] if match else line
