"""Pipes, devices, bombs and over-long lines are refused; encodings and quotes that cannot be right too."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest
from files_of_papers import Refused, Write

from readbench.core.errors import BenchError
from readbench.core.files import regular
from readbench.datasets import ReadOptions, lines, open_dataset
from readbench.machine.memory import reset_own_peak
from readbench.machine.processes import look_at
from readbench.planning.suite import load_suite


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_pipe_is_refused_by_its_type(pipe: Path, write: Write) -> None:
    papers = write("p.csv", "id,title\n1,t\n")
    for reading in (
        lambda: regular(pipe),
        lambda: regular(Path("/dev/zero")),
        lambda: open_dataset(str(papers), ReadOptions(labels=pipe)),
        lambda: open_dataset(str(papers), ReadOptions(labels=Path("/dev/zero"))),
        lambda: open_dataset(str(papers), ReadOptions(gold_file=pipe)),
        lambda: load_suite(pipe),
    ):
        with pytest.raises(BenchError, match="is no regular file: it is a "):
            reading()


def test_pipes_among_the_files_of_an_archive_are_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "a" / "docsutf8").mkdir(parents=True)
    (tmp_path / "a" / "keys").mkdir()
    (tmp_path / "a" / "docsutf8" / "x.txt").write_text("t\na")
    os.mkfifo(tmp_path / "a" / "keys" / "x.key")
    assert "is no regular file: it is a named pipe" in refused(tmp_path / "a")
    os.mkfifo(tmp_path / "a" / "docsutf8" / "y.txt")
    assert "is no regular file" in refused(tmp_path / "a")


@pytest.mark.parametrize("name", ["p.csv.gz", "p.jsonl.gz"])
def test_a_packed_bomb_is_refused_soon(tmp_path: Path, refused: Refused, name: str) -> None:
    path = tmp_path / name
    with gzip.open(path, "wb", compresslevel=9) as packed:
        packed.write(b"id,title\n1," if name == "p.csv.gz" else b'{"title": "')
        for _ in range(300):
            packed.write(b"x" * 2**20)
    reset_own_peak()
    before, began = look_at(os.getpid()).resident, time.perf_counter()
    assert "unpacks to more than 100 times its size" in refused(path)
    assert time.perf_counter() - began < 5
    # Not by `ru_maxrss`: what an earlier test took would hide this one.
    assert look_at(os.getpid()).peak_resident - before < 300 * 2**20


def test_a_line_past_every_bound_is_refused(
    write: Write, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_CHARACTERS", 1000)
    path = write("p.csv", "id,title\n1," + "x" * 2000 + "\n")
    assert refused(path).startswith(f"{path}, line 2: the line has more than 1000 characters")


def test_a_byte_order_mark_of_utf_16_is_believed(write: Write) -> None:
    path = write("p.csv", "id,title\n1,café\n".encode("utf-16"))
    dataset = open_dataset(str(path))
    assert dataset.documents[0].fields["title"] == "café"
    assert any(d.about == "encoding" and d.chosen == "utf-16" for d in dataset.decisions)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "gb18030"])
def test_an_encoding_that_cannot_be_right_is_refused(write: Write, refused: Refused, encoding: str) -> None:
    path = write("p.csv", "id,title\n1,café – 基于\n")
    message = refused(path, encoding=encoding)
    assert f"is valid UTF-8, and {encoding} was named" in message
    assert "--encoding" in message


def test_the_delimiter_gives_columns_of_known_names(write: Write) -> None:
    dataset = open_dataset(str(write("p.csv", "id;title;keywords, by authors\n1;t;a\n")))
    assert dataset.documents[0].fields["title"] == "t"
    excel = open_dataset(str(write("e.csv", "sep=;\r\nid;title;abstract\r\n1;t;a, b\r\n")))
    assert excel.documents[0].fields == {"title": "t", "abstract": "a, b"}
    assert open_dataset(str(write("q.csv", "id|title|abstract\n1|t|a, b\n"))).documents[0].fields["abstract"]


def test_quotes_of_tab_delimited_files_are_looked_at(write: Write) -> None:
    plain = 'id\ttitle\tabstract\n1\t"Noisy" hardware\ta\n2\t"open\tb\n3\tclose"\tc\n'
    titles = [document.fields["title"] for document in open_dataset(str(write("p.tsv", plain))).documents]
    assert titles == ['"Noisy" hardware', '"open', 'close"']
    quoted = 'id\ttitle\tabstract\n1\t"say ""x"""\ta\n2\t"b\nc"\td\n'
    titles = [document.fields["title"] for document in open_dataset(str(write("q.tsv", quoted))).documents]
    assert titles == ['say "x"', "b c"]


def test_blanks_after_delimiters_are_no_part_of_cells(write: Write) -> None:
    dataset = open_dataset(str(write("p.csv", 'id, title, label\n1, "a, b", x\n2, "c, d", y\n')))
    assert [document.fields["title"] for document in dataset.documents] == ["a, b", "c, d"]
    assert any("between commas and blanks" in decision.sentence() for decision in dataset.decisions)


def test_rows_without_ids_are_said_to_be_numbered(write: Write) -> None:
    numbered = open_dataset(str(write("p.csv", "PMID,title\n7,t\n")))
    assert any("rows are numbered from 1" in decision.sentence() for decision in numbered.decisions)
    named = open_dataset(str(write("q.csv", "ID,title\n7,t\n")))
    assert not any("numbered" in decision.sentence() for decision in named.decisions)
