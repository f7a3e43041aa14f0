"""Suites and thresholds: whatever stands in such a file, the answer is values or one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from readbench.core.errors import LONGEST, BenchError
from readbench.core.toml_files import MAX_BYTES, read_toml
from readbench.core.units import memory_limit, seconds


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = " + b"9" * 5000, "this is not TOML: a number has too many digits"),
        (b"a = " + b"[" * 5000, "this is not TOML: it is nested too deeply"),
        (b"a." * 20_000 + b"a = 1", "the suite cannot be read: a key has more than 100 parts"),
        (b"x = {" + b"a . " * 200 + b"a = 1}", "the suite cannot be read: a key has more than 100 parts"),
        (b"a = \n", "this is not TOML: Invalid value"),
        (b"a = 1\nb = '\xff'\n", "line 2: byte 0xFF is not utf-8; save the file as UTF-8"),
        (b"#" * (MAX_BYTES + 1), "the suite cannot be read: it has more than 4,194,304 bytes"),
    ],
)
def test_what_is_no_toml_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(content)
    with pytest.raises(BenchError) as caught:
        read_toml(path, "the suite")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert read_toml(path, "the suite") == {"a": 1}


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe.toml")
    for path in (pipe, tmp_path, tmp_path / "absent.toml", Path("a\0b"), Path("/dev/zero")):
        with pytest.raises(BenchError):
            read_toml(path, "the suite")


@pytest.mark.parametrize("read", [seconds, memory_limit])
def test_a_quantity_without_end_is_refused(read: object) -> None:
    assert callable(read)
    with pytest.raises(BenchError, match=r"is more than a (thousand years|million TiB); write it like"):
        read("9" * 310)


def test_a_message_does_not_quote_without_end() -> None:
    error = BenchError("a" * 5000 + "the end", where="p.csv " * 5000, todo="b" * 5000)
    assert "the end" in error.what
    assert len(str(error)) < 3 * LONGEST
    assert str(BenchError("a" * LONGEST)) == "a" * LONGEST


def test_a_message_is_one_line_whatever_stands_in_the_text() -> None:
    """Python's own breaks of lines, of which text of a file may hold any."""
    breaks = "\n \r\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
    error = BenchError(f"it has{breaks}two labels\n", where=f"p{breaks}.csv", todo=f"{breaks}set it")
    assert str(error) == "p .csv: it has two labels; set it"
