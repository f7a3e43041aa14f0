"""What `bench show` says of predicted labels: the confusion matrix, the surest mistakes, one document."""

from __future__ import annotations

import io

from rich.console import Console, Group

from readbench.core.types import Document, PredictedLabel
from readbench.report.show_labels import MISTAKES, labels_in_all, labels_of
from readbench.tasks.spec import TaskSpec

SPEC = TaskSpec(task="classification", labels=("no", "yes"))


def said(*parts: object) -> list[str]:
    """Lines without their frames and blanks."""
    sink = io.StringIO()
    Console(file=sink, width=100, color_system=None).print(Group(*parts))  # type: ignore[arg-type]
    lines = [" ".join(line.replace("─", " ").split()) for line in sink.getvalue().splitlines()]
    return [line for line in lines if line]


def paper(id_: str) -> Document:
    return Document(id_, {"title": f"Title of {id_}", "abstract": "A text."})


def test_gold_goes_down_and_predictions_go_across() -> None:
    answers = {
        "a": ("yes", PredictedLabel("yes", {"no": 0.1, "yes": 0.9})),
        "b": ("yes", PredictedLabel("no", {"no": 0.6, "yes": 0.4})),
        "c": ("yes", PredictedLabel("no", {"no": 0.8, "yes": 0.2})),
        "d": ("no", PredictedLabel("no", {"no": 0.7, "yes": 0.3})),
        "e": ("no", PredictedLabel(None)),
        "f": (None, PredictedLabel("no", {"no": 0.7, "yes": 0.3})),
    }
    targets = {id_: gold for id_, (gold, _) in answers.items() if gold is not None}
    predictions = {id_: prediction for id_, (_, prediction) in answers.items()}
    lines = said(*labels_in_all(SPEC, [paper(id_) for id_ in answers], targets, predictions))
    assert lines[0] == r"gold \ predicted no yes (none)"
    assert lines[1:3] == ["no 1 0 1", "yes 2 1 0"]
    assert lines[3] == "3 mistakes, surest first:"
    # The surest first; an answer without scores has none to show and comes last.
    assert lines[5:8] == [
        "c yes no 0.800 Title of c",
        "b yes no 0.600 Title of b",
        "e no (none) – Title of e",
    ]
    assert lines[-1] == "One document: --document c"


def test_many_mistakes_are_cut_and_none_is_said() -> None:
    papers = [paper(f"{number:02}") for number in range(MISTAKES + 3)]
    predictions = {document.id: PredictedLabel("no", {"no": 0.9, "yes": 0.1}) for document in papers}
    wrong = said(*labels_in_all(SPEC, papers, dict.fromkeys(predictions, "yes"), predictions))
    assert f"{MISTAKES + 3} mistakes, the {MISTAKES} surest:" in wrong
    assert sum("Title of" in line for line in wrong) == MISTAKES
    right = said(*labels_in_all(SPEC, papers, dict.fromkeys(predictions, "no"), predictions))
    assert right[-1] == "No mistake."


def test_one_document() -> None:
    document, prediction = paper("a"), PredictedLabel("yes", {"no": 0.25, "yes": 0.75})
    line, scores, text = labels_of(document, "yes", prediction, SPEC)
    assert said(line, scores) == ["predicted yes, gold yes", "no 0.2500, yes 0.7500"]
    assert "A text." in " ".join(said(text))
    styles = {
        gold: [str(span.style) for span in labels_of(document, gold, prediction, SPEC)[0].spans]  # type: ignore[union-attr]
        for gold in ("yes", "no", None)
    }
    assert styles == {"yes": ["green"], "no": ["red"], None: ["red"]}
    assert said(labels_of(document, None, PredictedLabel(None), SPEC)[0]) == [
        "predicted no label: an abstention, gold unknown"
    ]
