"""JSON on standard output: clean, and as docs/json.md says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, write_suite
from json_page import Observed, sections, verbs

from readbench.cli import main

NOISY = '''
import os
import sys
import warnings

from readbench.adapter import Adapter, Params, RankedPhrases


class Noisy(Adapter):
    """Talks all the time."""

    name = "my.noisy"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        """No parameters."""

    def fit(self, train, validation):
        self.talk()

    def save(self, folder):
        (folder / "learned").write_text("nothing")

    def restore(self, folder):
        self.talk()

    def predict(self, documents):
        self.talk()
        titles = [document.fields.get("title", "").split() for document in documents]
        return [RankedPhrases(tuple(words), tuple(-float(i) for i in range(len(words)))) for words in titles]

    def talk(self):
        print("said by Python")
        sys.stdout.flush()
        os.write(1, b"written by C")


class Broken(Noisy):
    """Raises."""

    name = "my.broken"

    def predict(self, documents):
        raise KeyError("title")
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("json")
    (folder / "noisy.py").write_text(NOISY, encoding="utf-8")
    write_suite(folder, ["my.noisy", "my.broken"], name="talk")
    return folder


@pytest.fixture(scope="module")
def run(place: Path, extension: Path) -> dict[str, Any]:
    """What `bench run` prints."""
    arguments = ["--limit", 12, "--include-path", place / "noisy.py", "--output-path", place / "results"]
    done = Bench(extension)("run", place / "talk.toml", *arguments, "--format", "json")
    assert done.returncode == 1, done.stderr
    assert "my.noisy" in done.stderr  # the plan, for people
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def answer(capfd: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> dict[str, Any]:
    """The JSON that a verb prints: all of its standard output."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--format", "json"])
    out, err = capfd.readouterr()
    assert (ended.value.code or 0) == status, err
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def assert_as_the_page_says(found: dict[str, Any], heading: str) -> None:
    observed = Observed(sections()[heading])
    observed.look(found)
    assert not observed.wrong
    assert not observed.never()


@pytest.mark.parametrize("verb", verbs())
def test_the_page_has_the_fields_of_the_code(verb: str) -> None:
    assert sections()[verb] == verbs()[verb]


def test_the_page_has_no_other_verb() -> None:
    assert sections().keys() == verbs().keys()


