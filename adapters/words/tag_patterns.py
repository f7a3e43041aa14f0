"""Chunk grammars as regular expressions over a string with one character a word.

NLTK's chunk parser writes ``<ADJ><NOUN>`` for two words, checks the string, cuts it and builds a tree. A
grammar of one rule, made of tags and repetitions, finds the same words in a string that has one character for
all tags that its parts cannot tell apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

MOST_PARTS = 8
"""Different tag patterns of a grammar: the characters are all subsets of them."""
FIRST_CHARACTER = 0xE000
"""Characters for private use."""

_TAG = r"(?:[A-Z]+(?:\.\*)?|\.\*)"
_PART = rf"<{_TAG}(?:\|{_TAG})*>[*+?]?"
_SIMPLE = re.compile(rf"NP:\{{({_PART}(?:\|?{_PART})*)\}}")
_NAMES = re.compile(r"<([^<>]*)>")


class TagPattern:
    """Finds the chunks of a simple grammar."""

    def __init__(self, rule: str) -> None:
        """``rule``: tags in angle brackets, which may be repeated or be alternatives."""
        parts = sorted(set(_NAMES.findall(rule)))
        self._parts = [re.compile(part) for part in parts]
        classes = {part: self._class(number) for number, part in enumerate(parts)}
        self._pattern = re.compile(_NAMES.sub(lambda found: classes[found[1]], rule))
        self._characters: dict[str, str] = {}

    def _class(self, number: int) -> str:
        """All characters whose tags match one part."""
        subsets = (subset for subset in range(1 << len(self._parts)) if subset >> number & 1)
        return f"[{''.join(chr(FIRST_CHARACTER + subset) for subset in subsets)}]"

    def _character(self, tag: str) -> str:
        if not tag or not {"<", ">", "{", "}"}.isdisjoint(tag):
            raise ValueError(f"no tag of a chunk grammar: {tag!r}")
        matching = sum(1 << number for number, part in enumerate(self._parts) if part.fullmatch(tag))
        return self._characters.setdefault(tag, chr(FIRST_CHARACTER + matching))

    def chunks(self, tags: Sequence[str]) -> Iterator[tuple[int, int]]:
        """The first word of each chunk of a sentence, and the word after its last.

        Raises ValueError for a tag that is empty or holds brackets, as NLTK does.
        """
        known = self._characters
        text = "".join([known.get(tag) or self._character(tag) for tag in tags])
        return (found.span() for found in self._pattern.finditer(text) if found.end() > found.start())


@lru_cache(maxsize=64)
def tag_pattern(grammar: str) -> TagPattern | None:
    """None where the grammar needs NLTK's parser: several rules, brackets, other names than NP.

    >>> list(tag_pattern("NP: {<ADJ>*<NOUN|PROPN>+}").chunks(["DET", "ADJ", "NOUN", "VERB", "PROPN"]))
    [(1, 3), (4, 5)]
    """
    # Each line of a grammar is a rule; within one, NLTK ignores blanks.
    simple = None if "\n" in grammar else _SIMPLE.fullmatch(re.sub(r"\s", "", grammar))
    if simple is None or len(set(_NAMES.findall(simple[1]))) > MOST_PARTS:
        return None
    return TagPattern(simple[1])
