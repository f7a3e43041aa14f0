"""Measures the memory of the same methods again and again: how far apart measurements of the same code lie.

    python docs/ci/memory_noise.py --runs 20 > docs/ci/memory-noise.md

The methods differ in what their processes do, as that is what makes memory hard to measure: one process; a
big one with a child of its own; forks that write into the memory that they share; another program.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from readbench.compare.paired import open_side
from readbench.planning.plan import Options
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite

METHODS = '''
import os
import subprocess
import sys
import time

from readbench.adapter import Adapter, Params, RankedPhrases

MIB = 2**20
HOLDS_S = 0.3


def fork(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
            time.sleep(HOLDS_S)
        finally:
            os._exit(0)
    return pid


def touched(mib):
    held = bytearray(mib * MIB)
    write(held, mib)
    return held


def write(held, mib):
    for start in range(0, mib * MIB, 4096):
        held[start] += 1


class Alone(Adapter):
    """Holds 200 MiB."""

    name = "tree.alone"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        pass

    def load(self):
        self.held = touched(200)
        self.work()

    def work(self):
        time.sleep(HOLDS_S)

    def predict(self, chunk):
        return [RankedPhrases(("phrase",), (1.0,)) for _ in chunk]


class Child(Alone):
    """One child, which holds 150 MiB."""

    name = "tree.child"

    def work(self):
        os.waitpid(fork(lambda: setattr(self, "more", touched(150))), 0)


class Writes(Alone):
    """One child, which writes into 150 MiB of what both hold."""

    name = "tree.writes"

    def work(self):
        os.waitpid(fork(lambda: write(self.held, 150)), 0)


class Pool(Alone):
    """Four children, each with 50 MiB of its own."""

    name = "tree.pool"

    def work(self):
        for pid in [fork(lambda: write(self.held, 50)) for _ in range(4)]:
            os.waitpid(pid, 0)


class Program(Alone):
    """Another program with 150 MiB."""

    name = "tree.program"

    def work(self):
        code = f"import time; held = b'x' * {150 * MIB}; time.sleep({HOLDS_S})"
        subprocess.run([sys.executable, "-S", "-c", code], check=True)
'''
SUITE = """
[dataset]
name = "papers-demo"
[tasks.keyphrases]
methods = ["tree.alone", "tree.child", "tree.writes", "tree.pool", "tree.program"]
"""


def measure(folder: Path) -> dict[str, int]:
    """The peak of each method in bytes, everything measured anew."""
    options = Options(fresh=True, limit=6, include_paths=(folder / "methods.py",))
    store = Store(folder / "results")
    done = run_suite(str(folder / "suite.toml"), None, None, options, store, Quiet())
    side = open_side(done.board.manifest.name, store.root)
    return {row.method: int(row.costs.peak_memory_bytes or 0) for row in side.board.tables[0].rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    found = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "methods.py").write_text(METHODS, encoding="utf-8")
        (folder / "suite.toml").write_text(SUITE, encoding="utf-8")
        for _ in range(given.runs):
            for method, peak in measure(folder).items():
                found[method].append(peak)
    sys.stdout.write(as_markdown(found, given.runs))


def as_markdown(found: dict[str, list[int]], runs: int) -> str:
    lines = [
        "# How far apart two measurements of memory lie",
        "",
        f"{runs} runs of the same code, one after the other (`memory_noise.py`), on {os.cpu_count()}",
        f"processors at a load of {os.getloadavg()[2]:.0f}. Peaks in MiB.",
        "",
        "| method | smallest | largest | apart | ratio |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for method, peaks in found.items():
        least, most = min(peaks) / 2**20, max(peaks) / 2**20
        lines.append(f"| {method} | {least:.1f} | {most:.1f} | {most - least:.1f} | {most / least:.3f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
