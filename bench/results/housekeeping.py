"""What a results folder holds, how large it is, and what of it no run points to."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.files import cannot_write
from readbench.results.leases import others_work
from readbench.results.manifest import Manifest
from readbench.results.store import RUN, Store

BLOCK = 512
"""Bytes of one block as ``stat`` counts them."""


@dataclass(frozen=True)
class RunFacts:
    """A run as a list shows it. ``bytes``: of its folder and its cells. ``problem``: why its manifest cannot
    be read; then the other fields are empty."""

    name: str
    bytes: int
    suite: str = ""
    dataset: str = ""
    status: str = "unreadable"
    started_at: str = ""
    cells: int = 0
    ok: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class Unused:
    """Folders that no run points to, by kind (``cells``, ``unfinished``, ``preparations``, ``datasets``,
    ``documents``)."""

    folders: dict[str, tuple[Path, ...]]

    @property
    def bytes(self) -> int:
        return sum(size_of(folder) for folders in self.folders.values() for folder in folders)

    def __bool__(self) -> bool:
        return any(self.folders.values())


def size_of(place: Path) -> int:
    """Bytes on disk of a file or a folder. What disappears meanwhile counts nothing."""
    total = 0
    for path in (place, *place.rglob("*")):
        try:
            total += path.lstat().st_blocks * BLOCK
        except OSError:
            continue
    return total


def run_facts(store: Store) -> Iterator[RunFacts]:
    """Every run, the newest first."""
    for name in store.runs():
        size = size_of(store.run(name))
        try:
            manifest = store.manifest(name)
        except BenchError as error:
            yield RunFacts(name, size, problem=str(error))
            continue
        yield RunFacts(
            name,
            size + sum(size_of(store.cell(key)) for key in cells_of(manifest)),
            manifest.suite,
            manifest.dataset,
            manifest.status,
            manifest.started_at,
            len(manifest.cells),
            sum(cell.status == "ok" for cell in manifest.cells),
        )


def cells_of(manifest: Manifest) -> set[str]:
    """The keys of the cells that a run points to, trials included."""
    return {cell.key for cell in manifest.cells} | {trial.key for trial in manifest.trials}


def remove_run(store: Store, name: str) -> None:
    """Removes a run's folder; its cells stay.

    Raises BenchError for a run that is going on, and where it cannot be removed.
    """
    try:
        running = store.manifest(name).status == "running"
    except BenchError:  # what cannot be read is of no use
        running = False
    if running:
        raise BenchError("it is running", where=f"run {name}", todo="end it first")
    _remove(store, "runs", store.run(name))


def unused(store: Store) -> Unused:
    """What no run points to: cells, what some of them left unfinished, the preparations that no other cell
    was charged for, and datasets. The documents that cells read are written anew by each run; they are unused
    where no run is left.

    Raises BenchError where another process works in the folder, and for a run that cannot be read: nobody
    knows what it points to.
    """
    if others_work(store.root):
        raise BenchError(
            "a run is going on there, and nothing points yet to what it measures",
            where=str(store.root),
            todo="wait for its end",
        )
    cells, datasets, names = set[str](), set[str](), store.runs()
    for name in names:
        try:
            manifest = store.manifest(name)
        except BenchError as error:
            todo = f"remove that run first: bench rm {name}"
            raise BenchError(error.what, where=str(store.run(name) / RUN), todo=todo) from error
        if manifest.status == "running":
            raise BenchError(
                "its cells wait in a cluster, or run there",
                where=f"run {name}",
                todo=f"wait for its end: bench watch {name}",
            )
        cells |= cells_of(manifest)
        datasets.add(manifest.fingerprint)
    preparations, queue = set(), list(cells)
    while queue:
        record = store.record(queue.pop())
        if record is not None:
            members = {*record.members.values(), *record.learns_from.values()} - cells
            cells |= members
            queue += members
            preparations |= {charged.key for charged in record.preparations}
    return Unused(
        {
            "cells": _others(store.root / "cells", cells),
            "unfinished": _others(store.root / "unfinished", cells),
            "preparations": _others(store.root / "preparations", preparations),
            "datasets": _others(store.root / "datasets", datasets),
            "documents": () if names else _others(store.root / "documents", ()),
        }
    )


def _others(folder: Path, used: Iterable[str]) -> tuple[Path, ...]:
    names = {*used}
    found = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(path for path in found if path.name not in names and not path.name.startswith(".")))


def remove_unused(store: Store, found: Unused) -> None:
    """Raises BenchError where something cannot be removed."""
    for kind, folders in found.folders.items():
        for folder in folders:
            _remove(store, kind, folder)
    store.sweep()


def _remove(store: Store, kind: str, folder: Path) -> None:
    """Takes the name away first: nobody ever finds half of a folder under it."""
    try:
        aside = store.workspace(kind, "removed")
        folder.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise cannot_write(folder, error) from error
