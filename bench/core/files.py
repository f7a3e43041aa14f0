"""Files that are written completely or not at all, those that must not replace one, and what may be read."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from readbench.core.errors import BenchError

Place = TypeVar("Place", Path, str)

UNWRITABLE = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
        *(errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG),
    }
)
"""Errors that say something about the disk and nothing about a method."""


_KINDS = {
    stat.S_IFIFO: "a named pipe (FIFO)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def regular(path: Place) -> Place:
    """The path itself, before it is opened for reading: a pipe that nobody writes to waits for ever, and a
    device may have no end. What is not there, or may not be seen, is left to whoever opens it.

    Raises BenchError for a FIFO, a device, a socket and a folder.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)  # noqa: PTH116 - boards ask for ten thousand names
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return path
    if kind != stat.S_IFREG:
        raise BenchError(
            f"is no regular file: it is {_KINDS.get(kind, 'something else')}",
            where=str(path),
            todo="copy what it gives into a file, and give that file",
        )
    return path


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_new(place: Path, text: str) -> None:
    """Raises BenchError where something stands in its place already, or it cannot be written."""
    if os.path.lexists(place):
        raise BenchError(
            "it exists already and is not overwritten",
            where=str(place),
            todo="choose another --output, or remove it first",
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


def make_folder(folder: Path) -> None:
    """Raises BenchError where that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(place: Path, error: OSError) -> BenchError:
    why = os.strerror(error.errno) if error.errno else str(error)
    free = "free some space or " if error.errno in FULL else ""
    return BenchError(
        f"results cannot be written: {why}",
        where=str(place),
        todo=f"{free}choose another folder with --output-path",
        exit_status=3,
    )


def write_json(path: Path, value: BaseModel | dict[str, Any] | list[Any]) -> None:
    """Writes a JSON file completely or not at all."""
    text = (
        value.model_dump_json(indent=1)
        if isinstance(value, BaseModel)
        else json.dumps(value, indent=1, ensure_ascii=False)
    )
    # Not the number of the process alone: in another container, or on another host, one has the same.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
