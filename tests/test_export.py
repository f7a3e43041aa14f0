"""A run in the hands of other tools: what they read is what the board says."""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gate_runs import GateRuns

from readbench.cli import main
from readbench.report.export import github_action_benchmark, pytest_benchmark, to_mlflow
from readbench.results.leaderboard import Row, build_leaderboard
from readbench.results.store import Store


def rows(gate_runs: GateRuns, name: str = "before") -> dict[str, Row]:
    board = build_leaderboard(getattr(gate_runs, name), Store(gate_runs.results))
    return {row.method: row for table in board.tables for row in table.rows}


def export(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["export", *map(str, arguments)])
    captured = capsys.readouterr()
    assert not ended.value.code, captured.err
    return captured.out


def test_pytest_benchmark_compares_two_runs(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its own command line, which reads the files and finds the methods of both."""
    for number, name in enumerate(("before", "same"), 1):
        path = tmp_path / "storage" / f"000{number}_{name}.json"
        export(capsys, gate_runs.run(name), "--to", "pytest-benchmark", "--output", path)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pytest_benchmark.cli import main; main()",
            "--storage",
            str(tmp_path / "storage"),
            "compare",
            "--columns=mean,rounds",
            "--group-by=name",
            *map(str, sorted((tmp_path / "storage").iterdir())),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for method in ("test.steady", "test.noisy"):
        assert len(re.findall(rf"^{re.escape(method)} \(000[12]_", done.stdout, re.MULTILINE)) == 2
    rounds = re.search(r"^test\.noisy .*\s(\d+)\s*$", done.stdout, re.MULTILINE)
    assert rounds is not None
    assert rounds[1] == "3"


def test_pytest_benchmark_numbers(gate_runs: GateRuns) -> None:
    board = build_leaderboard(gate_runs.before, Store(gate_runs.results))
    found = {one["name"]: one for one in pytest_benchmark(board)["benchmarks"]}
    row = rows(gate_runs)["test.steady"]
    stats = found["test.steady"]["stats"]
    assert stats["mean"] == pytest.approx(1 / (row.costs.documents_per_s_marginal or 0))
    assert (stats["rounds"], stats["stddev"]) == (1, 0.0)
    assert found["test.steady"]["extra_info"]["metrics"]["f1@10"] == row.value("f1@10")
    assert found["test.steady"]["params"] == {"n_best": 10}
    noisy = found["test.noisy"]["stats"]
    assert noisy["min"] <= noisy["q1"] <= noisy["median"] <= noisy["q3"] <= noisy["max"]
    assert len(noisy["data"]) == 3


def test_methods_that_failed_have_no_times(gate_runs: GateRuns) -> None:
    board = build_leaderboard(gate_runs.hurt, Store(gate_runs.results))
    assert {one["name"] for one in pytest_benchmark(board)["benchmarks"]} == {"test.steady", "test.noisy"}
    names = {e["name"] for entries in github_action_benchmark(board).values() for e in entries}
    assert not any("test.breaks" in name for name in names)


def test_github_action_benchmark(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(capsys, gate_runs.run("before"), "--to", "github-action-benchmark", "--output", tmp_path)
    bigger, smaller = (
        json.loads((tmp_path / f"{direction}-is-better.json").read_text())
        for direction in ("bigger", "smaller")
    )
    row = rows(gate_runs)["test.steady"]
    by_name = {entry["name"]: entry for entry in bigger}
    f1 = by_name["tested/keyphrases/test.steady/f1@10"]
    assert f1["value"] == row.value("f1@10")
    # "± " of the action's chart.
    value = row.metrics["f1@10"]
    assert float(f1["range"]) == pytest.approx(((value.high or 0) - (value.low or 0)) / 2, abs=1e-4)
    assert by_name["tested/keyphrases/test.steady/documents_per_s_marginal"]["unit"] == "docs/s"
    memory = {e["name"]: e for e in smaller}["tested/keyphrases/test.steady/peak_memory_bytes"]
    assert (memory["value"], memory["unit"]) == (row.costs.peak_memory_bytes, "bytes")
    for entry in (*bigger, *smaller):
        assert isinstance(entry["value"], int | float)
        assert {"name", "unit", "value"} <= set(entry)


def test_mlflow_keeps_every_number(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a real local tracking store, read back with MLflow's own client."""
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    arguments = (gate_runs.run("hurt"), "--to", "mlflow", "--tracking-uri", uri)
    said = export(capsys, *arguments).strip().splitlines()[-1]
    outer = said.split()[1]
    assert said == f"run {outer} of MLflow at {uri}; mlflow ui shows it"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("bench/tested")
    assert experiment is not None
    found: dict[str, Any] = {
        run.data.params["method"]: run
        for run in client.search_runs([experiment.experiment_id])
        if run.data.tags.get("mlflow.parentRunId") == outer
    }
    expected = rows(gate_runs, "hurt")
    assert found.keys() == expected.keys()
    for method, row in expected.items():
        run = found[method]
        assert run.info.status == ("FINISHED" if row.status == "ok" else "FAILED")
        assert run.data.tags["bench.status"] == row.status
        for name in ("f1@10", "map"):
            assert run.data.metrics.get(name.replace("@", "_at_")) == row.value(name)
        assert run.data.metrics.get("peak_memory_bytes") == row.costs.peak_memory_bytes
    assert found["test.steady"].data.params["n_best"] == "10"
    # Exported again, it is another run of the same experiment.
    again = to_mlflow(build_leaderboard(gate_runs.hurt, Store(gate_runs.results)), uri)
    assert again != outer
    assert len(client.search_experiments(filter_string="name = 'bench/tested'")) == 1


def records_of(path: Path) -> list[Any]:
    """What a run's file of Weights & Biases holds: a log of LevelDB's kind, whose blocks have 32 KiB."""
    pb = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    data = path.read_bytes()
    at, parts, found = 7, b"", []
    while at < len(data):
        left = 2**15 - at % 2**15
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        parts += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            record = pb.Record()
            record.ParseFromString(parts)
            found.append(record)
            parts = b""
    return found


def test_wandb_keeps_every_number_and_sends_nothing(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read from the files that ``wandb sync`` sends."""
    pytest.importorskip("wandb")
    run = gate_runs.run("hurt")
    said = export(capsys, run, "--to", "wandb-offline", "--output", tmp_path).strip().splitlines()[-1]
    expected = rows(gate_runs, "hurt")
    assert said.startswith(f"{len(expected)} runs below {tmp_path / 'wandb'}; ")
    found = {}
    for path in (tmp_path / "wandb").glob("offline-run-*/*.wandb"):
        records = records_of(path)
        (about,) = (record.run for record in records if record.WhichOneof("record_type") == "run")
        updates = [item for record in records for item in record.summary.update if item.key]
        found[about.display_name] = about, {item.key: json.loads(item.value_json) for item in updates}
    assert found.keys() == expected.keys()
    for method, row in expected.items():
        about, summary = found[method]
        assert (about.project, about.run_group, about.job_type) == ("bench-tested", run.name, row.task)
        assert list(about.tags) == [row.status]
        assert summary["status"] == row.status
        for name in ("f1@10", "map"):
            assert summary.get(name) == row.value(name)
        assert summary.get("peak_memory_bytes") == row.costs.peak_memory_bytes
        config = {item.key: json.loads(item.value_json) for item in about.config.update}
        assert config["method"] == method
        assert config["params"] == (row.record.params if row.record else {})
    host = socket.gethostname().encode()
    assert not any(host in path.read_bytes() for path in tmp_path.rglob("*.wandb"))
