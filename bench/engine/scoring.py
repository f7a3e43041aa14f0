"""Scores predictions in the parent process: per-document values, aggregates and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from readbench.plan import PlannedCell
from readbench.record import Record, Value
from readbench.splits import derived_seed
from readbench.tasks import get_task
from readbench.tasks.base import Scorer
from readbench.tasks.metric import Scores
from readbench.types import Dataset, Prediction, Task

SCORES = "scores.parquet"


class Scoring:
    """Scores the cells of one run; the gold side is made ready once for all methods of a task."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._documents = {document.id: document for document in dataset.documents}
        self._scorers: dict[tuple[Task, str], Scorer] = {}

    def score(
        self, cell: PlannedCell, columns: Mapping[str, Sequence[Any]], record: Record, folder: Path
    ) -> None:
        """Fills the record's metrics and counts and writes ``scores.parquet`` into ``folder``.

        Raises BenchError where predictions are malformed or do not belong to the test documents.
        """
        from readbench.stats import bootstrap_intervals

        task = get_task(cell.task)
        targets = self.dataset.targets[cell.task]
        key = (cell.task, cell.split.hash)
        if key not in self._scorers:
            documents = {id_: self._documents[id_] for id_ in cell.split.test}
            self._scorers[key] = task.prepare(cell.spec, documents, targets)
        predictions = task.from_columns(columns)
        scores = self._scorers[key].score(predictions)
        # The same resamples for every method of the split.
        seed = derived_seed(0, "bootstrap", cell.split.hash)
        intervals = bootstrap_intervals(scores.values, seed=seed, combine=scores.combined)
        numbers, counts = scores.aggregates(), scores.counts()
        record.metrics = {
            metric.id: Value(
                value=float(numbers[i]) if counts[i] else None,
                low=float(intervals[i, 0]) if counts[i] else None,
                high=float(intervals[i, 1]) if counts[i] else None,
                n=int(counts[i]), higher_is_better=metric.higher_is_better, version=metric.version,
            )
            for i, metric in enumerate(scores.metrics)
        }  # fmt: skip
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
    return sum(not (getattr(p, "phrases", None) or getattr(p, "label", None)) for p in predictions.values())


def write_scores(scores: Scores, path: Path) -> None:
    """One row a document: its id and a column a metric, null where it does not count."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": pa.array(scores.ids, pa.string())}
    for i, metric in enumerate(scores.metrics):
        columns[metric.id] = pa.array(scores.values[:, i], from_pandas=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_scores(path: Path, metric: str) -> dict[str, float]:
    """Per-document values of one metric by document id; NaN where a document does not count."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["id", metric])
    values = table.column(metric).to_pylist()
    ids = table.column("id").to_pylist()
    return {id_: float("nan") if v is None else v for id_, v in zip(ids, values, strict=True)}
