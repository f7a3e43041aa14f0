"""Two ways of the same work in turn in one process: how many times less CPU time the second takes."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

from pytest_benchmark.fixture import BenchmarkFixture

Work = Callable[[], object]


def side_by_side(
    benchmark: BenchmarkFixture, what: str, before: Work, after: Work, *, rounds: int = 3
) -> float:
    """The ratio of the medians of CPU time, all threads counted; prints it with both times. pytest-benchmark
    keeps the time of ``after`` and the ratio."""
    cpu: tuple[list[float], list[float]] = ([], [])
    wall: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for way, work in enumerate((before, after)):
            started, cpu_started = perf_counter(), process_time()
            work()
            cpu[way].append(process_time() - cpu_started)
            wall[way].append(perf_counter() - started)
    slow, fast = map(median, cpu)
    print(
        f"\n{what}: {slow:.3f} s of CPU before, {fast:.3f} after, ratio {slow / fast:.1f}; "
        f"wall {median(wall[0]):.3f} and {median(wall[1]):.3f} s"
    )
    benchmark.extra_info["ratio"] = slow / fast
    pedantic: Callable[..., object] = benchmark.pedantic
    pedantic(after, rounds=1, iterations=1)
    return slow / fast
