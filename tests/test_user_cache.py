"""Files that are kept for a user: made once, whole or not at all, made anew where they are damaged."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from readbench.machine import user_cache
from readbench.machine.user_cache import MANIFEST, UNUSED_S, cache_folder, files_from_cache

BIG = bytes(range(256)) * 4096


class Maker:
    """Writes two files, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        assert not list(folder.iterdir())
        self.times += 1
        (folder / "big.npy").write_bytes(BIG)
        (folder / "words.txt").write_text("one\ntwo", encoding="utf-8")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Maker()


def asked(make: Maker, folder: Path, digest: str = "d1") -> str:
    folder.mkdir()
    origin = files_from_cache("table", digest, folder, make)
    assert (folder / "big.npy").read_bytes() == BIG
    assert (folder / "words.txt").read_text(encoding="utf-8") == "one\ntwo"
    assert sorted(path.name for path in folder.iterdir()) == ["big.npy", "words.txt"]
    return origin


def entry() -> Path:
    (found,) = (path for path in (cache_folder() / "files").iterdir() if not path.name.startswith("."))
    return found


def test_the_second_results_folder_gets_links(make: Maker, tmp_path: Path) -> None:
    assert asked(make, tmp_path / "a") == "made"
    assert asked(make, tmp_path / "b") == "kept"
    assert make.times == 1
    assert (tmp_path / "b" / "big.npy").samefile(entry() / "big.npy")
    assert asked(make, tmp_path / "c", "d2") == "made"


def test_an_emptied_cache_takes_nothing_from_a_result(make: Maker, tmp_path: Path) -> None:
    asked(make, tmp_path / "a")
    for path in entry().iterdir():
        path.unlink()
    assert (tmp_path / "a" / "big.npy").read_bytes() == BIG
    assert asked(make, tmp_path / "b") == "made anew, what was kept is damaged"


def flip_a_byte(kept: Path) -> None:
    with (kept / "big.npy").open("r+b") as file:
        file.seek(len(BIG) // 2)
        file.write(b"\xff\x00\xff")


def cut(kept: Path) -> None:
    os.truncate(kept / "words.txt", 3)


def remove_one(kept: Path) -> None:
    (kept / "big.npy").unlink()


def link_elsewhere(kept: Path) -> None:
    (kept / "big.npy").rename(kept.parent / "elsewhere")
    (kept / "big.npy").symlink_to(kept.parent / "elsewhere")


def no_manifest(kept: Path) -> None:
    (kept / MANIFEST).unlink()


def other_manifest(kept: Path) -> None:
    (kept / MANIFEST).write_text(json.dumps([1, 2]), encoding="utf-8")


def empty_manifest(kept: Path) -> None:
    (kept / MANIFEST).write_text("{}", encoding="utf-8")


def half_a_manifest(kept: Path) -> None:
    (kept / MANIFEST).write_text((kept / MANIFEST).read_text(encoding="utf-8")[:40], encoding="utf-8")


def no_folder(kept: Path) -> None:
    for path in kept.iterdir():
        path.unlink()
    kept.rmdir()
    kept.write_text("not a folder", encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_byte,
        cut,
        remove_one,
        link_elsewhere,
        no_manifest,
        other_manifest,
        empty_manifest,
        half_a_manifest,
        no_folder,
    ],
)
def test_what_is_damaged_is_made_anew(damage: object, make: Maker, tmp_path: Path) -> None:
    assert callable(damage)
    asked(make, tmp_path / "a")
    damage(entry())
    assert asked(make, tmp_path / "b") == "made anew, what was kept is damaged"
    assert asked(make, tmp_path / "c") == "kept"
    assert make.times == 2


def test_a_copied_cache_is_as_good(make: Maker, tmp_path: Path) -> None:
    asked(make, tmp_path / "a")
    for path in entry().iterdir():
        os.utime(path, (1, 1))
    assert asked(make, tmp_path / "b") == "kept"


def test_without_a_cache_the_files_are_made(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert asked(make, tmp_path / "a") == "made, the cache cannot be written"


def test_a_full_disk_of_the_cache_is_not_that_of_the_results(make: Maker, tmp_path: Path) -> None:
    def fills(folder: Path) -> None:
        if cache_folder() in folder.parents:
            (folder / "big.npy").write_bytes(BIG[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        make(folder)

    (tmp_path / "a").mkdir()
    assert files_from_cache("table", "d1", tmp_path / "a", fills) == "made, the cache cannot be written"
    assert (tmp_path / "a" / "big.npy").read_bytes() == BIG
    assert not list((cache_folder() / "files").iterdir())


def test_a_build_that_fails_leaves_nothing(make: Maker, tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").write_text("x", encoding="utf-8")
        raise ValueError("no table")

    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="no table"):
        files_from_cache("table", "d1", tmp_path / "a", fails)
    assert not list((cache_folder() / "files").iterdir())
    assert asked(make, tmp_path / "b") == "made"


def test_old_entries_of_the_name_go(make: Maker, tmp_path: Path) -> None:
    asked(make, tmp_path / "a")
    old, abandoned = entry(), cache_folder() / "files" / ".table-killed"
    abandoned.mkdir()
    for path in (old, abandoned):
        os.utime(path, (time.time() - UNUSED_S - 60,) * 2)
    asked(make, tmp_path / "b", "d2")
    assert not old.exists()
    assert not abandoned.exists()
    assert entry().name == "table-d2"


TWO_AT_ONCE = """
import sys, time
from pathlib import Path
from readbench.machine.user_cache import files_from_cache

def make(folder):
    (folder / "one").write_text("1")
    time.sleep(0.3)
    (folder / "two").write_text("2")

folder = Path(sys.argv[1])
folder.mkdir()
print(files_from_cache("table", "d", folder, make))
"""


def test_processes_at_once_all_have_the_files(make: Maker, tmp_path: Path) -> None:  # noqa: ARG001
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path / str(number))],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for number in range(4)
    ]
    for number, process in enumerate(running):
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert out.strip() in ("made", "kept")
        found = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / str(number)).iterdir()}
        assert found == {"one": "1", "two": "2"}
    assert user_cache._is_whole(entry())
    assert [path.name for path in (cache_folder() / "files").iterdir()] == ["table-d"]
