"""Labels as files spell them: which cells say that there is none, and which spellings are one label."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from readbench.core.escape import one_line
from readbench.core.types import Decision, Label
from readbench.datasets.lines import shown

MISSING = frozenset(
    {"nan", "-nan", "none", "null", "nil", "n/a", "na", "<na>", "#n/a", "nat", "#n/a n/a", "?"}
)
"""How programs write that there is no value, in lower case."""

_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*|,0+)")
_INTEGER = re.compile(r"[+-]?\d+")
_SHORT_INTEGER = re.compile(r"[+-]?\d{1,18}")
_PARTS = re.compile(r"\s*[|;,/+&]\s*")
_UNKNOWN = frozenset({"unknown", "unlabeled", "unlabelled", "missing", "not available", "undefined"})
_MOST_SHOWN = 6
_MANY = 10
_LONGEST = 60
"""Characters of a label among the classes that are named."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels by document id, "" where there is none, and what was done to the file's own spellings."""

    known: Mapping[str, Label]
    decision: Decision


def cleaned(labels: Mapping[str, str], source: str) -> Labels:
    """Labels with one spelling each. ``source`` says where they stand (``column `label```).

    What says that there is no value ("NaN", "none") is no label. Whole numbers that were written with a
    decimal point are whole numbers (1.0 is 1) where all labels are whole numbers: a version 1.5 stays 1.5,
    and a 1.0 beside it too. Spellings that differ in letter case or in the form
    of Unicode alone are the most frequent of them.
    """
    missing = Counter(label for label in labels.values() if label.lower() in MISSING)
    known = {id_: "" if label in missing else label for id_, label in labels.items()}
    notes = [f"no label: {shown(label)} ({count:,})" for label, count in missing.most_common()]
    filled = {label for label in known.values() if label}
    if any(_WHOLE.fullmatch(label) for label in filled) and all(
        _WHOLE.fullmatch(label) or _INTEGER.fullmatch(label) for label in filled
    ):
        known = {id_: _WHOLE.sub(r"\1", label) for id_, label in known.items()}
        notes.append("numbers such as 1.0 are read as 1")
    sizes = Counter(label for label in known.values() if label)
    spelling: dict[str, str] = {}
    for label, _ in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        spelling.setdefault(_folded(label), label)
    merged = sorted(label for label in sizes if spelling[_folded(label)] != label)
    if merged:
        known = {id_: spelling[_folded(label)] if label else "" for id_, label in known.items()}
        # Two Unicode forms of one text look the same.
        kinds = {label.casefold() == spelling[_folded(label)].casefold() for label in merged}
        what = " or ".join([*["letter case"] * (True in kinds), *["the form of Unicode"] * (False in kinds)])
        notes.append(f"{', '.join(map(shown, merged[:_MOST_SHOWN]))} differ from another in {what} alone")
    notes += _doubts(Counter(label for label in known.values() if label))
    decision = Decision("labels", source, doubt="; ".join(notes))
    return Labels(known, _with_classes(decision, known))


def _folded(label: str) -> str:
    """The same for spellings of one label: letter case and the form of Unicode aside, in which an accent is a
    part of its letter or a character of its own."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).casefold())


def _doubts(sizes: Counter[str]) -> list[str]:
    """What is odd about a set of labels, and may be right."""
    notes = []
    several = [label for label in sizes if len(parts := _PARTS.split(label)) > 1 and sizes.keys() >= {*parts}]
    if several:
        notes.append(f"{shown(several[0])} looks like several labels, and is read as one")
    marks = [label for label in sizes if not any(mark.isalnum() for mark in label)]
    unknown = [label for label in sizes if label.casefold() in _UNKNOWN] or marks
    if unknown:
        notes.append(f"{shown(unknown[0])} is read as a class")
    numbers = Counter(int(label) for label in sizes if _SHORT_INTEGER.fullmatch(label))
    if any(count > 1 for count in numbers.values()):
        notes.append("some labels are the same number in two spellings, and read as two classes")
    if len(sizes) >= _MANY and 2 * len(sizes) > sum(sizes.values()):
        notes.append("most classes have a single document")
    return notes


def _named(label: str) -> str:
    line = one_line(label)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _with_classes(decision: Decision, known: Mapping[str, Label]) -> Decision:
    sizes = Counter(label for label in known.values() if label)
    if not sizes:
        return replace(decision, chosen=f"{decision.chosen}, none is filled")
    named = ", ".join(f"{_named(label)} ({count:,})" for label, count in sizes.most_common(_MOST_SHOWN))
    more = f" and {len(sizes) - _MOST_SHOWN} more" if len(sizes) > _MOST_SHOWN else ""
    classes = "one class" if len(sizes) == 1 else f"{len(sizes)} classes"
    return replace(
        decision,
        chosen=f"{decision.chosen}, {classes}: {named}{more};",
        seen=sum(sizes.values()),
        of=len(known),
        unit="documents",
    )
