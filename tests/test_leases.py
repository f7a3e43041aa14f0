"""Who still works in a results folder, seen from here, from another container and from another host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from readbench.results import leases
from readbench.results.leases import FOLDER, SILENT_S, Lease, lease_is_alive
from readbench.results.store import Store

HOLDER = """
import sys, time
from readbench.results.leases import Lease
lease = Lease(__import__("pathlib").Path(sys.argv[1]))
print(lease.id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def other(tmp_path: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that holds a lease, and the lease's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def seen_from_elsewhere(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    here = replace(leases._this_process(), **changes)
    monkeypatch.setattr(leases, "_this_process", lambda: here)


def test_a_process_that_was_killed_is_dead_at_once(
    tmp_path: Path, other: tuple[subprocess.Popen[str], str]
) -> None:
    process, id_ = other
    assert lease_is_alive(tmp_path, id_)
    process.kill()
    process.wait()
    assert not lease_is_alive(tmp_path, id_)
    leases.remove_dead_leases(tmp_path)
    assert not list((tmp_path / FOLDER).iterdir())


@pytest.mark.parametrize("elsewhere", [{"space": "pid:[1]"}, {"host": "node7"}, {"boot": "yesterday"}])
def test_from_elsewhere_the_beat_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: tuple[subprocess.Popen[str], str],
    elsewhere: dict[str, str],
) -> None:
    process, id_ = other
    store = Store(tmp_path)
    theirs = tmp_path / "cells" / f".{'c' * 16}-{id_}-abc"
    theirs.mkdir(parents=True)
    seen_from_elsewhere(monkeypatch, **elsewhere)
    assert lease_is_alive(tmp_path, id_)
    assert store.sweep() == 0
    assert theirs.is_dir()
    process.kill()
    process.wait()
    # Its number means nothing there: it counts as alive as long as its last beat is young.
    assert lease_is_alive(tmp_path, id_)
    path = tmp_path / FOLDER / f"{id_}.json"
    long_ago = path.stat().st_mtime - SILENT_S - 1
    os.utime(path, (long_ago, long_ago))
    assert store.sweep() == 1
    assert not theirs.exists()
    assert not path.exists()


def test_a_lease_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_S", 0.05)
    lease = Lease(tmp_path)
    path = tmp_path / FOLDER / f"{lease.id}.json"
    os.utime(path, (0, 0))
    end = time.monotonic() + 30
    while path.stat().st_mtime == 0:
        assert time.monotonic() < end
        time.sleep(0.02)
    lease.end()
    assert not path.exists()
    assert not lease_is_alive(tmp_path, lease.id)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x"}', "\x00", "[" * 5000])
def test_a_damaged_lease_is_nobodys(tmp_path: Path, content: str) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"{'a' * 12}.json").write_text(content)
    with pytest.warns(UserWarning, match="counts as absent"):
        assert not lease_is_alive(tmp_path, "a" * 12)


def test_another_process_with_the_same_number_is_another(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    path = tmp_path / FOLDER / f"{lease.id}.json"
    assert lease_is_alive(tmp_path, lease.id)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"started": 1}))
    assert not lease_is_alive(tmp_path, lease.id)


def test_one_process_has_one_lease_on_a_folder(tmp_path: Path) -> None:
    first = Store(tmp_path).lease
    assert Store(tmp_path).lease is first
    # Who empties the folder takes the lease with it: the next use makes another one.
    (tmp_path / FOLDER / f"{first.id}.json").unlink()
    second = Store(tmp_path).lease
    assert second.id != first.id
    assert lease_is_alive(tmp_path, second.id)
    assert [path.stem for path in (tmp_path / FOLDER).iterdir()] == [second.id]
