"""Errors of libraries as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from readbench.adapter import BenchError


@contextmanager
def one_line(what: str, where: str) -> Iterator[None]:
    """Whatever goes wrong within is one line: BenchError. A configuration, a template or a tokenizer that is
    damaged makes libraries raise errors of any kind. Out of memory is what it is."""
    try:
        yield
    except (BenchError, MemoryError):
        raise
    except BaseException as error:
        kind = type(error).__name__
        # A panic of a library in Rust is no Exception.
        if kind == "OutOfMemoryError" or not (isinstance(error, Exception) or kind == "PanicException"):
            raise
        line = next((line.strip() for line in str(error).splitlines() if line.strip()), "without a word")
        raise BenchError(
            f"{what} ({kind}: {line})", where=where, todo="download its files again, or give another model"
        ) from error
