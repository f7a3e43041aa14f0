"""The page of the command line, from the definition that the program runs: every verb and option."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer

import readbench.cli
from readbench.cli.app import app

HEAD = """# Command line

`bench VERB --help` prints the same. The program has a second name, `readbench`, for machines where `bench`
belongs to another package. The options of the first table stand before or after any verb.

`make reference` writes this page from the definition of the program.
"""

_NAMES = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "PATH"}


def page() -> str:
    group = definition()
    parts = [HEAD, "## Options of every verb\n", _options(group)]
    for name, command in commands():
        parts += [f"## bench {name}\n", _described(name, command)]
    return "\n".join(parts).rstrip() + "\n"


def definition() -> Any:
    """The program as the library of the command line holds it. A verb registers when its file is imported."""
    for module in pkgutil.iter_modules(readbench.cli.__path__):
        if module.name != "__main__":
            importlib.import_module(f"readbench.cli.{module.name}")
    return typer.main.get_command(app)


def commands() -> Iterator[tuple[str, Any]]:
    """Every verb, in the order of the help."""
    group = definition()
    for name in group.list_commands(None):
        yield name, group.commands[name]


def _described(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join(["bench", name, *(_placeholder(one) for one in arguments), "[OPTIONS]"])
    parts = [f"`{usage}`\n", _prose(command.help or "")]
    if arguments:
        rows = [(f"`{_bare(one)}`", f"{_told(one)}{_allowed(one)}") for one in arguments]
        parts.append(_table(("argument", "what"), rows))
    if any(one.param_type_name == "option" for one in command.params):
        parts.append(_options(command))
    return "\n".join(parts)


def _options(command: Any) -> str:
    rows = []
    for option in command.params:
        if option.param_type_name == "option" and not option.hidden:
            names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
            rows.append((names, _value(option), _default(option), _told(option)))
    return _table(("option", "value", "default", "what"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _bare(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()).strip("[].")


def _placeholder(argument: Any) -> str:
    name = f"{_bare(argument)}..." if argument.nargs == -1 else _bare(argument)
    return name if argument.required else f"[{name}]"


def _value(option: Any) -> str:
    """What it takes: nothing for a switch, the allowed values, or the kind of value."""
    if option.is_flag:
        return ""
    kind = _plain(option.type_descriptor.annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{one.value}`" for one in kind)
    several = ", may be repeated" if option.multiple else ""
    return f"{option.metavar or _NAMES.get(kind, 'TEXT')}{several}"


def _allowed(argument: Any) -> str:
    """The values that an argument takes, where there are few."""
    kind = _plain(argument.type_descriptor.annotation)
    if not isinstance(kind, type) or not issubclass(kind, Enum):
        return ""
    return " One of " + ", ".join(f"`{one.value}`" for one in kind) + "."


def _plain(hint: Any) -> Any:
    """``str`` of ``list[str]``."""
    return get_args(hint)[0] if get_args(hint) else hint


def _default(option: Any) -> str:
    value = option.default
    if value is None or value is False or value in ((), [], ""):
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _told(parameter: Any) -> str:
    told = _cell(parameter.help or "")
    return f"{told} Environment: `{parameter.envvar}`." if parameter.envvar else told


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _prose(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text))
    return "\n\n".join(_cell(paragraph) for paragraph in paragraphs) + "\n"
