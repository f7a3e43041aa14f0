"""Predicted labels against gold, for `bench show`: confusion matrix, surest mistakes, one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from readbench.core.types import Document, PredictedLabel, Prediction, Target
from readbench.tasks.spec import TaskSpec

MISTAKES = 12
TITLE_CHARACTERS = 70
NOBODY = "(none)"


def labels_in_all(
    spec: TaskSpec,
    test: Sequence[Document],
    targets: Mapping[str, Target],
    predictions: Mapping[str, Prediction],
) -> list[RenderableType]:
    """The confusion matrix of all test documents, and the mistakes that the method was surest of."""
    counts: dict[tuple[str, str], int] = {}
    wrong: list[tuple[float, Document, str, PredictedLabel]] = []
    for document in test:
        gold, prediction = targets.get(document.id), predictions[document.id]
        if not isinstance(gold, str) or not isinstance(prediction, PredictedLabel):
            continue
        predicted = prediction.label or NOBODY
        counts[gold, predicted] = counts.get((gold, predicted), 0) + 1
        if predicted != gold:
            wrong.append((prediction.scores.get(predicted, 0.0), document, gold, prediction))
    columns = [*spec.labels, *([NOBODY] if any(predicted == NOBODY for _, predicted in counts) else [])]
    matrix = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    matrix.add_column("gold \\ predicted")
    for label in columns:
        matrix.add_column(Text(label), justify="right")
    for gold in spec.labels:
        cells = [
            Text(str(counts.get((gold, predicted), 0)), "green" if predicted == gold else "")
            for predicted in columns
        ]
        matrix.add_row(Text(gold), *cells)
    parts: list[RenderableType] = ["", matrix]
    if not wrong:
        return [*parts, "", Text("No mistake.", "green")]
    wrong.sort(key=lambda mistake: (-mistake[0], mistake[1].id))
    listed = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("document", "gold", "predicted", "score", "title"):
        listed.add_column(name, justify="right" if name == "score" else "left", overflow="fold")
    for score, document, gold, prediction in wrong[:MISTAKES]:
        predicted = prediction.label or NOBODY
        shown = f"{score:.3f}" if prediction.scores else "–"
        listed.add_row(document.id, Text(gold), Text(predicted, "red"), shown, Text(_title(document, spec)))
    what = "surest first" if len(wrong) <= MISTAKES else f"the {MISTAKES} surest"
    parts += ["", Text(f"{len(wrong)} mistakes, {what}:"), listed]
    return [*parts, "", Text(f"One document: --document {wrong[0][1].id}", "dim")]


def labels_of(
    document: Document, gold: str | None, prediction: PredictedLabel, spec: TaskSpec
) -> list[RenderableType]:
    """One document: gold, prediction, the score of each label, the text."""
    right = gold is not None and prediction.label == gold
    predicted = prediction.label or "no label: an abstention"
    line = Text.assemble(
        "predicted ", (predicted, "green" if right else "red"), f", gold {gold or 'unknown'}"
    )
    scores = ", ".join(f"{label} {score:.4f}" for label, score in prediction.scores.items())
    return [line, Text(scores or "no scores", "dim"), Text(spec.text(document))]


def _title(document: Document, spec: TaskSpec) -> str:
    title = " ".join((document.fields.get("title") or spec.text(document)).split())
    return title if len(title) <= TITLE_CHARACTERS else f"{title[:TITLE_CHARACTERS]}…"
