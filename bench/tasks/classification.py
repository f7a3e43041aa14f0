"""The classification task: one label a document, out of a closed set, with scores or an abstention."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readbench.errors import BenchError
from readbench.tasks.base import TaskDefinition, check_columns, check_ids
from readbench.tasks.classification_scores import METRICS, ClassificationScores
from readbench.tasks.spec import TaskSpec
from readbench.types import Document, PredictedLabel, Prediction, Target


@dataclass(frozen=True, slots=True)
class Gold:
    """The gold labels of the documents to be scored; None where there is none."""

    spec: TaskSpec
    labels: Mapping[str, str | None]

    def score(self, predictions: Mapping[str, Prediction]) -> ClassificationScores:
        ids = list(self.labels)
        check_ids(ids, predictions)
        found = [labelled(predictions[id_], f"prediction of document {id_}") for id_ in ids]
        return ClassificationScores.of(
            self.spec,
            ids,
            list(self.labels.values()),
            [prediction.label for prediction in found],
            [prediction.scores for prediction in found],
        )


def labelled(prediction: object, where: str) -> PredictedLabel:
    """The prediction, checked. Raises BenchError, placed at ``where``, if it is malformed."""
    if not isinstance(prediction, PredictedLabel):
        raise BenchError(f"is a {type(prediction).__name__}, not a PredictedLabel", where=where)
    if prediction.label is not None and not isinstance(prediction.label, str):
        raise BenchError(f"the label is a {type(prediction.label).__name__}, not a string", where=where)
    for label, score in prediction.scores.items():
        if not isinstance(label, str):
            raise BenchError(f"a score belongs to a {type(label).__name__}, not to a label", where=where)
        if isinstance(score, bool) or not math.isfinite(float(score)):
            raise BenchError(f"the score of {label!r} is {score}, not a finite number", where=where)
    return prediction


class ClassificationTask(TaskDefinition):
    """Labels are compared as strings. A prediction without a label is an abstention: it is wrong wherever
    a label was asked for, and its share is a metric of its own. Precision, recall and F1 are those of the
    positive class and null where none is named; the macro means are there for any number of classes.
    A document without a gold label does not count.
    """

    name = "classification"
    metrics = METRICS
    primary = "accuracy"
    board = ("macro_f1", "f1", "mcc", "roc_auc", "ece")
    prediction_columns = ("id", "label", "classes", "scores")

    def prepare(
        self, spec: TaskSpec, documents: Mapping[str, Document], targets: Mapping[str, Target]
    ) -> Gold:
        labels: dict[str, str | None] = {}
        for id_ in documents:
            target = targets.get(id_)
            if target is not None and not isinstance(target, str):
                raise BenchError("target is not a label", where=f"target of document {id_}")
            labels[id_] = target or None
        return Gold(spec, labels)

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
        check_columns(self.prediction_columns, columns)
        read: dict[str, Prediction] = {}
        rows = zip(*(columns[name] for name in self.prediction_columns), strict=True)
        for id_, label, classes, scores in rows:
            where = f"prediction of document {id_}"
            if len(classes) != len(scores):
                raise BenchError(f"{len(classes)} classes but {len(scores)} scores", where=where)
            read[id_] = labelled(PredictedLabel(label, dict(zip(classes, scores, strict=True))), where)
        return read

    def scores_from_columns(
        self, spec: TaskSpec, columns: Mapping[str, Sequence[Any]]
    ) -> ClassificationScores:
        tables = [columns.get(f"score.{label}", [None] * len(columns["id"])) for label in spec.labels]
        scores = [
            {label: value for label, value in zip(spec.labels, row, strict=True) if value is not None}
            for row in zip(*tables, strict=True)
        ]
        return ClassificationScores.of(
            spec, list(columns["id"]), list(columns["gold"]), list(columns["predicted"]), scores
        )


TASK = ClassificationTask()
