"""The page of the suite file, from the pydantic models that read it, so that no key is forgotten."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from readbench.planning.suite import Suite

HEAD = """# Suite file

A suite is a TOML file. It says which documents are read, how they are split, which methods run on which task,
and under which limits. It holds no code. `bench ls suites` lists the suites that have a name, `bench init
papers.csv` writes one for a file, and `bench plan SUITE` checks every key and shows what would run. Keys that
are not named below are refused.

`make reference` writes this page from the models in `bench/planning/suite.py`.
"""

EXAMPLE = """## Example

```toml
name = "my-papers"
description = "Which method finds the keyphrases of my papers?"

[dataset]
name = "papers.csv"

[split]
kind = "holdout"
test = 0.5
validation = 0.2

[tasks.keyphrases]
methods = ["pke.firstphrases", "pke.tfidf[n=2]"]

[[tasks.keyphrases.tuned]]
method = "pke.positionrank"
params.window = [2, 10]

[limits]
timeout = "10m"
memory = "4GiB"
```
"""

_PLAIN: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    Any: "any value",
}
_SIGNS = {"gt": "more than {}", "ge": "at least {}", "lt": "less than {}", "le": "at most {}"}


def page() -> str:
    parts = [HEAD, *(_section(*found) for found in sections(Suite)), EXAMPLE]
    return "\n".join(parts)


def sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Each model of the file with its path: ``""``, ``dataset``, ``tasks.NAME``, ``tasks.NAME.tuned``.
    One that is used in several places (a split) comes once for each."""
    yield path, model
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        if inner is not None:
            below = f"{path}.{name}".lstrip(".")
            yield from sections(inner, f"{below}.NAME" if _is_mapping(field.annotation) else below)


def keys(model: type[BaseModel] = Suite) -> list[str]:
    """Every key that the file may hold, by its whole path."""
    return [f"{path}.{name}".lstrip(".") for path, of in sections(model) for name in of.model_fields]


def inner_model(hint: Any) -> type[BaseModel] | None:
    """The model that a field holds, one, many or by name; None for plain values."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint
    return next((found for one in get_args(hint) if (found := inner_model(one)) is not None), None)


def _section(path: str, model: type[BaseModel]) -> str:
    lines = [
        f"## {_heading(path)}\n",
        _intro(path, model),
        "",
        "| key | type | default | what |",
        "| --- | --- | --- | --- |",
    ]
    for name, field in model.model_fields.items():
        what = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{f'{path}.{name}'.lstrip('.')}` | {_type(field)} | {_default(field)} | {what} |")
    return "\n".join([*lines, ""])


def _heading(path: str) -> str:
    if not path:
        return "Top level"
    return f"`[[{path}]]`" if path.endswith("tuned") else f"`[{path}]`"


def _intro(path: str, model: type[BaseModel]) -> str:
    """The docstring of a model as Markdown, without the name of the section that it begins with."""
    if not path:
        return "These stand before the first section; the tables are the sections below."
    text = re.sub(r"^``\[+[\w.]+\]+``: ", "", inspect.getdoc(model) or "")
    text = text[:1].upper() + text[1:]
    return re.sub(r"\s*\n(?!\n)", " ", text).replace("``", "`")


def _type(field: FieldInfo) -> str:
    parts = [_words(field.annotation)]
    for rule in field.metadata:
        parts += [text.format(getattr(rule, sign)) for sign, text in _SIGNS.items() if hasattr(rule, sign)]
        parts += ["not empty"] if getattr(rule, "min_length", None) else []
    return ", ".join(parts)


def _words(hint: Any) -> str:
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _words(next(one for one in inside if one is not type(None)))
    if origin is Literal:
        return "one of " + ", ".join(f"`{one}`" for one in inside)
    if origin is tuple:
        return "list of tables" if inner_model(hint) else f"list: {_words(inside[0])}"
    if _is_mapping(hint):
        return "table by name" if inner_model(hint) else f"table: {_words(inside[1])} by name"
    if inner_model(hint):
        return "table"
    if hasattr(hint, "__metadata__"):
        return _words(inside[0])
    return _PLAIN[hint]


def _is_mapping(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if (
        value is None
        or value == ""
        or isinstance(value, BaseModel)
        or (isinstance(value, tuple | dict) and not value)
    ):
        return ""
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{one}"' for one in value) + "]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return (
        f'`"{value}"`'
        if isinstance(value, str)
        else f"`{value:_}`"
        if isinstance(value, int)
        else f"`{value}`"
    )
