"""How the cost of a run grows with the number of papers, of methods that cost nothing themselves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bench_process import Bench
from many_papers import write_many_papers
from pytest_benchmark.fixture import BenchmarkFixture

RUN = """
import os, resource, sys
from readbench.cli import main
from readbench.machine.processes import look_at

try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
used = resource.getrusage(resource.RUSAGE_SELF)
sys.stderr.write(f"\\n{used.ru_utime + used.ru_stime} {look_at(os.getpid()).peak_resident / 2**20}")
"""


@pytest.mark.slow
def test_a_run_grows_with_its_papers(
    benchmark: BenchmarkFixture, bench: Bench, shared: Path, tmp_path: Path
) -> None:
    """CPU seconds and peak of the runner alone, without the processes of its cells."""

    def run(documents: int) -> tuple[float, float]:
        folder = tmp_path / str(documents)
        write_many_papers(shared / "data" / "xfyun" / "test.csv", folder, documents)
        command = ["run", "suite.toml", "--dataset", "papers.csv", "--include-path", "methods.py"]
        done = subprocess.run(
            [sys.executable, "-c", RUN, *command, "--output-path", "results"],
            env=bench.env,
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        cpu, peak = map(float, done.stderr.splitlines()[-1].split())
        print(f"\n{documents:,} papers: {cpu:.1f} s of CPU in the runner, peak {peak:,.0f} MiB")
        return cpu, peak

    few, _ = run(2_000)
    pedantic: Callable[..., tuple[float, float]] = benchmark.pedantic
    many, peak = pedantic(run, args=(20_000,), rounds=1)
    benchmark.extra_info["growth"] = many / few
    benchmark.extra_info["peak_mib"] = peak
    # Start-up is in both; ten times the papers take no more than ten times as long.
    assert many < 10 * few
