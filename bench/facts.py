"""Facts and labels as text: how answers of the instruction format are read, and how they are written.

An answer is a list: of objects with a subject, a predicate, an object and their types, or of the one label
that was asked for. It may be fenced, its keys and values may stand in quotes of either kind or in none, and
its brackets, commas and quotes may be the full-width ones of Chinese.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from readbench.errors import BenchError
from readbench.types import Fact, StatedFacts

KEYS = ("predicate", "object_type", "subject_type", "object", "subject")
"""In the order of the instruction format."""
REQUIRED = ("subject", "predicate", "object")

_FENCE_OPENS = re.compile(r"```[ \t]*[\w+-]*\s*")
_FENCED = re.compile(_FENCE_OPENS.pattern + r"(.*?)(?:```|\Z)", re.DOTALL)
_OPEN_LIST, _CLOSE_LIST = "[［【", "]］】"
_OPEN_OBJECT, _CLOSE_OBJECT = "{｛", "}｝"
_COMMA, _COLON = ",，、", ":："
_AFTER_A_VALUE = _COMMA + _COLON + _CLOSE_LIST + _CLOSE_OBJECT
_GOES_ON = re.compile(rf"\s*(?:[{re.escape(_AFTER_A_VALUE)}]|\Z)")
_QUOTES = ('"“”„＂', "'‘’＇", "「」", "『』")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_OPENINGS_TRIED = 64
_QUOTED_CHARACTERS = 40

Item = str | Mapping[str, str | None] | None


def read_answer(text: str) -> StatedFacts:
    """What a whole text states.

    >>> read_answer("［‘fruit’］").label
    'fruit'

    Raises BenchError, without a place, for a text that is more or less than one such list, names several
    labels, mixes labels and facts, or leaves out the subject, the predicate or the object of a fact.
    """
    bare = text.strip()
    if fence := _FENCE_OPENS.match(bare):
        bare = bare[fence.end() :].removesuffix("```").strip()
    return _meaning(_items(bare))


def find_answer(text: str) -> StatedFacts | None:
    """What a text states that may say more around it, None where it states nothing that can be read, or
    breaks off. Amid other words only quoted values count: 【】 is also how Chinese sets off a heading."""
    for piece in (text, *(found[1] for found in _FENCED.finditer(text))):
        try:
            return read_answer(piece)
        except BenchError:
            continue
    openings = [place for place, mark in enumerate(text) if mark in _OPEN_LIST]
    if not openings:
        # An object within a list that breaks off would be a part of the answer, taken for the whole.
        openings = [place for place, mark in enumerate(text) if mark in _OPEN_OBJECT]
    for place in openings[:_OPENINGS_TRIED]:
        try:
            return _meaning(_Scanner(text, place, bare_words=False).answer())
        except BenchError:
            continue
    return None


def write_answer(target: StatedFacts) -> str:
    """The text of a target as the instruction format has it: facts fenced, a label not.

    Raises BenchError for a target with both, which the format cannot say.
    """
    if target.label is not None:
        if target.facts:
            raise BenchError("the instruction format has no answer with facts and a label")
        return json.dumps([target.label], ensure_ascii=False)
    facts = [{key: getattr(fact, key) for key in KEYS} for fact in target.facts]
    return f"```json\n{json.dumps(facts, ensure_ascii=False)}\n```"


# -- from items to facts ---------------------------------------------------------------------------


def _meaning(items: Sequence[Item]) -> StatedFacts:
    labels = [item for item in items if isinstance(item, str)]
    objects = [item for item in items if isinstance(item, Mapping)]
    if len(labels) + len(objects) < len(items):
        raise BenchError("the list holds null")
    if labels and objects:
        raise BenchError("the list mixes labels and facts")
    if len(labels) > 1:
        raise BenchError(f"the list names {len(labels)} labels where one was asked for")
    if not labels:
        return StatedFacts(tuple(_fact(item, number) for number, item in enumerate(objects, 1)))
    label = _text(labels[0])
    if not label:
        raise BenchError("the label is blank")
    return StatedFacts(label=label)


def _fact(item: Mapping[str, str | None], number: int) -> Fact:
    values = {key: _text(item.get(key) or "") for key in KEYS}
    absent = [key for key in REQUIRED if not values[key]]
    if absent:
        raise BenchError(f"fact {number} has no {' and no '.join(absent)}")
    return Fact(**values)


def _text(value: str) -> str:
    """A value without white space around it; halves of surrogate pairs, as escapes leave them, joined."""
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16").strip()
    except UnicodeDecodeError:
        raise BenchError(f"{_shown(value)} has half of a surrogate pair") from None


# -- from text to items ----------------------------------------------------------------------------


def _items(text: str) -> Sequence[Item]:
    try:
        # A number is taken as it was written.
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        scanner = _Scanner(text)
        items = scanner.answer()
        scanner.end()
        return items
    return [_plain(item) for item in (value if isinstance(value, list) else [_object(value)])]


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BenchError(f"the answer is no list but {_shown(json.dumps(value, ensure_ascii=False))}")
    return value


def _plain(item: object) -> Item:
    if isinstance(item, dict):
        for key, value in item.items():
            if value is not None and not isinstance(value, str):
                raise BenchError(f"the {_shown(key)} of a fact is no text")
        return item
    if item is None or isinstance(item, str):
        return item
    raise BenchError("the list holds something else than labels or facts")


@dataclass
class _Scanner:
    """Reads one list, or one object alone, as people and models write them. Every method leaves ``place``
    after what it read, and raises BenchError where something else stands there."""

    text: str
    place: int = 0
    bare_words: bool = True

    def answer(self) -> Sequence[Item]:
        if self._takes(_OPEN_OBJECT):
            return [self._rest_of_object()]
        if not self._takes(_OPEN_LIST):
            raise self._wrong("a list")
        items: list[Item] = []
        while not self._takes(_CLOSE_LIST):
            items.append(self._rest_of_object() if self._takes(_OPEN_OBJECT) else self._scalar())
            if not self._takes(_COMMA) and not self._sees(_CLOSE_LIST):
                raise self._wrong("a comma or the end of the list")
        return items

    def end(self) -> None:
        self._blanks()
        if self.place < len(self.text):
            raise self._wrong("the end of the answer")

    def _rest_of_object(self) -> dict[str, str | None]:
        values: dict[str, str | None] = {}
        while not self._takes(_CLOSE_OBJECT):
            key = self._scalar()
            if not self._takes(_COLON):
                raise self._wrong("a colon")
            values[key or ""] = self._scalar()
            if not self._takes(_COMMA) and not self._sees(_CLOSE_OBJECT):
                raise self._wrong("a comma or the end of the object")
        return values

    def _scalar(self) -> str | None:
        self._blanks()
        mark = self.text[self.place : self.place + 1]
        quotes = next((quotes for quotes in _QUOTES if mark and mark in quotes), "")
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
        if not word or not self.bare_words or any(mark in _OPEN_LIST + _OPEN_OBJECT for mark in word):
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
        found = _shown(rest) if rest.strip() else "the end"
        return BenchError(f"the answer has {found} where {wanted} is expected")


def _shown(text: str) -> str:
    cut = text if len(text) <= _QUOTED_CHARACTERS else f"{text[:_QUOTED_CHARACTERS]}…"
    return repr(cut)
