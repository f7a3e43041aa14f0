"""TOML files that people write: suites and thresholds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.files import first_line, regular

MAX_BYTES = 2**22
"""People write a few kilobytes. The parser takes many times the size of a file."""


MOST_PARTS = 100
"""Of a dotted key (``a.b.c``). The parser takes time and memory in the square of their number."""

_PIECES = re.compile(rb"[\n={},\[\]]")
"""What stands between the pieces of a line, of which a key is one."""


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The values of a file, which is called ``what`` in messages ("the suite").

    Raises BenchError for a file that is absent, no regular file, not UTF-8, too large or no TOML.
    """
    where = str(path)
    try:
        with regular(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or first_line(error)
        raise BenchError(f"{what} cannot be read: {why}", where=where) from None
    if len(content) > MAX_BYTES:
        raise BenchError(f"{what} cannot be read: it has more than {MAX_BYTES:,} bytes", where=where)
    if any(piece.count(b".") > MOST_PARTS for piece in _PIECES.split(content)):
        raise BenchError(f"{what} cannot be read: a key has more than {MOST_PARTS} parts", where=where)
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        what = f"byte 0x{content[error.start]:02X} is not utf-8"
        raise BenchError(what, where=f"{where}, line {line}", todo="save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"this is not TOML: {first_line(error)}", where=where) from None
    except RecursionError:
        raise BenchError("this is not TOML: it is nested too deeply", where=where) from None
    except ValueError:  # Python reads no longer integers
        raise BenchError("this is not TOML: a number has too many digits", where=where) from None
