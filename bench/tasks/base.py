"""What every task answers to: its metrics, and how its predictions are checked, kept and scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from readbench.core.errors import BenchError
from readbench.core.types import Document, Prediction, Target, Task
from readbench.tasks.metric import Metric, Scores, find_metric
from readbench.tasks.predictions import FORMATS, PredictionFormat
from readbench.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from readbench.tasks.semantic import PhraseVectors


class Scorer(Protocol):
    """The gold side of a dataset, made ready once and used for every method."""

    def score(self, predictions: Mapping[str, Prediction]) -> Scores:
        """Scores one method. BenchError where the predictions are malformed or their ids are not
        those of the documents."""
        ...


@runtime_checkable
class VectorScorer(Scorer, Protocol):
    """A scorer some of whose metrics compare embeddings of texts. Without vectors these are NaN."""

    def texts(self, predictions: Mapping[str, Prediction], depth: int | None) -> set[str]:
        """What has to be embedded: gold, and the first ``depth`` of each prediction (None: all)."""
        ...

    def with_vectors(self, vectors: PhraseVectors) -> Scorer:
        """The same scorer with the embeddings of those texts."""
        ...


class TaskDefinition(ABC):
    """One task. A metric's number is the mean of the per-document values that count, unless its
    ``aggregate`` says otherwise.

    ``board`` names the default columns of a leaderboard, ``primary`` the metric that orders it.
    """

    name: ClassVar[Task]
    metrics: ClassVar[tuple[Metric, ...]]
    primary: ClassVar[str]
    board: ClassVar[tuple[str, ...]]

    @abstractmethod
    def prepare(
        self, spec: TaskSpec, documents: Mapping[str, Document], targets: Mapping[str, Target]
    ) -> Scorer:
        """Everything about gold and texts that is the same for all methods.

        ``documents`` are those to be scored, in the order of the result. A document without a target
        is scored NaN; targets of other documents are ignored. BenchError for a malformed target.
        """

    def score(
        self,
        spec: TaskSpec,
        documents: Mapping[str, Document],
        targets: Mapping[str, Target],
        predictions: Mapping[str, Prediction],
    ) -> Scores:
        """Scores one method; with several methods, ``prepare`` once and score with what it returns.

        Raises BenchError where a document has no prediction, a prediction no document, or where a
        prediction or a target is malformed.
        """
        return self.prepare(spec, documents, targets).score(predictions)

    @property
    def predictions(self) -> PredictionFormat:
        """How predictions of this task are checked, written and read."""
        return FORMATS[self.name]

    def scores_from_columns(self, spec: TaskSpec, columns: Mapping[str, Sequence[Any]]) -> Scores:  # noqa: ARG002
        """Scores from what ``Scores.to_columns`` wrote: nothing else is needed to compute every metric
        again, on these documents or on resamples. A metric without a column is NaN."""
        import numpy as np

        ids = tuple(columns["id"])
        values = np.full((len(ids), len(self.metrics)), np.nan)
        for index, metric in enumerate(self.metrics):
            if metric.id in columns:
                values[:, index] = np.array(columns[metric.id], dtype=np.float64)
        return Scores(self.metrics, ids, values)

    def metric(self, id_: str) -> Metric:
        """The metric of this id; BenchError where there is none."""
        return find_metric(self.metrics, id_)


def check_ids(documents: Sequence[str], predictions: Mapping[str, Prediction]) -> None:
    """Raises BenchError unless exactly the documents have predictions: a lost prediction must fail,
    not vanish from a mean."""
    absent = [id_ for id_ in documents if id_ not in predictions]
    if absent:
        raise BenchError(f"{len(absent)} documents without a prediction", where=f"document {absent[0]}")
    if len(predictions) > len(documents):
        known = set(documents)
        extra = [id_ for id_ in predictions if id_ not in known]
        raise BenchError(f"{len(extra)} predictions for unknown documents", where=f"document {extra[0]}")
