"""What a result came from: the machine, the versions of everything used, the source that ran."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from packaging.requirements import InvalidRequirement, Requirement

ENGINE_SOURCES = (
    "adapter.py",
    "engine/child.py",
    "engine/documents.py",
    "registry.py",
    "tasks/spec.py",
    "types.py",
)
"""The files of the harness that can change a prediction or a clock; boards and readers are not among them."""

PACKAGE = Path(__file__).resolve().parent


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """Facts that two measurements must share before their speeds are compared."""
    facts: dict[str, Any] = {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpu": _cpu_name(),
        "cores": psutil.cpu_count(logical=True),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
    }
    return facts | {"fingerprint": digest(facts)[:16]}


def machine_memory() -> int:
    """Bytes of memory that this machine has, or that its control group allows."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def digest(value: object) -> str:
    """SHA-256 of a JSON-able value, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def versions_of(modules: Iterable[str]) -> dict[str, str]:
    """Distribution to version for everything that the given import names depend on, transitively.

    A module that no distribution claims is listed as ``absent``, so that installing it later gives
    another result.
    """
    owners = _owners()
    found: dict[str, str] = {}
    queue: list[str] = []
    for module in sorted(set(modules)):
        names = owners.get(module.partition(".")[0])
        if names:
            queue.extend(names)
        elif importlib.util.find_spec(module.partition(".")[0]) is None:
            found[module] = "absent"
    while queue:
        name = _canonical(queue.pop())
        if name in found:
            continue
        version, needed = _distribution(name)
        if version is not None:
            found[name] = version
            queue.extend(needed)
    return dict(sorted(found.items()))


@lru_cache(maxsize=1)
def _owners() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@lru_cache(maxsize=4096)
def _distribution(name: str) -> tuple[str | None, tuple[str, ...]]:
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None, ()
    needed = []
    for line in distribution.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed.append(requirement.name)
    return distribution.version, tuple(needed)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution_of(module: str) -> str:
    """``"ccpke 2.0.0"`` for ``"pke"``: which distribution owns an import name, and its version."""
    names = sorted(set(_owners().get(module.partition(".")[0], ())))
    return " + ".join(f"{name} {metadata.version(name)}" for name in names) or "not installed"


def engine_digest() -> str:
    return _digest_of_files(tuple(PACKAGE / name for name in ENGINE_SOURCES))


def source_digest(file: Path) -> str:
    """SHA-256 over a source file and the files beside it that it imports, transitively."""
    return _digest_of_files(tuple(_with_neighbours(file.resolve())))


@lru_cache(maxsize=256)
def _digest_of_files(files: tuple[Path, ...]) -> str:
    sums = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return digest(sorted(sums))


@lru_cache(maxsize=256)
def _with_neighbours(file: Path) -> frozenset[Path]:
    seen: set[Path] = set()
    queue = [file]
    while queue:
        current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        for name in _imported(current):
            neighbour = current.parent / f"{name.rpartition('.')[2]}.py"
            if neighbour.is_file():
                queue.append(neighbour)
    return frozenset(seen)


def _imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names.update(alias.name for alias in node.names)
    return names - {""}
