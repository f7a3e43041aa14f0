"""The program by its three names, its version and its help."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import readbench
from readbench.cli import main


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """Exit status and output."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code, capsys.readouterr().out


@pytest.mark.parametrize("module", ["readbench", "readbench.cli"])
def test_the_package_runs_as_a_program(module: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"bench {readbench.__version__}\n"), done.stderr


def test_there_is_one_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "--version") == (0, f"bench {readbench.__version__}\n")
    assert readbench.__version__ == version("readbench")


@pytest.mark.parametrize("verb", [[], ["run"], ["gate"]])
def test_help_has_a_short_name(capsys: pytest.CaptureFixture[str], verb: list[str]) -> None:
    status, text = shown(capsys, *verb, "-h")
    assert (status, text) == shown(capsys, *verb, "--help")
    assert status == 0
    assert text.startswith("Usage: bench")


def test_alone_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == shown(capsys, "--help")
