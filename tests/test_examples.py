"""The folder of examples: each of them runs as its README says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from readbench.cli import main

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_readme_names_every_example() -> None:
    page = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        if path.name != "README.md" and path.suffix in (".py", ".toml", ".yml"):
            assert f"| `{path.name}` |" in page


def test_the_example_from_python_prints_its_board(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "from_python.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert {line.split()[0] for line in lines[1:-1]} == {
        "pke.firstphrases",
        "example.frequent",
        "example.frequent[longest=1]",
    }
    assert "has the highest F1@10; the run lies in" in lines[-1]
    assert (tmp_path / "results" / "runs").is_dir()


def test_the_example_method_passes_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["check", "example.frequent", "--include-path", str(EXAMPLES / "my_method.py")])
    assert not ended.value.code, capsys.readouterr().out
