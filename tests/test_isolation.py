"""One hostile method costs its own cell and nothing else: every way of misbehaving, in one real run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records, workspaces, write_suite

# Status, and what the failure must tell whoever reads the board.
EXPECTED: dict[str, tuple[str, str]] = {
    "hostile.raises": ("failed", "this document is not to my taste"),
    "hostile.badstr": ("failed", "Unprintable"),
    "hostile.surrogate": ("failed", "cannot open caf"),
    "hostile.sleeps": ("timeout", "longer than its limit of 4 s (in warmup"),
    "hostile.hoards": ("out_of_memory", "more than its limit of 400 MiB"),
    "hostile.forkhoard": ("out_of_memory", "more than its limit of 400 MiB"),
    "hostile.forkhoard[detached=true]": ("out_of_memory", "more than its limit of 400 MiB"),
    "hostile.leaves": ("failed", "exit status 3 during warmup"),
    "hostile.forks": ("ok", ""),
    "hostile.prints": ("ok", ""),
    "hostile.segfaults": ("failed", "SIGSEGV during warmup"),
    "hostile.short": ("failed", "predictions for 12 documents"),
    "hostile.wrongtype": ("failed", "is a str, not RankedPhrases"),
    "hostile.nan": ("failed", "score 1 is nan, not a finite number"),
    "hostile.sysexit": ("failed", "SystemExit"),
    "hostile.interrupts": ("failed", "KeyboardInterrupt"),
    "hostile.exitsonimport": ("failed", "SystemExit"),
    "hostile.missing": ("missing_dependency", "pip install bench-module-that-does-not-exist"),
    "hostile.good": ("ok", ""),
}


@dataclass(frozen=True)
class Run:
    bench: Bench
    results: Path
    suite: Path
    exit_status: int
    output: str
    errors: str
    records: dict[str, dict[str, Any]]
    survivors: list[str]
    largest_file: int

    @property
    def command(self) -> list[object]:
        return ["run", self.suite, "--limit", "12", "--output-path", self.results]


@pytest.fixture(scope="module")
def hostile(extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("hostile")
    bench, results = Bench(extension), folder / "results"
    suite = write_suite(folder, list(EXPECTED), timeout="4s", memory="400MiB")
    done = bench("run", suite, "--limit", "12", "--output-path", results)
    survivors = bench.survivors()
    largest = max(path.stat().st_size for path in results.rglob("*") if path.is_file())
    return Run(
        bench, results, suite, done.returncode, done.stdout, done.stderr, records(results), survivors, largest
    )


def test_a_run_with_failures_exits_with_1(hostile: Run) -> None:
    assert hostile.exit_status == 1, hostile.errors
    assert "Traceback" not in hostile.errors


@pytest.mark.parametrize("method", EXPECTED)
def test_each_cell_becomes_a_record(hostile: Run, method: str) -> None:
    status, told = EXPECTED[method]
    record = hostile.records[method]
    assert record["status"] == status, record["failure"]
    if told:
        assert told in record["failure"]["message"]
        assert len(record["failure"]["message"]) < 5000
        assert record["predictions_digest"] is None
        assert record["metrics"] == {}
    else:
        assert record["failure"] is None
        assert record["metrics"]["f1@10"]["n"] == 12


def test_nothing_survives_and_nothing_is_left_half_done(hostile: Run) -> None:
    assert hostile.survivors == []
    assert workspaces(hostile.results) == []


def test_an_exception_keeps_its_traceback(hostile: Run) -> None:
    failure = hostile.records["hostile.raises"]["failure"]
    assert failure["type"] == "ValueError"
    assert "methods.py" in failure["traceback"]


def test_output_is_counted_but_not_kept(hostile: Run) -> None:
    assert hostile.records["hostile.prints"]["output_bytes"] == pytest.approx(100e6, rel=0.01)
    assert hostile.largest_file < 2_000_000


def test_neighbours_change_no_result(hostile: Run, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, ["hostile.good"], timeout="4s", memory="400MiB")
    done = hostile.bench.here("run", suite, "--limit", "12", "--output-path", tmp_path / "alone")
    assert done.returncode == 0, done.stderr
    alone, among = records(tmp_path / "alone")["hostile.good"], hostile.records["hostile.good"]
    for name in ("key", "seed", "predictions_digest", "metrics", "counts"):
        assert alone[name] == among[name], name
    # What a daemon did to a neighbour's predictions would show here too.
    assert hostile.records["hostile.forks"]["predictions_digest"] == among["predictions_digest"]


def test_the_board_shows_every_failure(hostile: Run) -> None:
    done = hostile.bench.here("leaderboard", "--format", "json", "--output-path", hostile.results)
    assert done.returncode == 0, done.stderr
    rows = {row["method"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows.keys() == EXPECTED.keys()
    for method, (status, told) in EXPECTED.items():
        assert rows[method]["status"] == status
        assert told in (rows[method]["problem"] or "")


def test_tables_show_parameters(hostile: Run) -> None:
    """Square brackets are markup to Rich: unescaped, a method's parameters would vanish."""
    plan, _, rest = hostile.output.partition("start hostile.")
    board = rest[rest.rindex("start hostile.") :]
    for shown in (plan, board):
        assert "hostile.forkhoard[detached=true]" in "".join(shown.split())


