"""The gate on living pairs: ten identical ones and ten with an injected loss, three methods on sixty papers.

    python docs/ci/live_check.py > docs/ci/live-check.md

Nothing is resampled: every side is run afresh in processes of its own and judged by the command line. The
methods are YAKE with three settings, which imports little, so that a run takes seconds; the injured side
leaves answers out until at least three points of F1 are gone, predicts 1.5 times as slowly, and holds 30 %
more memory.

First quality and memory between stored runs, then all three with --speed between two revisions of a small
repository that is made for the purpose: some 450 runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

METHODS = '''
"""Three ways to run YAKE, with a loss of quality, speed and memory that can be set."""
import hashlib
import time

from readbench.adapter import RankedPhrases
from readbench.methods.registry import Registry

known = Registry()

LOST, SLOWER, MEMORY = {lost}, {slower}, {memory}


class Injured:
    held = b""

    def predict(self, chunk):
        began = time.perf_counter()
        found = list(super().predict(chunk))
        taken = time.perf_counter() - began
        if len(self.held) < MEMORY:
            self.held = b"x" * MEMORY
        for place, document in enumerate(chunk):
            if int(hashlib.sha256(document.id.encode()).hexdigest()[:8], 16) / 16**8 < LOST:
                found[place] = RankedPhrases((), ())
        end = time.perf_counter() + taken * (SLOWER - 1)
        while time.perf_counter() < end:
            pass
        return found


Yake = known["yake"]


class Trigrams(Injured, Yake):
    name = "live.trigrams"


class Bigrams(Injured, Yake):
    name = "live.bigrams"

    class Params(Yake.Params):
        n: int = 2


class Near(Injured, Yake):
    name = "live.near"

    class Params(Yake.Params):
        n: int = 2
        window_size: int = 3
'''
NAMES = ("live.trigrams", "live.bigrams", "live.near")
LIMIT = 60
LOST = 0.36
SLOWER = 1.5
LARGER = 1.3
PAIRS = 10


def bench(folder: Path, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "readbench.cli", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        raise SystemExit(f"bench {arguments[0]}: {done.stderr}")
    return done.returncode, done.stdout


def run(folder: Path) -> str:
    """A run in a results folder of its own: in a common one the same code has the same cells, and each run
    would replace what the one before has measured."""
    results = f"results/{len(list(folder.glob('results/*')))}"
    _, out = bench(
        folder,
        "run",
        "suite.toml",
        "--fresh",
        "--limit",
        LIMIT,
        "--include-path",
        "methods.py",
        "--output-path",
        results,
    )
    return out.strip().splitlines()[-1]


def write(folder: Path, lost: float, slower: float, memory: int) -> None:
    text = METHODS.format(lost=lost, slower=slower, memory=memory)
    (folder / "methods.py").write_text(text)


def gate(folder: Path, *arguments: object) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
    status, out = bench(folder, "gate", *arguments, "--format", "json")
    return status, {(d["method"], d["what"]): d for d in json.loads(out)["decisions"]}


def peak(folder: Path, name: str) -> int:
    """The least of the methods' peaks."""
    _, out = bench(folder, "leaderboard", name, "--format", "json")
    return min(int(row["costs"]["peak_memory_bytes"]) for row in json.loads(out)["rows"])


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=live", "-c", "user.email=live@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@dataclass
class Tally:
    """How the pairs of one table came out: by kind the exit statuses, and the verdicts of each threshold."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    verdicts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, kind: str, number: int, status: int, found: dict[tuple[str, str], dict[str, Any]]) -> None:
        """Notes a pair and prints its row."""
        self.statuses[kind, status] += 1
        for (_, what), decision in found.items():
            self.verdicts[kind, what, decision["verdict"]] += 1
        print(f"| {number} | {kind} | {status} | {told(found)} |", flush=True)

    def print(self) -> None:
        for kind in ("identical", "injured"):
            ends = ", ".join(f"{n} × {end}" for (k, end), n in sorted(self.statuses.items()) if k == kind)
            seen = ", ".join(f"{w} {v} {n}" for (k, w, v), n in sorted(self.verdicts.items()) if k == kind)
            print(f"\n{kind.capitalize()} pairs: exit status {ends}. Decisions: {seen}.")


def stored_pairs(folder: Path, pairs: int) -> int:
    """The first run of each pair is the second of the one before: each is new to the one it is held to.
    Returns how many bytes more the injured side holds."""
    guards = ("--fail-on", "f1@10:-1pp", "--fail-on", "peak_memory_bytes:+10%")
    write(folder, 0.0, 1.0, 0)
    runs = [run(folder) for _ in range(pairs + 1)]
    memory, first = injure(folder, peak(folder, runs[0]))
    injured = [first, *(run(folder) for _ in range(pairs - 1))]
    print("| pair | what | exit status | decisions |\n| --- | --- | ---: | --- |")
    tally = Tally()
    for kind, others in (("identical", runs[1:]), ("injured", injured)):
        for number, (before, after) in enumerate(zip(runs, others, strict=False), 1):
            tally.add(kind, number, *gate(folder, after, "--baseline", before, *guards))
    tally.print()
    return memory


def injure(folder: Path, before: int) -> tuple[int, str]:
    """Holds more until the peak is 30 % larger: how much, and the run with it."""
    memory = round((LARGER - 1) * before)
    while True:
        write(folder, LOST, SLOWER, memory)
        name = run(folder)
        short = round(LARGER * before) - peak(folder, name)
        if short <= 0:
            return memory, name
        memory += short + (1 << 20)


def told(found: dict[tuple[str, str], dict[str, Any]]) -> str:
    parts = []
    for (method, what), decision in found.items():
        before, after = decision["before"], decision["after"]
        amount = f"{after - before:+.3f}" if what == "f1@10" else f"×{after / before:.2f}"
        parts.append(f"{method.removeprefix('live.')} {what} {amount} {decision['verdict']}")
    return "; ".join(parts)


def speed_pairs(folder: Path, pairs: int, memory: int) -> None:
    guards = ("f1@10:-1pp", "predict_s:+10%", "peak_memory_bytes:+10%")
    write(folder, 0.0, 1.0, 0)
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("results/\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as they are")
    print("\n| pair | what | exit status | decisions |\n| --- | --- | ---: | --- |")
    tally = Tally()
    for kind, injury in (("identical", (0.0, 1.0, 0)), ("injured", (LOST, SLOWER, memory))):
        write(folder, *injury)
        for number in range(1, pairs + 1):
            found = gate(
                folder,
                "--speed",
                "--against",
                "HEAD",
                "--suite",
                "suite.toml",
                "--limit",
                LIMIT,
                "--include-path",
                "methods.py",
                *(word for guard in guards for word in ("--fail-on", guard)),
            )
            tally.add(kind, number, *found)
    tally.print()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--speed-pairs", type=int, default=PAIRS, help="each takes 20 runs and more")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        methods = f"[tasks.keyphrases]\nmethods = {json.dumps(NAMES)}\n"
        (folder / "suite.toml").write_text(f'version = 1\n[dataset]\nname = "papers-demo"\n{methods}')
        print("# The gate on living pairs\n")
        print(f"{', '.join(NAMES)} on {LIMIT} embedded papers, {given.pairs} pairs of each kind.\n")
        print("Stored runs, each in a results folder of its own:\n")
        memory = stored_pairs(folder, given.pairs)
        if given.speed_pairs:
            print("\nBase and head in turn (`--speed`), with answers, speed and memory judged at once:")
            speed_pairs(folder, given.speed_pairs, memory)


if __name__ == "__main__":
    main()
