"""Scores of extraction: values per document, and precision, recall and F1 over the facts of all documents
for any weights of the documents, so that they can be resampled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from readbench.tasks.metric import Metric, OfSample, Scores

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FACTS, LABELS = "facts", "labels"
"""The slices: documents whose gold states facts (or that there are none), and those whose gold is a label."""

_EXACT = "subject, predicate, object and both types equal; NFC, white space collapsed; duplicates count once"
_UNTYPED = _EXACT.replace(" and both types", "").replace("predicate, object", "predicate and object")
_POOLED = (
    "facts of all documents counted together; facts where a label was asked for are wrong; 0 where undefined"
)
_OF_FACTS = "facts of the slice counted together; 0 where undefined"
_BOTH_EMPTY = "1 where gold and prediction are empty and the answer could be read"
_VIEWS = (("", "", _POOLED), (f"{FACTS}.", ", of documents that state facts", _OF_FACTS))
_MEASURES = (
    ("precision", "precision", "right / predicted"),
    ("recall", "recall", "right / gold"),
    ("f1", "F1", "2 * right / (predicted + gold)"),
)
_POOLING = "facts counted over all documents: Manning, Raghavan & Schütze 2008, section 13.6 (micro-average)"
_OWN = "this project"
_KINDS = (
    ("triples.", "of facts with their types", _EXACT),
    ("triples.untyped.", "of facts, types ignored", _UNTYPED),
)


def _metrics() -> tuple[Metric, ...]:
    found = [
        Metric(
            "score",
            True,
            f"{_EXACT}; F1: {_BOTH_EMPTY}",
            "mean over all documents: F1 of the facts, or whether the label is right",
            formula="2 * right / (predicted + gold) of its facts, or 1 for a right label and 0 for another",
            source=_OWN,
        ),
        *(
            Metric(
                f"{view}{kind}{measure}",
                True,
                f"{matching}; {pooled}",
                f"{name} {what}{where}",
                OfSample(),
                formula=formula,
                source=_POOLING,
            )
            for view, where, pooled in _VIEWS
            for kind, what, matching in _KINDS
            for measure, name, formula in _MEASURES
        ),
        Metric(
            "triples.document_f1",
            True,
            f"{_EXACT}; {_BOTH_EMPTY}",
            "F1 of the facts of each document that states facts, averaged",
            formula="2 * right / (predicted + gold)",
            source=_OWN,
        ),
        Metric(
            "triples.untyped.document_f1",
            True,
            f"{_UNTYPED}; {_BOTH_EMPTY}",
            "the same, types ignored",
            formula="2 * right / (predicted + gold)",
            source=_OWN,
        ),
        Metric(
            "label_accuracy",
            True,
            "equal strings; NFC, white space collapsed; no label is wrong",
            "share of right labels where one was asked for",
            formula="right / documents that ask for a label",
            source=_OWN,
        ),
        Metric(
            "parsed",
            True,
            "a method that writes no text is always read",
            "share of answers that could be read",
            formula="answers that could be read / documents",
            source=_OWN,
        ),
        *(
            Metric(
                f"{view}.parsed",
                True,
                "as parsed",
                f"the same, of documents that {which}",
                formula=f"answers that could be read / documents that {which}",
                source=_OWN,
            )
            for view, which in ((FACTS, "state facts"), (LABELS, "ask for a label"))
        ),
    ]
    return tuple(found)


METRICS = _metrics()
_PLACES = {metric.id: index for index, metric in enumerate(METRICS)}


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What extraction is scored from, as int64 arrays (documents,).

    ``gold`` and ``predicted`` count different facts, ``right`` those in both, ``untyped_`` the same with
    types ignored. ``asks_facts`` and ``asks_label`` are 1 where the gold does; without gold a document has 0
    in both and does not count. ``label_right`` and ``readable`` (the answer was parsed) are 1 where it is so.
    """

    asks_facts: Ints
    gold: Ints
    predicted: Ints
    right: Ints
    untyped_gold: Ints
    untyped_predicted: Ints
    untyped_right: Ints
    asks_label: Ints
    label_right: Ints
    readable: Ints

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[int]]) -> Counts:
        return cls(**{name: np.array(columns[name], dtype=np.int64) for name in COUNTED})

    @property
    def counted(self) -> NDArray[np.bool_]:
        return np.asarray((self.asks_facts > 0) | (self.asks_label > 0))


