"""Says whether the process that works in a results folder is still alive, also from another machine.

A process has one lease for each results folder that it writes into: a small file that says where the process
runs, and that it touches every few seconds while it lives. On the machine where it runs, the operating system
knows best. From elsewhere (another host, another container) the age of the file counts. It is measured by the
clock of the file system, so that clocks which differ or are set do no harm.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import platform
import secrets
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from readbench.core.damage import stored_json
from readbench.core.files import cannot_write, write_json

FOLDER = "leases"
BEAT_S = 10.0
SILENT_S = 180.0
"""A process on another machine that has not touched its lease for so long is taken for dead."""


@dataclass(frozen=True)
class Process:
    """A process among all those that may see a results folder. ``space``: the namespace that its number
    belongs to; a container has its own. ``started``: in the units of the system's own clock, which nobody can
    set."""

    host: str
    boot: str
    space: str
    pid: int
    started: int


class Lease:
    """The lease of this process on a results folder. Raises BenchError where the folder cannot be written."""

    def __init__(self, root: Path) -> None:
        self.id = secrets.token_hex(6)
        self._path = root / FOLDER / f"{self.id}.json"
        self._owner = os.getpid()
        self._write()
        self._ended = threading.Event()
        threading.Thread(target=self._beat, name="lease", daemon=True).start()
        atexit.register(self.end)

    def end(self) -> None:
        """Gives the lease back. In a forked child it is the parent's, and stays."""
        self._ended.set()
        if os.getpid() == self._owner:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether it is this process's, and still on disk."""
        return os.getpid() == self._owner and self._path.exists()

    def _write(self) -> None:
        """Whole or not at all: who read half of it would take this process for dead."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self._path, error) from error
        write_json(self._path, asdict(_this_process()))

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            # A disk that is full for a while: the next beat may succeed.
            with contextlib.suppress(OSError):
                os.utime(self._path)


_HELD: dict[Path, Lease] = {}


def lease_on(root: Path) -> Lease:
    """The one lease of this process on a results folder, made where there is none yet, and again where the
    folder was removed or this process is a fork. Raises BenchError where the folder cannot be written."""
    place = root.resolve()
    held = _HELD.get(place)
    if held is None or not held.is_held():
        if held is not None:
            held.end()
        held = _HELD[place] = Lease(place)
    return held


def lease_is_alive(root: Path, id_: str) -> bool:
    """Whether the process with that lease still works in the results folder."""
    path = root / FOLDER / f"{id_}.json"
    owner = stored_json(path, lambda data: Process(**data))
    if owner is None:
        return False
    here = _this_process()
    if (owner.host, owner.boot, owner.space) == (here.host, here.boot, here.space):
        return owner.started == _started(owner.pid) != 0
    age = _age_s(path)
    return age is not None and age < SILENT_S


def others_work(root: Path) -> bool:
    """Whether another process works in the results folder."""
    mine = _HELD.get(root.resolve())
    leases = (path.stem for path in root.glob(f"{FOLDER}/*.json"))
    return any(lease != (mine and mine.id) and lease_is_alive(root, lease) for lease in leases)


def remove_dead_leases(root: Path) -> None:
    for path in root.glob(f"{FOLDER}/*.json"):
        if not lease_is_alive(root, path.stem):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _this_process() -> Process:
    boot = _text("/proc/sys/kernel/random/boot_id") or str(round(psutil.boot_time()))
    space = _link("/proc/self/ns/pid")
    pid = os.getpid()
    return Process(platform.node(), boot, space, pid, _started(pid))


def _started(pid: int) -> int:
    """When a process started; 0 where there is none. Two processes with one number differ in it."""
    # The name of the program stands in brackets and may hold anything. The 20th field behind it are ticks
    # since the machine started.
    status = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(status) > 19:
        return 0 if status[0] in "ZX" else int(status[19])
    with contextlib.suppress(psutil.Error, ValueError):
        return round(psutil.Process(pid).create_time() * 100)
    return 0


def _age_s(path: Path) -> float | None:
    """Seconds since a file was touched, by the clock of its file system; None where that cannot be told."""
    with contextlib.suppress(OSError), _fresh_file(path.parent) as fresh:
        return fresh.stat().st_mtime - path.stat().st_mtime
    return None


@contextlib.contextmanager
def _fresh_file(folder: Path) -> Iterator[Path]:
    path = folder / f".{secrets.token_hex(6)}"
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - it points to no file
    except OSError:
        return ""
