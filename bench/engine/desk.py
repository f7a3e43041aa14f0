"""What the work in a cell's process is done with: its folder, its phases and its notes."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readbench.adapter import Context
from readbench.core.files import UNWRITABLE
from readbench.engine.clock import perf_counter
from readbench.engine.job import CellJob, PreparationJob
from readbench.engine.notes import Notes
from readbench.engine.outcome import FailedDocuments
from readbench.engine.prediction import most_resident_bytes
from readbench.engine.progress import Phases
from readbench.machine.memory import peak_private_bytes, reset_own_peak

SCRATCH = "scratch"


class ResultsUnwritable(Exception):
    """The harness, not the method, cannot write: the run ends, and no cell is to blame."""


@dataclass
class Desk:
    """What the work in one process is done with: its folder, its phases, its notes. ``modules`` are the
    first-party modules that were loaded for it, file by name. ``began``: by ``perf_counter``;
    ``resident_bytes``: what the process held in memory when the method took over."""

    folder: Path
    phases: Phases
    notes: Notes = field(default_factory=Notes)
    modules: dict[str, str] = field(default_factory=dict)
    failed_documents: FailedDocuments | None = None
    began: float = field(default_factory=perf_counter)
    resident_bytes: int = 0

    def take_over(self, phase: str) -> None:
        """From here on what the process takes is the method's: the harness's own share is put down."""
        reset_own_peak()
        self.resident_bytes = most_resident_bytes()
        self.phases.begin(phase, baseline_bytes=peak_private_bytes(os.getpid()))

    def context(self, job: CellJob | PreparationJob, **more: Any) -> Context:
        scratch = self.folder / SCRATCH
        scratch.mkdir(exist_ok=True)
        return Context(
            task=job.task,
            seed=job.seed,
            threads=job.threads,
            device=job.device,
            scratch=scratch,
            note=self.notes.note,
            **more,
        )


@contextmanager
def results() -> Iterator[None]:
    """Around what the harness writes. An error of the disk is no method's; any other one (the method removed
    the folder) stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.errno in UNWRITABLE:
            raise ResultsUnwritable(error.errno or 0) from error
        raise


def seed_everything(seed: int) -> None:
    """Seeds every generator of a library that is already imported."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
