"""The gate on real runs: an identical pair passes, injected losses fail, and reports say it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from gate_command import change_manifest, copied, gate, judged, verdicts
from gate_runs import GateRuns

from readbench.cli import main
from readbench.core.files import write_json
from readbench.results.store import Store

# -- the gate tests itself ---------------------------------------------------------------------------


def test_an_identical_pair_passes(
    gate_runs: GateRuns, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, value = judged(
        capsys,
        gate_runs.run("same"),
        "--baseline",
        baseline,
        "--strict",
        "--fail-on",
        "f1@10:-0pp",
        "--fail-on",
        "peak_memory_bytes:+60%",
    )
    assert status == 0
    for method in ("test.steady", "test.noisy", "test.breaks"):
        assert verdicts(value, method) == {"f1@10": "pass", "peak_memory_bytes": "pass"}


def test_injected_losses_fail(
    gate_runs: GateRuns, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, value = judged(
        capsys,
        gate_runs.run("hurt"),
        "--baseline",
        baseline,
        "--fail-on",
        "f1@10:-1pp",
        "--fail-on",
        "peak_memory_bytes:+30%",
    )
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
    status, value = judged(
        capsys, gate_runs.same, "--baseline", gate_runs.run("before"), "--output-path", results
    )
    assert status == 1
    assert verdicts(value, "test.steady") == {"": "regressed"}
    assert verdicts(value, "test.noisy") == {"f1@10": "pass"}


def test_a_task_that_is_not_asked_about_may_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--method` runs the methods of one task; the labels of the other are then not known."""
    kept = Path(__file__).parents[1] / "results" / "baselines" / "quick"
    results = Path(shutil.copytree(kept, tmp_path / "results"))
    (name,) = Store(results).runs()

    manifest = Store(results).manifest(name)
    manifest.tasks["classification"].spec["labels"] = []
    cells = [cell for cell in manifest.cells if cell.method == "pke.firstphrases"]
    write_json(Store(results).run(name) / "run.json", manifest.model_copy(update={"cells": cells}))
    arguments = (name, "--baseline", kept, "--output-path", results)
    status, value = judged(capsys, *arguments, "--method", "pke.firstphrases")
    assert (status, verdicts(value, "pke.firstphrases")) == (0, {"f1@10": "pass"})
    # Of those that are asked about and did not run, it is told.
    assert judged(capsys, *arguments)[0] == 1


# -- where people look ---------------------------------------------------------------------------------


def test_summary_comment_junit_and_annotations(
    gate_runs: GateRuns,
    baseline: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("before\n")
    status, out, _ = gate(
        capsys,
        gate_runs.run("hurt"),
        "--baseline",
        baseline,
        "--junit",
        tmp_path / "junit.xml",
        "--comment",
        tmp_path / "comment.md",
    )
    assert status == 1
    lines = [line for line in out.splitlines() if line.startswith("::error")]
    assert len(lines) == 3
    assert any("title=test.steady%3A regressed::f1@10" in line and "demo-" in line for line in lines)
    assert any("RuntimeError" in line for line in lines)
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("before\n### ❌ bench gate: Regression: test.breaks, test.steady")
    comment = (tmp_path / "comment.md").read_text()
    assert summary == "before\n" + comment
    flipped = judged(capsys, gate_runs.run("hurt"), "--baseline", baseline)[1]["comparison"]["methods"]
    steady = next(m for m in flipped if m["method"] == "test.steady")
    moved = [flip for flip in steady["flips"] if flip["before"] != flip["after"]]
    assert moved
    assert all(f"`{flip['id']}`" in comment for flip in moved[:50])
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "3")
    assert len(root.findall(".//failure")) == 3
    # The words of an exception quote a title: the log of a run has them, what is published has not.
    assert "it broke" not in "".join([*lines, comment, (tmp_path / "junit.xml").read_text()])
    assert comment.count("failed: RuntimeError, whose words may quote a document: bench show has them") == 1


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
