"""Every file of a results folder may be damaged: it is named, boards go on without it, the next run heals."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_process import Bench, records
from toy_runs import write_two

METHODS = ["toy.first", "toy.last"]
CONTENTS = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "deep": b"[" * 100_000,
    "of numbers": b'{"keyphrases": 1, "names": [3]}',
    "bytes": bytes(range(256)) * 4,
    "a future": b'{"schema_version": 99}',
}
FILES = [
    "cells/*/record.json",
    "cells/*/predictions.parquet",
    "cells/*/scores.parquet",
    "cells/*/sums.json",
    "preparations/*/preparation.json",
    "preparations/*/files/*",
    "documents/*/documents.jsonl",
    "datasets/*/documents.parquet",
    "datasets/*/targets.parquet",
    "runs/*/statistics.json",
    "estimates.json",
    "leases/*.json",
]


@pytest.fixture(scope="module")
def measured(extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite and the results of its run."""
    bench = Bench(extension)
    folder = tmp_path_factory.mktemp("measured")
    write_two(folder)
    done = run(bench, folder)
    assert done.returncode == 0, done.stderr
    return folder


def run(bench: Bench, folder: Path, verb: str = "run") -> subprocess.CompletedProcess[str]:
    more = ["--limit", "20", "--include-path", folder / "two.py", "--output-path", folder / "results"]
    return bench.here(verb, folder / "small.toml", *more)


@pytest.fixture
def folder(measured: Path) -> Iterator[Path]:
    """The same folder for each test, as it was: the path of a method's file is part of its key."""
    kept = measured.with_name(f"{measured.name}-kept")
    if not kept.exists():
        shutil.copytree(measured, kept)
    yield measured
    shutil.rmtree(measured)
    shutil.copytree(kept, measured)


def values(results: Path) -> dict[str, float]:
    return {method: record["metrics"]["f1@10"]["value"] for method, record in records(results).items()}


@pytest.mark.parametrize(
    "patterns",
    [
        pytest.param(FILES, id="all at once"),
        *(pytest.param([pattern], id=pattern, marks=pytest.mark.slow) for pattern in FILES),
    ],
)
def test_the_next_run_heals(bench: Bench, measured: Path, folder: Path, patterns: list[str]) -> None:
    results = folder / "results"
    (results / "leases").mkdir(exist_ok=True)
    (results / "leases" / f"{'a' * 12}.json").touch()
    damaged = [path for pattern in patterns for path in results.glob(pattern) if path.is_file()]
    assert len(damaged) >= len(patterns)
    for path, content in zip(damaged, [*CONTENTS.values()] * len(damaged), strict=False):
        path.write_bytes(content)
    board = bench.here("leaderboard", "--output-path", results)
    assert board.returncode == 0, board.stderr
    assert "internal error" not in board.stderr
    again = run(bench, folder)
    assert again.returncode == 0, again.stderr
    assert values(results) == values(measured / "results")
    board = bench.here("leaderboard", "--output-path", results)
    assert board.returncode == 0
    assert board.stderr == ""
    for method in METHODS:
        assert method in board.stdout
    assert bench.here("show", "small", "toy.last", "--output-path", results).returncode == 0


@pytest.mark.parametrize("pattern", ["cells/*/record.json", "runs/*/statistics.json", "estimates.json"])
@pytest.mark.parametrize("content", CONTENTS)
def test_boards_go_on(folder: Path, pattern: str, content: str) -> None:
    from readbench.core.errors import DamagedFile
    from readbench.report.markup import as_json
    from readbench.results.estimates import Estimates
    from readbench.results.leaderboard import build_leaderboard, find_run
    from readbench.results.store import Store

    path = next((folder / "results").glob(pattern))
    path.write_bytes(CONTENTS[content])
    store = Store(folder / "results")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        board = build_leaderboard(find_run(None, store), store)
        Estimates(store.root)
    assert [one for one in said if one.category is DamagedFile and path.name in str(one.message)]
    assert {row["method"] for row in json.loads(as_json(board))["rows"]} == set(METHODS)


STORED = ("cells/*/record.json", "cells/*/scores.parquet", "cells/*/sums.json", "runs/*/statistics.json")


def test_pipes_and_devices_count_as_absent(bench: Bench, measured: Path, folder: Path) -> None:
    """Whoever opens a pipe that nobody writes to waits for ever, and ``/dev/zero`` has no end."""
    results = folder / "results"
    for number, pattern in enumerate(STORED):
        path = next(results.glob(pattern))
        path.unlink()
        if number % 2:
            path.symlink_to("/dev/zero")
        else:
            os.mkfifo(path)
    board = bench.here("leaderboard", "--output-path", results)
    assert board.returncode == 0, board.stderr
    assert "is no regular file: it is a named pipe" in board.stderr
    again = run(bench, folder)
    assert again.returncode == 0, again.stderr
    assert values(results) == values(measured / "results")


@pytest.mark.parametrize("name", ["/dev/zero", "../../../estimates.json", "a\0b", "", "."])
def test_sums_name_files_of_their_folder_alone(bench: Bench, folder: Path, name: str) -> None:
    path = next((folder / "results").glob("cells/*/sums.json"))
    path.write_text(json.dumps({name: "0" * 64}))
    again = run(bench, folder)
    assert again.returncode == 0, again.stderr
    assert f"{path}: " in again.stderr.replace("\n", " ")


@pytest.mark.parametrize("content", CONTENTS)
def test_a_damaged_manifest_is_one_line(bench: Bench, folder: Path, content: str) -> None:
    path = next((folder / "results").glob("runs/*/run.json"))
    path.write_bytes(CONTENTS[content])
    board = bench.here("leaderboard", path.parent.name, "--output-path", folder / "results")
    assert board.returncode in (2, 3)
    assert board.stderr.count("\n") == 1
    assert str(path) in board.stderr
    assert "internal error" not in board.stderr


def test_a_record_that_was_changed_is_shown_as_such(bench: Bench, folder: Path) -> None:
    results = folder / "results"
    path = next(p for p in results.glob("cells/*/record.json") if '"toy.last"' in p.read_text())
    record = json.loads(path.read_text())
    record["metrics"]["f1@10"]["value"] = 0.999
    path.write_text(json.dumps(record))
    board = bench.here("leaderboard", "--output-path", results).stdout
    assert "after this run: toy.last" in board
    rows = json.loads(bench.here("leaderboard", "--format", "json", "--output-path", results).stdout)["rows"]
    assert {row["method"]: row["changed_since_the_run"] for row in rows} == {
        "toy.last": True,
        "toy.first": False,
    }
    plan = run(bench, folder, "plan")
    assert "record.json is damaged" in " ".join(plan.stdout.split())
    assert run(bench, folder).returncode == 0
    assert values(results)["toy.last"] < 0.9


def test_what_is_whole_is_not_measured_again(bench: Bench, folder: Path) -> None:
    results = folder / "results"
    before = {method: record["started_at"] for method, record in records(results).items()}
    for path in results.glob("cells/*/scores.parquet"):
        path.unlink()
    done = run(bench, folder)
    assert done.returncode == 0, done.stderr
    assert {method: record["started_at"] for method, record in records(results).items()} == before
    assert len(list(results.glob("cells/*/scores.parquet"))) == len(METHODS)
