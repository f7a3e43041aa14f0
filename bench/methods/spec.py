"""How a method is written: ``name`` or ``name[key=value, key=value]``.

    method := name [ "[" [ key "=" value { "," key "=" value } ] "]" ]
    value  := "quoted text" | "[" value { "," value } "]" | number | true | false | none | bare text

Bare text runs to the next comma or closing bracket of its own level, so a grammar such as
``ngrams(1,3)`` or another method such as ``pke.tfidf[n=2]`` needs no quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from readbench.core.errors import BenchError

NAME = re.compile(r"[A-Za-z][\w.+-]*")
KEY = re.compile(r"[A-Za-z_]\w*")
CLOSES = {"(": ")", "[": "]", "{": "}"}
WORDS = {"true": True, "false": False, "none": None}


def parse_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """Takes a spec apart into the method's name and its parameters.

    Raises BenchError naming the column where the spec stops making sense.
    """
    text = spec.strip()
    match = NAME.match(text)
    if match is None:
        raise _wrong(spec, 0, "a method begins with its name")
    name, rest = match.group(), text[match.end() :]
    if not rest:
        return name, {}
    if not (rest.startswith("[") and rest.endswith("]")):
        raise _wrong(spec, match.end(), "parameters stand in square brackets after the name")
    params: dict[str, Any] = {}
    position = match.end() + 1
    for item in _split(rest[1:-1], spec, position):
        key, equals, value = item.partition("=")
        if not equals or not KEY.fullmatch(key.strip()):
            raise _wrong(spec, position, f"{item.strip()!r} is not key=value")
        if key.strip() in params:
            raise _wrong(spec, position, f"{key.strip()!r} is given twice")
        params[key.strip()] = _value(value.strip(), spec, position)
        position += len(item) + 1
    return name, params


def format_spec(name: str, params: Mapping[str, Any]) -> str:
    """The canonical spec: keys in order. ``parse_spec`` reads it back unchanged."""
    if not params:
        return name
    return f"{name}[{', '.join(f'{key}={_format(params[key])}' for key in sorted(params))}]"


def _split(text: str, spec: str, start: int) -> list[str]:
    """Cuts at the commas of the outermost level; quotes and brackets protect."""
    items: list[str] = []
    closers: list[str] = []
    quoted = False
    begin = 0
    i = 0
    while i < len(text):
        char = text[i]
        if quoted:
            if char == "\\":
                i += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in CLOSES:
            closers.append(CLOSES[char])
        elif char in CLOSES.values():
            if not closers or closers.pop() != char:
                raise _wrong(spec, start + i, f"{char!r} closes nothing")
        elif char == "," and not closers:
            items.append(text[begin:i])
            begin = i + 1
        i += 1
    if quoted or closers:
        raise _wrong(spec, start + begin, "a quote or bracket is not closed")
    items.append(text[begin:])
    if len(items) == 1 and not items[0].strip():
        return []
    return items


def _value(text: str, spec: str, position: int) -> Any:
    if not text:
        raise _wrong(spec, position, 'a value is missing (an empty text is written "")')
    if text[0] == '"':
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise _wrong(spec, position, f"{text} is not one quoted text") from None
    if text[0] == "[" and text[-1] == "]":
        return [_value(item.strip(), spec, position) for item in _split(text[1:-1], spec, position)]
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        number = json.loads(text)
    except ValueError:  # no number, or one with more digits than Python reads
        return text
    return number if isinstance(number, int | float) else text


def _format(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, int | float):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_format(item) for item in value)}]"
    if isinstance(value, set | frozenset):
        return _format(sorted(value))
    text = str(value)
    # Bare where reading it back gives the same text, quoted otherwise.
    try:
        bare = text == text.strip() and _split(text, text, 0) == [text] and _value(text, text, 0) == text
    except BenchError:
        bare = False
    return text if bare else json.dumps(text, ensure_ascii=False)


def _wrong(spec: str, column: int, why: str) -> BenchError:
    return BenchError(
        why,
        where=f"method {spec!r}, column {column + 1}",
        todo="write it like logreg[ngram_max=2] or pke.tfidf[n=2, n_best=20]",
    )
