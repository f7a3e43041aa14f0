"""What measuring a cell's memory costs the harness, beside a look at everything at every turn."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from statistics import median

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from readbench.engine.local import TICK_S
from readbench.engine.meter import Meter
from readbench.machine.memory import process_memory

MIB = 2**20
WORKS_S, ROUNDS = 5.0, 2
TIMES = 8.8
"""A run of 5,000 papers spent 8.8 s on metering where 1 s is allowed."""


class EveryTurn:
    """Finds the processes of the tree among all of the machine, and reads their maps in a twentieth of the
    time: what the meter once did."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.before = process_memory(pid).private
        self.peak_growth_bytes = 0
        self.next_reading = 0.0

    def sample(self) -> None:
        with contextlib.suppress(psutil.Error):
            tree = [self.process, *self.process.children(recursive=True)]
            if time.monotonic() < self.next_reading:
                return
            worked = time.thread_time()
            growth = sum(process_memory(each.pid).private for each in tree) - self.before
            self.peak_growth_bytes = max(self.peak_growth_bytes, growth)
            self.next_reading = time.monotonic() + 20 * (time.thread_time() - worked)


def metered(pid: int) -> Meter:
    meter = Meter(pid)
    meter.set_baseline(process_memory(pid).private)
    return meter


@contextlib.contextmanager
def worker() -> Iterator[int]:
    """A process with 300 MiB that takes another 20 for each document, and gives them back."""
    pid = os.fork()
    if pid == 0:
        time.sleep(0.1)
        held = b"x" * (300 * MIB)
        end = time.monotonic() + WORKS_S
        while time.monotonic() < end:
            document = b"x" * (20 * MIB)
            sum(range(50_000))
            del document
        del held
        os._exit(0)
    yield pid
    os.waitpid(pid, 0)


def watch(meter_of: Callable[[int], EveryTurn | Meter]) -> tuple[float, int]:
    """Seconds of the processor that went into watching a worker, and its peak in bytes."""
    with worker() as pid:
        meter = meter_of(pid)
        seconds = 0.0
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            began = time.thread_time()
            meter.sample()
            seconds += time.thread_time() - began
            time.sleep(TICK_S)
    return seconds, meter.peak_growth_bytes


@pytest.mark.alone
def test_metering_costs_little_and_sees_the_same(benchmark: BenchmarkFixture) -> None:
    found = [(watch(EveryTurn), watch(metered)) for _ in range(ROUNDS)]
    before, after = (median(seconds for seconds, _ in way) for way in zip(*found, strict=True))
    print(f"\nmetering {WORKS_S:g} s of work: {1000 * before:.0f} ms before, {1000 * after:.0f} ms now")
    benchmark.extra_info["ratio"] = before / after
    for _, (_, peak) in found:
        assert peak / MIB == pytest.approx(320, rel=0.05)
    assert before / after >= TIMES
    pedantic: Callable[..., object] = benchmark.pedantic
    pedantic(watch, args=(metered,), rounds=1, iterations=1)
