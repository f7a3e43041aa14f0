"""Fills the files in ``templates/``. Each is valid as it stands: linters, the type checker and TOML parsers
read it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import Any, ClassVar


class PythonTemplate(Template):
    """A Python file in which ``MY_CLASS``, ``MY_NAME`` and ``MY_FILE`` stand for what is filled in."""

    delimiter = "MY_"
    idpattern = "CLASS|NAME|FILE"
    flags = re.NOFLAG  # capitals only


class TomlTemplate(Template):
    """A TOML file in which ``"$NAME"``, with its quotes, stands for a value, and ``$NAME`` in a comment for
    words."""

    flags = re.NOFLAG
    # Template compiles it.
    pattern: ClassVar[Any] = r"""
        "\$(?P<braced>[A-Z_]+)" | \$(?P<named>[A-Z_]+) | (?P<escaped>\$\$) | (?P<invalid>\$)
    """


def template_text(name: str) -> str:
    """The file of this name in ``templates/``."""
    folder = resources.files("readbench.authoring") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def toml_piece(name: str, **values: object) -> str:
    """The piece ``NAME.toml`` with its values, without the last line's end.

    Raises KeyError for a placeholder without a value.
    """
    return TomlTemplate(template_text(f"{name}.toml")).substitute(values).rstrip("\n")


def toml_string(text: str) -> str:
    """A TOML basic string. JSON's is one, but for the character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_list(texts: Sequence[str]) -> str:
    """A TOML array of strings on one line."""
    return f"[{', '.join(map(toml_string, texts))}]"


def toml_lines(texts: Sequence[str]) -> str:
    """A TOML array of strings, one a line."""
    return "".join(["[\n", *(f"    {toml_string(text)},\n" for text in texts), "]"])
