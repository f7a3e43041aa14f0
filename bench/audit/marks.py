"""Surface marks of a text: punctuation, separators, length, character classes; no word among them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from readbench.audit.values import percent

Measure = Literal["count", "share", "spaced", "begins", "ends"]

RAREST = 0.005
"""Marks in a smaller share of the texts are left out: they could tell the label of that share at most."""

CLASSES = {
    "Lu": "upper-case letters",
    "Ll": "lower-case letters",
    "Lo": "letters without case",
    "Nd": "digits",
    "P": "punctuation marks",
    "S": "symbols",
    "Z": "characters of white space",
    "C": "control characters",
}
"""Unicode general categories, or the first letter of them, that are counted as a whole."""

_INVISIBLE = {" ": "a blank", "\t": "a tab", "\n": "a line break", "\r": "a carriage return"}
_OF_ONE = frozenset("PSZC")
"""Classes whose characters are marks one by one."""

_SPACED = re.compile(r"([^\w\s])\s")


@dataclass(frozen=True, slots=True)
class Mark:
    """One column of a table of marks. ``subject`` is a character, a Unicode category of ``CLASSES``, or
    ``characters`` or ``words`` for the two lengths; ``measure`` is what is counted of it."""

    subject: str
    measure: Measure

    @property
    def character(self) -> bool:
        return self.subject not in CLASSES and self.subject not in ("characters", "words")

    def condition(self, threshold: float) -> str:
        """In words: when the value of this mark is above the threshold."""
        least = int(np.floor(threshold)) + 1
        name = CLASSES.get(self.subject, self.subject)
        if not self.character:
            if self.measure == "share":
                return (
                    f"{name.removeprefix('characters of ')} make over {percent(threshold)} of the characters"
                )
            return f"has {least:,} {name} or more" if least > 1 else f"has {name}"
        shown = shown_mark(self.subject)
        if self.measure in ("begins", "ends"):
            return f"{self.measure} with {shown}"
        if self.measure == "share":
            return f"{shown} makes over {percent(threshold)} of the characters"
        what = f"{shown} before white space" if self.measure == "spaced" else shown
        return f"has {what}" if least == 1 else f"has {what} {least} times or more"


@dataclass(frozen=True)
class MarkTable:
    """Marks and their values (documents, marks)."""

    marks: tuple[Mark, ...]
    values: NDArray[np.float64]


def mark_table(texts: Sequence[str]) -> MarkTable:
    """The marks of texts; those that too few texts have, or all alike, are left out."""
    rows = [_counts(text) for text in texts]
    having = Counter(key for row in rows for key in row)
    least = max(2, RAREST * len(texts))
    keys = sorted(key for key, count in having.items() if count >= least)
    values = np.array([[row.get(key, 0.0) for key in keys] for row in rows], dtype=np.float64)
    values = values.reshape(len(texts), len(keys))
    varied = [i for i in range(len(keys)) if np.ptp(values[:, i]) > 0]
    return MarkTable(tuple(Mark(*keys[i]) for i in varied), values[:, varied])


def shown_mark(character: str) -> str:
    """A mark for a message: as it is between backticks, or by its name where nobody would see it."""
    if character in _INVISIBLE:
        return _INVISIBLE[character]
    if character.isprintable() and not character.isspace() and not unicodedata.combining(character):
        return f"`{character}`"
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()


def _counts(text: str) -> dict[tuple[str, Measure], float]:
    """The values that are not 0, by subject and measure."""
    if not text:
        return {}
    length = len(text)
    totals: Counter[str] = Counter()
    row: dict[tuple[str, Measure], float] = {("characters", "count"): length}
    row["words", "count"] = len(text.split())
    for character, count in Counter(text).items():
        category = _category(character)
        totals[category] += count
        if category in _OF_ONE:
            row[character, "count"] = count
            row[character, "share"] = count / length
    for category, count in totals.items():
        if category in CLASSES:
            row[category, "count"] = count
            row[category, "share"] = count / length
    for character, count in Counter(_SPACED.findall(text)).items():
        row[character, "spaced"] = count
    if _category(text[0]) in _OF_ONE:
        row[text[0], "begins"] = 1
    if _category(text[-1]) in _OF_ONE:
        row[text[-1], "ends"] = 1
    return row


@lru_cache(maxsize=1 << 16)
def _category(character: str) -> str:
    """A key of ``CLASSES`` or another category of letters and numbers."""
    if character.isspace():  # to Unicode line breaks and tabs are control characters
        return "Z"
    category = unicodedata.category(character)
    return category if category[0] in "LMN" else category[0]
