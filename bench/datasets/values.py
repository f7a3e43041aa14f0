"""Single values of a row, whether a CSV cell or a JSON value: ids, labels, keyphrases, field texts."""

from __future__ import annotations

from readbench.core.errors import BenchError


class Number(str):
    """A JSON number as it was written: a label ``1.0`` stays ``1.0``, and a number is never a field."""

    __slots__ = ()


def field_text(value: object) -> str:
    """The text of a field; empty for what is no string."""
    return value if isinstance(value, str) and not isinstance(value, Number) else ""


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


def keyphrases(value: object, separator: str, where: str) -> tuple[str, ...]:
    """The phrases of a list, or of a text split at ``separator``; empty ones are dropped.

    A text often ends like a sentence (``HDACi; ROS.``), so full stops are stripped from the ends of
    split phrases; the phrases of a list are delimited already and keep theirs (``Acme Inc.``).
    Raises BenchError for a list of other things than strings, and for an object.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        phrases = [_collapse(phrase).rstrip(".。 ") for phrase in value.split(separator)]
    elif isinstance(value, list) and all(isinstance(phrase, str) for phrase in value):
        phrases = [_collapse(phrase) for phrase in value]
    else:
        kind = "list of other things than strings" if isinstance(value, list) else _kind(value)
        raise BenchError(
            f"the keyphrases are a {kind}", where=where, todo="give a list of strings, or one string"
        )
    return tuple(phrase for phrase in phrases if phrase)


def _collapse(text: str) -> str:
    return " ".join(text.split())


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "truth value"
    return "list" if isinstance(value, list) else "JSON object"
