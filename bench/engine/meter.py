"""Samples the memory of a process tree and finds everything that belongs to it.

The growth of a tree is what it holds beyond the libraries that it inherited from the fork server, and beyond
what the harness held in the child when the method took over (``baseline_bytes``). For one process that is its
private memory. For several it is the sum of their proportional set sizes, which counts a page that k of them
share as 1/k in each, less their part of the pages that they share with the fork server.

Reading the maps of a big process takes long and holds it up, so that is done for a small part of the time.
In between the resident sizes are looked at, and the highest ones that the kernel keeps for each process: a
peak between two looks is not lost as long as its process lives.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field
from time import monotonic, thread_time

import psutil

from readbench.machine.gpu import GpuMeter
from readbench.machine.memory import PAGE, Glance, ProcessMemory, glance, process_memory
from readbench.machine.processes import children_of

JUMP = 16 * 2**20
"""What processes may have written into shared memory, at most, before it is looked at."""
INTERVAL_S = 0.02
READINGS, HURRIED_READINGS, GLANCES = 1 / 20, 1 / 5, 1 / 5
"""Which part of the time may go into reading maps; the same while processes come, or write into memory that
they share; and into looking at sizes."""


@dataclass
class Meter:
    """Watches one process tree by its first process. ``baseline_bytes`` is None before the method took over:
    until then nothing counts."""

    pid: int
    peak_growth_bytes: int = 0
    baseline_bytes: int | None = None
    gpu: GpuMeter = field(default_factory=GpuMeter)
    _seen: dict[int, float] = field(default_factory=dict)
    _before: dict[int, Glance] = field(default_factory=dict)
    """By process of the tree: at the last reading of its maps, or where it was first seen after that."""
    _growth: int = 0
    """At the last reading, with what has come into the tree since then."""
    _read_at: float = 0.0
    _reading_s: float = 0.0
    """Of the processor: on a busy machine a reading waits longer than it works, and needs no longer pause."""
    _next_glance: float = 0.0

    def __post_init__(self) -> None:
        self._server = _parent(self.pid)
        self._inherited = process_memory(self.pid).shared

    def set_baseline(self, baseline_bytes: int) -> None:
        """From now on the method is charged. The kernel's peak begins anew with it."""
        self.baseline_bytes = baseline_bytes
        resident = baseline_bytes + self._inherited
        image = glance(self.pid).image
        self._before = {self.pid: Glance(resident, peak_resident=resident, image=image)}
        self._growth = 0

    def sample(self) -> int | None:
        """The highest growth in bytes since the last reading of all maps; None where it is too early to look
        again."""
        began, worked = monotonic(), thread_time()
        if began < self._next_glance:
            return None
        tree = self._tree()
        self.gpu.sample(tree)
        glances = {pid: glance(pid) for pid in tree}
        self._next_glance = monotonic() + (monotonic() - began) / GLANCES
        self._welcome(tree, glances)
        growth = self._growth + self._risen(glances)
        self._keep(growth)
        if self._due(began, glances, growth):
            growth = self._read(glances)
            self._keep(growth)
            self._read_at = monotonic()
            self._reading_s = thread_time() - worked
        return growth

    def _keep(self, growth: int) -> None:
        if self.baseline_bytes is not None:
            self.peak_growth_bytes = max(self.peak_growth_bytes, growth)

    def _welcome(self, tree: dict[int, int], glances: dict[int, Glance]) -> None:
        """Takes new processes into account. A fork begins with what its parent holds, which is there already;
        a program of its own brings what it holds."""
        for pid, found in glances.items():
            before = self._before.get(pid)
            parent = glances.get(tree[pid], found)
            if before is None and found.image == parent.image:
                # Its first size may be that of a fork which is not complete yet.
                begun = found.resident - found.anonymous + parent.anonymous
                self._before[pid] = found._replace(resident=begun, peak_resident=begun)
            elif found.image and (before is None or before.image != found.image):
                memory = process_memory(pid)
                self._before[pid] = found._replace(resident=memory.resident)
                self._growth += memory.proportional if pid != self.pid else 0

    def _due(self, now: float, glances: dict[int, Glance], growth: int) -> bool:
        """Whether to read all maps: after a while in any case; soon where processes write into memory that
        they share. Each gets a page of its own then, and is no bigger for it."""
        waited = now - self._read_at
        if waited >= max(INTERVAL_S, self._reading_s / READINGS):
            return True
        if len(glances) == 1 or waited < self._reading_s / HURRIED_READINGS:
            return False
        faults = sum(
            max(0, found.faults - self._before[pid].faults)
            for pid, found in glances.items()
            if pid in self._before
        )
        return self._growth + faults * PAGE >= max(growth, self.peak_growth_bytes) + JUMP

    def _read(self, glances: dict[int, Glance]) -> int:
        """Reads the maps of the whole tree: from here on growth is counted anew."""
        memory = {pid: process_memory(pid) for pid in glances}
        self._growth = self._growth_of(memory, glances) - (self.baseline_bytes or 0)
        self._before = {
            pid: found._replace(resident=memory[pid].resident)
            for pid, found in glances.items()
            if found.image
        }
        return self._growth

    def _growth_of(self, memory: dict[int, ProcessMemory], glances: dict[int, Glance]) -> int:
        if len(memory) == 1:
            return memory[self.pid].private
        forks = sum(found.image == glances[self.pid].image for found in glances.values())
        server = process_memory(self._server)
        # How many processes share a page of the server on average.
        shared_by = server.shared / max(1, server.proportional - server.private)
        inherited = self._inherited * min(1.0, forks / max(1.0, shared_by))
        return sum(found.proportional for found in memory.values()) - round(inherited)

    def _risen(self, glances: dict[int, Glance]) -> int:
        """By how much the tree grew at least since the last reading, though it may have shrunk again. It is
        the rise of one process, less what all others gave back: several need not have been at their peaks
        together."""
        gone = Glance()
        shrunk = {
            pid: max(0, before.resident - glances.get(pid, gone).resident)
            for pid, before in self._before.items()
        }
        rises = [
            found.peak_resident - before.resident - (sum(shrunk.values()) - shrunk[pid])
            for pid, found in glances.items()
            if (before := self._before.get(pid)) and found.peak_resident > before.peak_resident
        ]
        return max(rises, default=0)

    def _tree(self) -> dict[int, int]:
        """The processes of the tree that live, and the parent of each."""
        parents = {self.pid: self.pid}
        queue = [self.pid]
        for pid in queue:
            children = [child for child in children_of(pid) if child not in parents]
            parents |= dict.fromkeys(children, pid)
            queue += children
        for pid in parents.keys() - self._seen.keys():
            with contextlib.suppress(psutil.Error):
                self._seen[pid] = psutil.Process(pid).create_time()
        return parents

    def kill(self) -> None:
        """Ends every process that was ever seen in the tree, and every one of its session."""
        self._tree()
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid).children(recursive=True):
                self._seen.setdefault(child.pid, child.create_time())
        doomed = set()
        for pid, created in self._seen.items():
            with contextlib.suppress(psutil.Error):
                if psutil.Process(pid).create_time() == created:
                    doomed.add(pid)
        doomed.update(_session(self.pid))
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0


def _session(leader: int) -> list[int]:
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found
