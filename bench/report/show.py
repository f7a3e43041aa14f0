"""What `bench show` prints: the predictions of one method against gold, phrase by phrase, or how it
failed. Reads only what a run left."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from readbench.engine.documents import read_columns, read_documents, read_targets
from readbench.errors import BenchError
from readbench.record import Record, RunCell
from readbench.spelling import parse_method, spell_method
from readbench.store import Store
from readbench.tasks import get_task
from readbench.tasks.explain import Explanation, GoldMark, PredictedMark, explain
from readbench.tasks.normalise import words
from readbench.tasks.spec import TaskSpec
from readbench.types import Document, Keyphrases, RankedPhrases, Task

FIRST_DOCUMENTS = 3
FIRST_PHRASES = 10
"""Shown of each document where none was asked for by its id."""

OUTPUT_LINES = 30
TITLE_CHARACTERS = 160
STYLES = {"match": "green", "near miss": "yellow", "wrong": "red", "missed": "red", "ignored": "dim"}


def render_predictions(
    store: Store, run_name: str, method: str, document_id: str | None = None
) -> RenderableType:
    """The predictions of a method of a run for one document, or the first few test documents; of a
    failed method its status, failure and the end of its output.

    Raises BenchError for a method that the run does not have or that could be several, for an unknown
    document, and where the results folder no longer holds what the run points to.
    """
    manifest = store.manifest(run_name)
    cell = find_cell(manifest.cells, method, run_name)
    record = store.record(cell.key)
    if record is None:
        raise BenchError(
            "its cell is no longer in the results folder", where=f"method {cell.method}",
            todo="run the suite again: what is still there is not measured twice",
        )  # fmt: skip
    if record.status != "ok":
        return _failed(cell, record)
    task: Task = "keyphrases"
    if cell.task != task:
        raise BenchError(f"predictions of the task {cell.task} cannot be shown yet", where=cell.method)
    folder = store.cell(cell.key)
    try:
        predictions = get_task(task).from_columns(read_columns(folder / "predictions.parquet"))
        documents = read_documents(store.dataset(record.fingerprint) / "documents.parquet")
        targets = read_targets(store.dataset(record.fingerprint) / "targets.parquet")
    except (OSError, ValueError) as error:
        raise BenchError(
            f"what it was run on cannot be read: {error}", where=str(store.root),
            todo="run the suite again with --fresh",
        ) from error  # fmt: skip
    test = [document for document in documents if document.id in predictions]
    chosen = _chosen(test, document_id, cell.method)
    spec = TaskSpec.model_validate(record.task)
    primary = manifest.tasks[task].primary
    scores = _scores(folder, primary)
    parts: list[RenderableType] = [Text.assemble((cell.method, "bold"), f" in the run {run_name}")]
    for document in chosen:
        prediction, gold = predictions[document.id], targets.get(task, {}).get(document.id, ())
        assert isinstance(prediction, RankedPhrases)
        score = scores.get(document.id)
        parts += ["", _title(document, spec, primary, score)]
        parts += _explained(spec, document, tuple(gold), prediction, whole=document_id is not None)
    if document_id is None:
        more = len(test) - len(chosen)
        there = f"{more} more test documents. " if more else ""
        parts += ["", Text(f"{there}One document and all of its phrases: --document {test[0].id}", "dim")]
    return Group(*parts)


def find_cell(cells: Sequence[RunCell], method: str, run_name: str) -> RunCell:
    """The cell of a method by its spelling, or by its adapter's name where just one cell has that.

    Raises BenchError with the near names.
    """
    spelt = {cell.method: cell for cell in cells}
    if method in spelt:
        return spelt[method]
    try:
        spelling = spell_method(*parse_method(method))
    except BenchError:
        spelling = method
    if spelling in spelt:
        return spelt[spelling]
    of_adapter = [name for name in spelt if name.partition("[")[0] == method.strip()]
    if len(of_adapter) == 1:
        return spelt[of_adapter[0]]
    if of_adapter:
        raise BenchError(
            f"it has {len(of_adapter)} methods {method}", where=f"run {run_name}",
            todo=f"name one: {', '.join(repr(name) for name in of_adapter)}",
        )  # fmt: skip
    near = difflib.get_close_matches(method, spelt, n=3, cutoff=0.5)
    todo = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has: {', '.join(spelt)}"
    raise BenchError(f"it has no method {method!r}", where=f"run {run_name}", todo=todo)


def _chosen(test: Sequence[Document], document_id: str | None, method: str) -> Sequence[Document]:
    if not test:
        raise BenchError("it predicted for no document", where=f"method {method}")
    if document_id is None:
        return test[:FIRST_DOCUMENTS]
    for document in test:
        if document.id == document_id:
            return [document]
    ids = [document.id for document in test]
    near = difflib.get_close_matches(document_id, ids, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the first are: {', '.join(ids[:5])}"
    raise BenchError(f"no test document has the id {document_id!r}", todo=hint)


def _scores(folder: Path, metric: str) -> Mapping[str, float]:
    """Every document's own value of a metric; nothing where it was not kept."""
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(folder / "scores.parquet", columns=["id", metric])
        pairs = zip(table["id"].to_pylist(), table[metric].to_pylist(), strict=True)
    except (OSError, ValueError, KeyError):
        return {}
    return {id_: value for id_, value in pairs if value is not None}


