"""Failed documents are seen by everybody: on the board, in JSON, on the page, in SQL, and by the gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bench_process import Bench, write_suite
from gate_command import gate, judged
from toy_methods import HEAD

from readbench.planning.plan import Options
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite

METHOD = (
    HEAD
    + """
class Picky(Silent):
    name = "toy.picky"

    def answer(self, document):
        if int(document.id.rpartition("-")[2]) % 3:
            return RankedPhrases((document.fields["title"],), (1.0,))
        NO_ANSWER

    def predict(self, chunk):
        return [self.answer(document) for document in chunk]


class Other(Silent):
    name = "toy.other"
"""
)
EMPTY = "return RankedPhrases((), ())"
RAISES = "raise ValueError('<b>no</b>\\n[red]numbers[/]')"
Say = Callable[..., str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of a method that has no answer for some documents, and one where it raises on them."""
    found = []
    for name, no_answer in (("before", EMPTY), ("after", RAISES)):
        folder = tmp_path_factory.mktemp(name)
        (folder / "picky.py").write_text(METHOD.replace("NO_ANSWER", no_answer), encoding="utf-8")
        suite = write_suite(folder, ["toy.picky", "toy.other"], name="picky")
        store = Store(folder / "results")
        options = Options(fresh=True, limit=30, include_paths=(folder / "picky.py",))
        found.append(run_suite(str(suite), None, None, options, store, Quiet()).board.folder)
    return found[0], found[1]


@pytest.fixture
def say(bench: Bench) -> Say:
    def said(*arguments: object) -> str:
        done = bench.here(*arguments)
        assert done.returncode == 0, done.stderr
        return " ".join(done.stdout.split())

    return said


def failed(run: Path) -> tuple[int, int, str]:
    """How many failed, of how many, and the id of one of them."""
    manifest = json.loads((run / "run.json").read_text())
    keys = {cell["method"]: cell["key"] for cell in manifest["cells"]}
    record = json.loads((run.parents[1] / "cells" / keys["toy.picky"] / "record.json").read_text())
    told = record["failed_documents"]
    return told["count"], told["of"], told["first"][0]["id"]


def test_the_board_marks_them_and_says_why(runs: tuple[Path, Path], say: Say) -> None:
    count, of, id_ = failed(runs[1])
    assert 0 < count < of / 2
    said = f"ok, {count} documents of {of} failed ({id_}: ValueError: <b>no</b> [red]numbers[/]); scored as"
    board = say("leaderboard", runs[1])
    assert f"† toy.picky: {said}" in board
    assert board.count("†") == 2
    assert "†" not in say("leaderboard", runs[0])
    assert " †" in say("leaderboard", runs[1], "--format", "md")
    assert "failed_documents" in say("leaderboard", runs[1], "--format", "csv")


def test_programs_hear_of_them(runs: tuple[Path, Path], say: Say) -> None:
    count, of, id_ = failed(runs[1])
    rows = {row["method"]: row for row in json.loads(say("leaderboard", runs[1], "--format", "json"))["rows"]}
    assert rows["toy.other"]["failed_documents"] is None
    told = rows["toy.picky"]["failed_documents"]
    assert (told["count"], told["of"], len(told["first"])) == (count, of, count)
    assert told["first"][0]["id"] == id_
    shown = json.loads(say("show", runs[1], "toy.picky", "--format", "json"))
    errors = {document["id"]: document["error"] for document in shown["documents"]}
    assert errors[id_] == "ValueError: <b>no</b>\n[red]numbers[/]"
    assert sum(error is not None for error in errors.values()) == count
    results = runs[1].parents[1]
    sql = "SELECT failed_documents, goes FROM records WHERE method = 'toy.picky'"
    (row,) = json.loads(say("query", sql, "--format", "json", "--output-path", results))
    assert row == {"failed_documents": count, "goes": 1}


def test_show_names_them(runs: tuple[Path, Path], say: Say) -> None:
    count, _, id_ = failed(runs[1])
    assert f"It raised on {count} documents, scored as empty answers: {id_}" in say(
        "show", runs[1], "toy.picky"
    )
    one = say("show", runs[1], "toy.picky", "--document", id_)
    assert "It raised ValueError: <b>no</b> [red]numbers[/]" in one


def test_the_page_names_them(runs: tuple[Path, Path], say: Say, tmp_path: Path) -> None:
    count, of, id_ = failed(runs[1])
    say("report", runs[1], "--output", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"{count} of {of}, scored as empty answers: {id_}: ValueError:" in page
    assert "<b>no</b>" not in page
    assert "[red]numbers" in page
    # The words of an error may quote a document.
    say("report", runs[1], "--without-texts", "--output", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"{count} of {of}, scored as empty answers: {id_}: ValueError:" in page
    assert "[red]numbers" not in page


def test_the_gate_sees_them_where_predictions_are_the_same(
    runs: tuple[Path, Path], say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a method could raise in place of answering nothing, and pass."""
    count, of, _ = failed(runs[1])
    before, after = runs
    status, value = judged(capsys, after, "--baseline", before)
    assert status == 1
    of_method = [decision for decision in value["decisions"] if decision["method"] == "toy.picky"]
    found = {decision["what"]: decision["verdict"] for decision in of_method}
    assert found.pop("failed_documents") == "regressed"
    assert set(found.values()) <= {"pass", "reported"}
    assert {d["verdict"] for d in value["decisions"] if d["method"] == "toy.other"} <= {"pass", "reported"}
    _, out, _ = gate(capsys, after, "--baseline", before)
    assert f"it raises on {count / of:.1%} of the documents, before on 0.0%" in " ".join(out.split())
    compared = json.loads(say("compare", before, after, "--format", "json"))
    (picky,) = [method for method in compared["methods"] if method["method"] == "toy.picky"]
    assert (picky["state"], picky["failed_before"], picky["failed_after"]) == ("identical", 0.0, count / of)
    assert any(f"{count} of {of}, before none" in note for note in compared["notes"])
    # It is no regression where it was so before.
    assert judged(capsys, after, "--baseline", after)[0] == 0
    assert judged(capsys, before, "--baseline", after)[0] == 0
