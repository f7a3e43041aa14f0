"""Lists of phrases as people and language models write them: one a line, with or without bullets,
separated by semicolons or commas of either width, as a JSON or Python list, fenced or introduced by a few
words."""

from __future__ import annotations

import ast
import json
import re

SEPARATOR = "; "
LONGEST = 10
"""Words of a phrase; three Chinese characters count as one. What is longer is a sentence."""

_FENCE = re.compile(r"```[ \t]*\w*\n?")
_LIST = re.compile(r"\[[^\[\]]*\]")
_INTRODUCTION = re.compile(
    r"\A[^:：;；,，\n]*(?:key[ -]?(?:words?|phrases?|terms?)|phrases|关键词|关键字)[^:：;；\n]*[:：]\s*",
    re.IGNORECASE,
)
_FIRST_LINE_INTRODUCES = re.compile(r"\A[^\n]*[:：][ \t]*\n")
_BULLET = re.compile(r"\A\s*(?:[-*•·–]\s+|[(（]?\d{1,3}[.)）、:]\s*(?=\D)|\[\d{1,3}\]\s*)")
_INLINE_NUMBER = re.compile(r"(?<!\S)[(（]?\d{1,3}[.)）、]\s+(?=\D)")
_SEPARATORS = (re.compile(r"[;；|]"), re.compile("、"), re.compile(r"[,，]"))
"""The first of them that an answer uses: a comma may stand within a phrase between semicolons."""
_CHINESE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")
_AROUND = " \t\r\n\"'“”‘’「」『』`*_•·.。,，;；:：[]［］【】"


def read_phrases(text: str, *, whole: bool = True) -> tuple[str, ...]:
    """The phrases of a list, without duplicates (of any case), in their order; none where the text is prose.
    Of a text that is not ``whole`` the last phrase does not count.

    >>> read_phrases("Keywords: 1. X-ray imaging; 2. dose, low")
    ('X-ray imaging', 'dose, low')
    """
    bare = _FENCE.sub("", text).strip()
    pieces = _of_literal(bare)
    if pieces is None:
        bare = _FIRST_LINE_INTRODUCES.sub("", _INTRODUCTION.sub("", bare))
        pieces = _pieces(bare)
        if not whole:
            pieces = pieces[:-1]
    found: dict[str, str] = {}
    for phrase in filter(None, map(_phrase, pieces)):
        found.setdefault(phrase.casefold(), phrase)
    phrases = tuple(found.values())
    short = tuple(phrase for phrase in phrases if _words(phrase) <= LONGEST)
    # A sentence among phrases is a remark; where half are sentences the rest are their subordinate clauses.
    return short if 2 * len(short) > len(phrases) else ()


def _of_literal(text: str) -> list[str] | None:
    """The strings of a list in JSON or Python, which may stand amid other words."""
    for match in _LIST.finditer(text):
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(match.group())
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            if value and all(isinstance(item, str) for item in value):
                return list(value)
    return None


def _pieces(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    bulleted = [line for line in lines if _BULLET.match(line)]
    if len(bulleted) > 1:
        return [_BULLET.sub("", line) for line in bulleted]
    separator = next((mark for mark in _SEPARATORS if mark.search(text)), None)
    if separator is None:
        separator = _INLINE_NUMBER
    return [_BULLET.sub("", piece) for line in lines for piece in separator.split(line)]


def _phrase(piece: str) -> str:
    """Without what stands around it; empty where there is no letter or digit in it. A bracket that closes
    within stays."""
    bare = " ".join(piece.strip(_AROUND).split())
    return bare if any(mark.isalnum() for mark in bare) else ""


def _words(phrase: str) -> int:
    chinese = len(_CHINESE.findall(phrase))
    return len(_CHINESE.sub(" ", phrase).split()) + chinese // 3
