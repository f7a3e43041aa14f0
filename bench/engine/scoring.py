"""Scores predictions in the parent process: per-document values, aggregates and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.types import Dataset, Prediction, Task
from readbench.planning.plan import PlannedCell
from readbench.results.record import Record, Value
from readbench.results.score_files import SCORES, write_scores
from readbench.tasks import get_task
from readbench.tasks.base import Scorer, VectorScorer
from readbench.text.normalise import version_in

if TYPE_CHECKING:
    from readbench.tasks.semantic import PhraseVectors


class Scoring:
    """Scores the cells of one run; the gold side is made ready once for all methods of a task. ``vectors``
    are set while metrics that compare embeddings are computed."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._documents = {document.id: document for document in dataset.documents}
        self._scorers: dict[tuple[Task, str], Scorer] = {}
        self.vectors: PhraseVectors | None = None

    def scorer(self, cell: PlannedCell) -> Scorer:
        """The gold side of a cell's test documents."""
        key = (cell.task, cell.split.hash)
        if key not in self._scorers:
            documents = {id_: self._documents[id_] for id_ in cell.split.test}
            targets = self.dataset.targets[cell.task]
            self._scorers[key] = get_task(cell.task).prepare(cell.task_spec, documents, targets)
        return self._scorers[key]

    def score(
        self, cell: PlannedCell, columns: Mapping[str, Sequence[Any]], record: Record, folder: Path
    ) -> None:
        """Fills the record's metrics and counts and writes ``scores.parquet`` into ``folder``.

        Raises BenchError where predictions are malformed or do not belong to the test documents.
        """
        from readbench.stats.intervals import intervals_of

        task = get_task(cell.task)
        targets = self.dataset.targets[cell.task]
        predictions = task.predictions.from_columns(columns)
        scorer = self.scorer(cell)
        if self.vectors is not None and isinstance(scorer, VectorScorer):
            scorer = scorer.with_vectors(self.vectors)
        scores = scorer.score(predictions)
        intervals = intervals_of([scores])
        numbers, counts = scores.aggregates(), scores.counts()
        record.metrics = {
            metric.id: Value(
                value=float(numbers[i]) if counts[i] else None,
                low=intervals[i].low,
                high=intervals[i].high,
                reason=intervals[i].reason,
                n=int(counts[i]),
                higher_is_better=metric.higher_is_better,
                version=version_in(metric.version, cell.task_spec.language),
            )
            for i, metric in enumerate(scores.metrics)
        }
        record.details = scores.details()
        record.counts = {
            "train": len(cell.split.train),
            "validation": len(cell.split.validation),
            "test": len(cell.split.test),
            "without_gold": sum(not targets.get(id_) for id_ in cell.split.test),
            "empty_predictions": _empty(predictions),
            **self.dataset.counts,
        }
        write_scores(scores, folder / SCORES)


def _empty(predictions: Mapping[str, Prediction]) -> int:
    answers = ("phrases", "facts", "label")
    return sum(not any(getattr(p, name, None) for name in answers) for p in predictions.values())
