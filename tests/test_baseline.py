"""Baselines: what they hold, where they may lie, and the suite run afresh to be held against one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from gate_command import copied, judged, verdicts
from gate_methods import write_methods, write_suite
from gate_runs import GateRuns, run

from readbench.compare.paired import open_side, pair_methods, paired_scores
from readbench.core.errors import BenchError
from readbench.gate.baseline import promote
from readbench.results.leaderboard import build_leaderboard
from readbench.results.store import Store


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
            "record.json",
            "scores.parquet",
            "answers.parquet",
        }


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
        patch.setattr("readbench.results.store.ctypes.CDLL", lambda *_, **__: object())
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
    for where in (
        "readbench.results.store._exchange",
        "readbench.results.store.flush",
        "readbench.results.store.Store.settle",
    ):
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
    arguments = (
        "--baseline",
        gate_runs.run("small"),
        "--suite",
        gate_runs.folder / "tested.toml",
        "--output-path",
        tmp_path,
    )
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
        capsys,
        "--baseline",
        before,
        "--suite",
        suite,
        "--include-path",
        methods,
        "--output-path",
        results,
        "--fail-on",
        "peak_memory_bytes:+300%",
    )
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


def test_what_the_board_needs_is_a_part_of_it(gate_runs: GateRuns, baseline: Path, tmp_path: Path) -> None:
    """The same board and the same differences on it, and nothing to say about a metric that is not on it."""
    whole = promote(str(gate_runs.run("before")), gate_runs.results, "whole", tmp_path)
    small = promote(str(gate_runs.run("before")), gate_runs.results, "small", tmp_path, board_only=True)
    assert small.size < 0.75 * whole.size
    assert not list(small.folder.rglob("answers.parquet"))
    assert {cell.parent.name for cell in small.folder.glob("cells/*/scores.parquet")} == {
        cell.parent.name for cell in baseline.glob("cells/*/scores.parquet")
    }
    tables = [open_side(str(kept.folder), tmp_path).board.tables[0] for kept in (whole, small)]
    assert [row.metrics for row in tables[0].rows] == [row.metrics for row in tables[1].rows]
    changes, others = [], []
    for kept in (whole, small):
        before, after = open_side(str(kept.folder), tmp_path), gate_runs.side("hurt")
        (pair,) = (one for one in pair_methods(before, after) if one.method == "test.steady")
        paired = paired_scores(before, after, pair, ["f1@10"])
        changes.append(paired.after.numbers() - paired.before.numbers())
        others.append(paired_scores(before, after, pair, ["precision@5"]).before.numbers())
    assert changes[0] == changes[1] < 0
    assert not np.isnan(others[0]).any()
    assert np.isnan(others[1]).all()


def test_a_metric_that_was_not_kept_cannot_be_compared(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = promote(str(gate_runs.run("before")), gate_runs.results, "small", tmp_path, board_only=True)
    asked = (gate_runs.run("hurt"), "--baseline", small.folder, "--fail-on", "precision@5:-1%")
    status, said = judged(capsys, *asked, "--method", "test.steady", "--method", "test.noisy")
    # What is certain needs no document: the same documents, and each side's exact value.
    assert verdicts(said, "test.steady")["precision@5"] == "regressed"
    assert verdicts(said, "test.noisy")["precision@5"] == "incomparable"
    assert status in (1, 4)
