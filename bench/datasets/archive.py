"""Many small files as bytes, from a folder or out of a zip archive of whoever made it.

Nothing of an archive is ever written to disk: a member is read in memory, by its name alone, and only
after its declared sizes were found to be bounded.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from readbench.core.errors import BenchError
from readbench.core.files import regular
from readbench.datasets.lines import MAX_RATIO, RATIO_FROM_BYTES, check_text, shown

MAX_ARCHIVE_BYTES = 256 * 2**20
"""The list of members is read whole before they can be counted, so the file is bounded too. 50,000
abstracts with their keys take a fraction of it."""

MAX_MEMBERS = 100_000
"""A text and its keys make 50,000 documents. Whoever has more has them in one file of JSON Lines."""

MAX_TOTAL_BYTES = 2**30
"""All texts are in memory together: some 20,000 papers in full, and far more abstracts."""

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# RuntimeError and ValueError stand for NotImplementedError and UnicodeDecodeError too.
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError, LookupError)


class Files(Protocol):
    """Files by their name relative to a folder or archive, with ``/`` between the folders."""

    def names(self) -> list[str]: ...

    def check(self, names: Collection[str]) -> None:
        """Raises BenchError where these files must not be read; before any is."""

    def read(self, name: str) -> bytes: ...


@contextmanager
def opened(path: Path, depth: int) -> Iterator[Files]:
    """The files of a folder, at most ``depth`` folders down, or of a zip archive.

    Raises BenchError, here and from all that is called on the files, for an archive that is broken,
    encrypted, out of bounds or not made of plain files, and for what may not be read.
    """
    try:
        if path.is_dir():
            yield _Folder(path, depth)
        else:
            with _archive(path) as archive:
                yield _Zip(path, archive)
    except OSError as error:
        raise BenchError(f"cannot be read: {error.strerror or error}", where=str(path)) from None


class _Folder:
    def __init__(self, path: Path, depth: int) -> None:
        self._path = path
        self._depth = depth

    def names(self) -> list[str]:
        return list(files_below(self._path, self._depth))

    def check(self, names: Collection[str]) -> None:
        for name in names:
            _check_name(name, self._path)

    def read(self, name: str) -> bytes:
        return regular(self._path / name).read_bytes()


class _Zip:
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise self._refused(f"has {len(members)} members, more than {MAX_MEMBERS}")
        for member in members:
            name = member.filename.replace("\\", "/")  # as some programs on Windows write them
            if name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
                raise self._refused(f"the member {shown(name)} leads out of the archive")
            if name.endswith("/"):
                continue
            if name in self._members:
                raise self._refused(f"the member {shown(name)} is in it twice")
            self._members[name] = member

    def names(self) -> list[str]:
        return list(self._members)

    def check(self, names: Collection[str]) -> None:
        total = 0
        for name in names:
            _check_name(name, self._path)
            member = self._members[name]
            if member.flag_bits & 0x1:
                raise self._refused("is encrypted")
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise self._refused(f"the member {shown(name)} is a link or device, no plain file")
            if member.compress_type not in _METHODS:
                # The others unpack a whole member at once, whatever size it declares.
                raise self._refused(f"the member {shown(name)} is packed by another method than deflate")
            ratio = member.file_size / max(member.compress_size, 1)
            if member.file_size > RATIO_FROM_BYTES and ratio > MAX_RATIO:
                raise self._refused(
                    f"the member {shown(name)} unpacks to {ratio:.0f} times its size, more than {MAX_RATIO}"
                )
            total += member.file_size
        if total > MAX_TOTAL_BYTES:
            raise self._refused(f"unpacks to {total} bytes, more than {MAX_TOTAL_BYTES}")

    def read(self, name: str) -> bytes:
        member = self._members[name]
        try:
            with self._archive.open(member) as stream:
                # No more than declared is unpacked, even where more is there; the checksum tells.
                data = stream.read(member.file_size)
                if len(data) == member.file_size and not stream.read(1):
                    return data
        except _BROKEN as error:
            raise _broken(self._path, f"{shown(name)}: {error or type(error).__name__}") from None
        raise _broken(self._path, f"{shown(name)} has another size than declared")

    def _refused(self, what: str) -> BenchError:
        return BenchError(what, where=str(self._path), todo="unpack it where it is safe, and give the folder")


def check_members(path: Path) -> None:
    """Raises BenchError for a zip archive whose members must not be read, such as a workbook."""
    try:
        with _archive(path) as archive:
            files = _Zip(path, archive)
            files.check(files.names())
    except OSError as error:
        raise BenchError(f"cannot be read: {error.strerror or error}", where=str(path)) from None


def files_below(path: Path, depth: int) -> Iterator[str]:
    """Names of the files of a folder and of those at most ``depth`` folders down, but for hidden ones."""
    for folder, folders, files in os.walk(path, followlinks=True):
        inner = Path(folder).relative_to(path)
        prefix = "" if inner == Path() else f"{inner.as_posix()}/"
        folders[:] = [] if len(inner.parts) >= depth else [n for n in folders if not n.startswith(".")]
        yield from (prefix + name for name in files if not name.startswith("."))


def _archive(path: Path) -> zipfile.ZipFile:
    size = regular(path).stat().st_size
    if not size:
        raise BenchError("is empty", where=str(path))
    if size > MAX_ARCHIVE_BYTES:
        raise BenchError(
            f"has {size} bytes, more than {MAX_ARCHIVE_BYTES}",
            where=str(path),
            todo="unpack it, and give the folder",
        )
    try:
        return zipfile.ZipFile(path)
    except _BROKEN as error:
        raise _broken(path, str(error) or type(error).__name__) from None


def _broken(path: Path, what: str) -> BenchError:
    return BenchError(
        f"broken zip archive: {' '.join(what.split())}",
        where=str(path),
        todo="download it again, or unpack it",
    )


def _check_name(name: str, path: Path) -> None:
    check_text(name, f"{path}, a file named {shown(name)}")
    if not name.isprintable():
        raise BenchError(f"a file is named {shown(name)}", where=str(path), todo="rename it")
