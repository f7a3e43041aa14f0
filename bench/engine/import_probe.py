"""Imports sets of modules in one fresh interpreter and tells what each of them costs by itself.

It runs by its path, so that nothing of the harness is imported: ``python import_probe.py '[["pke"], []]'``.
Its last line is JSON: for each set its seconds, processor seconds, bytes, and the top-level names of what it
brings; None for a set that cannot be imported.

Of every module it notes the own time and memory, without those of the modules that it imported, and which
modules it needs. A set costs what all modules cost that can be reached from it. A module needs what is
imported while its code runs, whoever's function does it: a lazy loader imports for whoever asked it.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

bootstrap: Any = importlib.import_module("importlib._bootstrap")
PAGE = os.sysconf("SC_PAGE_SIZE")
NOBODY = ""
"""Needs the modules that were asked for."""


class Spent(NamedTuple):
    seconds: float = 0.0
    worked: float = 0.0
    resident: int = 0

    def plus(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.worked + other.worked, self.resident + other.resident)

    def minus(self, other: Spent) -> Spent:
        return Spent(self.seconds - other.seconds, self.worked - other.worked, self.resident - other.resident)


class Trace:
    """What is known of the modules that were imported since ``start``."""

    def __init__(self) -> None:
        self.own: dict[str, Spent] = defaultdict(Spent)
        self.needs: dict[str, set[str]] = defaultdict(set)
        self._running = [NOBODY]
        self._below = [Spent()]
        self._sizes = os.open("/proc/self/statm", os.O_RDONLY)

    def now(self) -> Spent:
        resident = int(os.pread(self._sizes, 100, 0).split()[1]) * PAGE
        return Spent(time.perf_counter(), time.process_time(), resident)

    def start(self) -> None:
        load, import_ = bootstrap._find_and_load_unlocked, builtins.__import__
        import_module = importlib.import_module

        def traced_load(name: str, finder: Any) -> ModuleType:
            self._needed(name)
            self._running.append(name)
            self._below.append(Spent())
            begun = self.now()
            try:
                module: ModuleType = load(name, finder)
                return module
            finally:
                whole = self.now().minus(begun)
                self._running.pop()
                self.own[name] = self.own[name].plus(whole.minus(self._below.pop()))
                self._below[-1] = self._below[-1].plus(whole)

        def traced_import(
            name: str,
            globals: Mapping[str, Any] | None = None,
            locals: Mapping[str, Any] | None = None,
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> ModuleType:
            module = import_(name, globals, locals, fromlist, level)
            if level:
                package = bootstrap._calc___package__(globals)
                name = bootstrap._resolve_name(name, package, level)
            self._needed(name)
            for part in fromlist or ():
                if f"{name}.{part}" in sys.modules:
                    self._needed(f"{name}.{part}")
            return module

        def traced_import_module(name: str, package: str | None = None) -> ModuleType:
            module = import_module(name, package)
            self._needed(module.__name__)
            return module

        bootstrap._find_and_load_unlocked = traced_load
        builtins.__import__ = traced_import
        importlib.import_module = traced_import_module

    def _needed(self, name: str) -> None:
        self.needs[self._running[-1]].add(name)

    def reached(self, modules: Iterable[str]) -> set[str]:
        """Modules, what they need, and the packages that they lie in."""
        found: set[str] = set()
        queue = list(modules)
        while queue:
            name = queue.pop()
            if name and name not in found:
                found.add(name)
                queue += self.needs.get(name, ())
                queue.append(name.rpartition(".")[0])
        return found

    def cost(self, modules: Iterable[str]) -> tuple[Spent, list[str]]:
        """What the modules cost together, and the top-level names of all that come with them."""
        spent = Spent()
        reached = self.reached(modules)
        for name in reached:
            spent = spent.plus(self.own.get(name, Spent()))
        tops = {name.partition(".")[0] for name in reached & sys.modules.keys()}
        return spent, sorted(tops - sys.stdlib_module_names)


def proportional() -> int:
    """Bytes of this process; a page that several processes map counts in part."""
    text = os.read(os.open("/proc/self/smaps_rollup", os.O_RDONLY), PAGE).decode()
    return int(text.partition("\nPss:")[2].split()[0]) * 1024


def main() -> None:
    sets: list[list[str]] = json.loads(sys.argv[1])
    trace = Trace()
    base, held = trace.now().resident, proportional()
    trace.start()
    missing = set()
    for name in dict.fromkeys(name for one in sets for name in one):
        try:
            __import__(name)
        except BaseException:
            missing.add(name)
    # Pages of files that other processes map as well weigh less: in the same part everywhere.
    part = (proportional() - held) / max(1, trace.now().resident - base)
    told: list[list[Any] | None] = []
    for modules in sets:
        spent, brings = trace.cost(modules)
        size = held + round(part * spent.resident)
        told.append(None if missing & set(modules) else [spent.seconds, spent.worked, size, brings])
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()
