"""What survives a kill, an interruption, a twin and a full disk: every cell that had ended."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_process import Bench, records, workspaces, write_suite

SLOW = [f"hostile.slow[label={label}, seconds=0.5]" for label in "abcdef"]


def contents(results: Path) -> dict[str, bytes]:
    """Every file of every finished cell."""
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in results.glob("cells/[!.]*/*")
        if path.is_file()
    }


def wait_for_cells(process: subprocess.Popen[str], results: Path, count: int) -> None:
    end = time.monotonic() + 60
    while len(list(results.glob("cells/[!.]*/record.json"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def run_statuses(results: Path) -> list[str]:
    return sorted(json.loads(path.read_text())["status"] for path in results.glob("runs/*/run.json"))


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_killed_run_goes_on_where_it_was(bench: Bench, tmp_path: Path, workers: int) -> None:
    results, suite = tmp_path / "results", write_suite(tmp_path, ["hostile.forks", *SLOW])
    command = ["run", suite, "--limit", "12", "--workers", workers, "--output-path", results]
    process = bench.start(*command)
    wait_for_cells(process, results, 3)
    # The parent alone, and in the middle of a cell: it can clean up nothing.
    time.sleep(0.3)
    process.kill()
    process.communicate()
    assert bench.survivors(within_s=2.0) == []
    before, ended = contents(results), records(results)
    assert 3 <= len(ended) < 7
    board = bench.here("leaderboard", "--output-path", results).stdout
    assert "This run is killed" in board
    assert sum(f"{method} " in board for method in ended) >= len(ended) - 1
    assert "pending" in board
    assert workspaces(results)

    again = bench.here(*command)
    assert again.returncode == 0, again.stderr
    after = contents(results)
    assert {name: after[name] for name in before} == before
    assert {record["status"] for record in records(results).values()} == {"ok"}
    assert len(records(results)) == 7
    assert all(records(results)[m]["started_at"] == ended[m]["started_at"] for m in ended)
    assert workspaces(results) == []
    assert run_statuses(results) == ["finished", "running"]


def test_a_run_killed_while_it_forks_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    """A hoarder in a session of its own is found though it has left its parents and its group."""
    suite = write_suite(tmp_path, ["hostile.forkhoard[detached=true]"], memory="8GiB")
    process = bench.start("run", suite, "--limit", "12", "--output-path", tmp_path / "results")
    end = time.monotonic() + 30
    while len(bench.alive()) < 4:  # command, server, cell, hoarder
        assert time.monotonic() < end
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert bench.survivors(within_s=2.0) == []


def test_a_run_killed_while_it_imports_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, ["hostile.slowimport"])
    process = bench.start("run", suite, "--limit", "12", "--output-path", tmp_path / "results")
    assert process.stdout is not None
    for line in process.stdout:
        if "importing libraries" in line:
            break
    time.sleep(1.5)
    process.kill()
    process.communicate()
    assert bench.survivors(within_s=2.0) == []


def test_an_interrupted_run_keeps_what_had_ended(bench: Bench, tmp_path: Path) -> None:
    results, suite = tmp_path / "results", write_suite(tmp_path, SLOW)
    process = bench.start("run", suite, "--limit", "12", "--output-path", results)
    wait_for_cells(process, results, 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted; finished cells are kept" in errors
    assert "Traceback" not in errors
    assert bench.survivors() == []
    assert run_statuses(results) == ["interrupted"]
    kept = records(results)
    assert 2 <= len(kept) < 6
    assert {record["status"] for record in kept.values()} == {"ok"}
    assert workspaces(results) == []
    # The board of an interrupted run shows what there is.
    board = bench.here("leaderboard", "--format", "json", "--output-path", results)
    assert board.returncode == 0, board.stderr
    assert {row["method"] for row in json.loads(board.stdout)["rows"]} == set(kept)


def test_two_identical_runs_at_once(bench: Bench, tmp_path: Path) -> None:
    methods = [f"hostile.slow[label={label}, seconds=0.05]" for label in "abcdefghij"]
    results, suite = tmp_path / "results", write_suite(tmp_path, methods)
    command = ["run", suite, "--limit", "12", "--output-path", results]
    both = [bench.start(*command) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert run_statuses(results) == ["finished", "finished"]
    first, second = (
        [(cell["key"], cell["status"]) for cell in json.loads(path.read_text())["cells"]]
        for path in results.glob("runs/*/run.json")
    )
    assert first == second
    assert {key for key, _ in first} == {record["key"] for record in records(results).values()}
    assert workspaces(results) == []


WRITER = """
import sys
from readbench.results.store import Store
store = Store(sys.argv[1])
for turn in range(60):
    store.sweep()
    workspace = store.workspace("cells", "a" * 40)
    (workspace / "first").write_text(f"{sys.argv[2]} {turn}")
    (workspace / "second").write_text(f"{sys.argv[2]} {turn}")
    store.publish(workspace, store.cell("a" * 40), replace=True)
