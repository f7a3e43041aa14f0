"""Single values of a row, whether a CSV cell or a JSON value: ids, labels, keyphrases, field texts."""

from __future__ import annotations

import math
from collections.abc import Iterable

from readbench.core.errors import BenchError


class Number(str):
    """A JSON number as it was written: a label ``1.0`` stays ``1.0``, and a number is never a field."""

    __slots__ = ()


def field_text(value: object) -> str:
    """The text of a field as the file has it; empty for what is no string."""
    return value if isinstance(value, str) and not isinstance(value, Number) else ""


def parts_of_text(value: object, what: str, where: str) -> str:
    """A text, or the paragraphs of a list of texts: nobody would miss them who reads the board alone.

    Raises BenchError for a list of other things, and for an object.
    """
    if isinstance(value, list) and all(isinstance(p, str) and not isinstance(p, Number) for p in value):
        return "\n\n".join(value)
    if isinstance(value, list | dict):
        kind = "list of other things than strings" if isinstance(value, list) else _kind(value)
        raise BenchError(f"the {what} is a {kind}", where=where, todo="give one string, or a list of strings")
    return field_text(value)


def scalar(value: object, what: str, where: str) -> str:
    """An id or a label without white space around it; empty where there is none.

    Raises BenchError for a list or an object.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return str(value).strip()
    raise BenchError(f"the {what} is a {_kind(value)}", where=where, todo="give a string or a number")


def keyphrase_value(value: object, where: str) -> str | tuple[str, ...]:
    """The keyphrases of one document before a text is split: a text, or the phrases of a list. A list of
    words in the list is one phrase.

    Raises BenchError for a list of other things, and for an object.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        phrases = [_phrase(item) for item in value]
        if all(phrase is not None for phrase in phrases):
            return tuple(phrase for phrase in phrases if phrase is not None)
    kind = "list of other things than strings" if isinstance(value, list) else _kind(value)
    raise BenchError(
        f"the keyphrases are a {kind}", where=where, todo="give a list of strings, or one string"
    )


def split_phrases(pieces: Iterable[str]) -> tuple[str, ...]:
    """The phrases of a text that was split. It often ends like a sentence (``HDACi; ROS.``), so full stops
    are stripped from their ends; empty phrases are dropped."""
    phrases = [_collapse(piece).rstrip(".。 ") for piece in pieces]
    return tuple(phrase for phrase in phrases if phrase)


def listed_phrases(pieces: Iterable[str]) -> tuple[str, ...]:
    """The phrases of a list, which are delimited already and keep their full stops (``Acme Inc.``)."""
    phrases = [_collapse(piece) for piece in pieces]
    return tuple(phrase for phrase in phrases if phrase)


def _phrase(item: object) -> str | None:
    if isinstance(item, str):
        return item
    if isinstance(item, list) and item and all(isinstance(word, str) for word in item):
        return " ".join(item)
    return named_phrase(item)


PHRASE_NAMES = ("name", "display_name", "keyword", "keyphrase", "phrase", "term", "label", "text", "value")
"""Under which name an object of a list of keyphrases has its phrase, as catalogues write them."""


def named_phrase(item: object) -> str | None:
    """The phrase of an object ({"display_name": "Graph theory", "score": 0.5}); None where it has none."""
    if not isinstance(item, dict):
        return None
    texts = (item.get(name) for name in PHRASE_NAMES)
    return next((text for text in texts if isinstance(text, str) and not isinstance(text, Number)), None)


def plain_value(value: object) -> object:
    """A value of a typed table as JSON Lines would give it: numbers as ``Number``, what is neither text nor
    number, list nor object as None."""
    if value is None or isinstance(value, str | bool | dict):
        return value
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return Number(value)
    return None


def _collapse(text: str) -> str:
    return " ".join(text.split())


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "truth value"
    return "list" if isinstance(value, list) else "JSON object"
