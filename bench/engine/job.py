"""What is handed to a child process, and what came of it: plain values and their files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JOB = "job.json"
OUTCOME = "outcome.json"
BASELINE = "baseline"
PROGRESS = "progress"
PROGRESS_BYTES = 96
UNWRITABLE = "unwritable"
"""The phase of a child that could not write its results, followed by the system's error number: the
progress file has its place on the disk already, so this can be told where nothing else can."""


@dataclass(frozen=True)
class Job:
    """One process to run. ``footprint_bytes`` is what its libraries weigh in a fresh interpreter;
    the sampled growth is added to it before the memory limit is applied."""

    id: str
    label: str
    folder: Path
    payload: dict[str, Any]
    timeout_s: float
    memory_bytes: int
    footprint_bytes: int = 0
    after: frozenset[str] = frozenset()

    def write(self) -> None:
        (self.folder / JOB).write_text(json.dumps(self.payload), encoding="utf-8")
        (self.folder / PROGRESS).write_bytes(b"\0" * PROGRESS_BYTES)


@dataclass(frozen=True)
class Ending:
    """How a process ended: a record's status, what the child reported, and what the parent measured."""

    status: str
    outcome: dict[str, Any] = field(default_factory=dict)
    failure: dict[str, str] | None = None
    wall_s: float = 0.0
    cpu_s: float | None = None
    growth_bytes: int | None = None
    vram_bytes: int | None = None
    gpu_utilisation: float | None = None
    output: str = ""
    output_bytes: int = 0


class ProgressFile:
    """A line of fixed length that the child rewrites and the parent reads: phase, done, total."""

    def __init__(self, folder: Path) -> None:
        self.descriptor = os.open(folder / PROGRESS, os.O_RDWR)

    def write(self, phase: str, done: int, total: int) -> None:
        line = f"{phase} {done} {total}".encode()[:PROGRESS_BYTES]
        os.pwrite(self.descriptor, line.ljust(PROGRESS_BYTES, b"\0"), 0)

    def read(self) -> tuple[str, int, int]:
        line = os.pread(self.descriptor, PROGRESS_BYTES, 0).rstrip(b"\0").decode(errors="replace").split()
        if len(line) != 3:
            return "start", 0, 0
        return line[0], int(line[1]), int(line[2])

    def close(self) -> None:
        os.close(self.descriptor)
