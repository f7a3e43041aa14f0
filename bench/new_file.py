"""Writes a file that a person asked for and that must not replace one of theirs."""

from __future__ import annotations

import os
from pathlib import Path

from readbench.errors import BenchError


def write_new(place: Path, text: str) -> None:
    """Raises BenchError where something stands in its place already, or it cannot be written."""
    if os.path.lexists(place):
        raise BenchError(
            "it is there already and stays as it is",
            where=str(place),
            todo="give another place with --output, or remove it first",
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except UnicodeEncodeError as error:
        place.unlink(missing_ok=True)
        raise BenchError(f"a name cannot be written as UTF-8: {error.reason}", where=str(place)) from error
    except OSError as error:
        raise BenchError(f"cannot be written: {error.strerror or error}", where=str(place)) from error
