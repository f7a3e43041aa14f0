"""A job with its limits, as the parent schedules it, and how its process ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from readbench.engine.job import CellJob, PreparationJob, write_job
from readbench.engine.outcome import ChildFailure, Outcome
from readbench.engine.progress import ProgressFile
from readbench.machine.load import Load
from readbench.results.record import Status


@dataclass(frozen=True)
class ScheduledJob:
    """One process to run. ``after`` are the ids of the jobs that it waits for. ``footprint_bytes`` is what
    its libraries weigh in a fresh interpreter; the sampled growth is added to it before the memory limit is
    applied."""

    id: str
    label: str
    folder: Path
    job: CellJob | PreparationJob
    timeout_s: float
    memory_bytes: int
    footprint_bytes: int = 0
    after: frozenset[str] = frozenset()

    def write(self) -> None:
        """Writes what the child reads into the working folder."""
        write_job(self.job, self.folder)
        ProgressFile.create(self.folder)


@dataclass(frozen=True)
class Ending:
    """How a process ended: a record's status, what the child reported, and what the parent measured.
    ``wall_s`` is None where no process ran. ``load``: how busy the machine was with other work; None where it
    does not tell. ``output`` are the first and last parts of what it printed."""

    status: Status
    outcome: Outcome | None = None
    failure: ChildFailure | None = None
    wall_s: float | None = None
    cpu_s: float | None = None
    growth_bytes: int | None = None
    vram_bytes: int | None = None
    gpu_utilisation: float | None = None
    load: Load | None = None
    output: str = ""
    output_bytes: int = 0
