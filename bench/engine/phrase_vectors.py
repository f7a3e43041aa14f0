"""Metrics that compare phrases by their embeddings, for the cells of a run that has ended.

All distinct phrases of all cells are embedded once, in one child process, as any preparation is built; the
parent scores from the vectors. That is done only where the suite asks for such a
metric and a record lacks it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.adapter import MissingDependency
from readbench.core.errors import BenchError
from readbench.core.types import Document, Task
from readbench.engine.exchange import DOCUMENTS, write_document_lines
from readbench.engine.job import PreparationJob
from readbench.engine.local import LocalExecutor
from readbench.engine.outcome import PreparationFigures
from readbench.engine.scheduled import Ending, ScheduledJob
from readbench.engine.scoring import Scoring
from readbench.machine.gpu import device_for
from readbench.methods.registry import find_phrase_encoder
from readbench.planning.metrics import board_metrics
from readbench.planning.plan import Plan, PlannedCell
from readbench.planning.suite import Suite
from readbench.results.record import Record
from readbench.results.store import Store
from readbench.results.tables import PREDICTIONS, read_columns
from readbench.tasks import get_task
from readbench.tasks.base import VectorScorer
from readbench.tasks.semantic import MODEL, WEIGHTS, PhraseVectors, depth_of
from readbench.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from readbench.engine.reporter import Reporter


Keep = Callable[[Record, Path], Record]
LABEL = "embed phrases"
NOTE = "vectors"
"""The note of a record that says which weights embedded the phrases."""


def add_vector_metrics(
    plan: Plan, store: Store, reporter: Reporter, scoring: Scoring, records: Mapping[str, Record], keep: Keep
) -> None:
    """Fills in the metrics of embeddings that the suite asks for, in every record that is ok and lacks one.

    The embedding is no cost of a method. Raises BenchError where it fails; the records stay as they were.
    """
    for task in plan.suite.tasks:
        asked = [metric.id for metric in board_metrics(plan.suite, task).each() if metric.vectors]
        cells = [cell for cell in plan.cells if cell.task == task and _lacks(records.get(cell.key), asked)]
        if cells:
            _add(plan, store, reporter, scoring, records, keep, task, cells, depth_of(asked))


def _lacks(record: Record | None, asked: Iterable[str]) -> bool:
    if record is None or record.status != "ok" or record.counts["without_gold"] == record.counts["test"]:
        return False
    return any(name not in record.metrics or not record.metrics[name].n for name in asked)


def _add(
    plan: Plan,
    store: Store,
    reporter: Reporter,
    scoring: Scoring,
    records: Mapping[str, Record],
    keep: Keep,
    task: Task,
    cells: Sequence[PlannedCell],
    depth: int | None,
) -> None:
    texts: set[str] = set()
    for cell in cells:
        scorer = scoring.scorer(cell)
        assert isinstance(scorer, VectorScorer)  # a task with such metrics has such a scorer
        columns = read_columns(store.cell(cell.key) / PREDICTIONS)
        texts |= scorer.texts(get_task(task).predictions.from_columns(columns), depth)
    workspace = store.workspace("preparations", "phrases").resolve()
    try:
        weights = _embed(sorted(texts), task, workspace, plan, reporter, len(cells))
        vectors = find_phrase_encoder(MODEL).open(workspace / "files")
        scoring.vectors = PhraseVectors(vectors, depth)
        for cell in cells:
            record = records[cell.key]
            record.notes[NOTE] = weights
            place = store.workspace("cells", cell.key)
            shutil.copytree(store.cell(cell.key), place, dirs_exist_ok=True)
            scoring.score(cell, read_columns(place / PREDICTIONS), record, place)
            keep(record, place)
    finally:
        scoring.vectors = None
        shutil.rmtree(workspace, ignore_errors=True)


def _embed(
    texts: Sequence[str], task: Task, workspace: Path, plan: Plan, reporter: Reporter, cells: int
) -> Any:
    """Embeds texts into ``workspace``; returns the note of which weights did it. Raises BenchError where that
    fails, or where they are not the weights of MODEL."""
    file = workspace / DOCUMENTS
    write_document_lines([Document(text, {"text": text}) for text in texts], file)
    encoder, limits = find_phrase_encoder(MODEL), plan.suite.limits
    work = PreparationJob(
        task=TaskSpec(task=task, fields=("text",)),
        encoder=MODEL,
        device=device_for(encoder.uses_gpu and limits.device == "auto"),
        threads=limits.threads,
        documents=file,
        ids=tuple(texts),
    )
    # A cell's limit holds for the work of one cell; this is that of several.
    job = ScheduledJob(
        id=LABEL,
        label=LABEL,
        folder=workspace,
        job=work,
        timeout_s=plan.timeout_s * cells,
        memory_bytes=plan.memory_bytes,
    )
    endings: list[Ending] = []

    def on_end(_: ScheduledJob, ending: Ending) -> str:
        endings.append(ending)
        return ending.status

    with LocalExecutor(workers=1, threads=limits.threads) as executor:
        reporter.doing("importing libraries")
        executor.preload(encoder.modules())
        executor.run(
            [job],
            on_start=lambda job: reporter.start(job.label),
            on_progress=lambda job, *state: reporter.progress(job.label, *state),
            on_end=on_end,
        )
    (ending,) = endings
    figures = ending.outcome.figures if ending.outcome is not None else None
    if ending.status != "ok" or ending.outcome is None or not isinstance(figures, PreparationFigures):
        message = ending.failure.message if ending.failure is not None else ""
        raise BenchError(
            f"{len(texts)} phrases could not be embedded: {ending.status}: {message}",
            where=f"suite {plan.suite.name}",
            todo="every cell is kept: the same command tries again, and without semantic.* needs none of it",
            exit_status=1,
        )
    reporter.prepared(LABEL, figures.build_s)
    weights = ending.outcome.notes.get("weights")
    _check_weights(weights, type(encoder))
    return weights


def _check_weights(weights: object, encoder: type) -> None:
    """Raises BenchError for vectors of other weights than those that the version of the metrics names."""
    sha256 = weights.get("sha256") if isinstance(weights, Mapping) else None
    if sha256 != WEIGHTS:
        raise BenchError(
            f"it embeds phrases with weights of the SHA-256 {sha256}, and {MODEL} has {WEIGHTS[:12]}…",
            where=f"{encoder.__module__}:{encoder.__name__}",
            todo="uninstall the package that provides it, or leave semantic.* out of the suite",
            exit_status=1,
        )


def check_encoder(suite: Suite) -> None:
    """Raises MissingDependency for a metric that compares embeddings where nothing here can make them."""
    for task in suite.tasks:
        for metric in board_metrics(suite, task).each():
            if metric.vectors:
                try:
                    find_phrase_encoder(MODEL).missing()
                except MissingDependency as error:
                    where = f"suite {suite.name}, metric {metric.id}"
                    raise MissingDependency(error.what, where=where, todo=error.todo) from None
