"""What the cells of one method scored in a run: folds joined, repeats side by side, documents in order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from readbench.core.errors import BenchError
from readbench.core.files import first_line
from readbench.results.manifest import RunCell
from readbench.results.score_files import SCORES, read_scores
from readbench.results.store import Store
from readbench.tasks import get_task
from readbench.tasks.metric import FOLD, Metric, Scores
from readbench.tasks.spec import TaskSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One method on all test documents of a run, in the order of their ids. ``repeats`` holds the scores of
    each seed; a deterministic method has one. ``stochastic``: whether its training depends on the seed."""

    method: str
    repeats: tuple[Scores, ...]
    stochastic: bool = False

    @property
    def one_seed(self) -> bool:
        """Whether nobody knows how far another seed would lead."""
        return self.stochastic and len(self.repeats) < 2

    def per_seed(self, metric: str) -> Floats:
        """The numbers (seeds,) of one metric."""
        place = [known.id for known in self.metrics].index(metric)
        return np.array([scores.aggregates()[place] for scores in self.repeats])

    @property
    def ids(self) -> tuple[str, ...]:
        return self.repeats[0].ids

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return self.repeats[0].metrics

    def values(self, metric: str) -> Floats:
        """Per document (documents,): the mean over the repeats."""
        return np.asarray(np.mean([scores.column(metric) for scores in self.repeats], axis=0))

    def numbers(self) -> Floats:
        """Each metric (metrics,): the mean over the repeats."""
        return np.asarray(np.mean([scores.aggregates() for scores in self.repeats], axis=0))

    def resampled(self, weights: Floats, wanted: Collection[str] | None = None) -> Floats:
        """Each metric (resamples, metrics) under weights (resamples, documents): the repeats' mean. With
        ``wanted`` the columns of all others hold anything."""
        found = [scores.resampled(weights, wanted) for scores in self.repeats]
        return found[0] if len(found) == 1 else np.asarray(np.mean(found, axis=0))


def load_sample(store: Store, spec: TaskSpec, cells: Sequence[RunCell]) -> Sample:
    """The sample of one method from its cells, all of which ended ok.

    Raises BenchError: exit status 3 where a cell's scores are no longer there, and where the repeats have
    other documents.
    """
    task = get_task(spec.task)
    repeats = []
    for repeat in sorted({cell.repeat for cell in cells}):
        parts: dict[str, list[Any]] = {}
        for cell in (cell for cell in cells if cell.repeat == repeat):
            path = store.cell(cell.key) / SCORES
            of_cell = read_scores(path)
            if of_cell is None:
                raise BenchError(
                    f"the scores of {cell.method} are gone or damaged",
                    where=str(path),
                    todo="run the suite again: that heals it",
                    exit_status=3,
                )
            for name, values in of_cell.items():
                parts.setdefault(name, []).append(values)
            parts.setdefault(FOLD, []).append([cell.fold] * len(of_cell.get("id", ())))
        try:
            columns = {name: _joined(of_cells) for name, of_cells in parts.items()}
            order = sorted(range(len(columns["id"])), key=columns["id"].__getitem__)
            ordered = {name: _in_order(values, order) for name, values in columns.items()}
            repeats.append(task.scores_from_columns(spec, ordered))
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise BenchError(
                f"the scores of {cells[0].method} are no scores: {first_line(error)}",
                where=str(store.root / "cells"),
                todo="run the suite again with --fresh",
                exit_status=3,
            ) from error
    facts = [store.facts(cell.key) for cell in cells]
    noisy = len(repeats) > 1 or any(one is not None and one.stochastic for one in facts)
    sample = Sample(cells[0].method, tuple(repeats), noisy)
    if any(scores.ids != sample.ids for scores in sample.repeats):
        raise BenchError("its repeats were not tested on the same documents", where=f"method {sample.method}")
    return sample


def _joined(parts: Sequence[Any]) -> Any:
    """A column of all folds: an array where each is one, or else a list."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return [value for part in parts for value in part]


def _in_order(values: Any, order: Sequence[int]) -> Any:
    return values[order] if isinstance(values, np.ndarray) else [values[i] for i in order]
