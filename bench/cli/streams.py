"""Standard output and error that cannot end a command: closed, full, without a reader, or of an encoding that
lacks what boards are drawn with."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from readbench.core.errors import BenchError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

READABLE = "readbench.readable"
_PLAIN = {
    "–": "-",
    "—": "-",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
    "×": "x",
    "±": "+-",
    "✓": "ok",
    "✗": "x",
}


class _Raw(io.FileIO):
    """The bytes of a stream. Once nobody reads them, or the disk is full, they are dropped: what a command
    measured must not be lost because its output is."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.problem: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        if self.problem is None:
            try:
                return super().write(data)
            except OSError as error:
                self.problem = error
        return memoryview(data).nbytes


def make_safe() -> None:
    """Replaces ``sys.stdout`` and ``sys.stderr`` where they are streams of the process itself; streams that
    tests put in their place stay."""
    codecs.register_error(READABLE, _readable)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper) and _descriptor(stream) == descriptor:
            with contextlib.suppress(OSError):
                stream.flush()
            raw = _Raw(descriptor)
            safe = io.TextIOWrapper(
                io.BufferedWriter(raw),
                encoding=stream.encoding,
                errors=READABLE,
                newline="" if os.linesep == "\n" else None,
                line_buffering=raw.isatty() or name == "stderr",
            )
            setattr(sys, name, safe)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """While a method works in this process: what it and its libraries print goes to standard error, and
    standard output holds the answer alone. Also what C code writes."""
    import ctypes

    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # closed by whoever started this process
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    try:
        with contextlib.suppress(OSError):
            os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def flush() -> None:
    """Writes what waits in standard output.

    Raises BenchError, exit status 3, where it could not be written. A reader that went away is no problem:
    it has what it wanted.
    """
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Raw) and raw.problem is not None and raw.problem.errno != errno.EPIPE:
        why = os.strerror(raw.problem.errno) if raw.problem.errno else str(raw.problem)
        raise BenchError(f"cannot be written: {why}", where="standard output", exit_status=3)


def _descriptor(stream: io.TextIOWrapper) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def _readable(error: UnicodeError) -> tuple[str, int]:
    """What an encoding lacks, in characters that it has: a dash for a dash, a letter without its accent, a
    question mark for all others."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = "".join(map(_in_ascii, error.object[error.start : error.end]))
    return plain, error.end


def _in_ascii(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    if "\u2500" <= character <= "\u257f":  # lines of a table, bars of progress
        return "|" if character in "│┃║╎╏┆┇┊┋" else "-"
    if "\u2800" <= character <= "\u28ff":  # what turns while something goes on
        return "*"
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"
