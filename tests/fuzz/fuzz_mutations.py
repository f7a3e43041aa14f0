"""Seeded damage to the bytes of small valid files."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]

MOST_BYTES = 100_000
"""A mutated file is cut here: what is tried is the shape of a file, not its size."""

DELIMITERS = (b",", b"\t", b";", b"|", b":", b"=", b"\x1f")
NUMBERS = (
    *(b"9" * 5000, b"1e999", b"-1", b"1" * 310, b"NaN", b"-Infinity", b"0x10", b"1_000", b"1e-400", b"00"),
    *(b"1" * 40, b"-0", b"1.5", b"true", b"null", b"[]", b"{}", b'""'),
)
PIECES = (
    *(b"\0", b"\r", b"\r\n", b"\n\n", b"\x1a", b"\x0c", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xff\xfe"),
    *(b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\x1b[2J", b'"', b'""', b"'", b"\\", b"$"),
    *(b"#", b"<!--", b"-->", b"%s", b"{", b"}", b"[", b"]", b"(", b")", b"\t", b" ", b"@string{a = b # a}"),
)
DEEP = (b"[", b"{", b"(", b'{"a":', b"[[", b"[{", b"a.", b"<", b'"', b"\\", b"${", b"&amp;")
CODECS = ("utf-16", "utf-16-le", "utf-32", "cp1252", "utf-7", "cp037", "shift_jis")


def mutated(rng: Random, data: bytes, other: bytes) -> bytes:
    """One to four mutations of ``data``, some with pieces of ``other``. Zip archives and packed files are
    mostly mutated inside, since their checksums refuse nearly everything else."""
    if data.startswith(b"PK") and rng.random() < 0.7:
        return _inside_zip(rng, data)
    if data.startswith(b"\x1f\x8b") and rng.random() < 0.7:
        return gzip.compress(mutated(rng, gzip.decompress(data), b""), 1)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if other and rng.random() < 0.05:
            data = _part(rng, data)[0] + _part(rng, other)[1]
        else:
            data = rng.choice(MUTATIONS)(rng, data)
    return data[:MOST_BYTES]


def _inside_zip(rng: Random, data: bytes) -> bytes:
    """The same archive with a member mutated, renamed, doubled or left out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at = rng.randrange(len(members))
    name, content = members[at]
    kind = rng.random()
    if kind < 0.8:
        members[at] = (name, mutated(rng, content, b""))
    elif kind < 0.9:
        members[at] = (rng.choice(("../x", "/x", "C:x", "a\\b", "x" * 300, f"{name}/x", "\x1b[2J")), content)
    elif kind < 0.95:
        members.append((name + "2", content))
    else:
        del members[at]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return written.getvalue()


def _place(rng: Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def _part(rng: Random, data: bytes) -> tuple[bytes, bytes]:
    at = _place(rng, data)
    return data[:at], data[at:]


def flip_bits(rng: Random, data: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if damaged else 0):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def cut(rng: Random, data: bytes) -> bytes:
    return _part(rng, data)[rng.random() < 0.2]


def leave_out(rng: Random, data: bytes) -> bytes:
    start = _place(rng, data)
    return data[:start] + data[start + rng.choice((1, 2, 5, 50)) :]


def repeat_a_piece(rng: Random, data: bytes) -> bytes:
    start = _place(rng, data)
    piece = data[start : start + rng.choice((1, 3, 20, 200))]
    return data[:start] + piece * rng.choice((2, 3, 50, 2000)) + data[start:]


def double_a_line(rng: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    return b"".join([*lines[:at], lines[at] * rng.choice((2, 2, 30)), *lines[at + 1 :]])


def drop_a_line(rng: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def mix_the_lines(rng: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def swap_delimiters(rng: Random, data: bytes) -> bytes:
    there = [mark for mark in DELIMITERS if mark in data]
    if not there:
        return data
    return data.replace(rng.choice(there), rng.choice(DELIMITERS), rng.choice((-1, 1, 3)))


def other_number(rng: Random, data: bytes) -> bytes:
    """A number, or a value in quotes, becomes another value."""
    found = [match.span() for match in re.finditer(rb'\d+|"[^"\n]{0,40}"', data)]
    start, end = rng.choice(found) if found else (len(data), len(data))
    return data[:start] + rng.choice(NUMBERS) + data[end:]


def insert_a_piece(rng: Random, data: bytes) -> bytes:
    before, after = _part(rng, data)
    return before + rng.choice(PIECES) * rng.choice((1, 1, 1, 2, 40)) + after


def nest(rng: Random, data: bytes) -> bytes:
    before, after = _part(rng, data)
    return before + rng.choice(DEEP) * rng.choice((50, 1000, 20_000)) + after


def byte_order_mark(rng: Random, data: bytes) -> bytes:
    return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0")) + data


def another_encoding(rng: Random, data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode(rng.choice(CODECS), "replace")


def random_bytes(rng: Random, data: bytes) -> bytes:
    before, after = _part(rng, data)
    return before + rng.randbytes(rng.choice((1, 4, 60))) + after


def empty_or_blank(rng: Random, data: bytes) -> bytes:
    return rng.choice((b"", b"\n", b" ", b"\xef\xbb\xbf", b"\0", data.strip() + b" " * 3000))


def pack(rng: Random, data: bytes) -> bytes:
    return rng.choice((gzip.compress, zlib.compress))(data)


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, cut, leave_out, repeat_a_piece, double_a_line, drop_a_line, mix_the_lines, swap_delimiters),
    *(other_number, other_number, insert_a_piece, insert_a_piece, nest, byte_order_mark, another_encoding),
    *(random_bytes, empty_or_blank, pack),
)
