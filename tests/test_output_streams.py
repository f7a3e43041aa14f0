"""Standard output that is closed, full, without a reader, or of an encoding without a board's lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy_runs import write_two


def command(folder: Path, verb: str) -> list[str]:
    more = ["--output-path", str(folder / "results")]
    if verb != "leaderboard":
        more += [str(folder / "small.toml"), "--include-path", str(folder / "two.py")]
    return [sys.executable, "-m", "readbench", verb, *more]


def slow(value: str) -> Any:
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite and its run."""
    folder = tmp_path_factory.mktemp("streams")
    write_two(folder)
    done = subprocess.run(command(folder, "run"), capture_output=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("encoding", ["ascii", *(slow(e) for e in ("cp437", "latin-1", "utf-16", "gb18030"))])
def test_every_encoding_can_show_a_board(measured: Path, encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    for verb in ("run", "plan", "leaderboard"):
        done = subprocess.run(
            command(measured, verb), capture_output=True, check=False, env=environment, timeout=200
        )
        assert done.returncode == 0, done.stderr
        assert "toy.first" in done.stdout.decode(encoding)
        assert b"internal error" not in done.stderr


@pytest.mark.parametrize("verb", ["run", "leaderboard"])
def test_closed_streams_end_nothing(measured: Path, verb: str) -> None:
    shell = " ".join(map("'{}'".format, command(measured, verb)))
    for closed in (">&-", "2>&-", ">&- 2>&-") if verb == "leaderboard" else (">&- 2>&-",):
        done = subprocess.run(
            ["sh", "-c", f"{shell} {closed}"], capture_output=True, check=False, timeout=200
        )
        assert done.returncode == 0, (closed, done.stderr)
        assert done.stderr == b""


def test_a_reader_that_goes_away_is_no_failure(measured: Path) -> None:
    words = " ".join(map("'{}'".format, command(measured, "run")))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{words} | head -1"], capture_output=True, check=False, timeout=200
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_one_line(measured: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            command(measured, "leaderboard"), stdout=full, stderr=subprocess.PIPE, check=False, timeout=200
        )
    assert done.returncode == 3
    assert done.stderr.decode() == "bench: standard output: cannot be written: No space left on device\n"