def test_a_run(run: dict[str, Any], place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert_as_the_page_says(run, "bench leaderboard")
    assert {row["method"]: row["status"] for row in run["rows"]} == {"my.noisy": "ok", "my.broken": "failed"}
    again = answer(capfd, "leaderboard", run["folder"])
    assert again["rows"] == run["rows"]
    assert Path(run["folder"]).parent == place / "results" / "runs"


def test_a_plan(run: dict[str, Any], place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--limit", 12, "--include-path", place / "noisy.py", "--output-path", place / "results"]
    found = answer(capfd, "plan", place / "talk.toml", *arguments)
    assert_as_the_page_says(found, "bench plan")
    (stage,) = found["stages"]
    assert stage["stage"] == "measure"
    cells = {cell["method"]: (cell["state"], cell["stored_status"]) for cell in stage["cells"]}
    assert cells == {"my.noisy": ("stored", "ok"), "my.broken": ("stored", "failed")}
    assert stage["tasks"]["keyphrases"]["test"] == run["tasks"]["keyphrases"]["tested"] == 12


def test_predictions(run: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "show", run["folder"], "my.noisy")
    assert_as_the_page_says(found, "bench show")
    assert len(found["documents"]) == 12
    first = found["documents"][0]
    assert first["gold"]
    assert len(first["prediction"]["phrases"]) == len(first["prediction"]["scores"])
    (whole,) = answer(capfd, "show", run["folder"], "my.noisy", "--document", first["id"])["documents"]
    assert whole["prediction"] == first["prediction"]
    assert whole["fields"]["title"].split() == first["prediction"]["phrases"]


def test_a_failure(run: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "show", run["folder"], "my.broken")
    assert_as_the_page_says(found, "bench show")
    assert (found["failure"]["type"], found["documents"]) == ("KeyError", [])
    assert "raise KeyError" in found["failure"]["traceback"]


@pytest.mark.parametrize("kind", ["suites", "methods", "datasets", "metrics"])
def test_lists(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "ls", kind)
    assert_as_the_page_says(found, f"bench ls {kind}")
    name = found[kind][-1]["name"]
    assert [one["name"] for one in answer(capfd, "ls", kind, name)[kind]] == [name]


@pytest.mark.parametrize("kind", ["methods", "metrics"])
def test_lists_of_a_task(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    every, some = (answer(capfd, "ls", kind, *task)[kind] for task in ([], ["extraction"]))
    assert 0 < len(some) < len(every)
    assert all("extraction" in (one.get("tasks") or [one["task"]]) for one in some)


def test_runs(run: dict[str, Any], place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "ls", "runs", "--output-path", place / "results")
    assert_as_the_page_says(found, "bench ls runs")
    (one,) = found["runs"]
    assert (one["name"], one["cells"], one["ok"]) == (run["run"], 2, 1)
    assert_as_the_page_says(answer(capfd, "du", "--output-path", place / "results"), "bench du")


def test_the_machine(capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "doctor")
    assert_as_the_page_says(found, "bench doctor")
    assert {check["name"] for check in found["checks"]} >= {"Python", "memory", "methods"}


def test_conformance(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "check", "my.broken", "--include-path", place / "noisy.py", status=1)
    assert_as_the_page_says(found, "bench check")
    assert not found["passed"]
    assert all(bool(test["why"]) is not test["passed"] for test in found["tests"])
    assert any("KeyError: 'title'" in test["why"] for test in found["tests"])


def test_a_model(place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = ["--include-path", place / "noisy.py"]
    found = answer(
        capfd, "fit", "my.noisy", "--dataset", "papers-demo", "--output", tmp_path / "model", *file
    )
    assert_as_the_page_says(found, "bench fit")
    assert (found["learned"], found["documents"]["train"]) == (True, 240)
    papers = tmp_path / "papers.csv"
    papers.write_text("id,title\n1,Trees\n2,\n", encoding="utf-8")
    more = ["--input", papers, "--output", tmp_path / "out.csv", *file]
    found = answer(capfd, "predict", "--model", tmp_path / "model", *more)
    assert_as_the_page_says(found, "bench predict")
    assert found == {
        "output": str(tmp_path / "out.csv"),
        "documents": 2,
        "resumed": 0,
        "without_text": 1,
        "shards": 1,
    }


def test_what_a_method_prints_goes_to_standard_error(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--dataset", "papers-demo", "--output", str(tmp_path / "model")]
    with pytest.raises(SystemExit):
        main(["fit", "my.noisy", *arguments, "--include-path", str(place / "noisy.py")])
    out, err = capfd.readouterr()
    assert out.startswith(f"{tmp_path / 'model'}: my.noisy, keyphrases, learned from 240 documents")
    assert "written by C" in err


def test_an_audit(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["audit", "papers-demo", "--format", "json"])
    assert_as_the_page_says(json.loads(capfd.readouterr().out), "bench audit")


def test_a_comparison(run: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "compare", run["folder"], run["folder"])
    assert_as_the_page_says(found, "bench compare")


def test_a_gate(run: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "gate", run["folder"], "--baseline", run["folder"])
    assert_as_the_page_says(found, "bench gate")
    assert_as_the_page_says(found["comparison"], "bench compare")


def test_an_error_leaves_standard_output_empty(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments in (["run", "quik"], ["plan", "quik"], ["show", "quik", "x"], ["ls", "suites", "quik"]):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--format", "json"])
        out, err = capfd.readouterr()
        assert (ended.value.code, out) == (2, "")
        assert "quik" in err


def test_csv_names_its_run_and_has_the_metrics_of_the_board(
    run: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["leaderboard", run["folder"], "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    names = list(rows[0])
    assert names[:6] == ["run", "suite", "dataset", "task", "method", "status"]
    assert (rows[0]["run"], rows[0]["suite"], rows[0]["dataset"]) == (run["run"], "talk", "papers-demo")
    assert {"f1@10", "f1@10.low", "f1@10.high", "peak_memory_bytes"} <= {*names}
    assert "absent.f1@5" not in names
    metrics = [name for name in names if name in run["rows"][0]["metrics"]]
    assert metrics[0] == run["tasks"]["keyphrases"]["primary"]
    assert len(names) < 50
    assert all(any(row[name] for row in rows) for name in names)
