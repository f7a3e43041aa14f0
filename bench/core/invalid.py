"""The first problem that pydantic finds, in words: which key, what is wrong with it, what was meant."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from readbench.core.names import suggestion

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list",
    "list": "a list",
    "frozen": "a list",
    "set": "a list",
    "dict": "a table",
    "mapping": "a table",
    "model": "a table",
    "path": "a path",
}
"""What is asked for, by how the name of pydantic's error type begins."""


@dataclass(frozen=True)
class Problem:
    """``key`` is dotted; ``todo`` may be empty."""

    key: str
    what: str
    todo: str = ""


def first_problem(error: ValidationError, model: type[BaseModel]) -> Problem:
    """The first of the problems that validating ``model`` found; an unknown key before all others, since a
    key with a typing error leaves another one missing."""
    problems = error.errors()
    found = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
    place = [part for part in found["loc"] if part != "[key]"]
    key = ".".join(map(str, place))
    kind, given = found["type"], found["input"]
    if kind == "extra_forbidden":
        section = _annotation(model, place[:-1])
        known = section.model_fields if _is_model(section) else ()
        return Problem(key, "there is no such key", suggestion(str(place[-1]), known))
    if kind == "literal_error":
        allowed = [str(value) for value in _literals(_annotation(model, found["loc"]))]
        return Problem(
            key, f"{given!r} is none of {', '.join(allowed)}", _meant(given, allowed) if allowed else ""
        )
    if kind == "missing":
        return Problem(key, "is missing")
    if kind == "too_short":
        return Problem(key, f"{given!r} has too few: it needs at least {found['ctx']['min_length']} items")
    if kind == "value_error":
        return Problem(key, str(found["ctx"]["error"]))
    wanted = _KINDS.get(kind.partition("_")[0])
    if wanted is not None and kind.endswith(
        ("_type", "_parsing", "_from_float", "_size", "_attributes_type")
    ):
        return Problem(key, f"{given!r} is not {wanted}")
    return Problem(key, f"{given!r}: {found['msg'].replace('Input should', 'it should')}")


def _meant(given: object, allowed: Sequence[str]) -> str:
    told = suggestion(str(given), allowed)
    return told if told.startswith("did you mean") else ""


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _literals(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _annotation(annotation: Any, place: Sequence[int | str]) -> Any:
    """The type of what stands at a place of a model; None where that cannot be told."""
    if place and place[-1] == "[key]":
        table = _annotation(annotation, place[:-2])
        return get_args(table)[0] if get_args(table) else None
    for part in place:
        annotation = _only(annotation)
        arguments = get_args(annotation)
        if _is_model(annotation):
            field = annotation.model_fields.get(str(part))
            annotation = None if field is None else field.annotation
        elif get_origin(annotation) in (dict, Mapping) and len(arguments) == 2:
            annotation = arguments[1]
        else:
            annotation = arguments[0] if arguments else None
    return _only(annotation)


def _only(annotation: Any) -> Any:
    """Without ``None``, where just one other kind is left."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation
