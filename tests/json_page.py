"""The tables of ``docs/json.md``: which fields the JSON of a verb has, and of which type."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from readbench.audit.values import Audit, Score, Side
from readbench.compare.runs import MethodChange
from readbench.gate.decisions import Decision
from readbench.report import answers
from readbench.report.pairs import TaskPairs
from readbench.results.record import Value

PAGE = Path(__file__).resolve().parents[1] / "docs" / "json.md"
_ROW = re.compile(r"\| `(?P<path>[^`]+)` \| (?P<type>[^|]+) \| (?P<what>[^|]+) \|")
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "text"}
_SHARED: Mapping[Any, str] = {Score: "a score", Side: "a side"}
"""What has a table of its own."""
Fields = dict[str, str]
"""Type by path: ``rows[].metrics.*.value``, where ``[]`` is each one of a list and ``*`` any name."""


def sections() -> dict[str, Fields]:
    """The fields that the page names, by the heading of their table."""
    found: dict[str, Fields] = {}
    heading = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip("`")
        elif row := _ROW.fullmatch(line):
            assert row["what"].strip(), line
            found.setdefault(heading, {})[row["path"]] = row["type"].strip()
    return found


def fields_of(kind: type) -> Fields:
    """What a dataclass says of itself."""
    assert is_dataclass(kind)
    found: Fields = {}
    for name, hint in get_type_hints(kind).items():
        found |= _of(name, hint)
    return found


def model_fields_of(model: type[BaseModel]) -> Fields:
    """As ``fields_of``, of a pydantic model."""
    found: Fields = {}
    for name, hint in get_type_hints(model).items():
        if name in model.model_fields:
            found |= _of(name, hint)
    return found


def _of(path: str, hint: Any) -> Fields:
    """Lists and objects are named by what is in them, unless they may be null."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        of_value = _of(path, next(one for one in inside if one is not type(None)))
        container = "list" if f"{path}[]" in of_value else "object"
        return {path: f"{of_value.get(path, container)} or null"} | _without(of_value, path)
    if origin is tuple or origin is list:
        return _of(f"{path}[]", inside[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _of(f"{path}.*", inside[1])
    if origin is Literal:
        return {path: "text"}
    if hint in _SHARED:
        return {path: _SHARED[hint]}
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return {f"{path}.{name}": text for name, text in fields_of(hint).items()}
    return {path: _TYPES.get(hint, "any")}


def _without(fields: Fields, path: str) -> Fields:
    return {name: text for name, text in fields.items() if name != path}


class Observed:
    """Holds an answer against the fields of the page."""

    def __init__(self, fields: Fields) -> None:
        self.fields, self.seen, self.wrong = fields, set[str](), list[str]()
        self._objects = set[str]()

    def look(self, value: Any, path: str = "") -> None:
        self.seen.add(path)
        if path in self.fields:
            if not _fits(value, self.fields[path]):
                self.wrong.append(f"{path} is {self.fields[path]} on the page, and {value!r:.60}")
        elif path and not (isinstance(value, list | dict) and self._within(path)):
            self.wrong.append(f"{path} is not on the page")
            return
        if isinstance(value, list) and self._within(path):
            for one in value:
                self.look(one, f"{path}[]")
        elif isinstance(value, dict) and self._within(path):
            self._objects.add(path)
            any_name = any(name.startswith(f"{path}.*") for name in self.fields)
            for name, one in value.items():
                self.look(one, f"{path}.*" if any_name else f"{path}.{name}".removeprefix("."))

    def _within(self, path: str) -> bool:
        """Whether the page says what is in it."""
        return not path or any(name.startswith((f"{path}.", f"{path}[")) for name in self.fields)

    def never(self) -> set[str]:
        """Fields of the page that no answer had, though what holds them was there."""
        missing = self.fields.keys() - self.seen
        return {path for path in missing if path[-1] not in "]*" and path.rpartition(".")[0] in self._objects}


def _like(value: Any, kind: type) -> bool:
    observed = Observed(fields_of(kind))
    observed.look(value)
    return isinstance(value, dict) and not observed.wrong and not observed.never()


def _fits(value: Any, type_: str) -> bool:
    kinds = {
        "text": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "list": isinstance(value, list),
        "object": isinstance(value, dict),
        "any": True,
        "a score": _like(value, Score),
        "a side": _like(value, Side),
    }
    if value is None:
        return type_.endswith("or null") or type_ == "any"
    return kinds[type_.removesuffix(" or null")]


BOARD: Fields = {
    "run": "text",
    "folder": "text",
    "status": "text",
    "suite": "text",
    "dataset": "text",
    "demo": "boolean",
    "fingerprint": "text",
    "tasks.*.primary": "text",
    "tasks.*.documents.*": "integer",
    "tasks.*.tested": "integer",
    "tasks.*.folds": "integer",
    "tasks.*.split": "object",
    "machine": "object",
    "warnings.*[]": "text",
    "closing.*": "text",
    "statistics.*[]": "text",
    "detectable.*": "number or null",
    "rows[].task": "text",
    "rows[].method": "text",
    "rows[].status": "text",
    "rows[].ranks": "list or null",
    "rows[].ranks[]": "integer",
    "rows[].cells": "integer",
    **{f"rows[].metrics.*.{name}": kind for name, kind in model_fields_of(Value).items()},
    "rows[].costs.*": "number or null",
    "rows[].counts.*": "integer",
    "rows[].details": "object",
    "rows[].notes": "object",
    "rows[].device": "text or null",
    "rows[].beside_other_work": "boolean",
    "rows[].processor": "object or null",
    "rows[].problem": "text or null",
    "rows[].failed_documents": "object or null",
    "rows[].failed_documents.count": "integer",
    "rows[].failed_documents.of": "integer",
    "rows[].failed_documents.first[].id": "text",
    "rows[].failed_documents.first[].type": "text",
    "rows[].failed_documents.first[].message": "text",
    "rows[].goes": "integer",
    "rows[].shards": "integer",
    "rows[].changed_since_the_run": "boolean",
    "rows[].chosen": "text or null",
    "rows[].reference": "number or null",
}
"""A board is written field by field (``Row.as_json``): boards of real runs are held against this."""


def verbs() -> dict[str, Fields]:
    """What the code says: the fields of each verb's answer."""
    of_compare = {
        **{f"{side}.{name}": "text" for side in ("before", "after") for name in ("run", "suite", "dataset")},
        "incomparable[]": "text",
        "notes[]": "text",
        **{f"methods[].{path}": kind for path, kind in fields_of(MethodChange).items()},
        "methods[].metrics[].change": "number or null",
    }
    of_gate = {
        "exit_status": "integer",
        **{f"decisions[].{path}": kind for path, kind in fields_of(Decision).items()},
        "decisions[].change": "number or null",
        "notes[]": "text",
        "comparison": "object",
    }
    return {
        "bench leaderboard": BOARD,
        "bench leaderboard --pairs": {f"tasks[].{path}": kind for path, kind in fields_of(TaskPairs).items()},
        "bench plan": fields_of(answers.Planned),
        "bench show": fields_of(answers.Shown),
        "bench ls suites": fields_of(answers.Suites),
        "bench ls methods": fields_of(answers.Methods),
        "bench ls datasets": fields_of(answers.Datasets),
        "bench ls metrics": fields_of(answers.Metrics),
        "bench ls runs": fields_of(answers.Runs),
        "bench du": fields_of(answers.Sizes),
        "bench doctor": fields_of(answers.Doctor),
        "bench check": fields_of(answers.Checked),
        "bench fit": fields_of(answers.Fitted),
        "bench predict": fields_of(answers.Predicted),
        "bench compare": of_compare,
        "bench gate": of_gate,
        "bench audit": fields_of(Audit) | {"exit_status": "integer"},
        "A score": fields_of(Score),
        "A side": fields_of(Side),
    }
