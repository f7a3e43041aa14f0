"""Whatever crosses the border from a cell's process is checked: what is wrong is that cell's failure in one
line, and every other cell is measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bench_process import Bench, records, workspaces, write_suite

METHODS = Path(__file__).with_name("border_methods.py")

FAILURES = {
    "border.progress[of=fractions]": "done is 0.5, not a count",
    "border.progress[of=unknown-total]": "total is None, not a count",
    "border.progress[of=huge]": "done is a number of 1329 bits, not a count",
    "border.progress[of=no-number]": "done is nan, not a count",
    "border.progress[of=negative]": "done is -1, not a count",
    "border.rewrites-last": "something else wrote into its progress file",
    "border.outcome": "what its process reported is wrong: Input should be an object",
    "border.outcome[of=nothing]": "what its process reported is wrong: Invalid JSON",
    "border.outcome[of=json-null]": "what its process reported is wrong: Input should be an object",
    "border.outcome[of=empty]": "what its process reported is wrong: status: Field required",
    "border.outcome[of=no-figures]": "an outcome that is ok has figures",
    "border.outcome[of=huge-number]": "what its process reported is wrong: private_bytes",
    "border.outcome[of=deep]": "what its process reported is wrong: Invalid JSON: recursion limit",
    "border.outcome[of=long]": "what its process reported is wrong: it is longer than",
    "border.outcome[of=text-for-seconds]": "figures.cell.load_s: Input should be a valid number",
    "border.outcome[of=negative]": "figures.cell.load_s: Input should be greater than or equal to 0",
    "border.outcome[of=of-preparation]": "it has the figures of a preparation, and the job is a cell",
    "border.claims": "scoring: ",
    "border.removes": "its working folder is gone",
    "border.clock[of=stopped]": "the clock of its process ran backwards",
    "border.clock[of=slow]": "the clock of its process is wrong: predict took 0.0",
    "border.long": "phrase 1 has 9000000 characters, and 10000 are the most",
    "border.many": "it has 200000 phrases, and 10000 are the most",
}
GOOD = (
    "border.progress",
    "border.rewrites",
    "border.baseline",
    "border.notes",
    "border.clock",
    "border.first-document",
    "border.waits",
    "border.good",
)


class Run(NamedTuple):
    bench: Bench
    results: Path
    exit_status: int
    errors: str
    records: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory, extension: Path) -> Run:
    folder = tmp_path_factory.mktemp("border")
    bench, results = Bench(extension), folder / "results"
    suite = write_suite(folder, [*FAILURES, *GOOD], timeout="20s")
    arguments = ("--include-path", METHODS, "--limit", "12", "--output-path", results)
    done = bench("run", suite, *arguments, timeout=280)
    return Run(bench, results, done.returncode, done.stderr, records(results))


def test_every_cell_has_its_record(border: Run) -> None:
    assert border.exit_status == 1, border.errors
    assert "internal error" not in border.errors
    assert len(border.records) == len(FAILURES) + len(GOOD)
    assert workspaces(border.results) == []


@pytest.mark.parametrize("method", FAILURES)
def test_what_is_wrong_is_the_failure_of_its_cell(border: Run, method: str) -> None:
    record = border.records[method]
    assert record["status"] == "failed"
    assert FAILURES[method] in record["failure"]["message"], record["failure"]
    assert "\n" not in record["failure"]["message"].strip()
    assert record["metrics"] == {}


@pytest.mark.parametrize("method", GOOD)
def test_what_is_right_is_measured(border: Run, method: str) -> None:
    record = border.records[method]
    assert record["status"] == "ok", record["failure"]
    assert record["metrics"]["f1@10"]["n"] == 12


def test_a_note_that_cannot_be_kept_says_why(border: Run) -> None:
    notes = border.records["border.notes"]["notes"]
    for name in ("deep", "itself"):
        assert notes[name] == "left out: it is nested deeper than 20 levels"
    for name in ("long", "many"):
        assert notes[name] == "left out: it is longer than 200,000 characters"
    assert notes["huge"] == "left out: it holds a whole number of more than 64 bits"
    assert notes["unprintable"] == "left out: a Unprintable in it has no text"
    assert notes["numbers"] == ["nan", "inf", 1.5, 3]
    assert notes["keys"] == {"1": "one", "None": "nothing", "('a', 'b')": "x"}
    assert notes["small"] == {"features": 12}


def test_boards_show_any_note(border: Run) -> None:
    for form in ("rich", "md", "json"):
        done = border.bench.here("leaderboard", "--format", form, "--output-path", border.results)
        assert done.returncode == 0, done.stderr
        assert "border.notes" in done.stdout
    assert json.loads(done.stdout)["rows"]


def test_a_method_that_replaces_the_clock_is_timed_all_the_same(border: Run) -> None:
    assert 1.5 <= border.records["border.clock"]["costs"]["predict_s"] < 3.0


def test_a_method_cannot_say_what_the_harness_holds(border: Run) -> None:
    assert border.records["border.baseline"]["costs"]["peak_memory_bytes"] > 100 * 2**20


def test_what_the_first_document_took_is_part_of_the_speed(border: Run) -> None:
    costs = border.records["border.first-document"]["costs"]
    assert costs["warmup_s"] >= 1.0
    assert costs["documents_per_s"] < 12.0
    assert costs["documents_per_s_marginal"] > 50


def test_how_much_of_the_time_had_a_processor_is_kept(border: Run) -> None:
    record = border.records["border.waits"]
    assert record["costs"]["predict_s"] >= 0.5
    assert record["processor"]["predict_s"] < 0.2
    assert record["processor"]["cell_s"] >= record["processor"]["predict_s"]
    assert record["processor"]["load_average"] >= 0
