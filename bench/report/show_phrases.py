"""Predicted keyphrases against gold, phrase by phrase, for `bench show`."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from readbench.core.types import Document, Keyphrases, RankedPhrases
from readbench.tasks.explain import Explanation, GoldMark, PredictedMark, explain
from readbench.tasks.spec import TaskSpec
from readbench.text.normalise import words

FIRST_PHRASES = 10
"""Shown of each document where none was asked for by its id."""

STYLES = {"match": "green", "near miss": "yellow", "wrong": "red", "missed": "red", "ignored": "dim"}


def explained(
    spec: TaskSpec, document: Document, gold: Keyphrases, prediction: RankedPhrases, whole: bool
) -> list[RenderableType]:
    explanation = explain(spec, document, gold, prediction)
    shown = explanation.predicted if whole else explanation.predicted[:FIRST_PHRASES]
    parts: list[RenderableType] = []
    if explanation.predicted:
        parts.append(_predicted_table(shown, bool(gold)))
        hidden = explanation.predicted[len(shown) :]
        if hidden:
            matched = sum(mark.mark == "match" for mark in hidden)
            parts.append(Text(f"{len(hidden)} more phrases, {matched} of them matches", "dim"))
    else:
        parts.append(Text("It predicted nothing for this document.", "yellow"))
    if gold:
        parts.append(_gold_table(explanation))
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
        verdict = _predicted_words(mark) if has_gold or mark.mark == "ignored" else "–"
        grid.add_row(rank, f"{mark.score:.4g}", Text(mark.phrase), Text(verdict, STYLES[mark.mark]))
    return grid


def _gold_table(explanation: Explanation) -> Table:
    matched = sum(mark.mark == "match" for mark in explanation.gold)
    grid = _grid(f"gold: {matched} of {len(explanation.gold)} found", "what became of it")
    for mark in explanation.gold:
        verdict = Text(_gold_words(mark), STYLES[mark.mark])
        if mark.absent and mark.mark != "ignored":
            verdict.append("; absent from the text", "dim")
        grid.add_row(Text(mark.phrase), verdict)
    return grid


def _predicted_words(mark: PredictedMark) -> str:
    if mark.mark == "ignored":
        return f"not counted: {_why_ignored(mark.reason)}"
    if mark.mark == "near miss" and mark.gold is not None:
        return f"near miss: {_relation(mark.phrase, mark.reason, mark.gold)}"
    return mark.mark


def _gold_words(mark: GoldMark) -> str:
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
