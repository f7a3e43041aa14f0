"""The text of a field: one text, whatever the width of its lines."""

from __future__ import annotations

import re

_LINE_ENDS = "\n\r\v\f\x85\u2028\u2029"
_LINE_END = re.compile(f"\r\n|[{_LINE_ENDS}]")
_BLANKS = " \t\u00a0\u3000"
# Each begins where no blank stands before: else a long run of blanks takes time in its square.
_PARAGRAPH = re.compile(f"(?<![{_BLANKS}])[{_BLANKS}]*\n[{_BLANKS}]*(?:\n[{_BLANKS}]*)+")

# Han, hiragana, katakana and the punctuation of their texts: no white space stands between two of them.
_CJK = re.compile("[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff65]")

# "pre- and post-operative": the hyphen stands for a word that comes later, and a blank follows it.
_SUSPENDED = re.compile(
    f"-[{_BLANKS}]*\n[{_BLANKS}]*(?:and|or|to|nor|und|oder|bis|et|ou|y|e|o|en|of|och|og|i|lub)\\b(?!-)", re.I
)
_HYPHEN_WRAP = re.compile(f"(?:(?<=\\w-)|(?<=\\w--))[{_BLANKS}]*\n[{_BLANKS}]*(?=\\w)")


def has_line_breaks(text: str) -> bool:
    # A regular expression takes ten times as long where there is none.
    return any(mark in text for mark in _LINE_ENDS)


def unwrapped(text: str) -> str:
    """The text with its wrapped lines joined; a text without a line break is returned as it is.

    A line break between two lines becomes a blank; nothing after a hyphen within a word, and nothing between
    two Chinese or Japanese characters. Blank lines stay as one: ``\\n\\n`` parts paragraphs.

    >>> unwrapped("graph\\nranking of state-of-\\nthe-art\\n\\n\\nNext")
    'graph ranking of state-of-the-art\\n\\nNext'
    """
    if not has_line_breaks(text):
        return text
    plain = _LINE_END.sub("\n", text).strip()
    return "\n\n".join(_joined(paragraph) for paragraph in _PARAGRAPH.split(plain))


def _joined(paragraph: str) -> str:
    kept = _SUSPENDED.sub(lambda match: re.sub(r"\s+", " ", match[0]), paragraph)
    lines = _HYPHEN_WRAP.sub("", kept).split("\n")
    joined = lines[0].strip()
    for line in lines[1:]:
        following = line.strip()
        together = joined and following and _CJK.match(joined[-1]) and _CJK.match(following[0])
        joined += following if together else f" {following}"
    return joined