"""


def test_a_cell_that_many_replace_is_always_there_and_whole(tmp_path: Path) -> None:
    cell = tmp_path / "cells" / ("a" * 40)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(i)], stderr=subprocess.PIPE, text=True
        )
        for i in range(3)
    ]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        if not seen and not cell.exists():
            continue
        # By descriptor: the folder that was opened is one version, whatever its name means meanwhile.
        folder = os.open(cell, os.O_RDONLY)
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - a descriptor
            # A replaced version may be on its way out; the one under the name never is.
            seen += names == ["first", "second", "sums.json"]
        finally:
            os.close(folder)
    assert [(writer.wait(), writer.communicate()[1]) for writer in writers] == [(0, "")] * 3
    assert seen
    assert (cell / "first").read_text() == (cell / "second").read_text()
    assert workspaces(tmp_path) == []


def test_who_comes_first_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    from readbench.results.store import Store

    store, found = Store(tmp_path), []
    for turn, replace in (("first", False), ("second", False), ("third", True)):
        workspace = store.workspace("cells", "c" * 40)
        (workspace / "file").write_text(turn)
        store.publish(workspace, store.cell("c" * 40), replace=replace)
        found.append((store.cell("c" * 40) / "file").read_text())
    assert found == ["first", "first", "third"]
    assert workspaces(tmp_path) == []


def test_a_sweep_leaves_others_alone(tmp_path: Path) -> None:
    from readbench.results.store import Store

    store = Store(tmp_path)
    mine = store.workspace("cells", "b" * 40)
    foreign = tmp_path / "reference" / ".not-a-workspace"
    foreign.mkdir(parents=True)
    dead = mine.with_name(mine.name.replace(store.lease.id, "0" * 12))
    dead.mkdir()
    assert store.sweep() == 1
    assert mine.is_dir()
    assert foreign.is_dir()
    assert not dead.exists()


# -- where nothing can be written -----------------------------------------------------------------


def refused(bench: Bench, folder: Path, results: Path, limit: int | None = None) -> None:
    """The run ends with status 3 and one line that says what to do."""
    suite = write_suite(folder, ["hostile.good", "hostile.slow[seconds=0.1]"])

    def limit_files() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = bench("run", suite, "--limit", "12", "--output-path", results, limit_files=limit_files)
    assert done.returncode == 3, (done.stdout, done.stderr)
    # Before it there may be notes: the disk is full for optional looks, too.
    *notes, line = done.stderr.splitlines()
    assert all(note.startswith("bench: ") for note in notes), done.stderr
    assert "results cannot be written" in line
    assert "--output-path" in done.stderr
    assert bench.survivors() == []
    # No cell takes the blame for the disk.
    assert {record["status"] for record in records(results).values()} <= {"ok"}


def test_a_results_folder_below_a_file(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    refused(bench, tmp_path, tmp_path / "file" / "results")


@pytest.mark.parametrize("name", ["cells", "documents"])
def test_a_file_in_the_place_of_a_folder(bench: Bench, tmp_path: Path, name: str) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / name).write_text("not a folder")
    refused(bench, tmp_path, tmp_path / "results")


def test_a_read_only_results_folder(bench: Bench, tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir(mode=0o555)
    if os.access(results, os.W_OK):
        pytest.skip("this user may write everywhere")
    refused(bench, tmp_path, results)


@pytest.mark.parametrize("limit", [200, 4_000, 20_000])
def test_files_that_may_not_grow(bench: Bench, tmp_path: Path, limit: int) -> None:
    """From the first file on; from the documents on; from the scored cells on."""
    refused(bench, tmp_path, tmp_path / "results", limit)


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A real file system of that many KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount here")
    size = f"size={request.param}k"
    done = subprocess.run([mount, "-t", "tmpfs", "-o", size, "none", place], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip("mounting needs more rights than this user has")
    try:
        yield place
    finally:
        subprocess.run([umount, "--lazy", place], check=True)


@pytest.mark.parametrize("small_disk", [4, pytest.param(64, marks=pytest.mark.slow), 80], indirect=True)
def test_a_full_disk(bench: Bench, tmp_path: Path, small_disk: Path) -> None:
    refused(bench, tmp_path, small_disk / "results")
