"""What `bench show` prints: the predictions of one method against gold, or how it failed. Reads only what
a run left."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from readbench.core.damage import stored_table
from readbench.core.errors import BenchError
from readbench.core.files import first_line
from readbench.core.types import (
    Document,
    ExtractedFacts,
    PredictedLabel,
    Prediction,
    RankedPhrases,
    StatedFacts,
    Target,
)
from readbench.core.units import count_of
from readbench.methods.spec import format_spec, parse_spec
from readbench.report.show_facts import facts_of
from readbench.report.show_labels import labels_in_all, labels_of
from readbench.report.show_phrases import explained
from readbench.results.manifest import RunCell
from readbench.results.record import Record
from readbench.results.score_files import SCORES
from readbench.results.store import Store
from readbench.results.tables import PREDICTIONS, read_columns, read_documents, read_targets
from readbench.tasks import get_task
from readbench.tasks.spec import TaskSpec

FIRST_DOCUMENTS = 3
OUTPUT_LINES = 30
TITLE_CHARACTERS = 160
FIRST_FAILED = 5
"""Failed documents that are named."""


def render_predictions(
    store: Store, run_name: str, method: str, document_id: str | None = None
) -> RenderableType:
    """The predictions of a method of a run for one document, or the first few test documents; of a
    failed method its status, failure and the end of its output.

    Raises BenchError for a method that the run does not have or that could be several, for an unknown
    document, and where the results folder no longer holds what the run points to.
    """
    manifest = store.manifest(run_name)
    cells = find_cells(manifest.cells, method, run_name)
    records = records_of(store, cells)
    for cell, record in zip(cells, records, strict=True):
        if record.status != "ok":
            return _failed(cell, record)
    first = records[0]
    shown = read_predictions(store, cells, first)
    name = cells[0].method
    parts: list[RenderableType] = [Text.assemble((name, "bold"), f" in the run {run_name}")]
    if any(cell.repeat for cell in cells):
        parts.append(Text("The first of its repeats.", "dim"))
    failed = [record.failed_documents for record in records if record.failed_documents is not None]
    if failed:
        known = ", ".join(list(failed_in(records))[:FIRST_FAILED])
        count = count_of(sum(one.count for one in failed), "document")
        parts.append(Text(f"It raised on {count}, scored as empty answers: {known}", "red"))
    test = [document for document in shown.documents if document.id in shown.predictions]
    if first.task["task"] == "classification" and document_id is None:
        return Group(*parts, *labels_in_all(shown.spec, test, shown.targets, shown.predictions))
    primary = manifest.tasks[cells[0].task].primary
    scores: dict[str, float] = {}
    for cell in cells:
        scores |= scores_of(store.cell(cell.key), primary)
    if not test:
        raise BenchError("it predicted for no document", where=f"method {name}")
    chosen = test[:FIRST_DOCUMENTS] if document_id is None else [document_of(test, document_id)]
    errors = failed_in(records)
    for document in chosen:
        prediction, gold = shown.predictions[document.id], shown.targets.get(document.id)
        parts += ["", _title(document, shown.spec, primary, scores.get(document.id))]
        if document.id in errors:
            parts.append(Text(f"It raised {errors[document.id]}", "red"))
        if isinstance(prediction, RankedPhrases):
            phrases = gold if isinstance(gold, tuple) else ()
            parts += explained(shown.spec, document, phrases, prediction, whole=document_id is not None)
        elif isinstance(prediction, PredictedLabel):
            parts += labels_of(document, gold if isinstance(gold, str) else None, prediction, shown.spec)
        elif isinstance(prediction, ExtractedFacts):
            stated = gold if isinstance(gold, StatedFacts) else None
            parts += facts_of(document, stated, prediction, whole=document_id is not None)
    if document_id is None:
        more = len(test) - len(chosen)
        there = f"{more} more test documents. " if more else ""
        parts += ["", Text(f"{there}One document and all that was predicted: --document {test[0].id}", "dim")]
    return Group(*parts)


def records_of(store: Store, cells: Sequence[RunCell]) -> list[Record]:
    """The record of each cell, in their order. Raises BenchError for one that is gone."""
    records = []
    for cell in cells:
        record = store.record(cell.key)
        if record is None:
            raise BenchError(
                "its cell is no longer in the results folder",
                where=f"method {cell.method}",
                todo="run the suite again: what is still there is not measured twice",
            )
        records.append(record)
    return records


def failed_in(records: Sequence[Record]) -> dict[str, str]:
    """What the method raised, as far as it was kept, by document."""
    return {
        document.id: f"{document.type}: {document.message}"
        for record in records
        if record.failed_documents is not None
        for document in record.failed_documents.first
    }


@dataclass(frozen=True)
class Predictions:
    """What a method was asked and what it answered, over all folds."""

    spec: TaskSpec
    documents: Sequence[Document]
    targets: Mapping[str, Target]
    predictions: Mapping[str, Prediction]


def read_predictions(store: Store, cells: Sequence[RunCell], record: Record) -> Predictions:
    """Of the first repeat of every fold. Raises BenchError where the results folder lacks or damages them."""
    predictions: dict[str, Prediction] = {}
    try:
        spec = TaskSpec.model_validate(record.task)
        task = get_task(spec.task)
        for cell in cells:
            if cell.repeat == 0:
                columns = read_columns(store.cell(cell.key) / PREDICTIONS)
                predictions |= task.predictions.from_columns(columns)
        documents = read_documents(store.dataset(record.fingerprint) / "documents.parquet")
        targets = read_targets(store.dataset(record.fingerprint) / "targets.parquet")
    except Exception as error:  # a damaged file can hold anything
        raise BenchError(
            f"what it was run on is gone or damaged: {first_line(error)}",
            where=str(store.root),
            todo="run the suite again: that heals it",
        ) from error
    return Predictions(spec, documents, targets.get(spec.task, {}), predictions)


def find_cells(cells: Sequence[RunCell], method: str, run_name: str) -> list[RunCell]:
    """The cells of a method by its spec, or by its adapter's name where just one method has that: one,
    or one a fold and repeat.

    Raises BenchError with the near names.
    """
    spelt: dict[str, list[RunCell]] = {}
    for cell in cells:
        # A method that does several tasks is shown on the first of them.
        if not spelt.get(cell.method) or spelt[cell.method][0].task == cell.task:
            spelt.setdefault(cell.method, []).append(cell)
    if method in spelt:
        return spelt[method]
    try:
        method_spec = format_spec(*parse_spec(method))
    except BenchError:
        method_spec = method
    if method_spec in spelt:
        return spelt[method_spec]
    of_adapter = [name for name in spelt if name.partition("[")[0] == method.strip()]
    if len(of_adapter) == 1:
        return spelt[of_adapter[0]]
    if of_adapter:
        raise BenchError(
            f"it has {len(of_adapter)} methods {method}",
            where=f"run {run_name}",
            todo=f"name one: {', '.join(repr(name) for name in of_adapter)}",
        )
    near = difflib.get_close_matches(method, spelt, n=3, cutoff=0.5)
    todo = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has: {', '.join(spelt)}"
    raise BenchError(f"it has no method {method!r}", where=f"run {run_name}", todo=todo)


def document_of(test: Sequence[Document], document_id: str) -> Document:
    """Raises BenchError with the near ids."""
    for document in test:
        if document.id == document_id:
            return document
    ids = [document.id for document in test]
    near = difflib.get_close_matches(document_id, ids, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the first are: {', '.join(ids[:5])}"
    raise BenchError(f"no test document has the id {document_id!r}", todo=hint)


def scores_of(folder: Path, metric: str) -> Mapping[str, float]:
    """Every document's own value of a metric; nothing where it was not kept."""
    table = stored_table(folder / SCORES, columns=["id", metric])
    if table is None or not {"id", metric} <= {*table.column_names}:
        return {}
    pairs = zip(table["id"].to_pylist(), table[metric].to_pylist(), strict=True)
    return {id_: value for id_, value in pairs if value is not None}


