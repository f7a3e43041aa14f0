"""Text files as a stream of lines (gzip included), with every failure told as a BenchError."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from readbench.core.errors import BenchError
from readbench.core.files import regular
from readbench.core.types import Decision

MAX_LINE_CHARACTERS = 128 * 2**20
"""The csv module needs six times the size of a cell to read it: a longer line would take more than 1 GiB."""

MAX_RATIO = 100
"""Text shrinks three to ten times. Deflate cannot do more than 1,032 times, and a bomb comes near it."""

RATIO_FROM_BYTES = 2**20
"""What is smaller does no harm, however well it is packed."""

EARLY_BYTES = 2**24
"""From so many unpacked bytes on, what was read of a packed file is held against what came out of it."""

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENCODING_TODO = (
    "set `encoding` in the suite's [dataset] or --encoding to the encoding of the file, "
    "or re-encode it: iconv -f ENCODING -t UTF-8"
)


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a file with their line ends, whichever these are; one line at a time is in memory.

    Raises BenchError for a file that cannot be read, is damaged, unpacks to more than ``MAX_RATIO`` times its
    size, has a line of more than ``MAX_LINE_CHARACTERS``, or is not in this encoding.
    """
    number = 0
    try:
        with _open(path, encoding) as stream:
            while line := stream.readline(MAX_LINE_CHARACTERS + 1):
                number += 1
                if len(line) > MAX_LINE_CHARACTERS:
                    raise BenchError(
                        f"the line has more than {MAX_LINE_CHARACTERS} characters",
                        where=f"{path}, line {number}",
                        todo="remove it, or write one document a line",
                    )
                yield line
    except UnicodeError as error:
        raise _wrong_encoding(path, encoding, error) from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BenchError(f"cannot be read: {reason}", where=str(path)) from None


def decoded(data: bytes, encoding: str, where: str) -> str:
    """The text of a small file read as a whole, less a byte order mark.

    Raises BenchError with the line of the first byte that is not in this encoding.
    """
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    try:
        return data.decode(codec)
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = data[:start].decode(codec, "ignore").count("\n") + 1
        byte = f"byte 0x{data[start]:02X}" if start < len(data) else "the end of the file"
        raise BenchError(
            f"{byte} is not {encoding}", where=f"{where}, line {line}", todo=_ENCODING_TODO
        ) from None


def check_text(text: str, where: str) -> None:
    """Raises BenchError for characters that no text has: NUL, and halves of surrogate pairs (which
    cannot be written as UTF-8, so that they would break fingerprints and stores much later)."""
    if "\0" in text:
        raise BenchError(
            "a NUL byte in the text",
            where=where,
            todo="the file is damaged or in another encoding (UTF-16?): remove the bytes, "
            "or set `encoding` in the suite's [dataset]",
        )
    if not text.isascii() and (half := _SURROGATE.search(text)):
        raise BenchError(
            f"half of a surrogate pair (\\u{ord(half[0]):04x}) in the text",
            where=where,
            todo="write the whole character, or remove it",
        )


def head(path: Path, size: int = 4096) -> bytes:
    """The first bytes of a file, unpacked, less a UTF-8 byte order mark; empty where it cannot be read."""
    try:
        with gzip.open(regular(path)) if is_gzip(path) else regular(path).open("rb") as stream:
            return stream.read(size).removeprefix(codecs.BOM_UTF8)
    except (BenchError, OSError, EOFError, zlib.error):
        return b""


def encoding_of(path: Path, encoding: str) -> str:
    """The encoding in which a file is read where the user says ``encoding``: a byte order mark of UTF-16 or
    UTF-32 is believed in the place of UTF-8."""
    if codecs.lookup(encoding).name != "utf-8":
        return encoding
    beginning = head(path, 4)
    marks = {
        codecs.BOM_UTF32_LE: "utf-32",
        codecs.BOM_UTF32_BE: "utf-32",
        codecs.BOM_UTF16_LE: "utf-16",
        codecs.BOM_UTF16_BE: "utf-16",
    }
    return next((known for mark, known in marks.items() if beginning.startswith(mark)), encoding)


