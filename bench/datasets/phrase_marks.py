"""What stands beside the phrases of a cell and is no part of them: headings, numbers, bullets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from readbench.core.types import Decision

MOSTLY = 0.8
"""The share of the cells that must be numbered, or of the lines that must begin with a bullet."""

_BREAK = re.compile(r"<\s*/?\s*(?:br|li|p)\s*/?\s*>", re.I)
_HEADING = re.compile(
    r"\s*(?:author\s+)?(?:key[\s-]?words?(?:\s+and\s+phrases)?|key[\s-]?phrases?|index\s+terms|subject\s+terms"
    r"|mots[\s-]cl[ée]s|palabras\s+clave|palavras[\s-]chave|parole\s+chiave|schl(?:ag|üssel)wörter"
    r"|słowa\s+kluczowe|ключевые\s+слова|关键词|关键字|キーワード)\s*(?:[:：—–]|\s-\s)+\s*",
    re.I,
)
_NUMBER = re.compile(r"(?:^|(?<=\s))\(?(\d{1,2})[.)](?=\s)[^\S\n]*")
_BULLET = re.compile(r"^[^\S\n]*[-*–•▪◦‣·][^\S\n]+", re.M)

K = TypeVar("K")


def without_marks(cells: Mapping[K, str]) -> tuple[dict[K, str], list[Decision]]:
    """The cells without what stands beside their phrases, and what was left out. Numbers become line ends
    where they count the phrases of a cell from 1."""
    found = {place: _BREAK.sub("\n", cell) if "<" in cell else cell for place, cell in cells.items()}
    decisions = []
    headed = [place for place, cell in found.items() if _HEADING.match(cell)]
    if headed:
        found |= {place: _HEADING.sub("", found[place], count=1) for place in headed}
        decisions.append(_left_out("a heading such as `Keywords:`", len(headed), len(found)))
    numbered = [place for place, cell in found.items() if _counts_up(cell)]
    if numbered and len(numbered) >= MOSTLY * len(found):
        found |= {place: _NUMBER.sub("\n", found[place]).strip() for place in numbered}
        decisions.append(_left_out("numbers before the phrases", len(numbered), len(found)))
    lines = [line for cell in found.values() for line in cell.split("\n") if line.strip()]
    bullets = sum(_BULLET.match(line) is not None for line in lines)
    # One line alone may be a phrase that begins with a hyphen.
    if bullets >= MOSTLY * len(lines) and len(lines) > len(found):
        found = {place: _BULLET.sub("", cell) for place, cell in found.items()}
        decisions.append(_left_out("bullets before the phrases", bullets, len(lines), "lines"))
    return found, decisions


def _counts_up(cell: str) -> bool:
    """Whether a cell begins with a number, and its numbers are 1, 2, 3, …"""
    numbers = [int(number) for number in _NUMBER.findall(cell)]
    begins = _NUMBER.match(cell.lstrip()) is not None
    return begins and numbers == list(range(1, len(numbers) + 1))


def _left_out(what: str, seen: int, of: int, unit: str = "cells") -> Decision:
    return Decision("keyphrases", f"{what} left out", seen, of, unit)
