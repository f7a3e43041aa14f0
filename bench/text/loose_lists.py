"""Lists and objects as people and models write them: quotes of either kind or none, brackets, commas and
colons of either width, and quotes within a value that nobody escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from readbench.core.errors import BenchError

OPEN_LIST, CLOSE_LIST = "[［【", "]］】"
OPEN_OBJECT, CLOSE_OBJECT = "{｛", "}｝"
COMMA, COLON = ",，、", ":："
QUOTES = ('"“”„＂', "'‘’＇", "「」", "『』")

_AFTER_A_VALUE = COMMA + COLON + CLOSE_LIST + CLOSE_OBJECT
_GOES_ON = re.compile(rf"\s*(?:[{re.escape(_AFTER_A_VALUE)}]|\Z)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SHOWN_CHARACTERS = 40

Item = str | Mapping[str, str | None] | None


@dataclass
class Scanner:
    """Reads one list, or one object alone, as people and models write them. Every method leaves ``place``
    after what it read, and raises BenchError where something else stands there."""

    text: str
    place: int = 0
    bare_words: bool = True

    def answer(self) -> Sequence[Item]:
        if self._takes(OPEN_OBJECT):
            return [self._rest_of_object()]
        if not self._takes(OPEN_LIST):
            raise self._wrong("a list")
        items: list[Item] = []
        while not self._takes(CLOSE_LIST):
            items.append(self._rest_of_object() if self._takes(OPEN_OBJECT) else self._scalar())
            if not self._takes(COMMA) and not self._sees(CLOSE_LIST):
                raise self._wrong("a comma or the end of the list")
        return items

    def end(self) -> None:
        self._blanks()
        if self.place < len(self.text):
            raise self._wrong("the end of the answer")

    def past(self) -> int | None:
        """Where what opens here ends, whatever it holds; None where the text ends first."""
        depth, value_due = 0, False
        while self.place < len(self.text):
            mark = self.text[self.place]
            if value_due and any(mark in quotes for quotes in QUOTES):
                try:
                    self._scalar()
                except BenchError:
                    return None
                value_due = False
                continue
            self.place += 1
            depth += (mark in OPEN_LIST + OPEN_OBJECT) - (mark in CLOSE_LIST + CLOSE_OBJECT)
            if depth <= 0:
                return self.place
            if not mark.isspace():
                value_due = mark in OPEN_LIST + OPEN_OBJECT + COMMA + COLON
        return None

    def _rest_of_object(self) -> dict[str, str | None]:
        values: dict[str, str | None] = {}
        while not self._takes(CLOSE_OBJECT):
            key = self._scalar()
            if not self._takes(COLON):
                raise self._wrong("a colon")
            values[key or ""] = self._scalar()
            if not self._takes(COMMA) and not self._sees(CLOSE_OBJECT):
                raise self._wrong("a comma or the end of the object")
        return values

    def _scalar(self) -> str | None:
        self._blanks()
        mark = self.text[self.place : self.place + 1]
        quotes = next((quotes for quotes in QUOTES if mark and mark in quotes), "")
        return self._quoted(quotes) if quotes else self._bare()

    def _quoted(self, quotes: str) -> str:
        """Up to a quote of this kind behind which the list or object goes on: one within a value need not
        be escaped."""
        found: list[str] = []
        place = self.place + 1
        while place < len(self.text):
            mark = self.text[place]
            if mark == "\\" and place + 1 < len(self.text):
                text, place = self._escaped(place + 1)
                found.append(text)
                continue
            place += 1
            if mark in quotes and self._goes_on(place):
                self.place = place
                return "".join(found)
            found.append(mark)
        raise self._wrong("a quote that is closed")

    def _escaped(self, place: int) -> tuple[str, int]:
        mark = self.text[place]
        code = self.text[place + 1 : place + 5]
        if mark == "u" and re.fullmatch("[0-9a-fA-F]{4}", code):
            return chr(int(code, 16)), place + 5
        return _ESCAPES.get(mark, mark), place + 1

    def _goes_on(self, place: int) -> bool:
        return _GOES_ON.match(self.text, place) is not None

    def _bare(self) -> str | None:
        start = self.place
        while self.place < len(self.text) and self.text[self.place] not in _AFTER_A_VALUE:
            self.place += 1
        word = self.text[start : self.place].strip()
        if word in ("null", "None"):
            return None
        if not word or not self.bare_words or any(mark in OPEN_LIST + OPEN_OBJECT for mark in word):
            self.place = start
            raise self._wrong("a value")
        return word

    def _blanks(self) -> None:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1

    def _sees(self, marks: str) -> bool:
        self._blanks()
        return self.place < len(self.text) and self.text[self.place] in marks

    def _takes(self, marks: str) -> bool:
        seen = self._sees(marks)
        self.place += seen
        return seen

    def _wrong(self, wanted: str) -> BenchError:
        rest = self.text[self.place :]
        found = shown(rest) if rest.strip() else "the end"
        return BenchError(f"the answer has {found} where {wanted} is expected")


def shown(text: str) -> str:
    """The beginning of a text, for a message."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return repr(cut)
