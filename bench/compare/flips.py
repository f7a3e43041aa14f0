"""The documents that a method answers differently in two runs, and what that did to their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from readbench.compare.answers import read_answers
from readbench.compare.paired import Incomparable, Pair, Side, score_columns, score_table
from readbench.results.manifest import RunCell
from readbench.results.store import Store
from readbench.tasks import get_task
from readbench.tasks.metric import Metric, OfSample

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Flip:
    """A document that was answered differently, and its value of ``metric`` before and after; None where
    it does not count."""

    id: str
    before: float | None
    after: float | None

    @property
    def moved(self) -> bool:
        """Whether its value is another one. Where no metric has a value per document, nobody knows."""
        return self.before != self.after or self.before is None

    @property
    def change(self) -> float:
        return (self.after or 0.0) - (self.before or 0.0)


@dataclass(frozen=True)
class Flips:
    """The documents that were answered differently, the greatest loss first. ``metric`` is the one whose
    values they show; empty where the runs share no metric with a value per document."""

    metric: str
    found: tuple[Flip, ...]


def find_flips(before: Side, after: Side, pair: Pair) -> Flips:
    """Which documents a method answers differently with some seed, and what they score, averaged over the
    seeds. Where a run does not keep its answers, those documents whose score differs.

    Raises Incomparable where a cell was not tested on the same documents, BenchError where scores cannot be
    read.
    """
    of_sides = pair.cells(before, after)
    metric = _metric_of_documents(before, after, pair)
    flips: dict[str, Flip] = {}
    cells = [{(cell.fold, cell.repeat): cell for cell in of_side} for of_side in of_sides]
    for place in sorted(cells[0].keys() & cells[1].keys()):
        old, new = (
            _answered(side.store, of_side[place], metric)
            for side, of_side in zip((before, after), cells, strict=True)
        )
        for flip in _differing(old, new):
            flips.setdefault(flip.id, flip)
    sign = 1 if metric is None or metric.higher_is_better else -1
    ordered = sorted(flips.values(), key=lambda flip: (sign * flip.change, flip.id))
    return Flips("" if metric is None else metric.id, tuple(ordered))


def _metric_of_documents(before: Side, after: Side, pair: Pair) -> Metric | None:
    """The primary metric, or else the first one, that has a value per document in the scores of both."""
    task = get_task(pair.task)
    primary = task.metric(after.manifest.tasks[pair.task].primary)
    cells = zip((before, after), pair.cells(before, after), strict=True)
    known = [score_columns(side.store, of_side[0]) for side, of_side in cells]
    for metric in (primary, *task.metrics):
        if not isinstance(metric.aggregate, OfSample) and all(metric.id in columns for columns in known):
            return metric
    return None


def _answered(store: Store, cell: RunCell, metric: Metric | None) -> pa.Table:
    """``id``, ``value`` (NaN where it does not count) and, where answers were kept, ``answer`` of the
    documents of a cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = score_table(store, [cell], ["id"] if metric is None else ["id", metric.id])
    values = pa.nulls(len(table)) if metric is None else table.column(metric.id)
    values = pc.fill_null(values.cast("float64"), math.nan)
    table = pa.table({"id": table.column("id"), "value": values})
    answers = read_answers(store.cell(cell.key))
    if answers is None:
        return table
    answers = _in_order(answers, table)
    return table if answers is None else table.append_column("answer", answers.column("answer"))


def _in_order(table: pa.Table, like: pa.Table) -> pa.Table | None:
    """A table with its rows in the order of the ids of another; None where these are not the same. Sorting a
    million texts takes seconds, and nearly always they are in order already."""
    import pyarrow.compute as pc

    if table.column("id").equals(like.column("id")):
        return table
    places = pc.index_in(like.column("id"), value_set=table.column("id").combine_chunks())
    if places.null_count or len(table) != len(like):
        return None
    return table.take(places)


def _differing(before: pa.Table, after: pa.Table) -> list[Flip]:
    import pyarrow.compute as pc

    ordered = _in_order(after, before)
    if ordered is None:
        raise Incomparable("a fold was not tested on the same documents")
    old, new = (table.column("value").to_numpy() for table in (before, ordered))
    if "answer" in before.column_names and "answer" in ordered.column_names:
        differs = pc.not_equal(before.column("answer"), ordered.column("answer")).to_numpy()
    else:
        differs = ~((old == new) | (np.isnan(old) & np.isnan(new)))
    rows = np.flatnonzero(differs)
    ids = before.column("id").take(rows).to_pylist()
    return [Flip(id_, _number(old[i]), _number(new[i])) for id_, i in zip(ids, rows, strict=True)]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
