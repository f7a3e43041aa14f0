"""`bench gate` as tests call it, and copies of its runs that may be spoiled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from gate_runs import GateRuns

from readbench.cli import main
from readbench.core.files import write_json
from readbench.results.manifest import Manifest
from readbench.results.store import Store


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


def copied(gate_runs: GateRuns, tmp_path: Path, name: str = "before") -> Path:
    return Path(shutil.copytree(gate_runs.results_of(name), tmp_path / "results"))


def change_manifest(results: Path, name: str, change: Any) -> None:
    path = Store(results).run(name) / "run.json"
    data = json.loads(path.read_text())
    change(data)
    write_json(path, Manifest.model_validate(data))
