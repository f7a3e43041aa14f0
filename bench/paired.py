"""Two runs side by side: what they measured of the same method, on the same documents in the same order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from readbench.answers import read_answers
from readbench.board import Leaderboard, Row, build_leaderboard, cells_by_method, find_run, open_store
from readbench.errors import BenchError
from readbench.record import Manifest, RunCell
from readbench.samples import Sample, load_sample
from readbench.score_files import SCORES
from readbench.store import Store
from readbench.tasks import get_task
from readbench.tasks.metric import OfSample
from readbench.tasks.spec import TaskSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from readbench.power import Floats

ENOUGH = 20_000
"""With more documents than this, the uncertainty comes from a seeded sample of that many, scaled: it falls
with the root of their number. Values and differences are always those of all documents."""


class Incomparable(Exception):
    """Why two results must not be compared."""


@dataclass(frozen=True)
class Side:
    """One of the two runs, with the store that it lies in and its board."""

    store: Store
    board: Leaderboard

    @property
    def manifest(self) -> Manifest:
        return self.board.manifest

    def cells(self, task: str, method: str) -> list[RunCell]:
        return cells_by_method(self.manifest, task).get(method, [])


def open_side(reference: str, results: Path | str) -> Side:
    """A run by name, folder or suite, or a baseline's folder (a results folder with one run in it).

    Raises BenchError where there is neither, and for a folder with several runs.
    """
    if Path(reference, "runs").is_dir():
        store = Store(reference)
        names = store.runs()
        if len(names) != 1:
            raise BenchError(
                f"{len(names)} runs lie in it, not one", where=reference,
                todo="name a run, or a folder that `bench baseline` wrote",
            )  # fmt: skip
        return Side(store, build_leaderboard(names[0], store))
    store = open_store(reference, results)
    return Side(store, build_leaderboard(find_run(reference, store), store))


@dataclass(frozen=True)
class Pair:
    """One method in both runs; a side is None where it has no such method."""

    task: str
    method: str
    before: Row | None
    after: Row | None

    @property
    def stochastic(self) -> bool:
        """Whether the method has training noise; where no record says so, several seeds do."""
        records = [record for row in (self.before, self.after) if row for record in row.records]
        told = [record.stochastic for record in records if record.stochastic is not None]
        return any(told) if told else any(record.repeat > 0 for record in records)

    @property
    def identical(self) -> bool:
        """Whether every cell of both sides predicted the same, bit by bit."""
        if self.before is None or self.after is None:
            return False
        before, after = (
            {(r.fold, r.repeat): r.predictions_digest for r in row.records}
            for row in (self.before, self.after)
        )
        return bool(before) and before == after and None not in before.values()


def pair_methods(before: Side, after: Side) -> list[Pair]:
    """Every method of either run, in the order of the board before; what is new comes last."""
    rows: dict[tuple[str, str], list[Row | None]] = {}
    for place, side in enumerate((before, after)):
        for table in side.board.tables:
            for row in table.rows:
                rows.setdefault((row.task, row.method), [None, None])[place] = row
    return [Pair(task, method, old, new) for (task, method), (old, new) in rows.items()]


@dataclass(frozen=True, eq=False)
class PairedScores:
    """The scores of one method in both runs, on the same documents in the same order. ``documents`` counts
    all of them; the samples hold all or a seeded choice of them."""

    before: Sample
    after: Sample
    documents: int

    @property
    def shrink(self) -> float:
        """What a standard error from the samples is multiplied with to be that of all documents."""
        return math.sqrt(len(self.before.ids) / self.documents)

    @property
    def seeds(self) -> int:
        return min(len(self.before.repeats), len(self.after.repeats))


def paired_scores(before: Side, after: Side, pair: Pair, *, enough: int = ENOUGH) -> PairedScores:
    """Reads what both runs scored for a method. This is the one place that knows how scores are kept.

    Raises Incomparable where the documents are not the same, BenchError where the scores cannot be read.
    """
    spec = TaskSpec.model_validate(after.manifest.tasks[pair.task].spec)
    cells = [side.cells(pair.task, pair.method) for side in (before, after)]
    count = check_documents(before, after, pair)
    if count <= enough:
        samples = [load_sample(side.store, spec, c) for side, c in zip((before, after), cells, strict=True)]
    else:
        chosen: pa.Array | None = None
        samples = []
        for side, of_side in zip((before, after), cells, strict=True):
            sample, chosen = _part_of_sample(side.store, spec, of_side, chosen, enough)
            samples.append(sample)
    if samples[0].ids != samples[1].ids:
        raise Incomparable("they were not tested on the same documents")
    return PairedScores(samples[0], samples[1], count)


def check_documents(before: Side, after: Side, pair: Pair) -> int:
    """The number of documents of both; Incomparable where they are not the same ones."""
    import pyarrow.compute as pc

    ids = []
    for side in (before, after):
        cells = side.cells(pair.task, pair.method)
        first = min(cell.repeat for cell in cells)
        ids.append(_column(side.store, [cell for cell in cells if cell.repeat == first], "id"))
    if len(ids[0]) != len(ids[1]):
        raise Incomparable(f"{len(ids[0])} documents before, {len(ids[1])} after")
    if not ids[0].equals(ids[1]):
        ordered = [found.take(pc.sort_indices(found)) for found in ids]
        if not ordered[0].equals(ordered[1]):
            raise Incomparable("they were not tested on the same documents")
    return len(ids[0])


def _column(store: Store, cells: Sequence[RunCell], name: str) -> pa.ChunkedArray:
    return _table(store, cells, [name]).column(name)


def _table(store: Store, cells: Sequence[RunCell], columns: Sequence[str] | None = None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for cell in cells:
        path = store.cell(cell.key) / SCORES
        try:
            tables.append(pq.read_table(path, columns=columns))
        except (OSError, pa.ArrowException) as error:
            raise BenchError(
                f"the scores of {cell.method} cannot be read: {type(error).__name__}", where=str(path),
                todo="run the suite again",
            ) from error  # fmt: skip
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def _part_of_sample(
    store: Store, spec: TaskSpec, cells: Sequence[RunCell], chosen: pa.Array | None, enough: int
) -> tuple[Sample, pa.Array]:
    """The sample of a seeded choice of documents: of these, where the other side has chosen already."""
    import pyarrow as pa
    import pyarrow.compute as pc

    task = get_task(spec.task)
    repeats = []
    for repeat in sorted({cell.repeat for cell in cells}):
        table = _table(store, [cell for cell in cells if cell.repeat == repeat])
        if chosen is None:
            rows = np.sort(np.random.default_rng(0).choice(len(table), enough, replace=False))
            chosen = pc.take(table.column("id").combine_chunks(), pa.array(rows))
            chosen = chosen.take(pc.sort_indices(chosen))
        places = pc.index_in(chosen, value_set=table.column("id").combine_chunks())
        repeats.append(task.scores_from_columns(spec, table.take(places).to_pydict()))
    assert chosen is not None
    return Sample(cells[0].method, tuple(repeats)), chosen


@dataclass(frozen=True, slots=True)
class Flip:
    """A document that was answered differently, and its value of ``metric`` before and after; None where
    it does not count."""

    id: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float:
        return (self.after or 0.0) - (self.before or 0.0)


@dataclass(frozen=True)
class Flips:
    """The documents that were answered differently, what became worst first. ``metric`` has a value per
    document and is the one that their values are of."""

    metric: str
    found: tuple[Flip, ...]


def find_flips(before: Side, after: Side, pair: Pair) -> Flips:
    """Which documents a method answers differently with some seed, and what they score, averaged over the
    seeds. Where a run does not keep its answers, those documents whose score differs."""
    metric = _metric_of_documents(after, pair)
    found: dict[str, Flip] = {}
    cells = [
        {(cell.fold, cell.repeat): cell for cell in side.cells(pair.task, pair.method)}
        for side in (before, after)
    ]
    for place in sorted(cells[0].keys() & cells[1].keys()):
        tables = [
            _answered(side.store, of_side[place], metric.id)
            for side, of_side in zip((before, after), cells, strict=True)
        ]
        for flip in _differing(*tables):
            found.setdefault(flip.id, flip)
    sign = 1 if metric.higher_is_better else -1
    return Flips(metric.id, tuple(sorted(found.values(), key=lambda flip: (sign * flip.change, flip.id))))


def _metric_of_documents(side: Side, pair: Pair) -> Any:
    task = get_task(pair.task)
    primary = task.metric(side.manifest.tasks[pair.task].primary)
    if isinstance(primary.aggregate, OfSample):
        return next(metric for metric in task.metrics if not isinstance(metric.aggregate, OfSample))
    return primary


def _answered(store: Store, cell: RunCell, metric: str) -> tuple[pa.Array, Any, Floats]:
    """Ids in their order, answers (None where they were not kept) and values (NaN where one does not
    count) of the documents of a cell."""
    import pyarrow.compute as pc

    table = _table(store, [cell], ["id", metric])
    table = table.take(pc.sort_indices(table.column("id")))
    values = table.column(metric).cast("float64").to_numpy(zero_copy_only=False)
    answers = read_answers(store.cell(cell.key))
    texts = None
    if answers is not None:
        answers = answers.take(pc.sort_indices(answers.column("id")))
        if answers.column("id").equals(table.column("id")):
            texts = answers.column("answer")
    return table.column("id"), texts, values


def _differing(before: tuple[pa.Array, Any, Floats], after: tuple[pa.Array, Any, Floats]) -> list[Flip]:
    import pyarrow.compute as pc

    ids, old, values = before
    other_ids, new, other_values = after
    if not ids.equals(other_ids):
        return []
    if old is not None and new is not None:
        differs = pc.not_equal(old, new).to_numpy()
    else:
        differs = ~((values == other_values) | (np.isnan(values) & np.isnan(other_values)))
    return [
        Flip(ids[int(i)].as_py(), _number(values[i]), _number(other_values[i]))
        for i in np.flatnonzero(differs)
    ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
