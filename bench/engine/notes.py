"""The notes of a method, made into plain JSON of bounded size while it runs.

A note is a small fact beside a measurement. One that cannot be kept costs nobody the measurement: a sentence
in its place says why it was left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from numbers import Integral, Real

from pydantic import JsonValue

MOST_LEVELS = 20
MOST_CHARACTERS = 200_000
"""Of one note, as text."""
MOST_CHARACTERS_IN_ALL = 1_000_000
NAME_CHARACTERS = 200
OBJECT_CHARACTERS = 1_000
"""Kept of the text of a value that JSON has no form for."""
MOST_INTEGER = 2**63
NAMELESS, DROPPED = "note without a name", "notes"
"""The names of notes that the harness writes about notes."""


class NoteRefused(ValueError):
    """A value that is no small fact; the text says why."""


@dataclass
class Notes:
    """What one process noted, by name; of equal names the last one is kept."""

    kept: dict[str, JsonValue] = field(default_factory=dict)
    _characters: int = 0
    _dropped: int = 0

    def note(self, name: str, value: object) -> None:
        """Keeps a note, or why it could not be kept."""
        try:
            name = _text(name, _Size())[:NAME_CHARACTERS]
            plain, characters = plain_note(value)
        except NoteRefused as error:
            name = name if isinstance(name, str) else NAMELESS
            plain = f"left out: {error}"
            characters = len(plain)
        self._characters += characters + len(name)
        if self._characters > MOST_CHARACTERS_IN_ALL:
            self._dropped += 1
            name = DROPPED
            plain = f"left out: {self._dropped} after the first {MOST_CHARACTERS_IN_ALL:,} characters"
        self.kept[name] = plain


def plain_note(value: object) -> tuple[JsonValue, int]:
    """The note as plain JSON and its size in characters. A value without a form in JSON becomes its text.

    Raises NoteRefused for one that is nested too deeply, too long, or cannot be read.
    """
    size = _Size()
    try:
        return _plain(value, 0, size), size.characters
    except (NoteRefused, MemoryError):
        raise
    except Exception as error:  # a mapping, a number or a list of the method's own making
        raise NoteRefused(f"reading it raised {type(error).__name__}") from error


@dataclass
class _Size:
    characters: int = 0

    def add(self, characters: int) -> None:
        self.characters += characters
        if self.characters > MOST_CHARACTERS:
            raise NoteRefused(f"it is longer than {MOST_CHARACTERS:,} characters")


def _plain(value: object, level: int, size: _Size) -> JsonValue:
    if level > MOST_LEVELS:
        raise NoteRefused(f"it is nested deeper than {MOST_LEVELS} levels")
    size.add(1)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {_text(key, size): _plain(item, level + 1, size) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, level + 1, size) for item in value]
    if isinstance(value, Integral):
        return _integer(int(value))
    if isinstance(value, Real) and isfinite(number := float(value)):
        return number
    return _text(value, size)


def _integer(value: int) -> int:
    if not -MOST_INTEGER <= value < MOST_INTEGER:
        raise NoteRefused("it holds a whole number of more than 64 bits")
    return value


def _text(value: object, size: _Size) -> str:
    if isinstance(value, str):
        # Counted before it is copied: it may be of any length.
        size.add(len(value))
        return plain_text(value)
    try:
        text = str(value)[:OBJECT_CHARACTERS]
    except Exception as error:
        raise NoteRefused(f"a {type(value).__name__} in it has no text") from error
    size.add(len(text))
    return plain_text(text)


def plain_text(text: str) -> str:
    """Half a surrogate pair, which no encoding can write, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
