"""``--executor slurm`` against a real SLURM: the one that ``sinfo`` reaches."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from bench_process import Bench, records
from toy_runs import write_two

pytest.importorskip("submitit", reason="needs the extra slurm")


def slurm_answers() -> bool:
    if shutil.which("sinfo") is None:
        return False
    told = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False)
    return told.returncode == 0 and bool(re.search("idle|mixed|allocated", told.stdout))


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not slurm_answers(), reason="needs a SLURM that sinfo reaches"),
]


def jobs(folder: Path) -> dict[str, str]:
    """State by job of those that have not ended, of a results folder."""
    told = subprocess.run(["squeue", "-h", "-r", "-o", "%i %T"], capture_output=True, text=True, check=True)
    known = "\n".join(path.read_text() for path in (folder / "submissions").glob("*.json"))
    pairs = [line.split() for line in told.stdout.splitlines()]
    return {job: state for job, state in pairs if f'"{job}"' in known}


def test_cells_that_are_cancelled_and_requeued_end_as_here(bench: Bench, tmp_path: Path) -> None:
    suite, include = write_two(tmp_path)
    common = ["run", suite, *include, "--limit", 6, "--memory", "1GiB"]
    here, there = tmp_path / "here", tmp_path / "there"
    assert bench.here(*common, "--output-path", here).returncode == 0
    process = bench.start(*common, "--executor", "slurm", "--array-limit", 2, "--output-path", there)
    cancelled, requeued = set[str](), set[str]()
    while process.poll() is None:
        for job, state in jobs(there).items():
            if state == "RUNNING" and len(cancelled) < 2:
                subprocess.run(["scancel", job], check=True)
                cancelled.add(job)
            elif state == "RUNNING" and not requeued - cancelled and job not in cancelled:
                subprocess.run(["scontrol", "requeue", job], check=True)
                requeued.add(job)
        time.sleep(0.2)
    output, errors = process.communicate()
    assert process.returncode == 0, errors + output
    assert cancelled
    assert requeued
    assert {s: r["predictions_digest"] for s, r in records(here).items()} == {
        s: r["predictions_digest"] for s, r in records(there).items()
    }