def test_only_retry_repeats_a_failure(hostile: Run) -> None:
    # The inode says more than started_at, which a clock may set back.
    def cells() -> dict[str, tuple[str, int]]:
        found = records(hostile.results)
        places = {method: hostile.results / "cells" / found[method]["key"] for method in found}
        return {
            method: (found[method]["started_at"], (places[method] / "record.json").stat().st_ino)
            for method in found
        }

    before = cells()
    again = hostile.bench(*hostile.command)
    assert again.returncode == 1, again.stderr
    assert cells() == before
    quick = [m for m in EXPECTED if m != "hostile.sleeps"]
    chosen = [part for method in quick for part in ("--method", method)]
    retried = hostile.bench(*hostile.command, "--retry", *chosen)
    assert retried.returncode == 1, retried.stderr
    after = cells()
    repeated = {method for method in after if after[method] != before[method]}
    assert repeated == {method for method in quick if EXPECTED[method][0] in ("failed", "out_of_memory")}
    assert {method: record["status"] for method, record in records(hostile.results).items()} == {
        method: status for method, (status, _) in EXPECTED.items()
    }
    assert hostile.bench.survivors() == []


def test_a_method_that_cannot_be_imported_is_named(bench: Bench, tmp_path: Path) -> None:
    listed = bench.here("ls", "methods")
    assert listed.returncode == 0, listed.stderr
    assert "hostile.good" in listed.stdout
    assert "this module is broken" in " ".join(listed.stdout.split())
    suite = write_suite(tmp_path, ["hostile.good", "hostile.badimport"])
    done = bench.here("run", suite, "--limit", "12", "--output-path", tmp_path / "results")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "hostile.badimport" in done.stderr
    assert "this module is broken" in done.stderr


def test_a_file_that_exits_while_it_is_imported_ends_nothing_without_a_word(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    done = bench.here("ls", "methods", "--include-path", tmp_path / "exits.py")
    assert done.returncode == 2
    assert "exits.py: cannot be imported: SystemExit: 0" in done.stderr


def test_two_at_a_time_end_as_one_at_a_time(bench: Bench, tmp_path: Path) -> None:
    """What one cell leaves behind is found and ended while another goes on."""
    methods = ["hostile.forks", "hostile.slow[seconds=0.5]", "hostile.leaves", "hostile.good"]
    suite = write_suite(tmp_path, methods)
    results = tmp_path / "results"
    done = bench("run", suite, "--limit", "12", "--workers", "2", "--output-path", results)
    assert done.returncode == 1, done.stderr
    assert {method: record["status"] for method, record in records(results).items()} == {
        "hostile.forks": "ok",
        "hostile.slow[seconds=0.5]": "ok",
        "hostile.leaves": "failed",
        "hostile.good": "ok",
    }
    assert all(record["contended"] for record in records(results).values())
    assert bench.survivors() == []
