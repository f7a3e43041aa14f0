"""Writes a commented adapter file for a new method that runs as it is (`bench new-method`)."""

from __future__ import annotations

import builtins
import importlib.util
import keyword
import re
import sys
from pathlib import Path

from readbench.authoring.filling import PythonTemplate, template_text
from readbench.core.errors import BenchError
from readbench.core.files import write_new
from readbench.methods.registry import Registry
from readbench.methods.spec import NAME


def write_method(name: str, output: Path | None = None) -> Path:
    """Writes a commented adapter file for a new method and returns where: ``my_method.py`` for
    ``my.method`` (``my_method_method.py`` where a module ``my_method`` can be imported already: a file
    of that name would hide it) unless ``output`` says otherwise.

    Raises BenchError for a name that no spec can hold or that another method has, and where
    something stands in the file's place already.
    """
    if not NAME.fullmatch(name):
        raise BenchError(
            "a method's name begins with an ASCII letter and goes on with letters, digits and . _ + -",
            where=f"method {name!r}",
            todo="write it like my.method",
        )
    if name in set(Registry()):
        raise BenchError("this name is taken", where=f"method {name!r}", todo="choose another one")
    place = output or Path(f"{_module_name(name)}.py")
    template = template_text("method.py")
    values = {"CLASS": _class_name(name, template), "FILE": str(place), "NAME": name}
    write_new(place, PythonTemplate(template).substitute(values))
    return place


def _module_name(name: str) -> str:
    module = re.sub(r"\W", "_", name)
    taken = module in sys.stdlib_module_names or importlib.util.find_spec(module) is not None
    return f"{module}_method" if taken else module


def _class_name(name: str, template: str) -> str:
    parts = re.findall(r"[^\W_]+", name)
    joined = "".join(part[:1].upper() + part[1:] for part in parts)
    # Whatever else has this name in the file or in Python would be hidden.
    taken = re.search(rf"\b{joined}\b", template) or keyword.iskeyword(joined) or hasattr(builtins, joined)
    return f"{joined}Method" if taken else joined
