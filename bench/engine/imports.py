"""What importing a set of libraries costs in a fresh interpreter: seconds and memory, once a machine.

Cells start as forks that have everything imported, so this share of a method's cost is measured
apart and charged to each method that needs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from pydantic import BaseModel, ConfigDict, TypeAdapter

from readbench.core.damage import stored_json
from readbench.core.files import write_json
from readbench.machine.machine import machine
from readbench.machine.versions import versions_of

PROBE = Path(__file__).with_name("import_probe.py")
ROUNDS = 3
ENOUGH_S = 2.0
PATIENCE_S = 30.0
"""No further round begins after so many seconds: on a busy machine it would be disturbed as well."""
TIMEOUT_S = 300
DISTURBED = 2.0
"""How many times its processor time an import may take before something else was in its way: a cold disk, or
other work on the machine. Such a figure is in no record, and is kept only until the machine is idle."""
IDLE = 0.5
"""Up to this load average for each processor a machine is idle enough to measure again what was disturbed."""


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
    disturbed: bool = False

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
        self._tried: set[tuple[str, ...]] = set()

    def known(self, modules: Collection[str]) -> ImportCost | None:
        found = self._found(modules)
        return None if found is None else found.cost()

    def _found(self, modules: Collection[str]) -> _Measured | None:
        fitting = [one for one in self._known if one.stands_for(modules)]
        return next((one for one in fitting if not one.disturbed), fitting[-1] if fitting else None)

    def of(self, modules: Collection[str]) -> ImportCost:
        self.measure([modules])
        # Not known only where a package is being installed or removed right now.
        return self.known(modules) or ImportCost(None, 0)

    def measure(
        self,
        sets: Iterable[Collection[str]],
        doing: Callable[[str], None] = lambda what: None,  # noqa: ARG005
    ) -> None:
        """Measures what of the sets is not known, and again what was disturbed where the machine is idle now.
        All in one interpreter, where each module is imported once."""
        wanted = sorted(
            {tuple(sorted(set(one))) for one in sets} - self._tried, key=lambda one: (len(one), one)
        )
        self._tried.update(wanted)
        again = _is_idle()
        wanted = [one for one in wanted if (found := self._found(one)) is None or (found.disturbed and again)]
        if not wanted:
            return
        measured = _measure(wanted, doing)
        asked = {tuple(one.modules) for one in measured}
        self._known = [one for one in self._known if tuple(one.modules) not in asked] + measured
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, [entry.model_dump() for entry in self._known])


def _is_idle() -> bool:
    return os.getloadavg()[0] <= IDLE * (os.cpu_count() or 1)


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


Rounds = dict[tuple[str, ...], list[_Round]]


def _measure(sets: Sequence[tuple[str, ...]], doing: Callable[[str], None]) -> list[_Measured]:
    """Measures sets, all together as often as one of them needs it."""
    rounds: Rounds = {modules: [] for modules in sets}
    left, began = list(sets), monotonic()
    while left and monotonic() - began < PATIENCE_S:
        doing(_told(left, len(sets)))
        found = _probe(left)
        if found is None and len(left) > 1:
            # Importing one of them ends the interpreter, or takes for ever.
            found = [one for modules in left for one in _probe([modules]) or [None]]
        for modules, one in zip(left, found or [None] * len(left), strict=True):
            if one is not None:
                rounds[modules].append(one)
        broken = {
            modules for modules, one in zip(left, found or [None] * len(left), strict=True) if one is None
        }
        left = [modules for modules in left if modules not in broken and not _enough(rounds[modules])]
    return [_of_rounds(modules, rounds[modules]) for modules in sets]


def _enough(rounds: Sequence[_Round]) -> bool:
    """A second round of a slow import tells little and costs much, unless something was in its way."""
    return len(rounds) >= ROUNDS or sum(one.seconds for one in rounds if not one.disturbed) >= ENOUGH_S


def _told(left: Sequence[Sequence[str]], number: int) -> str:
    names = ", ".join(dict.fromkeys(name for modules in left for name in modules))
    return f"measuring what importing {names or 'nothing'} costs ({len(left)} of {number} left)"


def _probe(sets: Sequence[Sequence[str]]) -> list[_Round | None] | None:
    """One round of some sets, None for one that cannot be imported; None in place of all where the
    interpreter did not come to its end."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(PROBE), json.dumps(sets)],
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
        )
        told = json.loads(done.stdout.rstrip().splitlines()[-1])
        return [None if one is None else _Round(*one) for one in told]
    except (subprocess.SubprocessError, IndexError, TypeError, ValueError):
        # It takes for ever, or leaves with status 0 and without a word.
        return None


def _of_rounds(modules: Sequence[str], rounds: Sequence[_Round]) -> _Measured:
    footprints = sorted(one.footprint_bytes for one in rounds)
    fastest = min(rounds, key=lambda one: one.seconds, default=None)
    return _Measured(
        machine=machine()["fingerprint"],
        modules=list(modules),
        versions=versions_of(modules),
        seconds=None if fastest is None else fastest.seconds,
        footprint_bytes=footprints[len(footprints) // 2] if footprints else 0,
        brings=rounds[0].brings if rounds else [],
        disturbed=fastest is not None and fastest.disturbed,
    )
