"""The file in which a child says how far it is, and the phases that its costs are divided into.

The child rewrites one line of fixed length, the parent reads it: phase, done, total, and what the harness
held in the child when the method took over. The file has its place on the disk before the child starts, so
this works where nothing else can be written any more.
"""

from __future__ import annotations

import os
import re
from operator import index
from pathlib import Path
from typing import NamedTuple

from readbench.core.errors import BenchError
from readbench.engine.clock import perf_counter, seconds_since

PROGRESS = "progress"
PROGRESS_BYTES = 96
MOST = 2**63 - 1
"""The largest count that the line holds: three of them fit into it."""

START, LOAD, FIT, WARMUP, PREDICT, SETUP, PREPARE, FINISH = (
    "start",
    "load",
    "fit",
    "warmup",
    "predict",
    "setup",
    "prepare",
    "finish",
)
"""The phases of a cell are load, fit, warmup and predict, those of a preparation setup and prepare. What is
before the first and after the last of them is the harness's."""

RESULTS_UNWRITABLE = "unwritable"
"""Stands in place of a phase where the child could not write its results; ``done`` is the system's error
number."""

PHASES = frozenset({START, LOAD, FIT, WARMUP, PREDICT, SETUP, PREPARE, FINISH, RESULTS_UNWRITABLE})
_LINE = re.compile(rb"([a-z]{1,12}) (\d{1,19}) (\d{1,19}) (\d{1,19})\0*")


class Progress(NamedTuple):
    """How far a child is. ``baseline_bytes``: its private memory when the method took over; 0 before that."""

    phase: str = START
    done: int = 0
    total: int = 0
    baseline_bytes: int = 0


class ProgressFile:
    """The line, opened once: what becomes of the folder later does not matter."""

    def __init__(self, folder: Path) -> None:
        self.descriptor = os.open(folder / PROGRESS, os.O_RDWR)

    @staticmethod
    def create(folder: Path) -> None:
        (folder / PROGRESS).write_bytes(_line(Progress()))

    def write(self, progress: Progress) -> None:
        os.pwrite(self.descriptor, _line(progress), 0)

    def read(self) -> Progress | None:
        """What the line says; None where it is no such line: something else wrote into the file."""
        found = _LINE.fullmatch(os.pread(self.descriptor, PROGRESS_BYTES + 1, 0))
        if found is None or (phase := found[1].decode()) not in PHASES:
            return None
        done, total, baseline = (int(found[i]) for i in (2, 3, 4))
        return Progress(phase, done, total, baseline) if max(done, total, baseline) <= MOST else None

    def close(self) -> None:
        os.close(self.descriptor)


def _line(progress: Progress) -> bytes:
    return " ".join(map(str, progress)).encode().ljust(PROGRESS_BYTES, b"\0")


class Phases:
    """The phases of one child, in its own hands: tells the parent which one begins and times each."""

    def __init__(self, file: ProgressFile) -> None:
        self.seconds: dict[str, float] = {}
        """By phase, from its beginning to that of the next one."""
        self._file = file
        self._now = Progress()
        self._began = perf_counter()

    @property
    def phase(self) -> str:
        return self._now.phase

    @property
    def baseline_bytes(self) -> int:
        return self._now.baseline_bytes

    def begin(self, phase: str, total: int = 1, *, baseline_bytes: int | None = None) -> None:
        """Ends the phase before and begins this one. The first one says what the harness holds."""
        self.seconds[self._now.phase] = seconds_since(self._began)
        self._began = perf_counter()
        known = self._now.baseline_bytes if baseline_bytes is None else baseline_bytes
        self._write(Progress(phase, 0, total, known))

    def advance(self, done: int, total: int) -> None:
        """How far the present phase is."""
        self._write(self._now._replace(done=done, total=total))

    def give_up(self, error_number: int) -> None:
        """The results cannot be written: the one thing that the parent still needs to hear."""
        self._write(Progress(RESULTS_UNWRITABLE, error_number, 0, self._now.baseline_bytes))

    def report(self, done: object, total: object) -> None:
        """What a method calls as ``context.progress``. Raises BenchError unless both are counts. While
        documents are predicted the harness counts them itself."""
        counts = _count(done, "done"), _count(total, "total")
        if self.phase != PREDICT:
            self.advance(*counts)

    def _write(self, progress: Progress) -> None:
        self._now = progress
        self._file.write(progress)


def _count(value: object, name: str) -> int:
    try:
        count = index(value)  # type: ignore[arg-type] # whatever the method gave
    except TypeError:
        count = -1
    if not 0 <= count <= MOST:
        shown = f"a number of {count.bit_length()} bits" if count > MOST else repr(value)[:40]
        raise BenchError(
            f"{name} is {shown}, not a count of documents or steps",
            where="context.progress(done, total)",
            todo="give two whole numbers that are not negative",
        )
    return count