def check_encoding(path: Path, encoding: str) -> Decision:
    """What was decided about the encoding of a file.

    Raises BenchError where another encoding than UTF-8 is named for a file that is UTF-8 beyond ASCII from
    its first to its last byte: by chance no text of another encoding is, and every accent would come out as
    two wrong characters.
    """
    used = encoding_of(path, encoding)
    name = codecs.lookup(used).name
    if used == encoding and not name.startswith(("utf", "ascii", "us-ascii")) and _is_utf8(path):
        raise BenchError(
            f"is valid UTF-8, and {encoding} was named",
            where=str(path),
            todo="set `encoding` in the suite's [dataset] or --encoding to utf-8, or leave it out",
        )
    return Decision("encoding", used, option="--encoding")


def _is_utf8(path: Path) -> bool:
    """Whether a file is UTF-8 with at least one character beyond ASCII."""
    beyond = False
    try:
        for line in text_lines(path, "utf-8"):
            beyond = beyond or not line.isascii()
    except BenchError:
        return False
    return beyond


def is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def extension(path: Path) -> str:
    """The extension in lower case, without a final ``.gz``: ``.jsonl`` of ``papers.JSONL.gz``."""
    return Path(path.stem if is_gzip(path) else path.name).suffix.lower()


def stem(path: Path) -> str:
    """The file name without its extensions: ``papers`` of ``data/papers.jsonl.gz``."""
    return Path(path.stem).stem if is_gzip(path) else path.stem


def shown(text: str, limit: int = 60) -> str:
    """A text of the data, quoted on one line and cut short, for use in a message."""
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    return repr(cut)


def _open(path: Path, encoding: str, errors: str = "strict") -> IO[str]:
    encoding = encoding_of(regular(path), encoding)
    if codecs.lookup(encoding).name == "utf-8":
        encoding = "utf-8-sig"
    # newline="": the csv module must see line ends within quoted cells as they are.
    if is_gzip(path):
        return io.TextIOWrapper(_BoundedGzip(path), encoding=encoding, errors=errors, newline="")
    return path.open(encoding=encoding, errors=errors, newline="")


class _BoundedGzip(gzip.GzipFile):
    """A packed file that is read no further than ``MAX_RATIO`` times its size."""

    def __init__(self, path: Path) -> None:
        self._packed = path.open("rb")
        super().__init__(fileobj=self._packed, mode="rb")
        self._path, self._unpacked = path, 0
        self._most = max(RATIO_FROM_BYTES, MAX_RATIO * path.stat().st_size)

    def close(self) -> None:
        super().close()
        self._packed.close()

    def read1(self, size: int = -1) -> bytes:
        data = super().read1(size)
        self._unpacked += len(data)
        # Of what was read so far too: nobody should wait for the whole of it.
        early = self._unpacked > EARLY_BYTES and self._unpacked > MAX_RATIO * self._packed.tell()
        if early or self._unpacked > self._most:
            raise BenchError(
                f"unpacks to more than {MAX_RATIO} times its size",
                where=str(self._path),
                todo="unpack it where it is safe, and give the file",
            )
        return data


def _wrong_encoding(path: Path, encoding: str, error: UnicodeError) -> BenchError:
    found = _first_bad_byte(path, encoding)
    if found is not None:
        line, byte = found
        where, what = f"{path}, line {line}", f"byte 0x{byte:02X} is not {encoding}"
    else:
        where, what = str(path), f"is not {encoding}: {error}"
    return BenchError(what, where=where, todo=_ENCODING_TODO)


def _first_bad_byte(path: Path, encoding: str) -> tuple[int, int] | None:
    """Line and value of the first byte that cannot be decoded.

    The decoder's own error counts from the start of a buffer, not of the file, so the file is read
    once more with such bytes escaped. None where the encoding has no escapes (UTF-16).
    """
    try:
        with _open(path, encoding, "surrogateescape") as stream:
            for number, line in enumerate(stream, 1):
                if bad := _ESCAPED_BYTE.search(line):
                    return number, ord(bad[0]) - 0xDC00
    except (OSError, EOFError, UnicodeError, zlib.error):
        pass
    return None
