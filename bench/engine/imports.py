"""What importing a set of libraries costs in a fresh interpreter: seconds and memory, once a machine.

Cells start as forks that have everything imported, so this share of a method's cost is measured
apart and charged to each method that needs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from readbench.core.damage import stored_json
from readbench.core.files import write_json
from readbench.machine.machine import machine
from readbench.machine.versions import versions_of

ROUNDS = 3
ENOUGH_S = 2.0
TIMEOUT_S = 300
DISTURBED = 2.0
"""How many times its processor time an import may take before something else was in its way: a cold disk, or
other work on the machine. Such a figure is not kept, and is in no record."""

# The interpreter's own start is not an import; what is loaded afterwards tells which other sets
# would cost the same (pke brings scikit-learn along, so pke + scikit-learn is no set of its own).
PROBE = """
import json, sys, time
start, worked = time.perf_counter(), time.process_time()
for name in sys.argv[1:]:
    __import__(name)
seconds, worked = time.perf_counter() - start, time.process_time() - worked
pss = 0
for line in open("/proc/self/smaps_rollup"):
    if line.startswith("Pss:"):
        pss = int(line.split()[1]) * 1024
print("\\n" + json.dumps([seconds, worked, pss, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@dataclass(frozen=True)
class ImportCost:
    """Seconds (minimum of the rounds: what the import takes when the disk is warm and nothing else
    disturbs it) and proportional set size in bytes of an interpreter that has imported the set.
    ``seconds`` is None where a module cannot be imported, and where other work was in the way of every round
    (``disturbed``): how busy the machine was is nobody's cost."""

    seconds: float | None
    footprint_bytes: int
    disturbed: bool = False


class _Measured(BaseModel):
    model_config = ConfigDict(extra="forbid")

    machine: str
    modules: list[str]
    versions: dict[str, str]
    seconds: float | None
    footprint_bytes: int
    brings: list[str]
    disturbed: bool = Field(default=False, exclude=True)

    def cost(self) -> ImportCost:
        return ImportCost(None if self.disturbed else self.seconds, self.footprint_bytes, self.disturbed)

    def stands_for(self, modules: Collection[str]) -> bool:
        """Whether this measurement is also that of another set, and still of what is installed."""
        return (
            set(self.modules) <= set(modules)
            and {name.partition(".")[0] for name in modules} <= {*self.brings, *self.modules}
            and self.machine == machine()["fingerprint"]
            and self.versions == versions_of(self.modules)
        )


class ImportCosts:
    """Measured on first use and kept in the user's cache folder, for every results folder of the
    machine; in the results folder itself where there is no cache to write to."""

    def __init__(self, root: Path) -> None:
        self.path = _cache_folder(root) / "imports.json"
        self._known = stored_json(self.path, TypeAdapter(list[_Measured]).validate_python) or []

    def known(self, modules: Collection[str]) -> ImportCost | None:
        for measured in self._known:
            if measured.stands_for(modules):
                return measured.cost()
        return None

    def of(self, modules: Collection[str]) -> ImportCost:
        cost = self.known(modules)
        if cost is None:
            measured = _measure(sorted(set(modules)))
            self._known.append(measured)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            kept = [entry.model_dump() for entry in self._known if not entry.disturbed]
            write_json(self.path, kept)
            cost = measured.cost()
        return cost


def _cache_folder(root: Path) -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "readbench"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return root
    return folder if os.access(folder, os.W_OK) else root


@dataclass(frozen=True)
class _Round:
    seconds: float
    worked_s: float
    footprint_bytes: int
    brings: list[str]

    @property
    def disturbed(self) -> bool:
        return self.seconds > DISTURBED * self.worked_s


def _measure(modules: list[str]) -> _Measured:
    rounds: list[_Round] = []
    # A second round of a slow import tells little and costs much, unless something was in its way.
    while len(rounds) < ROUNDS and sum(one.seconds for one in rounds if not one.disturbed) < ENOUGH_S:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", PROBE, *modules],
                capture_output=True,
                text=True,
                check=True,
                timeout=TIMEOUT_S,
            )
            rounds.append(_Round(*json.loads(done.stdout.rstrip().splitlines()[-1])))
        except (subprocess.SubprocessError, IndexError, TypeError, ValueError):
            # It cannot be imported, takes for ever, or leaves with status 0 and without a word.
            break
    footprints = sorted(one.footprint_bytes for one in rounds)
    fastest = min(rounds, key=lambda one: one.seconds, default=None)
    return _Measured(
        machine=machine()["fingerprint"],
        modules=modules,
        versions=versions_of(modules),
        seconds=None if fastest is None else fastest.seconds,
        footprint_bytes=footprints[len(footprints) // 2] if footprints else 0,
        brings=rounds[0].brings if rounds else [],
        disturbed=fastest is not None and fastest.disturbed,
    )
