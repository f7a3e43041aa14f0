"""Times the gate over a million paired scores and the board over ten thousand records.

    python docs/ci/scale_check.py RESULTS/runs/QUICK-RUN

The scores and records are those of a real run, repeated: documents get new ids, and a share of them the
score and the answer of their neighbour. Everything is written to a temporary folder and then judged by the
command line in a process of its own, so that the clock covers start-up, reading and printing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from readbench.compare.answers import read_answers, write_answers
from readbench.compare.paired import Side, open_side
from readbench.core.files import write_json
from readbench.results.leaderboard import build_leaderboard
from readbench.results.record import Record
from readbench.results.score_files import SCORES
from readbench.results.store import Store

DOCUMENTS = 1_000_000
RECORDS = 10_000
CHANGED = 0.02


def grown(table: pa.Table, answers: pa.Table, changed: float, seed: int) -> tuple[pa.Table, pa.Table]:
    """A million documents of a few hundred; ``changed`` of them with the scores and answer of another."""
    rows = np.resize(np.arange(len(table)), DOCUMENTS)
    generator = np.random.default_rng(seed)
    other = generator.random(DOCUMENTS) < changed
    rows[other] = generator.permutation(rows[other])
    ids = pa.array([f"paper-{i:07d}" for i in range(DOCUMENTS)])
    order = {id_: i for i, id_ in enumerate(answers.column("id").to_pylist())}
    kept = answers.take(pa.array([order[id_] for id_ in table.column("id").to_pylist()]))
    return (
        table.take(pa.array(rows)).set_column(0, "id", ids),
        pa.table({"id": ids, "answer": kept.column("answer").take(pa.array(rows))}),
    )


def _mean(column: pa.ChunkedArray) -> float | None:
    """None where no document counts: a metric that was not asked for."""
    return None if column.null_count == len(column) else float(np.nanmean(column.to_numpy()))


def write_side(side: Side, folder: Path, method: str, changed: float, *, noisy: bool) -> Path:
    """A run of one method on a million documents; with three seeds where it is ``noisy``."""
    store = Store(folder)
    cell = side.cells("keyphrases", method)[0]
    record = side.store.record(cell.key)
    assert record is not None
    table = pq.read_table(side.store.cell(cell.key) / SCORES)
    answers = read_answers(side.store.cell(cell.key))
    assert answers is not None
    cells, joint = [], {}
    for repeat in range(3 if noisy else 1):
        key = f"{repeat:040}"
        place = store.cell(key)
        place.mkdir(parents=True)
        scores, digests = grown(table, answers, changed, repeat + int(1e6 * changed))
        pq.write_table(scores, place / SCORES, compression="zstd")
        write_answers(digests, place)
        metrics = {
            name: value.model_copy(update={"value": _mean(scores.column(name)), "n": DOCUMENTS})
            for name, value in record.metrics.items()
            if name in scores.column_names
        }
        told = {"key": key, "repeat": repeat, "stochastic": noisy, "metrics": metrics}
        told["predictions_digest"] = f"{changed}-{repeat}"
        write_json(place / "record.json", record.model_copy(update=told))
        cells.append(cell.model_copy(update={"key": key, "repeat": repeat}))
        joint = {name: value.model_dump() for name, value in metrics.items()}
    manifest = side.manifest.model_copy(update={"cells": cells})
    run = store.run(manifest.name)
    run.mkdir(parents=True)
    write_json(run / "run.json", manifest)
    if noisy:
        statistics: dict[str, Any] = {"keyphrases": {"joint": {method: joint}}}
        write_json(run / "statistics.json", statistics)
    return folder


def bench(*arguments: object) -> tuple[float, int, str]:
    began = perf_counter()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "readbench.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return perf_counter() - began, done.returncode, done.stdout + done.stderr


def time_gate(side: Side, scratch: Path) -> None:
    method = build_leaderboard(side.manifest.name, side.store).tables[0].rows[0].method
    for noisy, what in ((False, "a deterministic method"), (True, "a method with training noise, 3 seeds")):
        folders = [
            write_side(side, scratch / f"{noisy}-{changed}", method, changed, noisy=noisy)
            for changed in (0.0, CHANGED)
        ]
        seconds, status, out = bench(
            "gate",
            next(iter((folders[1] / "runs").iterdir())),
            "--baseline",
            folders[0],
            "--fail-on",
            "f1@10:-1pp",
        )
        print(f"gate, {DOCUMENTS:,} paired scores of {what}: {seconds:.1f} s, exit status {status}")
        print("   ", out.strip().splitlines()[-1])


def time_board(side: Side, scratch: Path) -> None:
    """One run of 10,000 cells: 100 specs, on 10 folds with 10 seeds."""
    store = Store(scratch / "many")
    cells = [cell for cell in side.manifest.cells if cell.status == "ok"]
    new: list[Any] = []
    records: dict[str, Record] = {}
    for number in range(RECORDS):
        method, rest = divmod(number, 100)
        fold, repeat = divmod(rest, 10)
        cell = cells[method % len(cells)]
        if cell.key not in records:
            found = side.store.record(cell.key)
            assert found is not None
            records[cell.key] = found
        spelled = f"{cell.method}[n_best={method + 10}]"
        key = f"{number:040}"
        place = store.cell(key)
        place.mkdir(parents=True)
        told = {"key": key, "method": spelled, "fold": fold, "repeat": repeat}
        text = records[cell.key].model_copy(update=told).model_dump_json(indent=1)
        (place / "record.json").write_text(text)
        new.append(cell.model_copy(update=told))
    run = store.run(side.manifest.name)
    run.mkdir(parents=True)
    write_json(run / "run.json", side.manifest.model_copy(update={"cells": new}))
    names = list(dict.fromkeys(cell.method for cell in new))
    joint = {name: json.loads(next(iter(records.values())).model_dump_json())["metrics"] for name in names}
    write_json(
        run / "statistics.json",
        {
            "keyphrases": {
                "names": names,
                "rank_ranges": [[1, 100]] * 100,
                "p": [[1.0] * 100] * 100,
                "joint": joint,
            }
        },
    )
    for form in ("rich", "json"):
        seconds, status, _ = bench("leaderboard", run, "--format", form)
        print(f"leaderboard --format {form}, {RECORDS:,} records: {seconds:.1f} s, exit status {status}")


def main() -> None:
    side = open_side(sys.argv[1], "results")
    with tempfile.TemporaryDirectory() as folder:
        time_board(side, Path(folder))
        time_gate(side, Path(folder))


if __name__ == "__main__":
    main()
