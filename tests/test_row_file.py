"""Outputs that are written row by row: never over their source, by one process, with failures told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from readbench.core.errors import BenchError
from readbench.trained.row_file import RowFile


@pytest.mark.parametrize("link", ["same", "symlink", "hardlink", "part", "other spelling"])
def test_the_source_is_never_written_over(tmp_path: Path, link: str) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("precious", encoding="utf-8")
    if link == "same":
        output = source
    elif link == "symlink":
        output.symlink_to(source)
    elif link == "hardlink":
        output.hardlink_to(source)
    elif link == "part":
        source = source.rename(tmp_path / "out.csv.part")
    else:
        output = tmp_path / "x" / ".." / "in.csv"
        (tmp_path / "x").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BenchError, match=r"would destroy it; choose another --output"):
        RowFile(output, [source], fresh=True)
    assert source.read_text(encoding="utf-8") == "precious"
    assert sorted(tmp_path.iterdir()) == before


def test_a_pipe_in_the_place_of_what_is_begun_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.csv.part")
    with pytest.raises(BenchError, match=r"out\.csv\.part: is no regular file: it is a named pipe"):
        RowFile(tmp_path / "out.csv", [])


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    with RowFile(output, []) as file:
        with pytest.raises(BenchError, match=r"out\.csv: another process is writing it"):
            RowFile(output, [])
        file.begin()
        file.write(b"a\n")
        file.publish()
    assert output.read_bytes() == b"a\n"
    with pytest.raises(BenchError, match="is there already"):
        RowFile(output, [])
    with RowFile(output, [], fresh=True) as file:
        file.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv"]


def test_a_lock_on_a_file_that_was_renamed_meanwhile_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.csv"
    first = RowFile(output, [])
    first.begin()
    first.write(b"whole\n")
    opened = os.open

    def ends_after_it_was_opened(path: object, *options: int) -> int:
        descriptor = opened(path, *options)  # type: ignore[arg-type]
        first.publish()
        first.__exit__()
        return descriptor

    monkeypatch.setattr(os, "open", ends_after_it_was_opened)
    with pytest.raises(BenchError, match="another process"):
        RowFile(output, [], fresh=True)
    assert output.read_bytes() == b"whole\n"


@pytest.mark.parametrize("name", ["x" * 255 + ".csv", "x" * 249 + ".csv", "file/out.csv", "folder"])
def test_names_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(BenchError, match=r"(cannot be written|is a folder).*--output") as caught:
        RowFile(tmp_path / name, [], fresh=True)
    assert "--output-path" not in str(caught.value)
