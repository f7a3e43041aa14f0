"""What the exit status of the gate says: a regression, wrong use, nothing measured, nothing comparable."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from gate_command import change_manifest, copied, gate, judged, verdicts
from gate_methods import write_methods, write_suite
from gate_runs import DOCUMENTS, GateRuns, run

from readbench.core.errors import BenchError
from readbench.results.store import Store


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
        change_manifest(results, gate_runs.before, lambda m, ended=ended: m.update(status=ended))
        status, _, err = gate(capsys, *arguments)
        assert (status, f"the run is {ended}" in err) == (3, True)


def test_a_run_that_has_lost_its_cells_has_measured_nothing(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = copied(gate_runs, tmp_path, "same")
    shutil.rmtree(results / "cells")
    status, _, err = gate(
        capsys, gate_runs.same, "--baseline", gate_runs.run("before"), "--output-path", results
    )
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
        ([], "no baseline is given"),
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
    if told not in ("there is no run", "no baseline is given") and "--speed and" not in told:
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
    arguments = (
        after,
        "--baseline",
        gate_runs.run("before"),
        "--method",
        "test.noisy",
        "--output-path",
        results,
        "--fail-on",
        "f1@10:-0.01pp",
    )
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
        ["--suite", "quick"],
        ["--dataset", "papers-demo"],
        ["--limit", "5"],
        ["--timeout", "1m"],
        ["--memory", "1GiB"],
        ["--rounds", "6"],
        ["--most-rounds", "12"],
    ],
)
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
    from readbench.gate.speed_gate import SpeedGate

    asked = []

    def against(self: SpeedGate, reference: str) -> Any:  # noqa: ARG001
        asked.append(self.question)
        raise BenchError("enough")

    monkeypatch.setattr(SpeedGate, "against", against)
    common = (
        "--speed",
        "--against",
        "HEAD",
        "--suite",
        gate_runs.folder / "tested.toml",
        "--baseline",
        gate_runs.run("small"),
    )
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
    from readbench.runs import rerun

    def never(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(rerun, "rerun_suite", never)
    status, _, err = gate(capsys, "--baseline", gate_runs.run("before"), "--method", "pke.tfdif")
    assert (status, "did you mean pke.tfidf" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fail-on", "foo:-1pp"], "no metric or cost is called 'foo'"),
        (["--fail-on", "f1@11:-1pp"], "did you mean f1@1"),
        (["--fail-on", "f1@10:+1pp"], "f1@10 is better the higher it is"),
        (["--fail-on", "accuracy:-1pp"], "accuracy is no metric of keyphrases"),
        (["--fail-on", "fit_s:-5%"], "better the lower"),
        (["--thresholds", "{folder}/method.toml"], "did you mean test.steady"),
        (["--thresholds", "{folder}/metric.toml"], "no metric or cost is called 'f1@1O'"),
        (["--memory", "8"], "--memory: 8 B"),
    ],
)
def test_a_threshold_that_guards_nothing_is_told_before_anything_runs(
    gate_runs: GateRuns,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    told: str,
) -> None:
    from readbench.runs import rerun

    def never(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(rerun, "rerun_suite", never)
    (tmp_path / "method.toml").write_text('[suites.tested.methods."test.staedy"]\nfail_on = ["f1@10:-1pp"]\n')
    (tmp_path / "metric.toml").write_text('[suites.tested]\nfail_on = ["f1@1O:-1pp"]\n')
    given = [argument.format(folder=tmp_path) for argument in arguments]
    status, out, err = gate(capsys, "--baseline", gate_runs.run("before"), *given)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fail-on", "foo:-1pp"], "no metric or cost is called 'foo'"),
        (["--fail-on", "f1@10:-1pp", "--method", "naive-bayes"], "f1@10 is no metric of classification"),
        (["--method", "naive-bays"], "did you mean naive-bayes"),
        (["--fail-on", "accuracy:+1pp"], "accuracy is better the higher it is"),
    ],
)
def test_rounds_do_not_begin_for_a_threshold_that_guards_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    from readbench.gate.speed_gate import SpeedGate

    def never(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(SpeedGate, "against", never)
    status, out, err = gate(capsys, "--speed", "--against", "HEAD", "--suite", "quick", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err
