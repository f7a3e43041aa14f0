"""Samples the memory of a process tree.

The growth of a tree is what it holds beyond the libraries that it inherited from the fork server, and beyond
what the harness held in the child when the method took over (``baseline_bytes``). For one process that is its
private memory. For several it is the sum of their proportional set sizes, which counts a page that k of them
share as 1/k in each, less their part of the pages that they share with the fork server.

Reading the maps of a big process takes long and holds it up. So that is done where the tree may hold more
than ever before. Everything else follows from the resident sizes, and from the highest ones that the kernel
keeps for each process: a peak between two looks is not lost as long as its process lives.

Maps are read one process after another. One that ends in between leaves its share of the common pages to
those that are read later, and one that begins takes a share from them: such a sum holds for no moment, and is
not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic, thread_time

from readbench.engine.process_tree import ProcessTree
from readbench.machine.gpu import GpuMeter
from readbench.machine.memory import ProcessMemory, process_memory
from readbench.machine.processes import PAGE, Look, children_of, look_at

STEP, LEAST_STEP = 1.05, 4 * 2**20
"""A new peak is read where it seems to be this much higher than the last one, by ratio and in bytes."""
JUMP = 16 * 2**20
"""The same where nothing says that it is a peak, only that it may be: processes that share memory and write
into it get pages of their own, and are no bigger for it."""
HURRIED, PATIENT, PATIENT_ALONE = 5.0, 100.0, 500.0
"""How many times the processor time of a reading is waited before the next one: at least, and at most where
readings find nothing new, in a tree of several processes and of one."""
QUICK_S, SLOW_S = 0.02, 0.06
"""Between two looks at sizes: while they change, and while they do not."""
MOVED = 2**20
"""Bytes by which a tree that changes has changed since the last look."""
LOOKS = 1 / 10
"""Which part of a processor may go into looking."""


@dataclass
class Meter:
    """Watches one process tree by its first process. ``baseline_bytes`` is None before the method took over:
    until then nothing counts. ``pause_s``: how long the next look is away, about."""

    pid: int
    baseline_bytes: int | None = None
    pause_s: float = QUICK_S
    gpu: GpuMeter = field(default_factory=GpuMeter)
    tree: ProcessTree = field(init=False)
    _before: dict[int, Look] = field(default_factory=dict)
    """By process of the tree: at the last reading of its maps, or where it was first seen after that."""
    _growth: int = 0
    """At the last reading, with what has come into the tree since then."""
    _known_peak: int = 0
    _likely_peak: int = 0
    """By the sizes of a single process since the last reading. What it maps of a file may be shared: the next
    reading, with the kernel's peak, says more."""
    _last: dict[int, Look] = field(default_factory=dict)
    _next_look: float = 0.0
    _read_at: float = 0.0
    _reading_s: float = 0.0
    """Of the processor: on a busy machine a reading waits longer than it works, and needs no longer pause."""
    _patience: float = HURRIED

    def __post_init__(self) -> None:
        self.tree = ProcessTree(self.pid)
        self._server = look_at(self.pid).parent
        self._inherited = process_memory(self.pid).shared

    @property
    def peak_growth_bytes(self) -> int:
        return max(self._known_peak, self._likely_peak)

    def set_baseline(self, baseline_bytes: int) -> None:
        """From now on the method is charged. The kernel's peak begins anew with it."""
        self.baseline_bytes = baseline_bytes
        resident = baseline_bytes + self._inherited
        self.tree.forget()
        first = self.tree.look()[self.pid]
        self._before = {self.pid: first._replace(resident=resident, peak_resident=resident)}
        self._growth = 0

    def sample(self) -> int | None:
        """The highest growth in bytes since the last reading of all maps; None where it is too early to look
        again."""
        began = monotonic()
        if began < self._next_look:
            return None
        worked = thread_time()
        looks = self.tree.look()
        self.gpu.sample(looks)
        self._pace(looks, began, thread_time() - worked)
        if self.baseline_bytes is None:
            return None
        self._welcome(looks)
        growth = self._growth + self._risen(looks)
        alone = len(looks) == len(self._before) == 1
        if (read := self._peak_read(looks, growth)) is not None:
            growth = read
            self._known_peak = max(self._known_peak, growth)
            self._likely_peak = 0
        elif alone:
            self._likely_peak = max(self._likely_peak, growth)
        else:
            self._known_peak = max(self._known_peak, growth)
        return growth

    def kill(self) -> None:
        """Ends the tree, and what was ever seen of it."""
        self.tree.kill()

    def _pace(self, looks: dict[int, Look], began: float, took_s: float) -> None:
        """Looks less often while nothing changes, and where a look takes long."""
        before, self._last = self._last, looks
        still = before.keys() == looks.keys() and all(
            abs(look.resident - before[pid].resident) < MOVED
            and look.faults_of_ended == before[pid].faults_of_ended
            for pid, look in looks.items()
        )
        self.pause_s = min(SLOW_S, self.pause_s * 1.5) if still else QUICK_S
        self._next_look = began + max(self.pause_s, took_s / LOOKS)

    def _welcome(self, looks: dict[int, Look]) -> None:
        """Takes new processes into account. A fork begins with what its parent holds, which is there already;
        a program of its own brings what it holds."""
        for pid, found in looks.items():
            before = self._before.get(pid)
            parent = looks.get(found.parent, found)
            if before is None and found.image == parent.image:
                # Its first size may be that of a fork which is not complete yet.
                begun = found.resident - found.anonymous + parent.anonymous
                self._before[pid] = found._replace(resident=begun, peak_resident=begun)
            elif found.image and (before is None or before.image != found.image):
                memory = process_memory(pid)
                self._before[pid] = found._replace(resident=memory.resident)
                self._growth += memory.proportional if pid != self.pid else 0

    def _risen(self, looks: dict[int, Look]) -> int:
        """By how much the tree grew at least since the last reading, though it may have shrunk again. It is
        the rise of one process, less what all others gave back: several need not have been at their peaks
        together."""
        gone = Look()
        shrunk = {
            pid: max(0, before.resident - looks.get(pid, gone).resident)
            for pid, before in self._before.items()
        }
        every = sum(shrunk.values())
        rises = [rise - (every - shrunk[pid]) for pid, rise in self._rises(looks).items()]
        return max([0, *rises])

    def _rises(self, looks: dict[int, Look]) -> dict[int, int]:
        """By how much each process holds more than at the last reading, or held at its peak since then."""
        found = {}
        for pid, look in looks.items():
            if before := self._before.get(pid):
                new_peak = look.peak_resident > before.peak_resident
                highest = look.peak_resident if new_peak else look.resident
                found[pid] = max(0, highest - before.resident)
        return found

    def _peak_read(self, looks: dict[int, Look], growth: int) -> int | None:
        """The growth by the maps of the whole tree, with what was given back since its peak; None where the
        maps were not read, or the tree changed while they were. ``growth`` is what sizes say."""
        peak = self._known_peak
        certain = growth > max(STEP * peak, peak + LEAST_STEP)
        possible = self._most(looks) > max(growth, peak) + JUMP
        waited = monotonic() - self._read_at
        if not (certain or possible) or waited < self._reading_s * (HURRIED if certain else self._patience):
            return None
        worked = thread_time()
        found = self._read(looks)
        self._read_at, self._reading_s = monotonic(), self._usual(thread_time() - worked)
        if found is not None:
            new = found > peak + JUMP / 2
            most = PATIENT if len(looks) > 1 else PATIENT_ALONE
            self._patience = HURRIED if new else min(most, 2 * self._patience)
        return found

    def _usual(self, took_s: float) -> float:
        """What a reading takes, of which one took so long: at most twice the one before. A single one can
        take ten times as long, where a child writes meanwhile; a pause by its measure would miss what
        the child holds."""
        return min(took_s, 2 * self._reading_s) if self._reading_s else took_s

    def _most(self, looks: dict[int, Look]) -> int:
        """What the tree holds at most: every process at its peak at once, or each new page one of its own."""
        faults = sum(
            max(0, look.faults - self._before[pid].faults)
            for pid, look in looks.items()
            if pid in self._before
        )
        return self._growth + max(sum(self._rises(looks).values()), faults * PAGE)

    def _read(self, looks: dict[int, Look]) -> int | None:
        """Reads the maps of the whole tree: from here on growth is counted anew."""
        shared_by = self._sharers()
        memory = {pid: process_memory(pid) for pid in _of_their_own(looks)}
        growth = self._growth_of(memory, looks) - (self.baseline_bytes or 0)
        after = self.tree.look()
        if shared_by != self._sharers() or _images(looks) != _images(after) or not after[self.pid].image:
            return None
        given_back = self._given_back(looks, memory)
        self._growth = growth
        self._before = {
            pid: found._replace(resident=memory[pid].resident) if pid in memory else found
            for pid, found in looks.items()
            if found.image
        }
        return growth + given_back

    def _given_back(self, looks: dict[int, Look], memory: dict[int, ProcessMemory]) -> int:
        """By how much the tree was bigger at the new peak of one of its processes than it is now, at least:
        less what the others have grown by since the last reading."""
        before = self._before
        grown = {
            pid: max(0, found.resident - before[pid].resident) if pid in before else found.resident
            for pid, found in memory.items()
        }
        every = sum(grown.values())
        fallen = [
            looks[pid].peak_resident - found.resident - (every - grown[pid])
            for pid, found in memory.items()
            if pid in before and looks[pid].peak_resident > before[pid].peak_resident
        ]
        return max([0, *fallen])

    def _sharers(self) -> list[int]:
        """Who shares the pages of the fork server: a cell that begins or ends changes everybody's part."""
        return sorted(children_of(self._server))

    def _growth_of(self, memory: dict[int, ProcessMemory], looks: dict[int, Look]) -> int:
        if len(memory) == 1:
            return memory[self.pid].private
        forks = sum(looks[pid].image == looks[self.pid].image for pid in memory)
        server = process_memory(self._server)
        # How many processes share a page of the server on average.
        shared_by = server.shared / max(1, server.proportional - server.private)
        inherited = self._inherited * min(1.0, forks / max(1.0, shared_by))
        return sum(found.proportional for found in memory.values()) - round(inherited)


def _images(looks: dict[int, Look]) -> dict[int, int]:
    return {pid: look.image for pid, look in looks.items() if look.image}


def _of_their_own(looks: dict[int, Look]) -> list[int]:
    """The processes that live and have memory of their own. One that is about to become another program
    (``vfork``) has its parent's until then: all its sizes are those of its parent."""
    return [
        pid
        for pid, look in looks.items()
        if look.image and (look.parent not in looks or _sizes(look) != _sizes(looks[look.parent]))
    ]


def _sizes(look: Look) -> tuple[int, ...]:
    return look.resident, look.anonymous, look.peak_resident, look.address_space, look.image
