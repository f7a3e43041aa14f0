"""What a run scored document by document: the part of it that the page shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from readbench.compare.paired import score_columns, score_table
from readbench.core.damage import in_words
from readbench.results.leaderboard import Leaderboard, Table, cells_by_method
from readbench.results.manifest import RunCell
from readbench.results.samples import Sample, load_sample
from readbench.results.store import Store
from readbench.stats.differences import Gap, gaps
from readbench.stats.of_run import shared_training
from readbench.tasks import get_task
from readbench.tasks.metric import FOLD, Metric, OfSample, Scores, find_metric
from readbench.tasks.spec import TaskSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TaskScores:
    """The scores of the methods of one task, in the order of the board. ``missing`` says of methods that ran
    why they are not among them. ``metric`` is the one that has a value per document: the primary one, or else
    the task's first. ``folds`` (documents,): which fold tested each."""

    spec: TaskSpec
    primary: str
    metric: Metric
    samples: Mapping[str, Sample]
    missing: Mapping[str, str]
    folds: NDArray[np.int64]
    overlap: float

    @property
    def ids(self) -> tuple[str, ...]:
        return next(iter(self.samples.values())).ids if self.samples else ()

    @cached_property
    def values(self) -> dict[str, Floats]:
        """Per document (documents,) of each method: ``metric``, NaN where the document does not count."""
        return {method: sample.values(self.metric.id) for method, sample in self.samples.items()}

    @cached_property
    def gaps(self) -> list[Gap]:
        """The difference of each pair by the primary metric."""
        return gaps(self.samples, self.primary, self.overlap)


def task_scores(board: Leaderboard, table: Table, store: Store) -> TaskScores:
    """Reads the scores of every method that ended ok."""
    spec = TaskSpec.model_validate(table.settings.spec)
    task = get_task(spec.task)
    primary = task.metric(table.primary)
    metric = next(m for m in (primary, *task.metrics) if not isinstance(m.aggregate, OfSample))
    cells = cells_by_method(board.manifest, table.task)
    samples: dict[str, Sample] = {}
    missing: dict[str, str] = {}
    folds = np.zeros(0, dtype=np.int64)
    for row in table.rows:
        if row.status != "ok":
            continue
        try:
            sample, of_sample = _read(store, spec, cells[row.method], primary, metric)
        except Exception as error:  # a damaged file can hold anything
            # It stays on the board; where documents are compared it is missing, and the page says so.
            missing[row.method] = in_words(error)
            continue
        if not samples:
            folds = of_sample
        elif sample.ids != next(iter(samples.values())).ids:
            missing[row.method] = "it was not tested on the same documents as the first method"
            continue
        samples[row.method] = sample
    overlap = shared_training(table.settings.folds, table.settings.documents)
    return TaskScores(spec, primary.id, metric, samples, missing, folds, overlap)


def _read(
    store: Store, spec: TaskSpec, cells: Sequence[RunCell], primary: Metric, metric: Metric
) -> tuple[Sample, NDArray[np.int64]]:
    """The sample of a method, and the fold of each document. Of the many metrics of keyphrases one or three
    are read."""
    if spec.task == "classification" or isinstance(primary.aggregate, OfSample):
        sample = load_sample(store, spec, cells)
        return sample, _folds(store, cells)
    wanted = _with_sources(get_task(spec.task).metrics, (primary, metric))
    repeats = []
    for repeat in sorted({cell.repeat for cell in cells}):
        of_repeat = [cell for cell in cells if cell.repeat == repeat]
        known = set(score_columns(store, of_repeat[0]))
        table = score_table(store, of_repeat, ["id", *(one.id for one in wanted if one.id in known)])
        table = table.sort_by("id")
        values = np.full((len(table), len(wanted)), math.nan)
        for place, one in enumerate(wanted):
            if one.id in known:
                values[:, place] = table.column(one.id).cast("float64").to_numpy()
        repeats.append(Scores(wanted, tuple(table.column("id").to_pylist()), values))
    first = store.facts(cells[0].key)
    noisy = len(repeats) > 1 or (first is not None and bool(first.stochastic))
    return Sample(cells[0].method, tuple(repeats), noisy), _folds(store, cells)


def _folds(store: Store, cells: Sequence[RunCell]) -> NDArray[np.int64]:
    table = score_table(store, [cell for cell in cells if cell.repeat == cells[0].repeat], ["id"])
    return np.asarray(table.sort_by("id").column(FOLD).to_numpy(), dtype=np.int64)


def _with_sources(known: Sequence[Metric], wanted: Iterable[Metric]) -> tuple[Metric, ...]:
    """The metrics with those that they are computed from, each once."""
    found = {metric.id: metric for metric in wanted}
    for metric in tuple(found.values()):
        for source in getattr(metric.aggregate, "sources", ()):
            found[source] = find_metric(known, source)
    return tuple(found.values())