# -- predictions -----------------------------------------------------------------------------------


def _title(document: Document, spec: TaskSpec, metric: str, score: float | None) -> Text:
    title = " ".join((document.fields.get("title") or spec.text(document)).split())
    cut = title if len(title) <= TITLE_CHARACTERS else f"{title[:TITLE_CHARACTERS]}…"
    text = Text.assemble((document.id, "bold cyan"), "  ", (cut or "(no text)", "bold"))
    if score is not None:
        text.append(f"  {metric} {score:.3f}")
    return text


def _explained(
    spec: TaskSpec, document: Document, gold: Keyphrases, prediction: RankedPhrases, whole: bool
) -> list[RenderableType]:
    found = explain(spec, document, gold, prediction)
    shown = found.predicted if whole else found.predicted[:FIRST_PHRASES]
    parts: list[RenderableType] = []
    if found.predicted:
        parts.append(_predicted_table(shown, bool(gold)))
        hidden = found.predicted[len(shown) :]
        if hidden:
            matched = sum(mark.mark == "match" for mark in hidden)
            parts.append(Text(f"{len(hidden)} more phrases, {matched} of them matches", "dim"))
    else:
        parts.append(Text("It predicted nothing for this document.", "yellow"))
    if gold:
        parts.append(_gold_table(found))
    else:
        parts.append(Text("No gold phrases: there is nothing to compare with.", "yellow"))
    return parts


def _grid(*columns: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in columns:
        if name in ("rank", "score"):
            grid.add_column(name, justify="right", no_wrap=True)
        else:
            # A column of its own for every outcome would not fit 80 columns; long phrases wrap.
            grid.add_column(name, overflow="fold", min_width=24)
    return grid


def _predicted_table(marks: Sequence[PredictedMark], has_gold: bool) -> Table:
    grid = _grid("rank", "score", "predicted", "against gold")
    for mark in marks:
        rank = "–" if mark.rank is None else str(mark.rank)
        told = _told_predicted(mark) if has_gold or mark.mark == "ignored" else "–"
        grid.add_row(rank, f"{mark.score:.4g}", Text(mark.phrase), Text(told, STYLES[mark.mark]))
    return grid


def _gold_table(found: Explanation) -> Table:
    matched = sum(mark.mark == "match" for mark in found.gold)
    grid = _grid(f"gold: {matched} of {len(found.gold)} found", "what became of it")
    for mark in found.gold:
        told = Text(_told_gold(mark), STYLES[mark.mark])
        if mark.absent and mark.mark != "ignored":
            told.append("; absent from the text", "dim")
        grid.add_row(Text(mark.phrase), told)
    return grid


def _told_predicted(mark: PredictedMark) -> str:
    if mark.mark == "ignored":
        return f"not counted: {_why_ignored(mark.reason)}"
    if mark.mark == "near miss" and mark.gold is not None:
        return f"near miss: {_relation(mark.phrase, mark.reason, mark.gold)}"
    return mark.mark


def _told_gold(mark: GoldMark) -> str:
    if mark.mark == "ignored":
        return f"not counted: {_why_ignored(mark.reason)}"
    if mark.mark == "match":
        return f"match at rank {mark.rank}"
    if mark.mark == "near miss" and mark.predicted is not None:
        return f"nearly, at rank {mark.rank}: {_relation(mark.phrase, mark.reason, mark.predicted)}"
    return "missed"


def _why_ignored(reason: str | None) -> str:
    return "the same as an earlier one" if reason == "duplicate" else "no word in it"


def _relation(phrase: str, reason: str | None, other: str) -> str:
    """What ``other`` is to ``phrase``, in words that end with it."""
    if reason == "order":
        return f"in another order, “{other}”"
    if reason == "stem":
        return f"another form of “{other}”"
    inside = len(words(phrase)) < len(words(other))
    return f"part of “{other}”" if inside else f"contains “{other}”"


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
