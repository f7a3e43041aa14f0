"""The shortcut probe: which fields tell the label without being read, and the rules by which one is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from readbench.audit.marks import mark_table
from readbench.audit.probe import (
    folds,
    predict_from_marks,
    predict_from_names,
    predict_from_words,
    probed,
    require_sklearn,
    telling_marks,
)
from readbench.audit.values import FieldProbe, Finding, Score
from readbench.core.types import Document
from readbench.stats.significance import mcnemar_exact_p

TEXT_FIELDS = ("title", "abstract", "text")
"""The fields that are the text of a paper: their words are what a method ought to read."""

STRONG = 0.5
"""Named: marks whose skill is at least this at the lower end of its interval, half of the way from
guessing to certainty. What honest text brings along (numbers and signs in medical abstracts) stays below."""

BEYOND_WORDS = 0.1
"""Named too: marks with this sure skill that are right more often than the words of the same field (exact
McNemar test, ``ALPHA``). Separators of a name list tell more than the names."""

ALPHA = 0.01

FEW_VALUES = 10
"""A field with a value for so many documents or more is a category; its words are judged as marks are."""


def probe_fields(
    documents: Sequence[Document], targets: Mapping[str, str], groups: Mapping[str, str]
) -> tuple[Score | None, tuple[str, ...], tuple[FieldProbe, ...], tuple[Finding, ...]]:
    """The score of the full text and the fields it is made of, a probe of every field, and what they show.

    None and nothing where fewer than two labels have enough documents. ``groups`` are near-duplicates,
    which stay in one fold. Raises MissingDependency without scikit-learn.
    """
    require_sklearn()
    documents = _probed(documents, targets)
    if not documents:
        return None, (), (), ()
    ids = [document.id for document in documents]
    labels = np.array([targets[id_] for id_ in ids])
    parts = folds(labels, ids, groups)
    if not parts:
        return None, (), (), ()
    names = _fields(documents)
    text_fields = tuple(name for name in TEXT_FIELDS if name in names)
    joined = ["\n".join(d.fields.get(name, "") for name in text_fields) for d in documents]
    full = Score.of(labels.tolist(), predict_from_words(joined, labels, parts).tolist())
    probes, findings = [], []
    for name in names:
        texts = [document.fields.get(name, "") for document in documents]
        table = mark_table(texts)
        by_marks, by_words = (
            predict_from_marks(table, labels, parts),
            predict_from_words(texts, labels, parts),
        )
        by_name = predict_from_names(texts, labels)
        marks, read = (
            Score.of(labels.tolist(), by_marks.tolist()),
            Score.of(labels.tolist(), by_words.tolist()),
        )
        probe = FieldProbe(
            name,
            filled=sum(bool(text.strip()) for text in texts),
            distinct=len(set(texts)),
            marks=marks,
            words=read,
            name=Score.of(labels.tolist(), by_name.tolist()),
            telling=telling_marks(table, texts, ids, labels, parts),
        )
        probes.append(probe)
        b = int(np.sum((by_marks == labels) & (by_words != labels)))
        c = int(np.sum((by_marks != labels) & (by_words == labels)))
        beyond = b > c and marks.balanced > read.balanced and bool(mcnemar_exact_p(b, c) < ALPHA)
        findings += judged(probe, full, beyond_words=beyond)
    return full, text_fields, tuple(probes), tuple(findings)


def probe_marks(
    documents: Sequence[Document],
    targets: Mapping[str, str],
    fields: Iterable[str],
    groups: Mapping[str, str],
) -> tuple[Finding, ...]:
    """What the marks of the given fields, and names of labels in them, show by themselves: the quick part
    of ``probe_fields``. Raises MissingDependency without scikit-learn."""
    require_sklearn()
    documents = _probed(documents, targets)
    if not documents:
        return ()
    ids = [document.id for document in documents]
    labels = np.array([targets[id_] for id_ in ids])
    parts = folds(labels, ids, groups)
    if not parts:
        return ()
    findings: list[Finding] = []
    for name in dict.fromkeys(fields):
        texts = [document.fields.get(name, "") for document in documents]
        table = mark_table(texts)
        marks = Score.of(labels.tolist(), predict_from_marks(table, labels, parts).tolist())
        strong = marks.sure_skill >= STRONG
        probe = FieldProbe(
            name,
            filled=sum(bool(text.strip()) for text in texts),
            distinct=len(set(texts)),
            marks=marks,
            words=None,
            name=Score.of(labels.tolist(), predict_from_names(texts, labels).tolist()),
            telling=telling_marks(table, texts, ids, labels, parts) if strong else (),
        )
        findings += judged(probe, None, beyond_words=False)
    return tuple(findings)


def judged(probe: FieldProbe, full: Score | None, *, beyond_words: bool) -> list[Finding]:
    """The findings of one probe, by the rules of this file."""
    found = []
    beside = f", and the full text reaches {full.accuracy:.3f}" if full else ""
    if probe.marks.sure_skill >= STRONG or (beyond_words and probe.marks.sure_skill >= BEYOND_WORDS):
        text = f"the marks of `{probe.field}` alone predict the label: {_scored(probe.marks)}{beside}"
        if probe.telling:
            text += f": {'; '.join(mark.sentence() for mark in probe.telling)}"
        ids = tuple(dict.fromkeys(side.example for m in probe.telling for side in (m.holds, m.fails)))
        found.append(Finding("shortcut", "finding", text, probe.field, ids))
    if probe.name and probe.name.sure_skill >= STRONG:
        text = f"`{probe.field}` names the label: reading the name off it has {_scored(probe.name)}{beside}"
        found.append(Finding("label in field", "finding", text, probe.field))
    few = probe.distinct * FEW_VALUES <= probe.marks.n and probe.field not in TEXT_FIELDS
    if not found and few and probe.words and probe.words.sure_skill >= STRONG:
        values = f"`{probe.field}` has {probe.distinct} values that predict the label"
        text = f"{values}: {_scored(probe.words)}{beside}"
        found.append(Finding("category", "finding", text, probe.field))
    if (
        not found
        and probe.field not in TEXT_FIELDS
        and full
        and probe.words
        and _far_above(probe.words, full)
    ):
        text = f"the words of `{probe.field}` predict the label: {_scored(probe.words)}{beside}"
        found.append(Finding("words", "finding", text, probe.field))
    return found


def _far_above(words: Score, full: Score) -> bool:
    """Whether the words of one field say more of the label than the text does, beyond chance."""
    return words.sure_skill >= STRONG and words.accuracy_interval[0] > full.accuracy_interval[1]


def _scored(score: Score) -> str:
    low, high = score.accuracy_interval
    return (
        f"accuracy {score.accuracy:.3f} ({low:.3f} to {high:.3f}), balanced {score.balanced:.3f}, "
        f"where the largest class has {score.majority:.3f}"
    )


def _probed(documents: Sequence[Document], targets: Mapping[str, str]) -> list[Document]:
    known = set(probed(targets, [document.id for document in documents]))
    # In the order of their ids: folds must not depend on the order of a file.
    return sorted((d for d in documents if d.id in known), key=lambda document: document.id)


def _fields(documents: Iterable[Document]) -> list[str]:
    return sorted({name for document in documents for name in document.fields})
