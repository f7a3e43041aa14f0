"""The gate on real runs: an identical pair passes, injected losses fail, and the exit status says why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from gate_methods import write_methods, write_suite
from gate_runs import DOCUMENTS, GateRuns, run

from readbench.baseline import promote
from readbench.board import build_leaderboard
from readbench.cli import main
from readbench.compare import MethodChange, MetricChange
from readbench.costs import CostChange
from readbench.errors import BenchError
from readbench.gate import decide
from readbench.paired import open_side
from readbench.power import Noise
from readbench.record import Manifest
from readbench.store import Store, write_json
from readbench.thresholds import parse_threshold


def gate(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["gate", *map(str, arguments)])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def judged(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    status, out, err = gate(capsys, *arguments, "--format", "json")
    assert out, err
    value: dict[str, Any] = json.loads(out)
    assert value["exit_status"] == status
    return status, value


def verdicts(value: dict[str, Any], method: str) -> dict[str, str]:
    return {d["what"]: d["verdict"] for d in value["decisions"] if d["method"] == method}


@pytest.fixture(scope="module")
def baseline(gate_runs: GateRuns) -> Path:
    """What `bench baseline` keeps of the first run."""
    folder = gate_runs.folder / "baselines"
    with pytest.raises(SystemExit) as ended:
        main(["baseline", str(gate_runs.run("before")), "--folder", str(folder)])
    assert not ended.value.code
    return folder / "tested"


# -- the gate tests itself ---------------------------------------------------------------------------


def test_an_identical_pair_passes(
    gate_runs: GateRuns, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, value = judged(capsys, gate_runs.run("same"), "--baseline", baseline, "--strict",
                           "--fail-on", "f1@10:-0pp", "--fail-on", "peak_memory_bytes:+60%")  # fmt: skip
    assert status == 0
    for method in ("test.steady", "test.noisy", "test.breaks"):
        assert verdicts(value, method) == {"f1@10": "pass", "peak_memory_bytes": "pass"}


def test_injected_losses_fail(
    gate_runs: GateRuns, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, value = judged(capsys, gate_runs.run("hurt"), "--baseline", baseline,
                           "--fail-on", "f1@10:-1pp", "--fail-on", "peak_memory_bytes:+30%")  # fmt: skip
    assert status == 1
    for method in ("test.steady", "test.noisy"):
        assert verdicts(value, method) == {"f1@10": "regressed", "peak_memory_bytes": "regressed"}
    assert verdicts(value, "test.breaks") == {"": "regressed"}


def test_three_points_are_found_and_a_wider_margin_tolerates_them(
    gate_runs: GateRuns, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loss = judged(capsys, gate_runs.run("hurt"), "--baseline", baseline)[1]["decisions"]
    steady = next(d for d in loss if d["method"] == "test.steady")
    assert -0.06 < steady["change"] < -0.025
    for method in ("test.steady", "test.noisy"):
        arguments = (gate_runs.run("hurt"), "--baseline", baseline, "--method", method)
        assert judged(capsys, *arguments)[0] == 1
        assert judged(capsys, *arguments, "--fail-on", "f1@10:-20pp")[0] == 0


def test_the_other_way_round_nothing_got_worse(
    gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (gate_runs.run("before"), "--baseline", gate_runs.run("hurt"))
    status, value = judged(
        capsys, *arguments, "--fail-on", "f1@10:-0pp", "--fail-on", "peak_memory_bytes:+1%"
    )
    assert status == 0
    assert verdicts(value, "test.breaks") == {"": "new"}


def test_a_method_that_vanished_is_a_regression(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = copied(gate_runs, tmp_path, "same")

    def forget(data: dict[str, Any]) -> None:
        data["cells"] = [cell for cell in data["cells"] if cell["method"] != "test.steady"]

    change_manifest(results, gate_runs.same, forget)
    status, value = judged(capsys, gate_runs.same, "--baseline", gate_runs.run("before"),
                           "--output-path", results)  # fmt: skip
    assert status == 1
    assert verdicts(value, "test.steady") == {"": "regressed"}
    assert verdicts(value, "test.noisy") == {"f1@10": "pass"}


def copied(gate_runs: GateRuns, tmp_path: Path, name: str = "before") -> Path:
    return Path(shutil.copytree(gate_runs.results_of(name), tmp_path / "results"))


def change_manifest(results: Path, name: str, change: Any) -> None:
    path = Store(results).run(name) / "run.json"
    data = json.loads(path.read_text())
    change(data)
    write_json(path, Manifest.model_validate(data))


# -- exit status ---------------------------------------------------------------------------------------


def test_incomparable_runs_end_with_4(gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = gate(capsys, gate_runs.run("newer"), "--baseline", gate_runs.run("small"))
    assert status == 4
    assert "Incomparable: version 2 of the suite, not 1." in out


def test_an_unfinished_run_and_an_unmeasured_one_end_with_3(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = copied(gate_runs, tmp_path, "same")
    change_manifest(results, gate_runs.same, lambda m: m.update(status="interrupted"))
    arguments = (gate_runs.same, "--baseline", gate_runs.run("before"), "--output-path", results)
    status, _, err = gate(capsys, *arguments)
    assert (status, "the run is interrupted" in err) == (3, True)

    def missing(data: dict[str, Any]) -> None:
        data["status"] = "finished"
        for cell in data["cells"]:
            cell["status"] = "missing_dependency"

    change_manifest(results, gate_runs.same, missing)
    status, _, err = gate(capsys, *arguments)
    assert (status, "nothing was measured" in err) == (3, True)


def test_a_baseline_that_is_damaged_or_unfinished_ends_with_3(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = copied(gate_runs, tmp_path)
    arguments = (gate_runs.run("same"), "--baseline", results / "runs" / gate_runs.before)
    cell = gate_runs.side("before").cells("keyphrases", "test.steady")[0].key
    record = Store(results).cell(cell) / "record.json"
    content = record.read_bytes()
    for damaged in (b"", b"[]", b'{"schema_version": 1'):
        record.write_bytes(damaged)
        status, _, err = gate(capsys, *arguments)
        assert (status, "test.steady" in err) == (3, True)
    # What is not asked about may be gone.
    assert gate(capsys, *arguments, "--method", "test.noisy")[0] == 0
    record.write_bytes(content)
    assert gate(capsys, *arguments)[0] == 0
    for ended in ("interrupted", "running"):
        change_manifest(results, gate_runs.before, lambda m, ended=ended: m.update(status=ended))  # type: ignore[misc]
        status, _, err = gate(capsys, *arguments)
        assert (status, f"the run is {ended}" in err) == (3, True)


def test_a_run_that_has_lost_its_cells_has_measured_nothing(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = copied(gate_runs, tmp_path, "same")
    shutil.rmtree(results / "cells")
    status, _, err = gate(capsys, gate_runs.same, "--baseline", gate_runs.run("before"),
                          "--output-path", results)  # fmt: skip
    assert (status, "is gone or cannot be read" in err) == (3, True)


def test_nothing_that_both_runs_measured_ends_with_3(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = copied(gate_runs, tmp_path)

    def forget(data: dict[str, Any]) -> None:
        data["cells"] = []

    change_manifest(results, gate_runs.before, forget)
    status, value = judged(capsys, gate_runs.run("same"), "--baseline", results / "runs" / gate_runs.before)
    assert status == 3
    assert {d["verdict"] for d in value["decisions"]} == {"new"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--baseline", "absent"], "there is no run"),
        ([], "nothing to compare with"),
        (["--speed"], "--speed and --against"),
        (["--against", "main"], "--speed and --against"),
        (["--fail-on", "f1@10"], "not a threshold"),
        (["--fail-on", "f1@01:-1pp"], "did you mean"),
        (["--fail-on", "f1@10:+1pp"], "better the higher"),
        (["--method", "test.absent"], "test.absent"),
    ],
)
def test_wrong_use_ends_with_2(
    gate_runs: GateRuns, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    common = [str(gate_runs.run("same")), "--output-path", str(gate_runs.again)]
    if told not in ("there is no run", "nothing to compare with") and "--speed and" not in told:
        common += ["--baseline", str(gate_runs.run("before"))]
    status, _, err = gate(capsys, *common, *arguments)
    assert status == 2
    assert told in err
    assert err.count("\n") == 1


def test_inconclusive_passes_unless_strict(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A method with training noise whose answers changed a little: too few documents to rule out a loss."""
    results = copied(gate_runs, tmp_path)
    path = write_methods(tmp_path / "little" / "methods.py", lost=0.03)
    suite = write_suite(tmp_path / "tested.toml")
    after = run(results.parent, suite, path, limit=DOCUMENTS, methods=("test.noisy",))
    arguments = (after, "--baseline", gate_runs.run("before"), "--method", "test.noisy", "--output-path",
                 results, "--fail-on", "f1@10:-0.01pp")  # fmt: skip
    status, value = judged(capsys, *arguments)
    assert verdicts(value, "test.noisy") == {"f1@10": "inconclusive"}
    assert status == 0
    assert "could be detected" in value["decisions"][0]["why"]
    assert judged(capsys, *arguments, "--strict")[0] == 4
    xml = tmp_path / "junit.xml"
    gate(capsys, *arguments, "--junit", xml)
    assert ElementTree.parse(xml).getroot().attrib["skipped"] == "1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--suite", "quick"], ["--dataset", "papers-demo"], ["--limit", "5"], ["--timeout", "1m"],
        ["--memory", "1GiB"], ["--rounds", "6"], ["--most-rounds", "12"],
    ],
)  # fmt: skip
def test_a_stored_run_has_no_use_for_what_is_run(
    gate_runs: GateRuns, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    common = (gate_runs.run("same"), "--baseline", gate_runs.run("before"))
    status, out, err = gate(capsys, *common, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"leave out {arguments[0]}" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--timeout", "x"], "--timeout: 'x' is not a duration"),
        (["--memory", "x"], "--memory: 'x' is not a size"),
        (["--fail-on", "f1@10"], "not a threshold"),
        (["--output-path", "elsewhere"], "leave out --output-path"),
    ],
)
def test_wrong_use_of_rounds_is_told_before_they_begin(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    status, out, err = gate(capsys, "--speed", "--against", "HEAD", "--suite", "quick", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_rounds_have_the_sample_and_the_seed_of_the_baseline(
    gate_runs: GateRuns, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from readbench.speed_gate import SpeedGate

    asked = []

    def against(self: SpeedGate, reference: str) -> Any:  # noqa: ARG001
        asked.append(self.question)
        raise BenchError("enough")

    monkeypatch.setattr(SpeedGate, "against", against)
    common = ("--speed", "--against", "HEAD", "--suite", gate_runs.folder / "tested.toml", "--baseline",
              gate_runs.run("small"))  # fmt: skip
    gate(capsys, *common)
    gate(capsys, *common, "--limit", 7)
    seed = gate_runs.side("small").manifest.seed
    assert [(question.limit, question.seed) for question in asked] == [(40, seed), (7, seed)]


def test_a_method_may_be_spelled_otherwise(gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]) -> None:
    common = (gate_runs.run("same"), "--baseline", gate_runs.run("before"))
    adapters = ("--include-path", gate_runs.folder / "sound" / "methods.py")
    status, value = judged(capsys, *common, *adapters, "--method", "test.steady[n_best=10]")
    assert status == 0
    assert {d["method"] for d in value["decisions"]} == {"test.steady"}
    status, _, err = gate(capsys, *common, *adapters, "--method", "test.steady[n_bets=10]")
    assert (status, "n_best" in err) == (2, True)


def test_an_unknown_method_is_told_before_anything_runs(
    gate_runs: GateRuns, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from readbench import fresh

    def never(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(fresh, "run_afresh", never)
    status, _, err = gate(capsys, "--baseline", gate_runs.run("before"), "--method", "pke.tfdif")
    assert (status, "did you mean pke.tfidf" in err) == (2, True)


# -- where people look ---------------------------------------------------------------------------------


def test_summary_comment_junit_and_annotations(
    gate_runs: GateRuns, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("before\n")
    status, out, _ = gate(capsys, gate_runs.run("hurt"), "--baseline", baseline, "--junit",
                          tmp_path / "junit.xml", "--comment", tmp_path / "comment.md")  # fmt: skip
    assert status == 1
    lines = [line for line in out.splitlines() if line.startswith("::error")]
    assert len(lines) == 3
    assert any("title=test.steady%3A regressed::f1@10" in line and "demo-" in line for line in lines)
    assert any("it broke" in line or "RuntimeError" in line for line in lines)
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("before\n### ❌ bench gate: Regression: test.breaks, test.steady")
    comment = (tmp_path / "comment.md").read_text()
    assert summary == "before\n" + comment
    flipped = judged(capsys, gate_runs.run("hurt"), "--baseline", baseline)[1]["comparison"]["methods"]
    steady = next(m for m in flipped if m["method"] == "test.steady")
    assert all(f"`{flip['id']}`" in comment for flip in steady["flips"][:50])
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "3")
    assert len(root.findall(".//failure")) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("option", ["--junit", "--comment", "--summary"])
def test_a_report_that_cannot_be_written_hides_no_regression(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    common = ("--baseline", gate_runs.run("before"), option, "/dev/full")
    others = ("--comment", tmp_path / "comment.md") if option != "--comment" else ()
    status, out, err = gate(capsys, gate_runs.run("hurt"), *common, *others)
    assert status == 1
    assert "Regression: " in out
    assert "/dev/full: it cannot be written" in err
    assert not others or (tmp_path / "comment.md").is_file()
    status, out, err = gate(capsys, gate_runs.run("same"), *common)
    assert (status, "Pass: " in out, "it cannot be written" in err) == (3, True, True)


def test_thresholds_beside_the_baseline_hold(
    gate_runs: GateRuns, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Path(shutil.copytree(baseline, tmp_path / "tested"))
    (place / "thresholds.toml").write_text(
        '[suites.tested]\nfail_on = ["f1@10:-20pp"]\n[suites.tested.methods."test.steady"]\n'
        'fail_on = ["f1@10:-1pp"]\n'
    )
    value = judged(capsys, gate_runs.run("hurt"), "--baseline", place)[1]
    assert verdicts(value, "test.steady") == {"f1@10": "regressed"}
    assert verdicts(value, "test.noisy") == {"f1@10": "pass"}
    # Promoted again, the thresholds stay.
    with pytest.raises(SystemExit):
        main(["baseline", str(gate_runs.run("same")), "--folder", str(tmp_path)])
    assert (place / "thresholds.toml").is_file()
    assert Store(place).runs() == [gate_runs.same]


# -- baselines -----------------------------------------------------------------------------------------


def test_a_baseline_holds_no_text(gate_runs: GateRuns, baseline: Path, tmp_path: Path) -> None:
    from readbench.datasets import open_dataset

    titles = [document.fields["title"].encode() for document in open_dataset("papers-demo").documents]
    kept = promote(str(gate_runs.run("hurt")), gate_runs.results, "hurt", tmp_path)
    assert kept.failed == 1
    for folder in (baseline, kept.folder):
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} == {".json", ".parquet"}
        content = b"".join(path.read_bytes() for path in files)
        assert not any(title in content for title in titles)
        assert str(gate_runs.folder).encode() not in content
        assert {path.name for path in folder.glob("cells/*/*")} <= {
            "record.json", "scores.parquet", "answers.parquet",
        }  # fmt: skip


def test_a_baseline_reads_as_a_board(gate_runs: GateRuns, baseline: Path) -> None:
    board = build_leaderboard(gate_runs.before, Store(baseline))
    original = build_leaderboard(gate_runs.before, Store(gate_runs.results))
    assert [row.metrics for t in board.tables for row in t.rows] == [
        row.metrics for t in original.tables for row in t.rows
    ]


def test_what_is_no_baseline_is_left_alone(gate_runs: GateRuns, tmp_path: Path) -> None:

    (tmp_path / "tested").mkdir()
    (tmp_path / "tested" / "mine.txt").write_text("mine")
    with pytest.raises(BenchError, match="is no baseline"):
        promote(str(gate_runs.run("before")), gate_runs.results, None, tmp_path)
    assert (tmp_path / "tested" / "mine.txt").read_text() == "mine"


def test_a_results_folder_is_no_place_for_a_baseline(gate_runs: GateRuns, tmp_path: Path) -> None:
    results = copied(gate_runs, tmp_path)
    files = sorted(results.rglob("*"))
    same = copied(gate_runs, tmp_path / "other", "same")  # two runs, predictions, datasets
    for reference, name, folder in (
        (gate_runs.before, "results", tmp_path),
        (gate_runs.before, ".", results),
        (gate_runs.before, tmp_path.name, tmp_path.parent),
        (gate_runs.before, "results", same.parent),
    ):
        with pytest.raises(BenchError, match="stays as it is"):
            promote(reference, results, name, folder)
    shutil.rmtree(same / "runs")
    shutil.copytree(results / "runs" / gate_runs.before, same / "runs" / gate_runs.before)
    with pytest.raises(BenchError, match="stays as it is"):
        promote(gate_runs.before, results, "results", same.parent)
    assert sorted(results.rglob("*")) == files
    assert not list(tmp_path.rglob(".*"))


def test_what_lies_beside_a_baseline_stays(
    gate_runs: GateRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = str(gate_runs.run("before")), str(gate_runs.run("same"))
    place = promote(first, gate_runs.results, None, tmp_path).folder
    (place / "README.md").write_text("why")
    (place / "notes").mkdir()
    (place / "notes" / "more.txt").write_text("more")
    promote(second, gate_runs.results, None, tmp_path)
    assert (place / "README.md").read_text() == "why"
    assert (place / "notes" / "more.txt").read_text() == "more"
    assert Store(place).runs() == [gate_runs.same]

    def full(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    # Cut off at any point, one of the two is there in whole; also where folders cannot be swapped at once.
    with monkeypatch.context() as patch:
        patch.setattr("readbench.store.ctypes.CDLL", lambda *_, **__: object())
        rename = Path.rename

        def cut_off(path: Path, to: Path) -> Path:
            if Path(to) == place and not place.exists():
                patch.setattr(Path, "rename", rename)
                raise KeyboardInterrupt
            return rename(path, to)

        patch.setattr(Path, "rename", cut_off)
        with pytest.raises(KeyboardInterrupt):
            promote(first, gate_runs.results, None, tmp_path)
        assert Store(place).runs() == [gate_runs.same]
        promote(first, gate_runs.results, None, tmp_path)
        assert Store(place).runs() == [gate_runs.before]
    for where in ("readbench.store._exchange", "readbench.store._flush", "readbench.store._flush_folder"):
        with monkeypatch.context() as patch:
            patch.setattr(where, full)
            with pytest.raises(KeyboardInterrupt):
                promote(first, gate_runs.results, None, tmp_path)
        (name,) = Store(place).runs()
        assert name in (gate_runs.before, gate_runs.same)
        assert (place / "README.md").read_text() == "why"
        assert open_side(str(place), tmp_path).board.tables[0].rows[0].status == "ok"
    assert [path.name for path in tmp_path.iterdir()] == ["tested"]


def test_without_a_run_the_suite_is_measured_afresh(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hurt = gate_runs.folder / "hurt" / "methods.py"
    arguments = ("--baseline", gate_runs.run("small"), "--suite", gate_runs.folder / "tested.toml",
                 "--output-path", tmp_path)  # fmt: skip
    status, value = judged(capsys, *arguments, "--include-path", hurt)
    assert status == 1
    assert verdicts(value, "test.breaks") == {"": "incomparable"}
    (name,) = Store(tmp_path).runs()
    manifest, before = Store(tmp_path).manifest(name), gate_runs.side("small").manifest
    assert value["comparison"]["after"]["run"] == name
    assert manifest.limit == 40
    assert not any(cell.reused for cell in manifest.cells)
    assert (manifest.timeout_s, manifest.memory_bytes) == (before.timeout_s, before.memory_bytes)


def test_a_baseline_in_the_same_results_folder_keeps_its_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code is the same, so the cells are too: measured into them, the run would be held against
    itself."""
    suite = write_suite(tmp_path / "tested.toml", ("test.steady",))
    methods = write_methods(tmp_path / "methods.py")
    before = run(tmp_path, suite, methods, limit=10)
    results = tmp_path / "results"
    (record,) = results.glob("cells/*/record.json")
    kept = record.read_bytes()
    status, value = judged(
        capsys, "--baseline", before, "--suite", suite, "--include-path", methods, "--output-path", results,
        "--fail-on", "peak_memory_bytes:+300%",
    )  # fmt: skip
    assert (status, verdicts(value, "test.steady")) == (0, {"peak_memory_bytes": "pass"}), value["decisions"]
    assert record.read_bytes() == kept
    assert Store(results).runs() == [before]
    assert Store(results / "gate").runs() == [value["comparison"]["after"]["run"]]


def test_afresh_the_limits_and_methods_of_the_baseline_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = write_suite(tmp_path / "tested.toml", ("test.steady",))
    methods = write_methods(tmp_path / "methods.py")
    named = ("test.steady[n_best=3]", "test.breaks")
    before = run(tmp_path, suite, methods, limit=10, methods=named, timeout_s=77, memory_bytes=3 << 30)
    arguments = ("--baseline", tmp_path / "results" / "runs" / before, "--suite", suite)
    afresh = tmp_path / "afresh"
    status, value = judged(capsys, *arguments, "--include-path", methods, "--output-path", afresh)
    assert status == 0
    assert {d["method"]: d["verdict"] for d in value["decisions"]} == dict.fromkeys(named, "pass")
    manifest = Store(afresh).manifest(value["comparison"]["after"]["run"])
    assert (manifest.timeout_s, manifest.memory_bytes) == (77, 3 << 30)
    # A method whose code is gone has vanished; the others are run all the same.
    text = methods.read_text().replace('"test.breaks"', '"test.other"')
    methods.write_text(text)
    status, value = judged(capsys, *arguments, "--include-path", methods, "--output-path", afresh)
    assert status == 1
    assert verdicts(value, "test.breaks") == {"": "regressed"}
    assert verdicts(value, named[0]) == {"f1@10": "pass"}


# -- decisions, one by one ------------------------------------------------------------------------------


def changed(gain: float, **more: Any) -> MethodChange:
    change = MetricChange("f1@10", True, 0.5, 0.5 + gain, "not tested", noise=more.pop("noise", None))
    return MethodChange("keyphrases", "m", "compared", metrics=(change,), documents=100, **more)


def verdict(change: MethodChange, text: str) -> str:
    threshold = parse_threshold(text)
    (decision,) = decide(change, {threshold.name: threshold})
    return decision.verdict


def test_on_identical_documents_the_difference_decides() -> None:
    assert verdict(changed(-0.01), "f1@10:-1pp") == "pass"
    assert verdict(changed(-0.0101), "f1@10:-1pp") == "regressed"
    assert verdict(changed(0.2), "f1@10:-1pp") == "pass"
    assert verdict(changed(-0.04), "f1@10:-10%") == "pass"
    assert verdict(changed(-0.06), "f1@10:-10%") == "regressed"


def test_with_training_noise_the_interval_decides() -> None:
    noisy = {"stochastic": True, "seeds": 3}
    assert verdict(changed(-0.02, noise=Noise(0.03, 20, 3), **noisy), "f1@10:-1pp") == "inconclusive"
    assert verdict(changed(-0.02, noise=Noise(0.003, 20, 3), **noisy), "f1@10:-1pp") == "regressed"
    assert verdict(changed(0.0, noise=Noise(0.003, 20, 3), **noisy), "f1@10:-1pp") == "pass"


def test_a_loss_of_exactly_the_threshold_passes_with_training_noise_too() -> None:
    exact = 0.5 - 0.49  # a little more than 0.01, as means of documents come out
    certain = {"stochastic": True, "seeds": 3, "noise": Noise(0.0, 20, 3)}
    assert exact > 0.01
    assert verdict(changed(-exact, **certain), "f1@10:-1pp") == "pass"
    assert verdict(changed(-0.0101, **certain), "f1@10:-1pp") == "regressed"


def test_why_a_cost_is_not_decided() -> None:
    def why(change: MethodChange, text: str) -> str:
        threshold = parse_threshold(text)
        return decide(change, {threshold.name: threshold})[0].why

    assert why(cost("fit_s", 1, 2), "predict_s:+10%") == "neither run has it"
    assert why(cost("fit_s", 0, 2), "fit_s:+10%") == "it was 0 before"
    assert "+2" in why(cost("fit_s", 0, 2), "fit_s:+1s")


def cost(
    name: str, before: float | None, after: float | None, *, judged: bool = True, documents: int = 0
) -> MethodChange:
    ratio = after / before if before and after else None
    found = CostChange(name, before, after, ratio, judged, "" if judged else "measured on another machine")
    return MethodChange("keyphrases", "m", "compared", costs=(found,), documents=documents)


@pytest.mark.parametrize(
    ("change", "threshold", "expected"),
    [
        (cost("documents_per_s", 100, 91), "documents_per_s:-10%", "pass"),
        # Two single measurements of the same code lie up to twice apart.
        (cost("documents_per_s", 100, 89), "documents_per_s:-10%", "inconclusive"),
        (cost("documents_per_s", 100, 51), "documents_per_s:-10%", "inconclusive"),
        (cost("documents_per_s", 100, 49), "documents_per_s:-10%", "regressed"),
        (cost("documents_per_s", 100, 49), "documents_per_s:-60%", "pass"),
        (cost("predict_s", 1, 1.9), "predict_s:+10%", "inconclusive"),
        (cost("predict_s", 1, 2.1), "predict_s:+10%", "regressed"),
        (cost("documents_per_s", 100, 300), "documents_per_s:-10%", "pass"),
        (cost("documents_per_s", 100, 1, judged=False), "documents_per_s:-10%", "reported"),
        (cost("documents_per_s", 100, None), "documents_per_s:-10%", "inconclusive"),
        # What neither run has no run can have: --strict must be possible to pass.
        (cost("fit_s", 1, 2), "documents_per_s:-10%", "reported"),
        (cost("fit_s", 0, 2), "fit_s:+10%", "inconclusive"),
        (cost("fit_s", 0, 2), "fit_s:+3s", "pass"),
        (cost("fit_s", 0, 4), "fit_s:+3s", "regressed"),
        (cost("fit_s", 0, 0.09), "fit_s:+0.01s", "inconclusive"),
        (cost("fit_s", 0, 4, judged=False), "fit_s:+3s", "reported"),
        (cost("peak_vram_allocated_bytes", 0, 100), "peak_vram_allocated_bytes:+50B", "regressed"),
        # So little time is as likely the machine's doing.
        (cost("predict_s", 0.01, 0.09), "predict_s:+10%", "inconclusive"),
        (cost("predict_s", 0.01, 0.11), "predict_s:+10%", "regressed"),
        (cost("documents_per_s", 20_000, 2_000, documents=100), "documents_per_s:-10%", "inconclusive"),
        (cost("documents_per_s", 20_000, 900, documents=100), "documents_per_s:-10%", "regressed"),
        (cost("peak_memory_bytes", 100, 130), "peak_memory_bytes:+29%", "regressed"),
        (cost("peak_memory_bytes", 100, 130), "peak_memory_bytes:+31%", "pass"),
        (cost("peak_memory_bytes", 100, 130), "peak_memory_bytes:+20B", "regressed"),
    ],
)  # fmt: skip
def test_costs_decide_where_they_may(change: MethodChange, threshold: str, expected: str) -> None:
    assert verdict(change, threshold) == expected
