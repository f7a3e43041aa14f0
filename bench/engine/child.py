"""What happens inside a child process: build one preparation, or load, fit and predict one cell.

It reads a job file, writes predictions (or the preparation's files) and an outcome file, and never sees a
gold target of the test part: those stay with the parent.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

from readbench.adapter import MissingDependency, Preparation
from readbench.engine.cell import run_cell
from readbench.engine.clock import perf_counter, seconds_since
from readbench.engine.desk import Desk, ResultsUnwritable, results, seed_everything
from readbench.engine.exchange import read_document_lines
from readbench.engine.job import CellJob, PreparationJob, read_job
from readbench.engine.notes import plain_text
from readbench.engine.outcome import (
    OUTCOME,
    TRACEBACK_KEPT,
    CellFigures,
    ChildFailure,
    Outcome,
    PreparationFigures,
)
from readbench.engine.prediction import told
from readbench.engine.progress import FINISH, PREPARE, SETUP, Phases, ProgressFile
from readbench.machine.memory import peak_private_bytes
from readbench.methods.preparations import find_preparation
from readbench.methods.registry import Registry, find_phrase_encoder


def run(folder_name: str) -> int:
    """Does the job in a folder; returns the exit status. Every failure is told in the outcome file, or
    in the progress file where there is no room for one."""
    folder = Path(folder_name)
    desk = Desk(folder, Phases(ProgressFile(folder)))
    try:
        outcome = _work(desk)
        content = outcome.to_json()
        temporary = folder / f".{OUTCOME}"
        with results():
            temporary.write_bytes(content)
            temporary.replace(folder / OUTCOME)
    except ResultsUnwritable as error:
        desk.phases.give_up(error.args[0])
        return 1
    return 0 if outcome.status == "ok" else 1


def _work(desk: Desk) -> Outcome:
    """Does the job and reports how it ended. Raises ResultsUnwritable alone."""
    figures: CellFigures | PreparationFigures | None = None
    failure: ChildFailure | None = None
    status: Any = "ok"
    try:
        job = read_job(desk.folder)
        seed_everything(job.seed)
        figures = run_cell(job, desk) if isinstance(job, CellJob) else _preparation(job, desk)
    except ResultsUnwritable:
        raise
    except MissingDependency as error:
        status, failure = "missing_dependency", _failure(error)
    except MemoryError as error:
        status, failure = "out_of_memory", _failure(error)
    except BaseException as error:  # also SystemExit and the like: a method may raise anything
        status, failure = "failed", _failure(error)
    baseline = desk.phases.baseline_bytes
    grown = peak_private_bytes(os.getpid()) - baseline if baseline else 0
    return Outcome(
        status=status,
        failure=failure,
        figures=figures,
        failed_documents=desk.failed_documents,
        phases=dict(desk.phases.seconds) if figures else {},
        modules=desk.modules,
        notes=dict(desk.notes.kept),
        private_bytes=max(0, grown),
        baseline_bytes=baseline,
    )


def _preparation(job: PreparationJob, desk: Desk) -> PreparationFigures:
    documents = read_document_lines(job.documents, job.ids) if job.ids is not None else []
    registry = Registry()
    target = desk.folder / "files"
    target.mkdir()
    desk.take_over(SETUP)
    start = perf_counter()
    preparation = _asked_preparation(job, desk, registry)
    inputs = {name: need.preparation.open(job.inputs[name]) for name, need in preparation.needs().items()}
    setup_s: list[float] = []

    def report(done: int, total: int) -> None:
        # Up to its first report a preparation loads; from there on it works document by document.
        if not setup_s:
            setup_s.append(seconds_since(start))
            desk.phases.begin(PREPARE)
        desk.phases.report(done, total)

    context = desk.context(job, preparations=inputs, progress=report)
    preparation.build(documents, target, context)
    build_s = seconds_since(start)
    desk.phases.begin(FINISH)
    return PreparationFigures(
        setup_s=setup_s[0] if setup_s and documents else build_s, build_s=build_s, documents=len(documents)
    )


def _asked_preparation(job: PreparationJob, desk: Desk, registry: Registry) -> Preparation:
    """The encoder of phrases of a model, or what a method reaches by the names in ``path``."""
    if job.encoder:
        return find_phrase_encoder(job.encoder)
    registry.include(job.include_paths)
    method = registry.method(job.method)
    return find_preparation(method.create(desk.context(job)), job.path)


def _failure(error: BaseException) -> ChildFailure:
    """What an exception says, cut to what an outcome holds."""
    kind, message = told(error)
    try:
        trace = "".join(traceback.format_exception(error))
    except Exception:
        trace = ""
    return ChildFailure(type=kind, message=message, traceback=plain_text(trace[-TRACEBACK_KEPT:]))


def main() -> None:
    """Does one job in this process, for debugging: ``python -m readbench.engine.child FOLDER``."""
    sys.exit(run(os.fspath(sys.argv[1])))


if __name__ == "__main__":
    main()
