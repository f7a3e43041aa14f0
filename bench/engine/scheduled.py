"""A job with its limits, which of several may start, and how its process ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path

from readbench.engine.job import CellJob, PreparationJob, write_job
from readbench.engine.outcome import ChildFailure, Outcome
from readbench.engine.progress import ProgressFile
from readbench.machine.load import Load
from readbench.results.record import Status


@dataclass(frozen=True)
class ScheduledJob:
    """One process to run. ``after`` are the ids of the jobs that it waits for. ``libraries``: it is forked
    from the server that has imported them; otherwise from one that has only what every cell needs.
    ``footprint_bytes`` is what its libraries weigh in a fresh interpreter; the sampled growth is added to it
    before the memory limit is applied. ``files`` makes what else it reads, by name in its folder."""

    id: str
    label: str
    folder: Path
    job: CellJob | PreparationJob
    timeout_s: float
    memory_bytes: int
    footprint_bytes: int = 0
    after: frozenset[str] = frozenset()
    libraries: bool = True
    files: Callable[[], Mapping[str, bytes]] = dict

    def write(self) -> None:
        """Makes the working folder, with everything that the child reads."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in self.files().items():
            (self.folder / name).write_bytes(content)
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


class Queue:
    """Jobs, each after those that it waits for and otherwise in their order. Every job is looked at once, and
    once more for each that it waits for."""

    def __init__(self, jobs: Sequence[ScheduledJob]) -> None:
        self._jobs = jobs
        self._waits_for = [len(job.after) for job in jobs]
        self._behind: dict[str, list[int]] = defaultdict(list)
        for place, job in enumerate(jobs):
            for name in job.after:
                self._behind[name].append(place)
        self._free = [place for place, job in enumerate(jobs) if not job.after]
        self._left = len(jobs)

    def __bool__(self) -> bool:
        """Whether there are jobs that were neither handed out nor skipped."""
        return self._left > 0

    def next(self) -> ScheduledJob | None:
        """The first job that waits for nothing any more."""
        if not self._free:
            return None
        self._left -= 1
        return self._jobs[heappop(self._free)]

    def end(self, name: str, ok: bool) -> list[ScheduledJob]:
        """Frees the jobs behind one that ended ok; those behind any other can never start: they are returned,
        and end in their turn."""
        skipped = []
        for place in self._behind.pop(name, ()):
            if self._waits_for[place] == 0:
                continue  # it was skipped for another one
            if ok:
                self._waits_for[place] -= 1
                if self._waits_for[place] == 0:
                    heappush(self._free, place)
            else:
                self._waits_for[place] = 0
                self._left -= 1
                skipped.append(self._jobs[place])
        return skipped