def _title(document: Document, spec: TaskSpec, metric: str, score: float | None) -> Text:
    title = " ".join((document.fields.get("title") or spec.text(document)).split())
    cut = title if len(title) <= TITLE_CHARACTERS else f"{title[:TITLE_CHARACTERS]}…"
    text = Text.assemble((document.id, "bold cyan"), "  ", (cut or "(no text)", "bold"))
    if score is not None:
        text.append(f"  {metric} {score:.3f}")
    return text


# -- failures --------------------------------------------------------------------------------------


def _failed(cell: RunCell, record: Record) -> Group:
    failure = record.failure
    kind = f": {failure.type}" if failure else ""
    parts: list[RenderableType] = [
        Text.assemble((cell.method, "bold"), "  ", (f"{record.status}{kind}", "bold red"))
    ]
    if failure is None:
        return Group(*parts)
    parts.append(Text(failure.message or "It left no message."))
    if failure.output.strip():
        lines = failure.output.rstrip().splitlines()
        cut = f", its last {OUTPUT_LINES} lines" if len(lines) > OUTPUT_LINES else ""
        parts += ["", Text(f"What it printed{cut}:", "bold"), Text("\n".join(lines[-OUTPUT_LINES:]))]
    if failure.traceback.strip():
        parts += ["", Text("Traceback:", "bold"), Text(failure.traceback.rstrip())]
    return Group(*parts)
