"""Two runs side by side: what they measured of the same method, on the same documents in the same order."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from readbench.board import Leaderboard, Row, build_leaderboard, cells_by_method, find_run, open_store
from readbench.errors import BenchError
from readbench.record import Manifest, RunCell
from readbench.samples import Sample, load_sample
from readbench.score_files import SCORES
from readbench.store import Store
from readbench.tasks import get_task
from readbench.tasks.metric import Metric, OfMeans, Scores
from readbench.tasks.spec import TaskSpec

if TYPE_CHECKING:
    import pyarrow as pa


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


def paired_scores(
    before: Side, after: Side, pair: Pair, metrics: Collection[str] = (), *, enough: int = ENOUGH
) -> PairedScores:
    """Reads what both runs scored for a method; of ``metrics`` alone, or all of them where none is named.
    This is the one place that knows how scores are kept.

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
            sample, chosen = _part_of_sample(side.store, spec, of_side, metrics, chosen, enough)
            samples.append(sample)
    samples = [_only(sample, metrics) for sample in samples]
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
    return score_table(store, cells, [name]).column(name)


def score_table(store: Store, cells: Sequence[RunCell], columns: Sequence[str] | None = None) -> pa.Table:
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
    store: Store,
    spec: TaskSpec,
    cells: Sequence[RunCell],
    metrics: Collection[str],
    chosen: pa.Array | None,
    enough: int,
) -> tuple[Sample, pa.Array]:
    """The sample of a seeded choice of documents: of these, where the other side has chosen already."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    task = get_task(spec.task)
    unasked = {metric.id for metric in task.metrics} - _with_sources(task.metrics, metrics)
    repeats = []
    for repeat in sorted({cell.repeat for cell in cells}):
        of_repeat = [cell for cell in cells if cell.repeat == repeat]
        names = pq.read_schema(store.cell(of_repeat[0].key) / SCORES).names
        table = score_table(store, of_repeat, [name for name in names if name not in unasked])
        if chosen is None:
            rows = np.sort(np.random.default_rng(0).choice(len(table), enough, replace=False))
            chosen = pc.take(table.column("id").combine_chunks(), pa.array(rows))
            chosen = chosen.take(pc.sort_indices(chosen))
        places = pc.index_in(chosen, value_set=table.column("id").combine_chunks())
        repeats.append(task.scores_from_columns(spec, table.take(places).to_pydict()))
    assert chosen is not None
    return Sample(cells[0].method, tuple(repeats)), chosen


def _only(sample: Sample, metrics: Collection[str]) -> Sample:
    """The sample with the named metrics alone, where its scores are plain columns: resampling thirty metrics
    to judge one takes thirty times as long."""
    if not metrics or any(type(scores) is not Scores for scores in sample.repeats):
        return sample
    wanted = _with_sources(sample.metrics, metrics)
    places = [place for place, metric in enumerate(sample.metrics) if metric.id in wanted]
    kept = tuple(sample.metrics[place] for place in places)
    repeats = tuple(Scores(kept, scores.ids, scores.values[:, places]) for scores in sample.repeats)
    return Sample(sample.method, repeats)


def _with_sources(known: Iterable[Metric], metrics: Collection[str]) -> set[str]:
    """The named metrics, or all, with those that they are computed from."""
    chosen = {metric.id for metric in known if not metrics or metric.id in metrics}
    return chosen | {
        source
        for metric in known
        if metric.id in chosen and isinstance(metric.aggregate, OfMeans)
        for source in metric.aggregate.sources
    }