COUNTED = tuple(field.name for field in fields(Counts))


class ExtractionScores(Scores):
    """Scores that keep the counts which metrics of the whole sample are computed from."""

    tallies: Counts

    @classmethod
    def of(cls, ids: Sequence[str], counts: Counts) -> ExtractionScores:
        evidence: dict[str, Sequence[Any]] = {name: getattr(counts, name).tolist() for name in COUNTED}
        made = cls(METRICS, tuple(ids), _per_document(counts), evidence)
        object.__setattr__(made, "tallies", counts)
        return made

    def counts(self) -> Ints:
        """Documents that count; for metrics of the whole sample those that its counts are summed over."""
        found = super().counts()
        n = {
            "": np.count_nonzero(self.tallies.counted),
            f"{FACTS}.": np.count_nonzero(self.tallies.asks_facts),
        }
        defined = ~np.isnan(self.aggregates())
        for place, metric in enumerate(METRICS):
            if metric.aggregate is not None:
                found[place] = (
                    n[f"{FACTS}." if metric.id.startswith(f"{FACTS}.") else ""] if defined[place] else 0
                )
        return found

    def of_sample(self, numbers: Floats, weights: Floats, wanted: Collection[str]) -> Floats:  # noqa: ARG002
        filled = numbers.copy()
        for name, values in pooled(self.tallies, weights).items():
            filled[:, _PLACES[name]] = values
        return filled


def pooled(counts: Counts, weights: Floats) -> dict[str, Floats]:
    """Every ``OfSample`` metric (resamples,) under ``weights`` (resamples, documents): sums of counts before
    any ratio. NaN for a resample none of whose documents states a fact."""
    found = {}
    for view, of_view in (("", counts.counted), (f"{FACTS}.", counts.asks_facts > 0)):
        for kind, prefix in (("triples.", ""), ("triples.untyped.", "untyped_")):
            right, predicted, gold = (
                weights @ np.where(of_view, getattr(counts, f"{prefix}{name}"), 0).astype(np.float64)
                for name in ("right", "predicted", "gold")
            )
            values = {
                "precision": _ratio(right, predicted),
                "recall": _ratio(right, gold),
                "f1": _ratio(2 * right, predicted + gold),
            }
            for measure, of_measure in values.items():
                found[f"{view}{kind}{measure}"] = np.where(gold > 0, of_measure, np.nan)
    return found


def _per_document(counts: Counts) -> Floats:
    values = np.full((len(counts.readable), len(METRICS)), np.nan)
    facts, label = counts.asks_facts > 0, counts.asks_label > 0
    f1 = _f1(counts.right, counts.predicted, counts.gold, counts.readable)
    untyped = _f1(counts.untyped_right, counts.untyped_predicted, counts.untyped_gold, counts.readable)

    def fill(metric: str, where: NDArray[np.bool_], what: Floats | Ints) -> None:
        values[where, _PLACES[metric]] = what[where]

    # A document that asks for both counts with the mean of the two.
    asked = np.maximum(facts.astype(np.float64) + label, 1)
    fill("score", counts.counted, (f1 * facts + counts.label_right * label) / asked)
    fill("triples.document_f1", facts, f1)
    fill("triples.untyped.document_f1", facts, untyped)
    fill("label_accuracy", label, counts.label_right)
    fill("parsed", counts.counted, counts.readable)
    fill(f"{FACTS}.parsed", facts, counts.readable)
    fill(f"{LABELS}.parsed", label, counts.readable)
    return values


def _f1(right: Ints, predicted: Ints, gold: Ints, readable: Ints) -> Floats:
    total = predicted + gold
    return np.where(total > 0, _ratio(2.0 * right, total), readable.astype(np.float64))


def _ratio(above: NDArray[Any], below: NDArray[Any]) -> Floats:
    return np.asarray(above / np.where(below == 0, 1, below), dtype=np.float64)
