"""The extraction task: which facts does a text state, or which label is asked for in their place."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from readbench.errors import BenchError
from readbench.tasks.base import TaskDefinition, check_columns, check_ids
from readbench.tasks.extraction_scores import METRICS, Counts, ExtractionScores
from readbench.tasks.spec import TaskSpec
from readbench.types import Document, ExtractedFacts, Fact, Prediction, StatedFacts, Target

_FACT_COLUMNS = {
    "subjects": "subject",
    "predicates": "predicate",
    "objects": "object",
    "subject_types": "subject_type",
    "object_types": "object_type",
}


@dataclass(frozen=True, slots=True)
class Gold:
    """The gold facts and labels of the documents to be scored; None where there is none."""

    targets: Mapping[str, StatedFacts | None]

    def score(self, predictions: Mapping[str, Prediction]) -> ExtractionScores:
        """Raises BenchError where a prediction is absent, of an unknown document or malformed."""
        ids = list(self.targets)
        check_ids(ids, predictions)
        rows = [
            _counted(gold, extracted(predictions[id_], f"prediction of document {id_}"))
            for id_, gold in self.targets.items()
        ]
        columns = {name: [row[name] for row in rows] for name in _counted(None, ExtractedFacts())}
        return ExtractionScores.of(ids, Counts.of(columns))


def matching_key(text: str) -> str:
    """What two texts have in common that count as the same: NFC, white space collapsed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fact_key(fact: Fact) -> Fact:
    """The fact with ``matching_key`` of each of its texts."""
    return Fact(*map(matching_key, astuple(fact)))


def asks_facts(gold: StatedFacts) -> bool:
    """Whether a gold target belongs to the slice of facts: it states some, or that there are none."""
    return bool(gold.facts) or gold.label is None


def _counted(gold: StatedFacts | None, prediction: ExtractedFacts) -> dict[str, int]:
    """One document's row of ``Counts``."""
    stated = gold or StatedFacts()
    wanted, found = ({fact_key(fact) for fact in facts} for facts in (stated.facts, prediction.facts))
    untyped_wanted, untyped_found = ({fact.untyped for fact in facts} for facts in (wanted, found))
    label = None if prediction.label is None else matching_key(prediction.label)
    return {
        "asks_facts": gold is not None and asks_facts(gold),
        "gold": len(wanted),
        "predicted": len(found),
        "right": len(wanted & found),
        "untyped_gold": len(untyped_wanted),
        "untyped_predicted": len(untyped_found),
        "untyped_right": len(untyped_wanted & untyped_found),
        "asks_label": stated.label is not None,
        "label_right": stated.label is not None and label == matching_key(stated.label),
        "readable": prediction.parsed,
    }


def extracted(prediction: object, where: str) -> ExtractedFacts:
    """The prediction, checked. Raises BenchError, placed at ``where``, if it is malformed."""
    if not isinstance(prediction, ExtractedFacts):
        raise BenchError(f"is a {type(prediction).__name__}, not ExtractedFacts", where=where)
    if not isinstance(prediction.facts, tuple | list):
        raise BenchError(f"facts are a {type(prediction.facts).__name__}, not a tuple", where=where)
    for place, fact in enumerate(prediction.facts, 1):
        _check_fact(fact, f"fact {place}", where)
    for name in ("label", "raw"):
        value = getattr(prediction, name)
        if value is not None and not isinstance(value, str):
            raise BenchError(f"{name} is a {type(value).__name__}, not a string", where=where)
    if prediction.label is not None and not prediction.label.strip():
        raise BenchError("the label is blank", where=where)
    if not isinstance(prediction.parsed, bool):
        raise BenchError(f"parsed is a {type(prediction.parsed).__name__}, not a truth value", where=where)
    if not prediction.parsed and (prediction.facts or prediction.label):
        raise BenchError("an answer that could not be read has facts or a label", where=where)
    return prediction


def _check_fact(fact: object, name: str, where: str) -> None:
    if not isinstance(fact, Fact):
        raise BenchError(f"{name} is a {type(fact).__name__}, not a Fact", where=where)
    for attribute in _FACT_COLUMNS.values():
        value = getattr(fact, attribute)
        if not isinstance(value, str):
            raise BenchError(f"the {attribute} of {name} is a {type(value).__name__}", where=where)
        if not value.strip() and not attribute.endswith("_type"):
            raise BenchError(f"the {attribute} of {name} is blank", where=where)


class ExtractionTask(TaskDefinition):
    """Facts are compared as whole strings, once with the types of subject and object and once without.

    A document belongs to the slice ``facts`` where its gold states facts or an empty list of them, and to
    ``labels`` where it is a label. Precision, recall and F1 count the facts of all documents together: the
    metrics without a prefix over both slices, so that facts invented where a label was asked for cost
    precision, those that begin with ``facts.`` over that slice alone. ``score`` is the one number for the
    whole: the mean over documents of the F1 of its facts, or of whether its label is right.
    """

    name = "extraction"
    metrics = METRICS
    primary = "score"
    board = ("triples.f1", "triples.untyped.f1", "label_accuracy", "parsed")
    prediction_columns = ("id", *_FACT_COLUMNS, "label", "parsed", "raw")

    def prepare(
        self,
        spec: TaskSpec,  # noqa: ARG002 - gold is compared with predictions alone
        documents: Mapping[str, Document],
        targets: Mapping[str, Target],
    ) -> Gold:
        found: dict[str, StatedFacts | None] = {}
        for id_ in documents:
            target = targets.get(id_)
            if target is not None and not isinstance(target, StatedFacts):
                raise BenchError("target is not StatedFacts", where=f"target of document {id_}")
            found[id_] = target
        return Gold(found)

    def check(self, prediction: object, *, where: str = "") -> None:
        extracted(prediction, where or "prediction")

    def to_columns(self, predictions: Mapping[str, Prediction]) -> dict[str, list[Any]]:
        """``id``: string; five lists of strings, one entry a fact; ``label`` and ``raw``: string or null;
        ``parsed``: truth value."""
        found = [extracted(value, f"prediction of document {id_}") for id_, value in predictions.items()]
        facts = {
            column: [[getattr(fact, attribute) for fact in prediction.facts] for prediction in found]
            for column, attribute in _FACT_COLUMNS.items()
        }
        return {
            "id": list(predictions),
            **facts,
            "label": [prediction.label for prediction in found],
            "parsed": [prediction.parsed for prediction in found],
            "raw": [prediction.raw for prediction in found],
        }

    def from_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, Prediction]:
        check_columns(self.prediction_columns, columns)
        read: dict[str, Prediction] = {}
        rows = zip(*(columns[name] for name in self.prediction_columns), strict=True)
        for id_, *lists, label, parsed, raw in rows:
            where = f"prediction of document {id_}"
            if any(isinstance(one, str) or not isinstance(one, Sequence) for one in lists):
                raise BenchError(f"one of {', '.join(_FACT_COLUMNS)} is no list", where=where)
            if len({len(one) for one in lists}) > 1:
                raise BenchError(f"{', '.join(_FACT_COLUMNS)} are not equally long", where=where)
            facts = tuple(Fact(*values) for values in zip(*lists, strict=True))
            read[id_] = extracted(ExtractedFacts(facts, label, parsed, raw), where)
        return read

    def scores_from_columns(
        self,
        spec: TaskSpec,  # noqa: ARG002 - the counts say everything
        columns: Mapping[str, Sequence[Any]],
    ) -> ExtractionScores:
        return ExtractionScores.of(list(columns["id"]), Counts.of(columns))


TASK = ExtractionTask()
