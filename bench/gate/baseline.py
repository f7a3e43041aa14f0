"""A run kept as the baseline of later ones: a small results folder with its records, its scores per document
and digests of its answers, which can be committed. No text of a document goes into it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from readbench.compare.answers import read_answers, write_answers
from readbench.compare.paired import Side, open_side, score_columns, score_table, with_sources
from readbench.core.errors import BenchError
from readbench.core.files import cannot_write, write_json
from readbench.results.manifest import Manifest, RunCell
from readbench.results.places import BASELINES
from readbench.results.record import Failure, Record
from readbench.results.score_files import SCORES
from readbench.results.statistics_file import STATISTICS
from readbench.results.store import RECORD, RUN, Store
from readbench.results.tables import PREDICTIONS
from readbench.tasks import get_task
from readbench.tasks.metric import FOLD
from readbench.tasks.spec import TaskSpec

OWN = frozenset({"cells", "runs"})
"""What a baseline consists of; anything else in its folder belongs to others and is kept."""
NEVER = ("documents", "datasets", "preparations")
"""What lies in a results folder and never in a baseline."""
LEFT_OUT = "(left out of the baseline)"


@dataclass(frozen=True)
class Promoted:
    """``reused`` counts cells that another run measured: their costs will be reported, not judged."""

    folder: Path
    cells: int
    reused: int
    failed: int
    size: int


def promote(
    reference: str,
    results: Path,
    name: str | None = None,
    folder: Path = BASELINES,
    *,
    board_only: bool = False,
) -> Promoted:
    """Keeps a run as the baseline ``folder/NAME``, by default under its suite's name, in the place of an
    older one. What else lies there, such as thresholds, stays. An interruption leaves the older one in place.
    ``board_only``: what the board and its tests need, a quarter of the size: of the scores per document those
    of the board's metrics (and evidence that others are computed from), and no digests of answers.

    Raises BenchError for a run that has not finished or measured nothing, and for a place that is no older
    baseline or cannot be written.
    """
    side = open_side(reference, results)
    manifest = side.manifest
    if manifest.status != "finished":
        raise BenchError(f"the run is {manifest.status}", where=manifest.name, todo="run it to its end")
    if not any(cell.status == "ok" for cell in manifest.cells):
        raise BenchError("no cell of it ended ok", where=manifest.name, todo="mend the run first")
    place = folder / (name or manifest.suite)
    _check_place(place, {side.store.root, results})
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        workspace = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        workspace.chmod(0o755)
        try:
            _fill(workspace, side, board_only=board_only)
            _keep_what_lies_beside(place, workspace)
            Store(place).move(workspace, place, replace=True)
        finally:
            shutil.rmtree(workspace, ignore_errors=True)
    except OSError as error:
        raise cannot_write(place, error) from error
    cells = manifest.cells
    return Promoted(
        place,
        len(cells),
        sum(map(partial(_of_another_run, side), cells)),
        sum(cell.status != "ok" for cell in cells),
        sum(path.stat().st_size for path in place.rglob("*") if path.is_file()),
    )


def _check_place(place: Path, stores: set[Path]) -> None:
    """Raises BenchError where the place is taken by anything but an older baseline, a results folder above
    all: whatever lies in it would be gone."""
    why = ""
    if any(store.resolve().is_relative_to(place.resolve()) for store in stores):
        why = "it is, or holds, the results folder of the run"
    elif place.exists() and not (place / "runs").is_dir():
        why = "it is no baseline"
    elif len(Store(place).runs()) > 1:
        why = "several runs lie in it"
    elif any((place / name).exists() for name in NEVER) or any(place.glob(f"cells/*/{PREDICTIONS}")):
        why = "it is a results folder, no baseline"
    if why:
        raise BenchError(
            f"{why}, and stays as it is", where=str(place), todo="choose another --name or --folder"
        )


def _keep_what_lies_beside(place: Path, workspace: Path) -> None:
    """Thresholds, and whatever else people keep with a baseline."""
    for path in place.iterdir() if place.is_dir() else ():
        if path.name in OWN:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, workspace / path.name, symlinks=True)
        else:
            shutil.copy2(path, workspace / path.name, follow_symlinks=False)


def _of_another_run(side: Side, cell: RunCell) -> bool:
    if cell.reused or cell.status != "ok":
        return cell.reused
    return cell.is_changed(side.store.facts_with_digest(cell.key)[1])


def _fill(workspace: Path, side: Side, *, board_only: bool) -> None:
    target = Store(workspace)
    manifest = side.manifest
    cells = []
    for cell in manifest.cells:
        record = side.store.record(cell.key)
        if record is None:
            raise BenchError(
                f"the cell of {cell.method} is no longer in the results folder",
                where=manifest.name,
                todo="run the suite again",
            )
        place = target.cell(cell.key)
        place.mkdir(parents=True)
        digest = _write_compact(place / RECORD, without_text(record))
        cells.append(cell.model_copy(update={"record": digest}))
        if cell.status == "ok":
            _keep_scores(side, cell, place / SCORES, board_only=board_only)
            answers = None if board_only else read_answers(side.store.cell(cell.key))
            if answers is not None:
                write_answers(answers, place)
    run = target.run(manifest.name)
    run.mkdir(parents=True)
    write_json(run / RUN, _portable(manifest.model_copy(update={"cells": cells})))
    statistics = side.store.run(manifest.name) / STATISTICS
    if statistics.is_file():
        shutil.copyfile(statistics, run / STATISTICS)


def _keep_scores(side: Side, cell: RunCell, target: Path, *, board_only: bool) -> None:
    import pyarrow.parquet as pq

    if board_only:
        task = side.manifest.tasks[cell.task]
        known = get_task(TaskSpec.model_validate(task.spec).task).metrics
        unwanted = {metric.id for metric in known} - with_sources(known, {task.primary, *task.board})
        names = [name for name in score_columns(side.store, cell) if name not in unwanted]
        table = score_table(side.store, [cell], names).drop_columns([FOLD])
        # A file of few columns is mostly what Parquet says about them.
        pq.write_table(table, target, compression="zstd", compression_level=19, write_statistics=False)
    else:
        shutil.copyfile(side.store.cell(cell.key) / SCORES, target)


def _write_compact(path: Path, record: Record) -> str:
    """Returns the SHA-256 of the file."""
    # A record is read by programs here; indented it would be twice as long.
    content = (record.model_dump_json() + "\n").encode()
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def without_text(record: Record) -> Record:
    """A record without what may quote a document: what a method printed, and the words of its failure or of
    its errors on single documents."""
    kept: dict[str, object] = {}
    if record.failure is not None:
        kept["failure"] = Failure(type=record.failure.type, message=LEFT_OUT)
    if (failed := record.failed_documents) is not None:
        first = tuple(one.model_copy(update={"message": LEFT_OUT}) for one in failed.first)
        kept["failed_documents"] = failed.model_copy(update={"first": first})
    return record.model_copy(update=kept) if kept else record


def _portable(manifest: Manifest) -> Manifest:
    """Without the paths of the machine that it was measured on."""
    source = Path(manifest.dataset_source).name if manifest.dataset_source else ""
    return manifest.model_copy(update={"dataset_source": source, "command": ""})
