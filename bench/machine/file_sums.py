"""The SHA-256 of files. A sum is kept only as long as the file cannot have changed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

SETTLED_NS = 2_000_000_000
"""A file that changed less than this ago may change again without another time stamp: its sum is not kept."""
LARGEST = 4096
"""Sums that are kept at most."""

_State = tuple[int, int, int, int, int]
_KNOWN: dict[_State, str] = {}


def file_sum(path: Path | str) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal.

    The sum is kept for this process under the file's inode, size and both times, wherever it is reached from.
    The time of the last status change is among them: no program can set it, so a file that was replaced is
    always read again.
    Raises OSError for a file that cannot be read, and for what is no regular file: a pipe that nobody writes
    to waits for ever, a device may have no end.
    """
    state = _state(path)
    if state in _KNOWN:
        return _KNOWN[state]
    with Path(path).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    settled = time.time_ns() - max(state[-1], state[-2]) > SETTLED_NS
    if settled and _state(path) == state:
        if len(_KNOWN) >= LARGEST:
            _KNOWN.clear()
        _KNOWN[state] = found
    return found


def folder_sum(folder: Path, files: Iterable[Path]) -> str:
    """One SHA-256 over files of a folder: their paths in it and their sums, in the order of the paths."""
    sums = sorted((path.relative_to(folder).as_posix(), file_sum(path)) for path in files)
    return hashlib.sha256(json.dumps(sums).encode()).hexdigest()


def _state(path: Path | str) -> _State:
    status = os.stat(path)  # noqa: PTH116 - one call for everything that tells two files apart
    if not stat.S_ISREG(status.st_mode):
        kind = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(kind, "it is no regular file", str(path))
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
