"""Predicted facts and labels against gold, for `bench show`: each fact right, right but for its types, nearly
right, or wrong; what was missed; the answer itself where it could not be read."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from readbench.core.types import Document, ExtractedFacts, Fact, StatedFacts
from readbench.tasks.extraction import asks_facts, fact_key

RAW_CHARACTERS = 400
PARTS = ("subject", "predicate", "object")


def facts_of(
    document: Document, gold: StatedFacts | None, prediction: ExtractedFacts, whole: bool
) -> list[RenderableType]:
    """One document: label and facts against gold, after its text where that is to be seen whole."""
    parts: list[RenderableType] = [Text(text) for text in document.fields.values()] if whole else []
    if not prediction.parsed:
        raw = prediction.raw or ""
        cut = raw if len(raw) <= RAW_CHARACTERS else f"{raw[:RAW_CHARACTERS]}…"
        parts += [Text("The answer could not be read:", "yellow"), Text(cut or "(an empty answer)")]
    if gold is None:
        parts.append(Text("No gold: there is nothing to compare with.", "yellow"))
    elif gold.label is not None or prediction.label is not None:
        parts.append(_label(gold, prediction))
    stated = () if gold is None else gold.facts
    if prediction.facts or stated:
        parts.append(_facts(stated, prediction.facts, gold is not None))
    elif gold is not None and asks_facts(gold) and prediction.parsed:
        parts.append(Text("No facts, and gold has none.", "green"))
    return parts


def _label(gold: StatedFacts, prediction: ExtractedFacts) -> Text:
    predicted = prediction.label or "no label"
    right = prediction.label is not None and prediction.label == gold.label
    asked = gold.label or "none asked for"
    return Text.assemble("label ", (predicted, "green" if right else "red"), f", gold {asked}")


def _facts(gold: Sequence[Fact], predicted: Sequence[Fact], has_gold: bool) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("subject", "predicate", "object", "against gold"):
        grid.add_column(name, overflow="fold")
    wanted = {fact_key(fact): fact for fact in gold}
    predicted_keys = {fact_key(fact): fact for fact in predicted}
    for key, fact in predicted_keys.items():
        mark, style = _mark(key, wanted) if has_gold else ("–", "")
        grid.add_row(*_cells(fact), Text(mark, style))
    untyped = {key.untyped for key in predicted_keys}
    for key, fact in wanted.items():
        if key not in predicted_keys:
            mark = "found, with other types" if key.untyped in untyped else "missed"
            grid.add_row(*_cells(fact), Text(mark, "yellow" if key.untyped in untyped else "red"))
    return grid


def _mark(key: Fact, wanted: dict[Fact, Fact]) -> tuple[str, str]:
    if key in wanted:
        return "right", "green"
    for gold in wanted:
        if gold.untyped == key.untyped:
            return f"types wrong: {_types(wanted[gold])}", "yellow"
    for gold in wanted:
        other = [part for part in PARTS if getattr(gold, part) != getattr(key, part)]
        if len(other) == 1:
            return f"another {other[0]}: {getattr(wanted[gold], other[0])}", "yellow"
    return "wrong", "red"


def _cells(fact: Fact) -> list[Text]:
    subject = f"{fact.subject} ({fact.subject_type})" if fact.subject_type else fact.subject
    named = f"{fact.object} ({fact.object_type})" if fact.object_type else fact.object
    return [Text(subject), Text(fact.predicate), Text(named)]


def _types(fact: Fact) -> str:
    return f"{fact.subject_type or 'none'}, {fact.object_type or 'none'}"
