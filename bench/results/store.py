"""Where results live and how they are written: cells, preparations, documents and runs.

    cells/KEY/         record.json, predictions.parquet, scores.parquet
    unfinished/KEY/    what a cell predicted that was ended: a line a chunk, and what it had learned
    preparations/KEY/  the files, and preparation.json with what they cost
    documents/DIGEST/  projected documents, without gold: what a cell's process reads
    datasets/DIGEST/   documents and targets: what the reading side shows
    runs/NAME/         run.json, plan.json, statistics.json, results.parquet, results.csv
    kept/METHOD/       what a method keeps for later cells, such as answers that were paid for
    leases/            which processes work here

A folder appears under its name complete or not at all: it is written beside its place, flushed to
disk and renamed. That one mechanism is resume, two runs at once, and many workers. Its ``sums.json`` holds
the SHA-256 of each of its files, so that what was damaged or changed later is seen.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from readbench.core.damage import ABSENT, counts_as_absent, in_words, parsed, stored_json, stored_table
from readbench.core.errors import BenchError
from readbench.core.files import cannot_write, regular
from readbench.machine.file_sums import file_sum
from readbench.results.flushing import flush
from readbench.results.leases import Lease, lease_is_alive, lease_on, remove_dead_leases
from readbench.results.manifest import Manifest, read_manifest
from readbench.results.record import (
    READ_AS_IT_IS,
    SCHEMA_VERSION,
    CellFacts,
    PreparationCost,
    Record,
    read_record,
)
from readbench.results.score_files import SCORES
from readbench.results.tables import PREDICTIONS

# KEY-LEASE-RANDOM: whose it is stands in the name, so that a workspace is never without an owner.
WORKSPACE = re.compile(r"\.\w+-([0-9a-f]{12})-\w+(\.old)?")

SUMS = "sums.json"
RECORD = "record.json"
RUN = "run.json"
PREPARATION = "preparation.json"

Kept = TypeVar("Kept", Record, CellFacts)

AT_FDCWD = -100
RENAME_EXCHANGE = 2


class Store:
    """A results folder. Creating the object touches nothing on disk."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._moved_in: set[Path] = set()

    def cell(self, key: str) -> Path:
        return self.root / "cells" / key

    def preparation(self, key: str) -> Path:
        return self.root / "preparations" / key

    def unfinished(self, key: str) -> Path:
        return self.root / "unfinished" / key

    def documents(self, digest: str) -> Path:
        return self.root / "documents" / digest

    def dataset(self, fingerprint: str) -> Path:
        return self.root / "datasets" / fingerprint

    def kept(self, method: str) -> Path:
        return self.root / "kept" / method

    def run(self, name: str) -> Path:
        return self.root / "runs" / name

    def record(self, key: str) -> Record | None:
        """The record of a cell, or None where the cell is not there or its record cannot be read
        (a foreign file, a damaged disk): then the cell simply counts as not yet run."""
        return self._read(key, Record)[0]

    def facts(self, key: str) -> CellFacts | None:
        """What boards need of a cell, in a quarter of the time that its whole record takes."""
        return self._read(key, CellFacts)[0]

    def record_with_digest(self, key: str) -> tuple[Record | None, str | None]:
        """A record and the SHA-256 of its file, which the manifest of a run keeps."""
        return self._read(key, Record)

    def facts_with_digest(self, key: str) -> tuple[CellFacts | None, str | None]:
        return self._read(key, CellFacts)

    def _read(self, key: str, kind: type[Kept]) -> tuple[Kept | None, str | None]:
        path = f"{self.root}/cells/{key}/{RECORD}"
        try:
            with open(regular(path), "rb") as file:  # noqa: PTH123 - boards read ten thousand of them
                content = file.read()
        except ABSENT:
            return None, None
        except (BenchError, OSError) as error:
            counts_as_absent(Path(path), error)
            return None, None
        with contextlib.suppress(ValidationError):
            kept = kind.model_validate_json(content)
            if kept.schema_version in READ_AS_IT_IS:
                kept.schema_version = SCHEMA_VERSION
                return kept, hashlib.sha256(content).hexdigest()

        def older(content: bytes) -> Kept:
            record = read_record(json.loads(content), path)
            return kind.model_validate(record.model_dump())

        return parsed(Path(path), content, older), hashlib.sha256(content).hexdigest()

    def damaged_in_cell(self, key: str) -> set[str]:
        """The files of a cell that are gone or other than they were."""
        place = self.cell(key)
        damaged = set(damaged_files(place))
        if not (place / SUMS).is_file():  # of an older version: what can be read counts as whole
            record = self.record(key)
            files = (PREDICTIONS, SCORES) if record is not None and record.status == "ok" else ()
            damaged |= {name for name in files if stored_table(place / name) is None}
        return damaged

    def preparation_cost(self, key: str) -> PreparationCost | None:
        """What a preparation cost; None where it is not there, or says nothing of it."""
        return stored_json(self.preparation(key) / PREPARATION, PreparationCost.model_validate)

    def preparation_digest(self, key: str) -> str | None:
        """The SHA-256 of what says the cost of a preparation, written anew each time that it is built; None
        where it is not there."""
        try:
            return file_sum(self.preparation(key) / PREPARATION)
        except OSError:
            return None

    def records(self) -> Iterator[Record]:
        """Every readable record; unreadable ones are passed over."""
        for path in sorted(self.root.glob(f"cells/*/{RECORD}")):
            record = self.record(path.parent.name)
            if record is not None:
                yield record

    def manifest(self, name: str) -> Manifest:
        """The manifest of a run; its status is ``killed`` where the process that ran it is gone.

        Raises BenchError where it cannot be read.
        """
        path = self.run(name) / RUN
        try:
            manifest = read_manifest(json.loads(regular(path).read_bytes()), str(path))
        except BenchError:
            raise
        except Exception as error:  # a damaged file can hold anything
            raise BenchError(f"cannot be read as a run: {in_words(error)}", where=str(path)) from error
        if manifest.status == "running" and manifest.lease and not lease_is_alive(self.root, manifest.lease):
            manifest.status = "killed"
        return manifest

    @property
    def lease(self) -> Lease:
        """The lease of this process on the folder, from its first use to the end of the process."""
        return lease_on(self.root)

    def runs(self) -> list[str]:
        """Names of runs, newest first."""
        folders = [path.parent for path in self.root.glob("runs/*/run.json")]
        return [
            path.name for path in sorted(folders, key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
        ]

    def workspace(self, kind: str, key: str) -> Path:
        """A fresh folder beside the place where its content will be renamed to."""
        workspace = self.workspace_name(kind, key)
        try:
            workspace.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise cannot_write(workspace.parent, error) from error
        return workspace

    def workspace_name(self, kind: str, key: str) -> Path:
        """Where a workspace may be made that nobody else makes."""
        return self.root / kind / f".{key[:16]}-{self.lease.id}-{secrets.token_hex(6)}"

    def publish(self, workspace: Path, place: Path, *, replace: bool = False, settle: bool = True) -> None:
        """Moves a finished workspace to its place, with the sums of its files. Whoever came first wins,
        unless ``replace``, or what stands there is damaged.

        Without ``settle`` a power cut may undo the move, until ``settle`` is called; what stands in the place
        is whole at any time.
        """
        replace = replace or bool(place.exists() and damaged_files(place))
        try:
            write_sums(workspace)
        except OSError as error:
            raise cannot_write(place, error) from error
        self.move(workspace, place, replace=replace, settle=settle)

    def move(self, workspace: Path, place: Path, *, replace: bool = False, settle: bool = True) -> None:
        """As ``publish``, of a folder as it is."""
        try:
            flush([*_files_in(workspace), workspace])
            try:
                workspace.rename(place)
            except OSError:
                # A rename onto a folder that has files is refused.
                if not place.exists():
                    raise
                if replace:
                    _exchange(workspace, place)
                shutil.rmtree(workspace, ignore_errors=True)
            self._moved_in.add(place.parent)
            if settle:
                self.settle()
        except OSError as error:
            raise cannot_write(place, error) from error

    def settle(self) -> None:
        """Makes every move so far last through a power cut. Raises BenchError where that cannot be done."""
        try:
            flush(self._moved_in)
        except OSError as error:
            raise cannot_write(self.root, error) from error
        self._moved_in.clear()

    def sweep(self) -> int:
        """Removes workspaces whose process is gone (a kill, a power cut); returns how many."""
        removed = 0
        alive: dict[str, bool] = {}
        for folder in self.root.glob("*/.*"):
            owner = WORKSPACE.fullmatch(folder.name)
            if owner is None:
                continue
            if owner[1] not in alive:
                alive[owner[1]] = lease_is_alive(self.root, owner[1])
            if not alive[owner[1]]:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        remove_dead_leases(self.root)
        return removed


def write_sums(folder: Path) -> None:
    """Raises OSError where the folder cannot be written."""
    files = (path for path in sorted(_files_in(folder)) if path.name != SUMS)
    sums = {path.relative_to(folder).as_posix(): file_sum(path) for path in files}
    (folder / SUMS).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def damaged_files(folder: Path) -> list[str]:
    """The files of a published folder that are gone or other than they were, each with a warning. Of a folder
    without sums, as older versions left it, nothing is known."""
    sums = stored_json(folder / SUMS, _sums)
    found = []
    for name, digest in (sums or {}).items():
        path = folder / name
        try:
            if file_sum(path) == digest:
                continue
            why: Exception | str = "it is not as it was written"
        except FileNotFoundError:
            why = "it is gone"
        except OSError as error:
            why = error
        counts_as_absent(path, why)
        found.append(name)
    return found


def _sums(data: Any) -> dict[str, str]:
    """Raises ValueError for what names no file of the folder."""
    sums = {str(name): str(value) for name, value in dict(data).items()}
    for name in sums:
        if "\0" in name or not Path(name).parts or Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name!r} is no file of the folder")
    return sums


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


def _files_in(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(parent, name)).is_file())
