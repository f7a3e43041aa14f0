"""Two runs side by side: the scores of each method on the same documents in the same order."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from readbench.core.errors import BenchError
from readbench.results.leaderboard import (
    Leaderboard,
    Row,
    build_leaderboard,
    cells_by_method,
    find_run,
    open_store,
)
from readbench.results.manifest import Manifest, RunCell
from readbench.results.samples import Sample, load_sample
from readbench.results.score_files import SCORES
from readbench.results.store import Store
from readbench.tasks import get_task
from readbench.tasks.metric import FOLD, Metric, OfMeans, Scores
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
                f"{len(names)} runs lie in it, not one",
                where=reference,
                todo="name a run, or a folder that `bench baseline` wrote",
            )
        return Side(store, build_leaderboard(names[0], store))
    store = open_store(reference, results)
    return Side(store, build_leaderboard(find_run(reference, store), store))


@dataclass(frozen=True)
class Pair:
    """One method in both runs; a side is None where that run does not have it. Where the suite chose its
    parameters, the two sides may spell it differently; ``method`` is the spec after."""

    task: str
    method: str
    before: Row | None
    after: Row | None

    @property
    def stochastic(self) -> bool:
        """Whether the method has training noise; where no record says so, several seeds do."""
        records = [record for row in (self.before, self.after) if row for record in row.records]
        stated = [record.stochastic for record in records if record.stochastic is not None]
        return any(stated) if stated else any(record.repeat > 0 for record in records)

    @property
    def noise_is_new(self) -> bool:
        """Whether the method says that it has training noise, and said before that it had none."""
        before, after = (
            {record.stochastic for record in row.records} if row else set()
            for row in (self.before, self.after)
        )
        return before == {False} and True in after

    def cells(self, before: Side, after: Side) -> tuple[list[RunCell], list[RunCell]]:
        """The cells of both sides."""
        old, new = (
            side.cells(self.task, self.method if row is None else row.method)
            for side, row in ((before, self.before), (after, self.after))
        )
        return old, new

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
    """Every method of either run, in the order of the board before, new ones last. Two rows whose parameters
    were chosen are one method where the suite asked for the same, whatever it chose."""
    rows: dict[tuple[str, str], list[Row | None]] = {}
    for place, side in enumerate((before, after)):
        for table in side.board.tables:
            for row in table.rows:
                rows.setdefault((row.task, row.method), [None, None])[place] = row
    pairs = [Pair(task, method, old, new) for (task, method), (old, new) in rows.items()]
    gone = _chosen(pair.before for pair in pairs if pair.after is None)
    came = _chosen(pair.after for pair in pairs if pair.before is None)
    joined = {(asked[0], gone[asked].method): came[asked] for asked in gone.keys() & came.keys()}
    kept = []
    for pair in pairs:
        partner = joined.get((pair.task, pair.method))
        if partner is not None:
            kept.append(Pair(pair.task, partner.method, pair.before, partner))
        elif pair.before is not None or all(pair.after is not row for row in joined.values()):
            kept.append(pair)
    return kept


def _chosen(rows: Iterable[Row | None]) -> dict[tuple[str, str], Row]:
    """Rows of tuned methods by task and what the suite asked for, where it asked for that once."""
    tuned: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row is not None and row.chosen is not None:
            tuned.setdefault((row.task, row.chosen.asked), []).append(row)
    return {asked: same[0] for asked, same in tuned.items() if len(same) == 1}


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
    """Reads the scores of a method in both runs: the named ``metrics``, or all of them where none is named.

    Raises Incomparable where the documents are not the same, BenchError where the scores cannot be read.
    """
    spec = TaskSpec.model_validate(after.manifest.tasks[pair.task].spec)
    cells = pair.cells(before, after)
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
    """The number of documents of both; Incomparable where they are not the same ones with every seed."""
    import pyarrow.compute as pc

    first, ordered = None, None
    for side, cells in zip((before, after), pair.cells(before, after), strict=True):
        for repeat in sorted({cell.repeat for cell in cells}):
            ids = _column(side.store, [cell for cell in cells if cell.repeat == repeat], "id")
            first = ids if first is None else first
            if len(ids) != len(first):
                raise Incomparable(f"they were tested on {len(first)} documents and on {len(ids)}")
            if ids.equals(first):
                continue
            ordered = first.take(pc.sort_indices(first)) if ordered is None else ordered
            if not ids.take(pc.sort_indices(ids)).equals(ordered):
                raise Incomparable("they were not tested on the same documents")
    return 0 if first is None else len(first)


def _column(store: Store, cells: Sequence[RunCell], name: str) -> pa.ChunkedArray:
    return score_table(store, cells, [name]).column(name)


def score_table(store: Store, cells: Sequence[RunCell], columns: Sequence[str] | None = None) -> pa.Table:
    """The scores of cells, one after the other, and the fold of each document.

    Raises BenchError, exit status 3, where the scores of a cell are gone or cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for cell in cells:
        with _reading(store, cell) as path:
            table = pq.read_table(path, columns=columns)
        tables.append(table.append_column(FOLD, pa.array(np.full(len(table), cell.fold))))
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def score_columns(store: Store, cell: RunCell) -> list[str]:
    """What the scores of a cell have a column of; raises as ``score_table``."""
    import pyarrow.parquet as pq

    with _reading(store, cell) as path:
        return list(pq.read_schema(path).names)


@contextmanager
def _reading(store: Store, cell: RunCell) -> Iterator[Path]:
    import pyarrow as pa

    path = store.cell(cell.key) / SCORES
    try:
        yield path
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise BenchError(
            f"the scores of {cell.method} are gone or damaged",
            where=str(path),
            todo="run the suite again: that heals it",
            exit_status=3,
        ) from error


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

    task = get_task(spec.task)
    unasked = {metric.id for metric in task.metrics} - with_sources(task.metrics, metrics)
    repeats = []
    for repeat in sorted({cell.repeat for cell in cells}):
        of_repeat = [cell for cell in cells if cell.repeat == repeat]
        names = score_columns(store, of_repeat[0])
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
    """The sample reduced to the named metrics, where its scores are plain columns. Resampling takes time for
    every metric."""
    if not metrics or any(type(scores) is not Scores for scores in sample.repeats):
        return sample
    wanted = with_sources(sample.metrics, metrics)
    places = [place for place, metric in enumerate(sample.metrics) if metric.id in wanted]
    kept = tuple(sample.metrics[place] for place in places)
    repeats = tuple(Scores(kept, scores.ids, scores.values[:, places]) for scores in sample.repeats)
    return Sample(sample.method, repeats)


def with_sources(known: Iterable[Metric], metrics: Collection[str]) -> set[str]:
    """The named metrics, or all, with those that they are computed from."""
    chosen = {metric.id for metric in known if not metrics or metric.id in metrics}
    return chosen | {
        source
        for metric in known
        if metric.id in chosen and isinstance(metric.aggregate, OfMeans)
        for source in metric.aggregate.sources
    }
