"""What memory costs to measure, and that a peak is seen whatever the processes of a tree do."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import pytest

from readbench.engine import meter as metering
from readbench.engine.meter import Meter
from readbench.engine.process_tree import ProcessTree
from readbench.machine.memory import ProcessMemory, process_memory
from readbench.machine.processes import Look

MIB = 2**20
HELD = 8
"""Turns of the meter."""


class Machine:
    """Sizes as a test sets them, and how often the maps were read, which takes 10 ms."""

    def __init__(self) -> None:
        self.resident = self.peak = 100 * MIB
        self.readings = 0
        self.shared = 0

    def set(self, mib: int) -> None:
        self.resident = mib * MIB
        self.peak = max(self.peak, self.resident)

    def read(self, pid: int) -> ProcessMemory:  # noqa: ARG002
        self.readings += 1
        end = time.thread_time() + 0.01
        while time.thread_time() < end:
            pass
        return ProcessMemory(self.resident - self.shared * MIB, self.resident, self.resident)

    def look(self, tree: ProcessTree) -> dict[int, Look]:
        return {tree.pid: Look(self.resident, self.resident, self.peak, image=1, started=1)}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr(metering, "process_memory", found.read)
    monkeypatch.setattr(ProcessTree, "look", lambda tree: found.look(tree))
    monkeypatch.setattr(metering, "QUICK_S", 0.0)
    monkeypatch.setattr(metering, "SLOW_S", 0.0)
    monkeypatch.setattr(metering, "LOOKS", 1e9)
    return found


def watched() -> Meter:
    meter = Meter(os.getpid(), pause_s=0.0)
    meter._inherited = 0
    meter.set_baseline(0)
    return meter


def test_what_goes_up_and_down_is_not_read_at_every_turn(machine: Machine) -> None:
    meter = watched()
    machine.set(500)
    meter.sample()
    before = machine.readings
    began = time.monotonic()
    for turn in range(40):
        machine.set(500 if turn % 2 else 200)
        meter.sample()
        time.sleep(0.002)
    # 10 ms of reading in 200 ms.
    assert machine.readings - before <= 1 + (time.monotonic() - began) / 0.2
    assert meter.peak_growth_bytes == 500 * MIB


def test_a_new_peak_is_seen_at_once(machine: Machine) -> None:
    meter = watched()
    for size in (200, 300, 400):
        machine.set(size)
        assert meter.sample() == size * MIB
    assert meter.peak_growth_bytes == 400 * MIB


def test_a_peak_between_two_looks_is_seen_after_it(machine: Machine) -> None:
    meter = watched()
    meter.sample()
    machine.set(900)
    machine.set(100)
    meter.sample()
    assert meter.peak_growth_bytes == 900 * MIB


def test_what_the_harness_held_is_not_charged(machine: Machine) -> None:
    meter = watched()
    meter.baseline_bytes = None
    machine.set(300)
    meter.sample()
    assert meter.peak_growth_bytes == 0
    meter._inherited = 0
    meter.set_baseline(300 * MIB)
    machine.set(450)
    meter.sample()
    assert meter.peak_growth_bytes == 150 * MIB


def test_pages_of_a_file_that_others_map_too_are_no_peak(machine: Machine) -> None:
    meter = watched()
    machine.set(200)
    meter.sample()
    machine.shared = 90
    meter._read_at = time.monotonic() + 60  # a reading would come too early
    machine.set(290)
    assert meter.sample() == 290 * MIB
    meter._read_at = 0.0
    meter.sample()
    assert meter.peak_growth_bytes == 200 * MIB


class Family:
    """Forks of a process with 200 MiB that write into nothing: each holds all of it, and has a part of it.
    ``when_read``: what happens when one of them has been read, by its number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, forks: int) -> None:
        self.alive = list(range(1, 2 + forks))
        self.when_read: dict[int, Callable[[], object]] = {}
        self.peak = self.resident = 200 * MIB
        self.faults = self.readings = 0
        monkeypatch.setattr(metering, "process_memory", self.read)
        monkeypatch.setattr(metering, "children_of", lambda *_: [])
        monkeypatch.setattr(ProcessTree, "look", lambda _: self.look())
        self.meter = Meter(1)
        self.meter._inherited = 0
        self.meter.set_baseline(0)

    def read(self, pid: int) -> ProcessMemory:
        self.readings += 1
        if pid not in self.alive:
            return ProcessMemory()
        among = len(self.alive)
        found = ProcessMemory(self.resident if among == 1 else 0, self.resident // among, self.resident)
        self.when_read.pop(pid, lambda: None)()
        return found

    def look(self) -> dict[int, Look]:
        of_all = Look(self.resident, self.resident, self.peak, self.faults, image=1, started=1)
        return {pid: of_all._replace(parent=1 if pid > 1 else 0, address_space=pid) for pid in self.alive}

    def sample(self) -> int | None:
        """As if there were time enough."""
        self.meter._next_look = self.meter._read_at = 0.0
        return self.meter.sample()


def test_a_process_that_ends_while_maps_are_read_is_not_counted_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    family = Family(monkeypatch, forks=4)
    # 40 MiB of each of four, then 100 of the fifth: only the first is still there.
    family.when_read = {4: lambda: family.alive.__delitem__(slice(1, 4))}
    family.sample()
    family.sample()
    assert family.meter.peak_growth_bytes == 200 * MIB


def test_a_process_that_begins_while_maps_are_read_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    family = Family(monkeypatch, forks=0)
    family.resident = family.peak = 100 * MIB
    family.sample()
    family.resident = family.peak = 200 * MIB
    family.alive += [2]
    # All that the first process held alone is now common: read without the second it would be nothing.
    family.when_read = {1: lambda: family.alive.append(3)}
    assert family.sample() == 200 * MIB
    assert family.sample() == 200 * MIB


def test_a_process_that_is_about_to_become_a_program_has_no_memory_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    family = Family(monkeypatch, forks=0)
    family.sample()
    of_parent = family.look()[1]._replace(faults=10**6)
    # After vfork both have the same memory, and all of it is private to each.
    monkeypatch.setattr(ProcessTree, "look", lambda _: {1: of_parent, 2: of_parent._replace(parent=1)})
    monkeypatch.setattr(metering, "process_memory", lambda _: ProcessMemory(*[200 * MIB] * 3))
    family.sample()
    assert family.meter.peak_growth_bytes == 200 * MIB


def test_readings_that_find_nothing_new_become_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    family = Family(monkeypatch, forks=1)
    for _ in range(300):
        family.meter._next_look = 0.0
        family.meter._reading_s = 0.001
        family.faults += 10**4
        family.meter.sample()
        time.sleep(0.001)
    # Three readings of maps each: of both processes and of the fork server.
    assert family.readings < 3 * 30
    assert family.meter._patience > metering.HURRIED


def fork(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


class Turns:
    """How often the meter was asked to look: what a process waits for, so that a busy machine, which gives
    the meter little time, gives it as many looks as an idle one. A turn is 20 ms there."""

    def __init__(self) -> None:
        self._count = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        return int.from_bytes(self._count[:8], "little")

    def next(self) -> None:
        self._count[:8] = (self.count + 1).to_bytes(8, "little")

    def wait(self, turns: int) -> None:
        end = self.count + turns
        while self.count < end and os.getppid() != 1:
            time.sleep(0.002)


def hold(mib: int, turns: Turns) -> None:
    held = b"x" * (mib * MIB)
    turns.wait(HELD)
    del held


def end(pid: int) -> None:
    os.waitpid(pid, 0)


def big_and_one_child(turns: Turns) -> None:
    held = b"x" * (400 * MIB)
    turns.wait(15)  # until reading it has become rare
    end(fork(lambda: hold(200, turns)))
    del held


def big_and_a_child_that_writes_into_it(turns: Turns) -> None:
    held = bytearray(300 * MIB)
    for start in range(0, len(held), 4096):
        held[start] = 1
    turns.wait(15)

    def write() -> None:
        for start in range(0, 200 * MIB, 4096):
            held[start] = 2
        turns.wait(25)

    end(fork(write))


def children_one_after_another(turns: Turns) -> None:
    held = b"x" * (300 * MIB)
    for _ in range(4):
        end(fork(lambda: hold(150, turns)))
    del held


def big_and_another_program(turns: Turns) -> None:
    held = b"x" * (300 * MIB)
    code = f"held = b'x' * {200 * MIB}; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        turns.wait(HELD)
        program.communicate(b"\n")
    del held


def children_that_take_nothing(turns: Turns) -> None:
    held = b"x" * (200 * MIB)
    for pid in [fork(lambda: turns.wait(15)) for _ in range(4)]:
        end(pid)
    del held


def peak_of(work: Callable[[Turns], None]) -> int:
    """What a meter says of a forked process that does this."""
    turns = Turns()

    def late() -> NoReturn:
        turns.wait(5)
        work(turns)
        os._exit(0)

    pid = fork(late)
    meter = Meter(pid)
    meter.set_baseline(process_memory(pid).private)
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        meter.sample()
        turns.next()
        time.sleep(0.02)
    return meter.peak_growth_bytes


@pytest.mark.alone
@pytest.mark.parametrize(
    ("work", "mib"),
    [
        (big_and_one_child, 600),
        (big_and_a_child_that_writes_into_it, 500),
        (children_one_after_another, 450),
        (big_and_another_program, 500),
        (children_that_take_nothing, 200),
    ],
)
def test_a_tree_has_the_same_peak_every_time(work: Callable[[Turns], None], mib: int) -> None:
    # What forks of Python write into their pages by themselves is some MiB, and more on a busy machine.
    peaks = [peak_of(work) / MIB for _ in range(4)]
    assert peaks == pytest.approx([mib] * 4, rel=0.12), peaks


def test_one_slow_reading_does_not_put_off_the_next() -> None:
    """Seen once in thirty trees: a reading of 122 ms where 18 are usual, and then a pause of 610."""
    meter = watched()
    assert meter._usual(0.018) == 0.018
    meter._reading_s = 0.018
    assert meter._usual(0.122) == pytest.approx(0.036)
    assert meter._usual(0.005) == 0.005
