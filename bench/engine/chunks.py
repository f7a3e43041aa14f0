"""What a cell has predicted, chunk by chunk, in a file that outlives its process.

A cell that was ended while it predicted goes on at the first chunk that is missing. Its file has a line for
each process that came as far as predicting (what it had spent until then), and behind it a line for each
chunk. A line begins with a sum over the rest of it: what was written by half is not believed, nor is anything
behind it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from readbench.core.digests import digest

SUM_CHARACTERS = 16


@dataclass(frozen=True)
class Begun:
    """What one process had spent when it began to predict, in seconds, and under which conditions it ran.
    ``fit_s`` is None where it did not train. ``files``: the state of the first-party files that it ran, as
    ``files_state`` has it. ``contended``: other cells ran beside it. ``model``: the folder of what it had
    learned, and the SHA-256 of each file in it; empty where nothing was kept. ``vram_bytes``: the most that
    torch had allocated until then."""

    load_s: float
    fit_s: float | None
    warmup_s: float
    machine: str
    contended: bool
    files: str
    model: str = ""
    model_files: dict[str, str] = field(default_factory=dict)
    vram_bytes: int | None = None


@dataclass(frozen=True)
class Chunk:
    """What one call of ``predict`` left. ``failed``: type and message of the exception, by document.
    ``wall_s`` and ``process_s``: what the process had taken since its start, by the clock and of the
    processor; ``grown_bytes``: the most that its resident memory had grown."""

    columns: dict[str, list[Any]]
    predict_s: float
    predict_cpu_s: float
    wall_s: float
    process_s: float
    grown_bytes: int
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.columns["id"])


class Line(NamedTuple):
    """A line that is whole, and where it ends in the file."""

    content: Begun | Chunk
    end: int


def chunk_line(content: Begun | Chunk) -> bytes:
    """Raises UnicodeEncodeError for text that no file holds."""
    kind = "begun" if isinstance(content, Begun) else "chunk"
    body = json.dumps([kind, vars(content)], ensure_ascii=False).encode()
    return _sum(body) + b" " + body + b"\n"


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:SUM_CHARACTERS].encode()


def whole_lines(path: Path) -> Iterator[Line]:
    """The lines of a file up to the first that is not whole; none where there is no file. Raises OSError
    where it cannot be read."""
    end = 0
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            content = _content(line)
            if content is None:
                return
            end += len(line)
            yield Line(content, end)


def _content(line: bytes) -> Begun | Chunk | None:
    """What a line says; None where it is not whole, or was never such a line."""
    sum_, _, body = line.removesuffix(b"\n").partition(b" ")
    if not line.endswith(b"\n") or _sum(body) != sum_:
        return None
    try:
        kind, values = json.loads(body)
        content = (Begun if kind == "begun" else Chunk)(**values)
    except (ValueError, TypeError):
        return None
    return content if isinstance(content, Begun) or _is_table(content.columns) else None


def _is_table(columns: object) -> bool:
    """Whether it is columns of one length, the ids of documents among them."""
    if not isinstance(columns, dict) or not all(isinstance(column, list) for column in columns.values()):
        return False
    return "id" in columns and len({len(column) for column in columns.values()}) == 1


def predicted_columns(*paths: Path) -> dict[str, list[Any]]:
    """The columns of all chunks of a file, or of several one after the other, each chunk once. Raises
    ValueError where there is none, or they have other columns, and OSError where a file cannot be read."""
    columns: dict[str, list[Any]] = {}
    seen: set[tuple[str, ...]] = set()
    for line in chain.from_iterable(map(whole_lines, paths)):
        chunk = line.content
        if isinstance(chunk, Begun) or chunk.ids in seen:
            continue
        seen.add(chunk.ids)
        if columns and chunk.columns.keys() != columns.keys():
            raise ValueError("the file of its predictions has chunks with other columns")
        for name, values in chunk.columns.items():
            columns.setdefault(name, []).extend(values)
    if not columns:
        raise ValueError("the file of its predictions is empty")
    return columns


@dataclass
class Kept:
    """What earlier processes of a cell left: the ``spent`` of all of them, which chunks are there (by the ids
    of their documents), which documents failed, and where the last whole line ends."""

    begun: list[Begun] = field(default_factory=list)
    chunks: set[tuple[str, ...]] = field(default_factory=set)
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    predict_s: float = 0.0
    predict_cpu_s: float = 0.0
    wall_s: float = 0.0
    process_s: float = 0.0
    grown_bytes: int = 0
    end: int = 0

    @classmethod
    def read(cls, path: Path) -> Kept:
        """Raises OSError where the file cannot be read."""
        kept = cls()
        last: Chunk | None = None
        for content, end in whole_lines(path):
            kept.end = end
            if isinstance(content, Begun):
                kept._end_process(last)
                last = None
                kept.begun.append(content)
            elif content.ids not in kept.chunks:
                last = content
                kept._add(content)
        kept._end_process(last)
        return kept

    def _add(self, chunk: Chunk) -> None:
        self.chunks.add(chunk.ids)
        self.failed |= chunk.failed
        self.predict_s += chunk.predict_s
        self.predict_cpu_s += chunk.predict_cpu_s
        self.grown_bytes = max(self.grown_bytes, chunk.grown_bytes)

    def _end_process(self, last: Chunk | None) -> None:
        """What the process behind the chunks before had taken until the last of them."""
        if last is not None:
            self.wall_s += last.wall_s
            self.process_s += last.process_s

    def holds_for(self, machine: str, files: str) -> bool:
        """Whether all of it was predicted on this machine, by the files that run now. The key of a cell
        covers its sources; here it is about a file that was edited between the plan and the start of a
        process."""
        return all(one.machine == machine and one.files == files for one in self.begun)


class ChunkFile:
    """The file, open for one process, behind what earlier ones left. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = Kept.read(path)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.ftruncate(self._descriptor, self.kept.end)

    def start_again(self) -> None:
        """Nothing of what earlier processes left holds."""
        self.kept = Kept()
        os.ftruncate(self._descriptor, 0)

    def add(self, content: Begun | Chunk) -> None:
        """Raises UnicodeEncodeError for text that no file holds."""
        line = memoryview(chunk_line(content))
        while line:
            line = line[os.write(self._descriptor, line) :]

    def close(self) -> None:
        os.close(self._descriptor)


def files_state(files: Iterable[str]) -> str:
    """One digest over names, sizes and times of the last change of files; those that are gone do not
    count."""
    found = []
    for name in sorted(files):
        try:
            status = os.stat(name)  # noqa: PTH116 - of some hundred files for each cell
        except OSError:
            continue
        found.append([name, status.st_size, status.st_mtime_ns])
    return digest(found)
