"""Whatever stands in a file that the project reads, it gives a result or one line, within 5 s and 1 GiB.

``make test`` tries 500 damaged files, ``make test-all`` 20,000. To see one again, run its number alone:
``PYTHONPATH=tests python tests/fuzz/fuzz_worker.py GROUP NUMBER 1 FOLDER`` leaves the file in
``FOLDER/input``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FEW = {
    "rows": 180,
    "binary": 60,
    "folders": 50,
    "gold": 20,
    "suites": 40,
    "submissions": 20,
    "results": 60,
    "baselines": 30,
    "models": 20,
    "answers": 40,
}
MANY = 40
"""Times as many in the slow test: 20,000 in all."""


def run(group: str, first: int, count: int, folder: Path) -> list[str]:
    """A line for each input that did not end as it should. After one that ends the whole process the next
    process goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    found, end = [], first + count
    while first < end:
        done = subprocess.run(
            [sys.executable, str(HERE / "fuzz_worker.py"), group, str(first), str(end - first), str(folder)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
            capture_output=True,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            told = json.loads(line)
            found.append(f"{group} {told['number']} ({told['file']}, {told['took']} s): {told['why']}")
        if done.returncode == 0:
            break
        at = folder / "at"
        assert at.exists(), done.stderr
        first = int(at.read_text()) + 1
        ended = signal.Signals(-done.returncode).name if done.returncode < 0 else str(done.returncode)
        found.append(f"{group} {first - 1}: the process ended with {ended}: {done.stderr[-2000:]}")
    return found


@pytest.mark.parametrize("group", FEW)
def test_damaged_files_are_read_or_refused(group: str, tmp_path: Path) -> None:
    found = run(group, 0, FEW[group], tmp_path)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("group", FEW)
def test_many_damaged_files_are_read_or_refused(group: str, tmp_path: Path) -> None:
    found = run(group, 1_000_000, MANY * FEW[group], tmp_path)
    assert not found, "\n".join(found)
