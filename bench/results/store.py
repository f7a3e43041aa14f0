"""Where results live and how they are written: cells, preparations, documents and runs.

    cells/KEY/         record.json, predictions.parquet, scores.parquet
    preparations/KEY/  the files, and preparation.json with what they cost
    documents/DIGEST/  projected documents, without gold: what a cell's process reads
    datasets/DIGEST/   documents and targets: what the reading side shows
    runs/NAME/         run.json, statistics.json, results.parquet, results.csv

A folder appears under its name complete or not at all: it is written beside its place, flushed to
disk and renamed. That one mechanism is resume, two runs at once, and many workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import ValidationError

from readbench.core.errors import BenchError
from readbench.core.files import cannot_write, first_line
from readbench.results.manifest import Manifest, read_manifest
from readbench.results.record import SCHEMA_VERSION, CellFacts, PreparationCost, Record, read_record

# KEY-PID-STARTED-RANDOM: whose it is stands in the name, so that a workspace is never without an owner.
WORKSPACE = re.compile(r"\.\w+-(\d+)-(\d+)-\w+(\.old)?")

Kept = TypeVar("Kept", Record, CellFacts)

AT_FDCWD = -100
RENAME_EXCHANGE = 2


class Store:
    """A results folder. Creating the object touches nothing on disk."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def cell(self, key: str) -> Path:
        return self.root / "cells" / key

    def preparation(self, key: str) -> Path:
        return self.root / "preparations" / key

    def documents(self, digest: str) -> Path:
        return self.root / "documents" / digest

    def dataset(self, fingerprint: str) -> Path:
        return self.root / "datasets" / fingerprint

    def run(self, name: str) -> Path:
        return self.root / "runs" / name

    def record(self, key: str) -> Record | None:
        """The record of a cell, or None where the cell is not there or its record cannot be read
        (a foreign file, a damaged disk): then the cell simply counts as not yet run."""
        return self._read(key, Record)

    def facts(self, key: str) -> CellFacts | None:
        """What boards need of a cell, in a quarter of the time that its whole record takes."""
        return self._read(key, CellFacts)

    def _read(self, key: str, kind: type[Kept]) -> Kept | None:
        path = f"{self.root}/cells/{key}/record.json"
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - boards read ten thousand of them
                content = file.read()
        except OSError:
            return None
        with contextlib.suppress(ValidationError):
            kept = kind.model_validate_json(content)
            if kept.schema_version == SCHEMA_VERSION:
                return kept
        try:
            data = json.loads(content)
            if not isinstance(data, dict):
                return None
            record = read_record(data, path)
        except (ValueError, ValidationError):
            return None
        return record if isinstance(record, kind) else kind.model_validate(record.model_dump())

    def preparation_cost(self, key: str) -> PreparationCost | None:
        try:
            return PreparationCost.model_validate_json(
                (self.preparation(key) / "preparation.json").read_bytes()
            )
        except (OSError, ValidationError):
            return None

    def records(self) -> Iterator[Record]:
        """Every readable record; unreadable ones are passed over."""
        for folder in sorted(self.root.glob("cells/*/record.json")):
            with contextlib.suppress(BenchError):
                record = self.record(folder.parent.name)
                if record is not None:
                    yield record

    def manifest(self, name: str) -> Manifest:
        path = self.run(name) / "run.json"
        try:
            return read_manifest(json.loads(path.read_bytes()), str(path))
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            raise BenchError(f"cannot be read as a run: {first_line(error)}", where=str(path)) from error

    def runs(self) -> list[str]:
        """Names of runs, newest first."""
        folders = [path.parent for path in self.root.glob("runs/*/run.json")]
        return [
            path.name for path in sorted(folders, key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
        ]

    def workspace(self, kind: str, key: str) -> Path:
        """A fresh folder beside the place where its content will be renamed to."""
        parent = self.root / kind
        try:
            parent.mkdir(parents=True, exist_ok=True)
            me = psutil.Process()
            prefix = f".{key[:16]}-{me.pid}-{round(me.create_time())}-"
            return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        except OSError as error:
            raise cannot_write(parent, error) from error

    def publish(self, workspace: Path, place: Path, *, replace: bool = False) -> None:
        """Moves a finished workspace to its place. Whoever came first wins, unless ``replace``."""
        try:
            _flush(workspace)
            try:
                workspace.rename(place)
            except OSError:
                # A rename onto a folder that has files is refused.
                if not place.exists():
                    raise
                if replace:
                    _exchange(workspace, place)
                shutil.rmtree(workspace, ignore_errors=True)
            _flush_folder(place.parent)
        except OSError as error:
            raise cannot_write(place, error) from error

    def sweep(self) -> int:
        """Removes workspaces whose process is gone (a kill, a power cut); returns how many."""
        removed = 0
        for folder in self.root.glob("*/.*"):
            owner = WORKSPACE.fullmatch(folder.name)
            if owner and not _alive(int(owner[1]), int(owner[2])):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        return removed


def _alive(pid: int, created: int) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - created) < 2.0
    except psutil.Error:
        return False


def _exchange(new: Path, old: Path) -> None:
    """Swaps two folders at once: whoever reads meanwhile finds one or the other, never neither."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        paths = (AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(old))
        if libc.renameat2(*paths, RENAME_EXCHANGE) == 0:
            return
    except (AttributeError, OSError):
        pass  # not Linux
    # A file system that cannot swap (NFS): there is a moment without either. Another process that
    # does the same may come between; then its folder, as complete as this one, stays.
    aside = new.with_name(f"{new.name}.old")
    with contextlib.suppress(FileNotFoundError):
        old.rename(aside)
    try:
        new.rename(old)
    except BaseException as error:
        taken = old.exists()
        if not taken:
            with contextlib.suppress(OSError):
                aside.rename(old)
        if not (taken and isinstance(error, OSError)):
            raise
    shutil.rmtree(aside, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
