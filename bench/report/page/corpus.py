"""The documents of a run, their gold, and the first of what each method predicted for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from readbench.core.damage import counts_as_absent, stored_table
from readbench.core.types import Document, Fact, Target
from readbench.results.manifest import RunCell
from readbench.results.store import Store
from readbench.results.tables import PREDICTIONS, read_documents, read_targets

if TYPE_CHECKING:
    import pyarrow as pa

TOP = 10
"""Predicted phrases or facts of a document that the page shows."""


@dataclass(frozen=True)
class Corpus:
    """``missing`` says why there are no documents; then the page has none."""

    documents: Mapping[str, Document] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, Target]] = field(default_factory=dict)
    missing: str = ""


def read_corpus(store: Store, fingerprint: str) -> Corpus:
    folder = store.dataset(fingerprint)
    if not folder.is_dir():
        return Corpus(missing="The results folder does not hold the documents (a baseline holds none).")
    try:
        documents = {document.id: document for document in read_documents(folder / "documents.parquet")}
        targets = read_targets(folder / "targets.parquet")
    except Exception as error:  # a damaged file can hold anything
        counts_as_absent(folder, error)
        return Corpus(missing="The documents in the results folder are damaged; the next run heals them.")
    return Corpus(documents, {str(task): known for task, known in targets.items()})


@dataclass(frozen=True)
class Answer:
    """The first ``TOP`` of what was predicted for a document, as texts: phrases, one label, or facts. Beside
    each fact its subject and object, and beside a label its probability."""

    texts: Sequence[str]
    parts: Sequence[tuple[str, str]] = ()
    confidence: float | None = None


def read_answers(store: Store, cells: Sequence[RunCell], task: str) -> dict[str, Answer] | None:
    """Of the first repeat, over all folds, by document; None where a file is gone or damaged."""
    found: dict[str, Answer] = {}
    for cell in cells:
        if cell.repeat != cells[0].repeat:
            continue
        path = store.cell(cell.key) / PREDICTIONS
        table = stored_table(path)
        try:
            if table is None:
                return None
            found |= _READERS[task](table)
        except Exception as error:  # as above
            counts_as_absent(path, error)
            return None
    return found


def _first(column: pa.ChunkedArray) -> list[list[Any]]:
    import pyarrow.compute as pc

    listed: list[list[Any]] = pc.list_slice(column, 0, TOP).to_pylist()
    if not all(isinstance(text, str) for texts in listed for text in texts):
        raise ValueError("an entry is no text")
    return listed


def _phrases(table: pa.Table) -> dict[str, Answer]:
    rows = zip(table["id"].to_pylist(), _first(table["phrases"]), strict=True)
    return {id_: Answer(phrases) for id_, phrases in rows}


def _labels(table: pa.Table) -> dict[str, Answer]:
    columns = (table[name].to_pylist() for name in ("id", "label", "classes", "scores"))
    found = {}
    for id_, label, classes, scores in zip(*columns, strict=True):
        of_label = dict(zip(classes, scores, strict=True)).get(label)
        found[id_] = Answer([] if label is None else [label], confidence=of_label)
    return found


def _facts(table: pa.Table) -> dict[str, Answer]:
    names = ("subjects", "predicates", "objects", "subject_types", "object_types")
    columns = [table[name].to_pylist() for name in ("id", "label")] + [_first(table[name]) for name in names]
    found = {}
    for id_, label, *listed in zip(*columns, strict=True):
        facts = [Fact(*values) for values in zip(*listed, strict=True)]
        texts = [fact_text(fact) for fact in facts]
        parts = [(fact.subject, fact.object) for fact in facts]
        if label is not None:
            texts, parts = [label, *texts], [("", ""), *parts]
        found[id_] = Answer(texts, parts)
    return found


def fact_text(fact: Fact) -> str:
    """A fact on one line, with the types that it has."""
    ends = ((fact.subject, fact.subject_type), (fact.object, fact.object_type))
    subject, object_ = (f"{name} ({kind})" if kind else name for name, kind in ends)
    return f"{subject} · {fact.predicate} · {object_}"


_READERS = {"keyphrases": _phrases, "classification": _labels, "extraction": _facts}
