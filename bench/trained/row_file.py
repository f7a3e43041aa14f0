"""A file that is written row by row (`bench predict`, `bench submit`): in ``OUTPUT.part`` until it is whole,
by one process at a time, and never over what it is made from."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from readbench.core.errors import BenchError
from readbench.core.files import FULL, regular


class RowFile:
    """Locks ``OUTPUT.part`` while it is used as a context.

    Raises BenchError where ``output`` is there already (unless ``fresh``), is one of ``sources`` or a
    folder, cannot be written, or is being written by another process.
    """

    def __init__(self, output: Path, sources: Sequence[Path], *, fresh: bool = False) -> None:
        self.output, self.part = output, output.with_name(f"{output.name}.part")
        with writing(output):
            _refuse_sources((self.output, self.part), sources)
            self._free(fresh)
            output.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(regular(self.part), os.O_RDWR | os.O_CREAT, 0o666)
        self._file: BinaryIO = os.fdopen(descriptor, "r+b")
        try:
            self._lock()
            self._free(fresh)  # who held the lock may have ended in between
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # a full disk: what was raised before says more
            self._file.close()

    def begin(self, size: int = 0) -> None:
        """Goes on after the first ``size`` bytes."""
        with writing(self.output):
            self._file.truncate(size)
            self._file.seek(size)

    def write(self, data: bytes) -> None:
        with writing(self.output):
            self._file.write(data)

    def sync(self) -> int:
        """Brings to the disk what was written; how many bytes there are."""
        with writing(self.output):
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._file.tell()

    def publish(self) -> None:
        """Gives the whole file its name."""
        self.sync()
        with writing(self.output):
            self.part.replace(self.output)

    def discard(self) -> None:
        """Removes what is not worth keeping."""
        with suppress(OSError):
            self.part.unlink()

    def _free(self, fresh: bool) -> None:
        if self.output.is_dir():
            raise BenchError("is a folder", where=str(self.output), todo="choose another --output")
        if self.output.exists() and not fresh:
            raise BenchError(
                "is there already", where=str(self.output), todo="choose another --output, or --fresh"
            )

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._file.fileno()), self.part.stat()):
                    return
        except BlockingIOError:
            pass
        except OSError:
            return  # a file system without locks
        raise BenchError(
            "another process is writing it",
            where=str(self.output),
            todo="wait for its end, or choose another --output",
        )


def _refuse_sources(targets: Sequence[Path], sources: Sequence[Path]) -> None:
    for target in targets:
        for source in sources:
            if target.exists() and source.exists() and target.samefile(source):
                raise BenchError(
                    f"writing {target} would destroy it", where=str(source), todo="choose another --output"
                )


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Tells that ``output`` cannot be written where what is done within fails for that reason."""
    try:
        yield
    except OSError as error:
        raise _cannot_write(output, error) from error
    except BenchError as error:
        # Of helpers that results are written with, too, which name another option.
        if isinstance(error.__cause__, OSError):
            raise _cannot_write(output, error.__cause__) from error
        raise


def _cannot_write(output: Path, error: OSError) -> BenchError:
    return BenchError(
        f"cannot be written: {os.strerror(error.errno) if error.errno else error}",
        where=str(output),
        todo=f"{'free some space or ' if error.errno in FULL else ''}choose another --output",
        exit_status=3,
    )
