"""Zip archives that mean harm, or are merely broken: refused in one line, and nothing is unpacked."""

from __future__ import annotations

import stat
import struct
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from files_of_papers import Refused, Write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.datasets import archive, open_dataset

Zipped = Callable[..., Path]

MEMBERS = {"docsutf8/1.txt": "Title\nText", "keys/1.key": "cats"}


@pytest.fixture
def zipped(tmp_path: Path) -> Zipped:
    """Writes an archive, of names or ZipInfos, and gives its path."""

    def zipped(members: Mapping[Any, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
        path = tmp_path / "papers.zip"
        with zipfile.ZipFile(path, "w", method) as file:
            for name, content in {**MEMBERS, **members}.items():
                file.writestr(name, content)
        return path

    return zipped


@pytest.mark.parametrize(
    "name",
    ["../docsutf8/2.txt", "docsutf8/../../2.txt", "/docsutf8/2.txt", "..\\2.txt", "C:\\docsutf8\\2.txt"],
)
def test_paths_out_of_the_archive_are_refused(
    zipped: Zipped, refused: Refused, tmp_path: Path, name: str
) -> None:
    path = zipped({name: "t"})
    before = sorted(tmp_path.parent.rglob("*"))
    assert f"{path}: the member " in (message := refused(path))
    assert " leads out of the archive; " in message
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_backslashes_are_folders_too(zipped: Zipped) -> None:
    path = zipped({"docsutf8\\2.txt": "t"})
    assert [document.id for document in open_dataset(str(path)).documents] == ["1", "2"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_refused(zipped: Zipped, refused: Refused, kind: int) -> None:
    info = zipfile.ZipInfo("docsutf8/2.txt")
    info.external_attr = (kind | 0o777) << 16
    path = zipped({info: "/etc/passwd"})
    assert refused(path).startswith(
        f"{path}: the member 'docsutf8/2.txt' is a link or device, no plain file; unpack it"
    )


def test_a_link_that_is_not_read_is_no_matter(zipped: Zipped) -> None:
    info = zipfile.ZipInfo("README")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert len(open_dataset(str(zipped({info: "/etc/passwd"}))).documents) == 1


def test_bombs_are_refused_by_their_ratio_before_they_are_unpacked(zipped: Zipped, refused: Refused) -> None:
    path = zipped({"docsutf8/2.txt": b"0" * (50 * 2**20)})
    began = time.monotonic()
    message = refused(path)
    assert time.monotonic() - began < 1
    assert message.startswith(f"{path}: the member 'docsutf8/2.txt' unpacks to 1")
    assert " times its size, more than 100; " in message


def test_a_bomb_that_is_not_read_is_no_matter(zipped: Zipped) -> None:
    assert len(open_dataset(str(zipped({"docsutf8/2.pdf": b"0" * (5 * 2**20)}))).documents) == 1


def test_small_repetitive_members_are_no_bombs(zipped: Zipped) -> None:
    assert len(open_dataset(str(zipped({"docsutf8/2.txt": "ab " * 10_000}))).documents) == 2


def test_too_many_members_are_refused(
    zipped: Zipped, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped({f"{number}": "" for number in range(3)})
    monkeypatch.setattr(archive, "MAX_MEMBERS", 5)
    assert open_dataset(str(path)).documents
    monkeypatch.setattr(archive, "MAX_MEMBERS", 4)
    assert refused(path).startswith(f"{path}: has 5 members, more than 4; ")


def test_too_much_text_is_refused(zipped: Zipped, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped({"docsutf8/2.txt": "x" * 100, "README": "y" * 1000})
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 114)
    assert open_dataset(str(path)).documents
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 113)
    assert refused(path).startswith(f"{path}: unpacks to 114 bytes, more than 113; ")


def test_too_big_an_archive_is_refused(
    zipped: Zipped, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped({})
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 10)
    assert (
        refused(path)
        == f"{path}: has {path.stat().st_size} bytes, more than 10; unpack it, and give the folder"
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unbounded_methods_are_refused(zipped: Zipped, refused: Refused, method: int) -> None:
    assert "'docsutf8/1.txt' is packed by another method than deflate; " in refused(zipped({}, method))


def test_stored_members_are_read(zipped: Zipped) -> None:
    assert len(open_dataset(str(zipped({}, zipfile.ZIP_STORED))).documents) == 1


def test_encrypted_archives_are_refused(zipped: Zipped, refused: Refused) -> None:
    path = zipped({})
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    path.write_bytes(data)
    assert refused(path).startswith(f"{path}: is encrypted; ")


def test_a_name_that_is_there_twice_is_refused(
    zipped: Zipped, refused: Refused, recwarn: pytest.WarningsRecorder
) -> None:
    path = zipped({})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("docsutf8/1.txt", "other")
    assert refused(path).startswith(f"{path}: the member 'docsutf8/1.txt' is in it twice; ")
    recwarn.clear()  # of zipfile's own, while writing


@pytest.mark.parametrize("declared", [3, 5000])
def test_a_false_size_is_refused(zipped: Zipped, refused: Refused, declared: int) -> None:
    """A member that says it is small, and unpacks to more; or the other way round."""
    path = zipped({"docsutf8/1.txt": "a" * 1000})
    data = bytearray(path.read_bytes())
    for signature, size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + size, declared)
    path.write_bytes(data)
    assert refused(path).startswith(f"{path}: broken zip archive: 'docsutf8/1.txt'")


def test_a_damaged_member_is_refused(zipped: Zipped, refused: Refused) -> None:
    path = zipped({}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"Title", b"Tidal"))
    assert refused(path).startswith(f"{path}: broken zip archive: 'docsutf8/1.txt': Bad CRC-32 for file ")


@pytest.mark.parametrize("content", [b"id,title\n1,t\n", b"PK\x03\x04", b"\0" * 100])
def test_what_is_no_archive_is_refused(write: Write, refused: Refused, content: bytes) -> None:
    path = write("papers.zip", content)
    assert refused(path).startswith(f"{path}: broken zip archive: File is not a zip file; ")


def test_empty_archives_are_refused(write: Write, refused: Refused, tmp_path: Path) -> None:
    path = write("papers.ZIP", b"")
    assert refused(path) == f"{path}: is empty"
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    assert refused(tmp_path / "none.zip").startswith(f"{tmp_path / 'none.zip'}: no docsutf8/*.txt in it")


def test_an_archive_that_may_not_be_read_is_refused(
    zipped: Zipped, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = zipped({})
    monkeypatch.setattr(zipfile, "ZipFile", denied)
    assert refused(path) == f"{path}: cannot be read: Permission denied"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=4)), max_size=4),
    st.integers(0, 60),
)
def test_any_damage_is_read_or_refused(zipped: Zipped, damage: list[tuple[int, bytes]], cut: int) -> None:
    path = zipped({})
    data = bytearray(path.read_bytes())
    for place, found in damage:
        data[place % len(data) : place % len(data) + len(found)] = found
    path.write_bytes(data[: len(data) - cut])
    try:
        dataset = open_dataset(str(path))
    except BenchError as error:
        said = str(error)
    else:
        said = dataset.fingerprint
    assert len(said.encode().splitlines()) == 1
