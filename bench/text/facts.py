"""Facts and labels as text: how answers of the instruction format are read, and how they are written.

An answer is a list: of objects with a subject, a predicate, an object and their types, or of the one label
that was asked for. It may be fenced, its keys and values may stand in quotes of either kind or in none, and
its brackets, commas and quotes may be the full-width ones of Chinese.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from readbench.core.errors import BenchError
from readbench.core.types import Fact, StatedFacts
from readbench.text.loose_lists import COLON, OPEN_LIST, OPEN_OBJECT, QUOTES, Item, Scanner, shown

KEYS = ("predicate", "object_type", "subject_type", "object", "subject")
"""In the order of the instruction format."""
REQUIRED = ("subject", "predicate", "object")

_FENCE_OPENS = re.compile(r"```[ \t]*[\w+-]*\s*")
# At the beginning of a line: elsewhere it may stand in a value.
_FENCED = re.compile(rf"^[ \t]*{_FENCE_OPENS.pattern}(.*?)(?:```|\Z)", re.DOTALL | re.MULTILINE)
_OPENING = re.compile(f"[{re.escape(OPEN_LIST + OPEN_OBJECT)}]")
_QUOTE = f"[{''.join(QUOTES)}]"
_ATTEMPT = re.compile(
    rf"[{re.escape(OPEN_LIST)}]\s*(?:{_QUOTE}|{_OPENING.pattern})"
    rf"|[{re.escape(OPEN_OBJECT)}]\s*(?:{_QUOTE}|\w[\w ]{{0,30}}[{COLON}])"
)
"""How an answer begins. Other brackets amid words are those of a citation, an interval or a heading."""
_BARE_ITEM = re.compile(r"\[\s*[^\s\"{\]]")
_FAILURES = 64
"""So many openings are tried in vain."""
_JSON = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
"""A number is taken as it was written."""


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
    try:
        return read_answer(text)
    except BenchError:
        pass
    for found in _FENCED.finditer(text):
        if found[1][:1] in tuple(OPEN_OBJECT):
            continue  # it may be one of several
        try:
            stated = read_answer(found[1])
        except BenchError:
            continue
        if stated != StatedFacts():
            return stated
    return _amid_words(text)


def _amid_words(text: str) -> StatedFacts | None:
    """The first list that states something, or else all objects that stand alone, or else an empty list. What
    stands within a list or an object that cannot be read is a part of the answer, and never the whole."""
    empty: StatedFacts | None = None
    facts: list[Fact] = []
    unread, failures, place = False, 0, 0
    while failures < _FAILURES and (opening := _OPENING.search(text, place)):
        begins, alone = opening.start(), opening[0] in OPEN_OBJECT
        items, end = _items_at(text, begins)
        if end is None:
            return None
        place = end
        try:
            stated = _meaning(items)
        except BenchError:
            failures += 1
            unread |= alone and _ATTEMPT.match(text, begins) is not None
            continue
        if alone:
            facts += stated.facts
        elif stated != StatedFacts():
            return stated
        else:
            empty = stated
    if unread or failures == _FAILURES:
        return None
    return StatedFacts(tuple(facts)) if facts else empty


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
        raise BenchError(f"{shown(value)} has half of a surrogate pair") from None


# -- from text to items ----------------------------------------------------------------------------


def _items(text: str) -> Sequence[Item]:
    try:
        value = _JSON.decode(text)
    except (ValueError, RecursionError):
        scanner = Scanner(text)
        items = scanner.answer()
        scanner.end()
        return items
    return _of_json(value)


def _items_at(text: str, place: int) -> tuple[Sequence[Item], int | None]:
    """The items of the list or object that opens at a place, and where to go on: behind it, whether it could
    be read or not, but for a bracket that is no attempt at an answer. What cannot be read holds null; what
    breaks off has no end. Only quoted items count."""
    try:
        value, end = _JSON.raw_decode(text, place)
    except (ValueError, RecursionError):
        scanner = Scanner(text, place, bare_words=False)
        try:
            return scanner.answer(), scanner.place
        except BenchError:
            return [None], Scanner(text, place).past() if _ATTEMPT.match(text, place) else place + 1
    try:
        return [None] if _BARE_ITEM.match(text, place) else _of_json(value), end
    except BenchError:
        return [None], end


def _of_json(value: object) -> Sequence[Item]:
    return [_plain(item) for item in (value if isinstance(value, list) else [_object(value)])]


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BenchError(f"the answer is no list but {shown(json.dumps(value, ensure_ascii=False))}")
    return value


def _plain(item: object) -> Item:
    if isinstance(item, dict):
        for key, value in item.items():
            if value is not None and not isinstance(value, str):
                raise BenchError(f"the {shown(key)} of a fact is no text")
        return item
    if item is None or isinstance(item, str):
        return item
    raise BenchError("the list holds something else than labels or facts")
