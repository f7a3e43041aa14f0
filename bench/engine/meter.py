"""Samples the memory of a process tree and finds everything that belongs to it.

The growth of a tree is what it holds beyond the libraries that it inherited from the fork server:
for one process its private memory (USS); for several, their proportional set sizes (PSS), which
count a page that k processes share as 1/k in each, less what the first process had at the start.
What the harness itself holds in the child when the method takes over (``baseline_bytes``) is not the
method's and is taken off. Peaks come from samples, so an allocation that lives shorter than the
interval can be missed.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import psutil

from readbench.machine.gpu import GpuMeter
from readbench.machine.memory import process_memory

PAGE = os.sysconf("SC_PAGE_SIZE")
JUMP = 16 * 2**20
SHARE = 1 / 20
"""Of the time that may go into reading maps."""


@dataclass
class Meter:
    """Watches one process tree by its first process."""

    pid: int
    peak_growth_bytes: int = 0
    baseline_bytes: int | None = None
    _start_pss: int = 0
    _seen: dict[int, float] = field(default_factory=dict)
    _next: float = 0.0
    _last_tree: list[int] = field(default_factory=list)
    _highest_rss: int = 0
    gpu: GpuMeter = field(default_factory=GpuMeter)

    def __post_init__(self) -> None:
        self._start_pss = process_memory(self.pid)[1]
        self._last_tree = [self.pid]

    def sample(self) -> int | None:
        """The growth now in bytes, or None where it was not worth asking: reading the maps of a big
        process takes milliseconds and holds it up, so the interval grows with what the last reading cost,
        unless the resident size (cheap to read) jumped above everything that it was at a reading: what goes
        up and down with every step of a training is no new peak."""
        now = monotonic()
        self.gpu.sample(self._last_tree)
        rss = sum(_resident(pid) for pid in self._last_tree)
        if now < self._next and rss < self._highest_rss + JUMP:
            return None
        tree = self._last_tree = self._tree()
        if len(tree) == 1:
            growth = process_memory(tree[0])[0]
        else:
            growth = sum(process_memory(pid)[1] for pid in tree) - self._start_pss
        if self.baseline_bytes is not None:
            growth -= self.baseline_bytes
            self.peak_growth_bytes = max(self.peak_growth_bytes, growth)
        self._highest_rss = max(self._highest_rss, rss)
        self._next = monotonic() + max(0.02, (monotonic() - now) / SHARE)
        return growth

    def _tree(self) -> list[int]:
        pids = [self.pid]
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid).children(recursive=True):
                pids.append(child.pid)
        for pid in pids:
            if pid not in self._seen:
                with contextlib.suppress(psutil.Error):
                    self._seen[pid] = psutil.Process(pid).create_time()
        return pids

    def kill(self) -> None:
        """Ends every process that was ever seen in the tree, and every one of its session."""
        self._tree()
        doomed = set()
        for pid, created in self._seen.items():
            with contextlib.suppress(psutil.Error):
                if psutil.Process(pid).create_time() == created:
                    doomed.add(pid)
        doomed.update(_session(self.pid))
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _session(leader: int) -> list[int]:
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found
