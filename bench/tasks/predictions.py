"""The shape of each task's predictions: how one is checked, and how a table of them is written and read.

A cell's process needs this much of a task and no more. Metrics live elsewhere, so that a new metric changes
nothing that a cell's process runs.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Sized
from numbers import Real
from typing import Any, ClassVar

from readbench.core.errors import BenchError
from readbench.core.types import ExtractedFacts, Fact, PredictedLabel, Prediction, RankedPhrases, Task

MOST_ANSWERS = 10_000
"""Phrases, facts or classes of one document. A longer list is an accident, and takes hours to score."""
MOST_CHARACTERS = 10_000
"""Of one phrase, label, or part of a fact."""
MOST_RAW_CHARACTERS = 1_000_000
"""Of the text that facts were read from."""


class PredictionFormat(ABC):
    """How predictions of one task look. ``columns`` are those of a predictions table, ``id`` first. ``empty``
    is the answer of a document on which a method raised."""

    columns: ClassVar[tuple[str, ...]]
    empty: ClassVar[Prediction]

    @abstractmethod
    def check(self, prediction: object, *, where: str = "") -> None:
        """Raises BenchError, placed at ``where``, if a prediction is malformed."""

    @abstractmethod
    def to_columns(self, predictions: Mapping[str, Prediction]) -> dict[str, list[Any]]:
        """The predictions as plain lists, one row a document; BenchError if one is malformed."""

    @abstractmethod
    def from_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, Prediction]:
        """The inverse of ``to_columns``; BenchError where a column is absent or short, an id comes
        twice or a prediction is malformed."""


class PhrasesFormat(PredictionFormat):
    """Ranked phrases with a score each."""

    columns = ("id", "phrases", "scores")
    empty = RankedPhrases((), ())

    def check(self, prediction: object, *, where: str = "") -> None:
        ranked(prediction, where or "prediction")

    def to_columns(self, predictions: Mapping[str, Prediction]) -> dict[str, list[Any]]:
        """``id``: string; ``phrases``: list of strings; ``scores``: list of floats, one a phrase."""
        checked = [ranked(value, f"prediction of document {id_}") for id_, value in predictions.items()]
        return {
            "id": list(predictions),
            "phrases": [list(prediction.phrases) for prediction in checked],
            "scores": [[float(score) for score in prediction.scores] for prediction in checked],
        }

    def from_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, Prediction]:
        check_columns(self.columns, columns)
        read: dict[str, Prediction] = {}
        for id_, phrases, scores in zip(*(columns[name] for name in self.columns), strict=True):
            where = f"prediction of document {id_}"
            # A string would pass for a list of one-letter phrases.
            if any(isinstance(value, str) or not isinstance(value, Iterable) for value in (phrases, scores)):
                raise BenchError("phrases or scores are not a list", where=where)
            read[id_] = ranked(RankedPhrases(tuple(phrases), tuple(scores)), where)
        return read


class LabelFormat(PredictionFormat):
    """One label, or an abstention, with a score for each class."""

    columns = ("id", "label", "classes", "scores")
    empty = PredictedLabel(None)

    def check(self, prediction: object, *, where: str = "") -> None:
        labelled(prediction, where or "prediction")

    def to_columns(self, predictions: Mapping[str, Prediction]) -> dict[str, list[Any]]:
        """``id``: string; ``label``: string or null; ``classes`` and ``scores``: lists, one a class."""
        found = [labelled(value, f"prediction of document {id_}") for id_, value in predictions.items()]
        return {
            "id": list(predictions),
            "label": [prediction.label for prediction in found],
            "classes": [list(prediction.scores) for prediction in found],
            "scores": [[float(score) for score in prediction.scores.values()] for prediction in found],
        }

    def from_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, Prediction]:
        check_columns(self.columns, columns)
        read: dict[str, Prediction] = {}
        rows = zip(*(columns[name] for name in self.columns), strict=True)
        for id_, label, classes, scores in rows:
            where = f"prediction of document {id_}"
            if len(classes) != len(scores):
                raise BenchError(f"{len(classes)} classes but {len(scores)} scores", where=where)
            read[id_] = labelled(PredictedLabel(label, dict(zip(classes, scores, strict=True))), where)
        return read


_FACT_COLUMNS = {
    "subjects": "subject",
    "predicates": "predicate",
    "objects": "object",
    "subject_types": "subject_type",
    "object_types": "object_type",
}


class FactsFormat(PredictionFormat):
    """Facts, a label, or both, and the text that they were read from."""

    columns = ("id", *_FACT_COLUMNS, "label", "parsed", "raw")
    empty = ExtractedFacts(parsed=False)

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
        check_columns(self.columns, columns)
        read: dict[str, Prediction] = {}
        rows = zip(*(columns[name] for name in self.columns), strict=True)
        for id_, *lists, label, parsed, raw in rows:
            where = f"prediction of document {id_}"
            if any(isinstance(one, str) or not isinstance(one, Sequence) for one in lists):
                raise BenchError(f"one of {', '.join(_FACT_COLUMNS)} is no list", where=where)
            if len({len(one) for one in lists}) > 1:
                raise BenchError(f"{', '.join(_FACT_COLUMNS)} are not equally long", where=where)
            facts = tuple(Fact(*values) for values in zip(*lists, strict=True))
            read[id_] = extracted(ExtractedFacts(facts, label, parsed, raw), where)
        return read


FORMATS: Mapping[Task, PredictionFormat] = {
    "keyphrases": PhrasesFormat(),
    "classification": LabelFormat(),
    "extraction": FactsFormat(),
}
"""The format of each task's predictions, by the task's name."""


def ranked(prediction: object, where: str) -> RankedPhrases:
    """The prediction, checked. Raises BenchError, placed at ``where``, if it is malformed."""
    if not isinstance(prediction, RankedPhrases):
        raise BenchError(f"is a {type(prediction).__name__}, not RankedPhrases", where=where)
    phrases, scores = prediction.phrases, prediction.scores
    for name, value in (("phrases", phrases), ("scores", scores)):
        if not isinstance(value, tuple | list):
            raise BenchError(f"{name} are a {type(value).__name__}, not a tuple", where=where)
    if len(phrases) != len(scores):
        raise BenchError(f"{len(phrases)} phrases but {len(scores)} scores", where=where)
    _check_count(phrases, "phrases", where)
    for place, phrase in enumerate(phrases, 1):
        if not isinstance(phrase, str):
            raise BenchError(f"phrase {place} is a {type(phrase).__name__}, not a string", where=where)
        _check_length(phrase, f"phrase {place}", where)
        if not phrase or phrase.isspace():
            raise BenchError(f"phrase {place} is blank", where=where)
    for place, score in enumerate(scores, 1):
        _check_score(score, place, where)
    return prediction


def _check_count(answers: Sized, name: str, where: str) -> None:
    if len(answers) > MOST_ANSWERS:
        raise BenchError(f"it has {len(answers)} {name}, and {MOST_ANSWERS} are the most", where=where)


def _check_length(text: str, name: str, where: str, most: int = MOST_CHARACTERS) -> None:
    if len(text) > most:
        raise BenchError(f"{name} has {len(text)} characters, and {most} are the most", where=where)


def _check_score(score: object, place: int, where: str) -> None:
    # NumPy's numbers are real numbers, too; bool is a number to Python, but no score.
    if isinstance(score, bool) or not isinstance(score, Real):
        raise BenchError(f"score {place} is a {type(score).__name__}, not a number", where=where)
    if not math.isfinite(score):
        raise BenchError(f"score {place} is {score}, not a finite number", where=where)


def labelled(prediction: object, where: str) -> PredictedLabel:
    """The prediction, checked. Raises BenchError, placed at ``where``, if it is malformed."""
    if not isinstance(prediction, PredictedLabel):
        raise BenchError(f"is a {type(prediction).__name__}, not a PredictedLabel", where=where)
    if prediction.label is not None and not isinstance(prediction.label, str):
        raise BenchError(f"the label is a {type(prediction.label).__name__}, not a string", where=where)
    if prediction.label is not None:
        _check_length(prediction.label, "the label", where)
    _check_count(prediction.scores, "classes", where)
    for label, score in prediction.scores.items():
        if not isinstance(label, str):
            raise BenchError(f"a score belongs to a {type(label).__name__}, not to a label", where=where)
        _check_length(label, "a class", where)
        if isinstance(score, bool) or not math.isfinite(float(score)):
            raise BenchError(f"the score of {label!r} is {score}, not a finite number", where=where)
    return prediction


def extracted(prediction: object, where: str) -> ExtractedFacts:
    """The prediction, checked. Raises BenchError, placed at ``where``, if it is malformed."""
    if not isinstance(prediction, ExtractedFacts):
        raise BenchError(f"is a {type(prediction).__name__}, not ExtractedFacts", where=where)
    if not isinstance(prediction.facts, tuple | list):
        raise BenchError(f"facts are a {type(prediction.facts).__name__}, not a tuple", where=where)
    _check_count(prediction.facts, "facts", where)
    for place, fact in enumerate(prediction.facts, 1):
        _check_fact(fact, f"fact {place}", where)
    for name, most in (("label", MOST_CHARACTERS), ("raw", MOST_RAW_CHARACTERS)):
        value = getattr(prediction, name)
        if value is not None and not isinstance(value, str):
            raise BenchError(f"{name} is a {type(value).__name__}, not a string", where=where)
        _check_length(value or "", name, where, most)
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
        _check_length(value, f"the {attribute} of {name}", where)
        if not value.strip() and not attribute.endswith("_type"):
            raise BenchError(f"the {attribute} of {name} is blank", where=where)


def check_columns(names: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> None:
    """Raises BenchError unless the named columns are there, equally long, and ids come once."""
    for name in names:
        if name not in columns:
            raise BenchError("column is missing", where=f"predictions, column {name}")
        if len(columns[name]) != len(columns[names[0]]):
            raise BenchError(
                f"{len(columns[name])} rows, but {len(columns[names[0]])} in column {names[0]}",
                where=f"predictions, column {name}",
            )
    seen: set[object] = set()
    for row, id_ in enumerate(columns[names[0]]):
        if id_ in seen:
            raise BenchError(
                f"document {id_} comes twice", where=f"predictions, row {row + 1}, column {names[0]}"
            )
        seen.add(id_)
