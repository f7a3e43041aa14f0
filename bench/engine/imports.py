"""What importing a set of libraries costs in a fresh interpreter: seconds and memory, once a machine.

Cells start as forks that have everything imported, so this share of a method's cost is measured
apart and charged to each method that needs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from readbench.provenance import digest, machine
from readbench.store import write_json

ROUNDS = 3
TIMEOUT_S = 300

PROBE = """
import json, sys, time
start = time.perf_counter()
for name in sys.argv[1:]:
    __import__(name)
seconds = time.perf_counter() - start
pss = 0
for line in open("/proc/self/smaps_rollup"):
    if line.startswith("Pss:"):
        pss = int(line.split()[1]) * 1024
print("\\n" + json.dumps([seconds, pss]))
"""


@dataclass(frozen=True)
class ImportCost:
    """Seconds (minimum of the rounds: what the import takes when the disk is warm and nothing else
    disturbs it) and proportional set size in bytes of an interpreter that has imported the set."""

    seconds: float | None
    footprint_bytes: int


class ImportCosts:
    """Measured on first use and kept in ``imports.json`` of the results folder."""

    def __init__(self, root: Path) -> None:
        self.path = root / "imports.json"
        try:
            self._known: dict[str, list[float | None]] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self._known = {}

    def known(self, modules: tuple[str, ...], versions: Mapping[str, str]) -> bool:
        return self._key(modules, versions) in self._known

    def of(self, modules: tuple[str, ...], versions: Mapping[str, str]) -> ImportCost:
        key = self._key(modules, versions)
        if key not in self._known:
            self._known[key] = list(_measure(tuple(sorted(modules))))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, dict(self._known))
        seconds, footprint = self._known[key]
        return ImportCost(seconds, int(footprint or 0))

    @staticmethod
    def _key(modules: tuple[str, ...], versions: Mapping[str, str]) -> str:
        return digest([machine()["fingerprint"], sorted(modules), dict(versions)])


def _measure(modules: tuple[str, ...]) -> tuple[float | None, int]:
    results = []
    for _ in range(ROUNDS):
        done = subprocess.run(
            [sys.executable, "-c", PROBE, *modules],
            capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
        )  # fmt: skip
        if done.returncode != 0:
            return None, 0
        seconds, pss = json.loads(done.stdout.rstrip().splitlines()[-1])
        results.append((seconds, pss))
    return min(s for s, _ in results), int(sorted(p for _, p in results)[len(results) // 2])
