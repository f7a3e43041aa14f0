"""The classification task: one label a document, out of a closed set, with scores or an abstention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.types import Document, Prediction, Target
from readbench.tasks.base import TaskDefinition, check_ids
from readbench.tasks.classification_metrics import METRICS
from readbench.tasks.classification_scores import ClassificationScores
from readbench.tasks.metric import FOLD
from readbench.tasks.predictions import labelled
from readbench.tasks.spec import TaskSpec


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

    def scores_from_columns(
        self, spec: TaskSpec, columns: Mapping[str, Sequence[Any]]
    ) -> ClassificationScores:
        tables = [columns.get(f"score.{label}", [None] * len(columns["id"])) for label in spec.labels]
        scores = [
            {label: value for label, value in zip(spec.labels, row, strict=True) if value is not None}
            for row in zip(*tables, strict=True)
        ]
        return ClassificationScores.of(
            spec,
            list(columns["id"]),
            list(columns["gold"]),
            list(columns["predicted"]),
            scores,
            columns.get(FOLD),
        )


TASK = ClassificationTask()
