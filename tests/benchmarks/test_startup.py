"""What commands cost that look at something, as multiples of an empty Python in the same run, and of what
their libraries alone cost: typer, and where files are read pydantic, and where tables are shown rich."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from statistics import median

import pytest
from bench_process import Bench
from gate_runs import GateRuns
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 5
MODEL = "from pydantic import BaseModel\nclass A(BaseModel):\n    a: int\n"
LIBRARIES = f"import typer, rich.console, rich.table\n{MODEL}"


def cpu_of(bench: Bench, *arguments: object) -> float:
    """Processor seconds, user and system: the median of some processes."""
    taken = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *map(str, arguments)], env=bench.env, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(taken)


@pytest.mark.parametrize("verb", ["--help", "ls suites", "ls methods", "leaderboard"])
def test_start(benchmark: BenchmarkFixture, bench: Bench, gate_runs: GateRuns, verb: str) -> None:
    results = ["--output-path", gate_runs.results] if verb == "leaderboard" else []
    libraries = "import typer" if verb == "--help" else LIBRARIES
    empty, floor = cpu_of(bench, "-c", "pass"), cpu_of(bench, "-c", libraries)
    command = ["-m", "readbench.cli", *verb.split(), *results]
    taken = cpu_of(bench, *command)
    print(
        f"\nbench {verb}: {taken:.3f} s of CPU, {taken / empty:.1f} times an empty Python ({empty:.3f}), "
        f"{taken / floor:.1f} times its libraries ({floor:.3f})"
    )
    benchmark.extra_info["times_an_empty_python"] = taken / empty
    once = [sys.executable, *map(str, command)]
    pedantic: Callable[..., object] = benchmark.pedantic
    pedantic(lambda: subprocess.run(once, env=bench.env, check=True, capture_output=True), rounds=1)
    # Of methods every file is imported: that many times its libraries.
    assert taken < (8 if verb == "ls methods" else 4) * floor
