"""Versions of the distributions that a method stands on."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata


def versions_of(modules: Iterable[str]) -> dict[str, str]:
    """Distribution to version for everything that the given import names depend on, transitively.

    A module that no distribution claims is listed as ``absent``, so that installing it later gives
    another result.
    """
    state = installed_state()
    owners = _owners(state)
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
        version, needed = _distribution(name, state)
        if version is not None:
            found[name] = version
            queue.extend(needed)
    return dict(sorted(found.items()))


InstalledState = tuple[tuple[str, int], ...]


def installed_state() -> InstalledState:
    """The folders that packages are installed in, and when each last gained or lost an entry: what is known
    about packages holds as long as this does."""
    state = []
    for folder in sys.path:
        try:
            state.append((folder, os.stat(folder or ".").st_mtime_ns))  # noqa: PTH116 - asked for each cell
        except OSError:
            continue
    return tuple(state)


@lru_cache(maxsize=1)
def _owners(state: InstalledState) -> Mapping[str, list[str]]:  # noqa: ARG001 - another state, other packages
    """The distributions that own each import name, as ``importlib.metadata.packages_distributions`` finds
    them. That one makes an object of each installed file: a quarter of the time of a small run."""
    owners = defaultdict(list)
    for distribution in metadata.distributions():
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        if (named := _NAMED.search(text)) is not None:
            for name in _import_names(distribution):
                owners[name].append(named[1].strip())
    return owners


_NAMED = re.compile("^Name:(.*)$", re.MULTILINE | re.IGNORECASE)


def _import_names(distribution: metadata.Distribution) -> set[str]:
    """What it says itself, else the first parts of the places of its modules."""
    if said := (distribution.read_text("top_level.txt") or "").split():
        return set(said)
    record = distribution.read_text("RECORD")
    if record is None:
        places = [str(file) for file in distribution.files or ()]
    else:
        places = [line.partition(",")[0] for line in record.splitlines()]
    modules = [place for place in places if place.endswith((".py", ".so"))]
    return {place.partition("/")[0].partition(".")[0] for place in modules}


@lru_cache(maxsize=4096)
def _distribution(
    name: str,
    state: InstalledState,  # noqa: ARG001 - as above
) -> tuple[str | None, tuple[str, ...]]:
    # Late: listing methods needs no requirement, and this takes a tenth of what it takes.
    from packaging.requirements import InvalidRequirement, Requirement

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
    names = sorted(set(_owners(installed_state()).get(module.partition(".")[0], ())))
    return " + ".join(f"{name} {metadata.version(name)}" for name in names) or "not installed"
