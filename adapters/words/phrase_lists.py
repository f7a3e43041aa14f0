"""Lists of phrases as people and language models write them: one phrase a line, with or without bullets;
separated by semicolons or commas, ASCII or full-width; as a JSON or Python list; in a code fence; after a few
words of introduction; after the fields of a paper, or before those of the next paper."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence

SEPARATOR = "; "
LONGEST = 10
"""Words of a phrase; three Chinese characters count as one. What is longer is a sentence."""
LONGEST_INTRODUCTION = 200
"""Characters at the beginning of a line, among which the introduction of a list is looked for."""

_FENCE = re.compile(r"```[ \t]*\w*\n?")
_LIST = re.compile(r"\[[^\[\]]*\]")
_KEY_PHRASES = r"key[ -]?(?:words?|phrases?|terms?)"
_BEFORE_THEM = (
    r"(?:(?:sure|ok(?:ay)?|certainly|of course|yes|(?:based on|according to|from)[^:;,\n]*)\W+"
    r"|[^:;,\n]*[.!]\s+)?"
    r"(?:[^:;,\n]*\b(?:the|these|some|most|important|relevant|main|top|best|following|possible|suggested"
    r"|extracted|my|its|list of|paper's|\d+)\s+)?"
)
_BEHIND_THEM = (
    r"(?:(?: and |/)(?:key ?)?(?:words|phrases|terms))?(?:\s*\([^()\n]*\))?"
    r"(?:,?\s+(?:of|for|from|in|by|the|this|paper|article|text|abstract|study|document|order|importance"
    r"|relevance|most|important|first|separated|semicolons|commas|are|is|as|follows|include))*"
)
_INTRODUCTION = re.compile(
    rf"[\s*_#>]*(?:{_BEFORE_THEM}{_KEY_PHRASES}{_BEHIND_THEM}"
    r"|(?:the )?(?:phrases|answer|output)"
    r"|(?:好的|当然)?[，,！!。]?[^:：;；,，、。\n]*(?:关键词|关键字|关键短语|主题词)"
    r"(?:[（(][^()（）\n]*[)）])?(?:如下|是|为|有|包括)?)"
    r"[\s*_]*[:：][\s*_]*",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"[\s*_#>]*(?:"
    r"(?:title|abstract|text|full[ _]text|body|paper|document|article|introduction|summary|content|input"
    r"|question|instructions?|user|assistant|human|notes?|explanation|题目|标题|摘要|正文|输入|指令|说明)"
    r"[\s*_]*[:：]"
    rf"|(?:list|extract|give|name|write|find|identify|generate|provide)\b[^;\n]*\b{_KEY_PHRASES}\b)",
    re.IGNORECASE,
)
"""A line of a prompt: a field of a paper, or what is asked."""
_FIRST_LINE_INTRODUCES = re.compile(r"\A[^\n]*[:：][ \t]*\n")
_REMARK = re.compile(r"[.!?:。！？：]\s*\Z")
_BULLET = re.compile(r"\A\s*(?:[-*•·–]\s+|[(（]?\d{1,3}[.)）、:]\s*(?=\D)|\[\d{1,3}\]\s*)")
_DESCRIBED = re.compile(r"\A\s*\*\*([^*\n]+?)(?:\*\*\s*(?:[:：–—]|-\s)|[:：]\s*\*\*).*")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_INLINE_NUMBER = re.compile(r"(?<!\S)[(（]?\d{1,3}[.)）、]\s+(?=\D)")
_SEPARATORS = tuple(map(re.compile, ("[;；]", r"\|", "、", "[,，]")))
"""The first of them that occurs in an answer separates its phrases: between semicolons, a phrase may hold a
comma."""
_CHINESE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")
_AROUND = " \t\r\n\"'“”‘’「」『』`*_•·.。,，;；:：[]［］【】"
_NONE = re.compile(
    r"none|n/?a|nil|nothing|not (?:applicable|available|given|specified)|无|暂无|没有|空", re.IGNORECASE
)
_REFUSAL = re.compile(
    r"\W*(?:(?:i|we)(?:[’']m| am| are)? (?:sorry|unable|cannot|can[’']t|can not|could not|couldn[’']t"
    r"|do not|don[’']t)\b|sorry\b[,.!]|unfortunately\b|there (?:are|is|were) no\b"
    rf"|no {_KEY_PHRASES}\b"
    r"|(?:本文|文中|该文)?(?:没有|无|未提供|无法)[^;；,，、\n]*(?:关键词|关键字|确定|提取)|抱歉|对不起)",
    re.IGNORECASE,
)


def write_phrases(phrases: Sequence[str]) -> str:
    """The list in the form that models are taught: phrases joined by semicolons. A semicolon inside a phrase
    becomes a comma. A single phrase that ``read_phrases`` would cut into several ends with a semicolon."""
    bare = [phrase.replace(";", ",").replace("；", "，") for phrase in phrases]
    if len(bare) == 1 and any(mark.search(bare[0]) for mark in _SEPARATORS):
        return bare[0] + SEPARATOR.strip()
    return SEPARATOR.join(bare)


def read_phrases(text: str, *, whole: bool = True) -> tuple[str, ...]:
    """The phrases of a list, without duplicates (of any case), in their order; none where the text is prose
    or says that there are none. Of a text that is not ``whole`` the last phrase does not count.

    >>> read_phrases("Keywords: 1. X-ray imaging; 2. dose, low")
    ('X-ray imaging', 'dose, low')
    """
    bare = _FENCE.sub("", text).strip()
    pieces = _of_literal(bare)
    if pieces is None:
        bare, goes_on = _own_part(bare)
        if _REFUSAL.match(bare):
            return ()
        pieces = _pieces(bare)
        if not (whole or goes_on):
            pieces = pieces[:-1]
    phrases = _distinct(pieces)
    if len(phrases) == 1 and _NONE.fullmatch(phrases[0]):
        return ()
    short = tuple(phrase for phrase in phrases if _words(phrase) <= LONGEST)
    # A sentence among phrases is a remark; where half are sentences the rest are their subordinate clauses.
    return short if 2 * len(short) > len(phrases) else ()


def _of_literal(text: str) -> list[str] | None:
    """The strings of a list in JSON or Python, which may stand among other words."""
    for match in _LIST.finditer(text):
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(match.group())
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                continue  # a type error: a set or the keys of an object that cannot be hashed
            if value and all(isinstance(item, str) for item in value):
                return list(value)
    return None


def _own_part(text: str) -> tuple[str, bool]:
    """The list without its introduction and all before that; and whether another paper follows the list, as a
    model writes that was not taught where an answer ends."""
    own: list[str] = []
    paragraph, within_field = 0, False
    for line in text.splitlines():
        if not line.strip():
            paragraph, within_field = len(own), False
            continue
        introduction = _INTRODUCTION.match(line[:LONGEST_INTRODUCTION])
        if introduction is None and (_BULLET.match(line) or not _FIELD.match(line)):
            if not within_field:
                own.append(line)
            continue
        for end in (paragraph, len(own)):
            if _is_list(own[:end]):
                return "\n".join(own[:end]), True
        own = [] if introduction is None else [line[introduction.end() :]]
        paragraph, within_field = 0, introduction is None
    return _FIRST_LINE_INTRODUCES.sub("", "\n".join(own).strip()), False


def _is_list(lines: Sequence[str]) -> bool:
    """Whether lines hold a list: several phrases, or one on a line of its own. A remark with commas is no
    list."""
    text = "\n".join(lines)
    if _REFUSAL.match(text):
        return False
    phrases = _distinct(_pieces(text))
    if _REMARK.search(text) and not _SEPARATORS[0].search(text):
        return len(phrases) > 1 and all(_words(phrase) <= 3 for phrase in phrases)
    return bool(phrases) and all(_words(phrase) <= LONGEST for phrase in phrases)


def _pieces(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    bulleted = [_BULLET.sub("", line) for line in lines if _BULLET.match(line)]
    if len(bulleted) > 1 or any(_DESCRIBED.match(line) for line in bulleted):
        return [_BOLD.sub(r"\1", _DESCRIBED.sub(r"\1", line)) for line in bulleted]
    separator = next((mark for mark in _SEPARATORS if mark.search(text)), None)
    if separator is None:
        separator = _INLINE_NUMBER
    return [_BOLD.sub(r"\1", _BULLET.sub("", piece)) for line in lines for piece in separator.split(line)]


def _distinct(pieces: Sequence[str]) -> tuple[str, ...]:
    distinct: dict[str, str] = {}
    for phrase in filter(None, map(_phrase, pieces)):
        distinct.setdefault(phrase.casefold(), phrase)
    return tuple(distinct.values())


def _phrase(piece: str) -> str:
    """A phrase without the marks around it, round brackets aside; empty where it has neither letter nor
    digit."""
    bare = " ".join(piece.strip(_AROUND).split())
    return bare if any(mark.isalnum() for mark in bare) else ""


def _words(phrase: str) -> int:
    chinese = len(_CHINESE.findall(phrase))
    return len(_CHINESE.sub(" ", phrase).split()) + chinese // 3
