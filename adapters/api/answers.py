"""An answer of a server as plain values, and the file that keeps answers: what was paid for once is never
asked again."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """``whole``: it ended by itself, not at the limit of its tokens. ``model`` and ``fingerprint``: what the
    server called itself, empty where it did not. Tokens are None where it did not count them. ``requests``:
    how many it took, failed ones before it too; ``seconds``: of the last one. ``first``: the most probable
    first tokens with their log-probabilities, None where the server gave none."""

    text: str
    whole: bool
    model: str
    fingerprint: str
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    seconds: float
    requests: int = 1
    first: tuple[tuple[str, float], ...] | None = None

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Answer:
        """Raises TypeError or ValueError for values of something else."""
        first = plain.get("first")
        if first is not None:
            first = tuple((str(token), float(log_probability)) for token, log_probability in first)
        found = cls(**{**plain, "first": first})
        if not isinstance(found.text, str) or not isinstance(found.seconds, int | float):
            raise ValueError("this is no answer")
        return found


def request_key(base_url: str, body: Mapping[str, Any], served: str) -> str:
    """What an answer is kept under: all that was sent, to which server, and what that one called itself."""
    content = json.dumps([base_url, body, served], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Journal:
    """Answers by the key of their request. With a file they are appended to it as they come, each in one
    write and on disk before it is used; several processes may append to one file. A line that was cut short
    is passed over."""

    file: Path | None = None
    known: dict[str, Answer] = field(default_factory=dict)
    before: set[str] = field(default_factory=set)
    """The keys that were there when the file was opened."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if self.file.is_file():
            for line in self.file.read_bytes().split(b"\n"):
                self._take(line)
        self.before = set(self.known)

    def _take(self, line: bytes) -> None:
        try:
            plain = json.loads(line)
            key = plain.pop("key")
            self.known[key] = Answer.of(plain)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return

    def keep(self, key: str, answer: Answer) -> None:
        """Raises OSError where the file cannot be written."""
        with self._lock:
            self.known[key] = answer
            if self.file is None:
                return
            line = json.dumps({"key": key, **asdict(answer)}).encode() + b"\n"
            with self.file.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # A process that was ended in the middle of a line has left it open.
                file.write(line if _ends_a_line(self.file) else b"\n" + line)
                file.flush()
                os.fsync(file.fileno())


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
