"""What becomes of a file of the results folder that cannot be read: it is named, and counts as absent.

Whoever reads there gets None and goes on without. What is then missing is measured again by the next run.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from readbench.core.errors import BenchError, DamagedFile
from readbench.core.files import first_line, regular

if TYPE_CHECKING:
    import pyarrow as pa

Content = TypeVar("Content")


ABSENT = (FileNotFoundError, NotADirectoryError)


def stored_json(path: Path, read: Callable[[Any], Content]) -> Content | None:
    """What ``read`` makes of a JSON file; None where it is absent or damaged. ``read`` raises whatever it
    likes for content that it cannot use."""
    try:
        content = regular(path).read_bytes()
    except ABSENT:
        return None
    except (BenchError, OSError) as error:
        counts_as_absent(path, error)
        return None
    return parsed(path, content, lambda data: read(json.loads(data)))


def parsed(path: Path, content: bytes, read: Callable[[bytes], Content]) -> Content | None:
    """As ``stored_json``, of bytes that were read already."""
    try:
        return read(content)
    except Exception as error:  # a damaged file can hold anything: nested too deeply, a list for an object
        counts_as_absent(path, error)
        return None


def stored_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table | None:
    """A Parquet file; None where it is absent or damaged."""
    import pyarrow.parquet as pq

    try:
        return pq.read_table(regular(path), columns=columns)
    except ABSENT:
        return None
    except Exception as error:  # Arrow raises of many kinds, not all of them its own
        counts_as_absent(path, error)
        return None


def counts_as_absent(path: Path, why: Exception | str) -> None:
    """Warns of a file, once for each reason."""
    told = in_words(why) if isinstance(why, Exception) else why
    warnings.warn(f"{path}: {told}; it counts as absent", DamagedFile, stacklevel=3)


def in_words(error: Exception) -> str:
    """What is wrong with a file, from what reading it raised."""
    match error:
        case BenchError():
            return error.what
        case RecursionError():
            return "it is nested too deeply"
        case ValidationError():
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            return f"{place}: {first['msg']}" if place else first["msg"]
        case json.JSONDecodeError():
            return f"it is no JSON from line {error.lineno}, column {error.colno} on"
        case UnicodeDecodeError():
            return "it is no text"
        case OSError():
            return error.strerror or first_line(error)
        case AttributeError() | KeyError() | TypeError():
            return "it holds something else than it should"
        case _:
            return f"{type(error).__name__}: {first_line(error)}"[:200]
