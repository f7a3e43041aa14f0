"""What `bench doctor` prints: what this machine has, what it lacks, and what to do about it. It looks
and asks package metadata; it imports none of what it reports on."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import psutil
from packaging.version import InvalidVersion, Version

from readbench.core.units import show_size
from readbench.machine.machine import available_cores
from readbench.machine.versions import distribution_of
from readbench.machine.weights import SPACY_PACKAGES, spacy_package
from readbench.planning.suite import Limits
from readbench.report.answers import Check, Doctor

PKE_DISTRIBUTIONS = ("pke", "ccpke")
"""They install the same module: whichever came last has overwritten the other."""

EXTRA = "pip install 'readbench[keyphrases]'"
LITTLE_DISK = 2 * 2**30
JACCARD_CHANGED = Version("1.15")
SPACY_MODEL = "en_core_web_sm"


def examine(results_folder: Path) -> Doctor:
    """All checks. A check that itself breaks is a warning: a broken installation is what this page is for."""
    return Doctor(tuple(checks(results_folder)))


def checks(results_folder: Path) -> Iterator[Check]:
    """Every check, in the order of the page."""
    looks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("Python", _python),
        ("cores", _cores),
        ("memory", _memory),
        ("results", lambda: _results(results_folder)),
        ("memory meter", _meter),
        ("pke", _pke),
        ("spaCy model", _spacy_model),
        ("SciPy", _scipy),
        ("torch", _torch),
        ("GPU", _gpu),
        ("bench script", _script),
        ("methods", _methods),
    )
    for name, look in looks:
        try:
            yield look()
        except Exception as error:
            yield Check(name, "warning", f"could not be looked at: {type(error).__name__}: {error}")


# -- the machine -----------------------------------------------------------------------------------


def _python() -> Check:
    text = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}; "
    text += f"{platform.system()} {platform.machine()}"
    if sys.platform != "linux":
        return Check("Python", "warning", text, "cells are started and measured on Linux only")
    return Check("Python", "ok", text)


def _cores() -> Check:
    allowed, there = available_cores(), os.cpu_count() or 1
    text = f"{allowed} of {there} available"
    quota = _first_word(Path("/sys/fs/cgroup/cpu.max"), 2)
    if len(quota) == 2 and quota[0].isdigit() and quota[1].isdigit():
        limit = int(quota[0]) / int(quota[1])
        if limit < allowed:
            return Check(
                "cores",
                "warning",
                f"{text}, limited to {limit:.2g} by a cgroup",
                "speeds measured under a quota vary: raise it, or measure elsewhere",
            )
    return Check("cores", "ok", text)


def _memory() -> Check:
    memory = psutil.virtual_memory()
    free = memory.available
    text = f"{show_size(free)} free of {show_size(memory.total)}"
    limit = _first_word(Path("/sys/fs/cgroup/memory.max"), 1)
    if limit and limit[0].isdigit() and int(limit[0]) < memory.total:
        free = min(free, int(limit[0]))
        text += f", limited to {show_size(int(limit[0]))} by a cgroup"
    default = Limits().memory
    if free < default:
        return Check(
            "memory",
            "warning",
            text,
            f"less than a cell's default limit of {show_size(default)}: give --memory, such as "
            f"--memory {max(1, free // 2**30)}GiB",
        )
    return Check("memory", "ok", text)


def _first_word(path: Path, count: int) -> list[str]:
    try:
        return path.read_text().split()[:count]
    except OSError:
        return []


def _results(folder: Path) -> Check:
    place = folder.absolute()
    if place.exists() and not place.is_dir():
        return Check("results", "warning", f"{folder} is no folder", "give one with --output-path")
    new = "" if place.exists() else " (made by the first run)"
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{folder}{new}, {show_size(free)} free"
    if not os.access(place, os.W_OK | os.X_OK):
        return Check(
            "results",
            "warning",
            f"{text}, not writable",
            "choose another folder: --output-path, or BENCH_RESULTS in the environment",
        )
    if free < LITTLE_DISK:
        return Check("results", "warning", text, "free some space, or choose another --output-path")
    return Check("results", "ok", f"{text}, writable")


def _meter() -> Check:
    try:
        Path(f"/proc/{os.getpid()}/smaps_rollup").read_text()
    except OSError as error:
        return Check(
            "memory meter",
            "missing",
            f"/proc/PID/smaps_rollup cannot be read: {error.strerror}",
            "peak memory stays unknown and memory limits are not enforced: use Linux 4.14 or newer, with "
            "/proc mounted",
        )
    return Check("memory meter", "ok", "/proc/PID/smaps_rollup is readable")


# -- libraries -------------------------------------------------------------------------------------


def _pke() -> Check:
    installed = {name: version for name in PKE_DISTRIBUTIONS if (version := _version(name)) is not None}
    there = importlib.util.find_spec("pke") is not None
    if not installed and not there:
        return Check("pke", "missing", "not installed", EXTRA)
    if not installed:
        return Check(
            "pke",
            "warning",
            "the module pke is there, but no distribution owns it",
            "a copy beside your files? Records can name installed versions only",
        )
    if not there:
        return Check(
            "pke",
            "warning",
            f"{_spelt(installed)} is listed, but its module is gone",
            f"pip install --force-reinstall --no-deps {next(iter(installed))}",
        )
    if len(installed) > 1:
        running = [name for name in installed if _files_are_those_of(name, "pke/")]
        which = f"the files are those of {' and '.join(running) or 'neither (mixed)'}"
        return Check(
            "pke",
            "warning",
            f"{_spelt(installed)} are both installed and own the same module; {which}",
            "pip uninstall both, then install the one you want",
        )
    kind = "the official distribution" if "pke" in installed else "the upload of pke to PyPI"
    return Check("pke", "ok", f"{_spelt(installed)}, {kind}")


def _spelt(installed: Mapping[str, str]) -> str:
    return " and ".join(f"{name} {version}" for name, version in installed.items())


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _files_are_those_of(distribution: str, prefix: str) -> bool:
    """Whether the files on disk are the ones that this distribution installed, by their hashes."""
    for file in metadata.files(distribution) or ():
        if not str(file).startswith(prefix) or file.hash is None or file.suffix != ".py":
            continue
        try:
            content = Path(str(file.locate())).read_bytes()
        except OSError:
            return False
        digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).rstrip(b"=")
        if digest.decode() != file.hash.value:
            return False
    return True


def _spacy_model() -> Check:
    if importlib.util.find_spec("spacy") is None:
        return Check("spaCy model", "missing", "spaCy is not installed", EXTRA)
    spacy = distribution_of("spacy")
    package = spacy_package(SPACY_MODEL)
    if package is None:
        known = " or ".join(SPACY_PACKAGES[SPACY_MODEL])
        return Check("spaCy model", "missing", f"{spacy}, without its English model {known}", EXTRA)
    same = "" if package == SPACY_MODEL else f", which carries {SPACY_MODEL}"
    return Check("spaCy model", "ok", f"{distribution_of(package)}{same}; {spacy}")


def _scipy() -> Check:
    version = _version("scipy")
    if version is None:
        return Check("SciPy", "missing", "not installed", EXTRA)
    try:
        changed = Version(version) >= JACCARD_CHANGED
    except InvalidVersion:
        changed = True
    note = "since 1.15 its Jaccard distance reads counts as true or false, so pke.topicrank and "
    note += "pke.multipartiterank rank otherwise than "
    note += "with older releases" if changed else "here with newer releases"
    return Check("SciPy", "ok", f"scipy {version}; {note}")


def _torch() -> Check:
    version = _version("torch")
    if version is None:
        return Check("torch", "missing", "not installed", "only neural methods need it: pip install torch")
    if _gpu_traces() and "+cpu" in version:
        return Check(
            "torch",
            "warning",
            f"torch {version} is a build without CUDA, and a GPU is here",
            "install a CUDA build: https://pytorch.org/get-started",
        )
    return Check("torch", "ok", f"torch {version}")


def _gpu() -> Check:
    traces = _gpu_traces()
    if traces:
        return Check("GPU", "ok", f"NVIDIA driver found ({', '.join(traces)})")
    return Check(
        "GPU", "missing", "no NVIDIA driver", "only neural methods gain by one; the rest run without"
    )


def _gpu_traces() -> list[str]:
    traces = [str(path)] if (path := Path("/proc/driver/nvidia/version")).exists() else []
    command = shutil.which("nvidia-smi")
    return [*traces, command] if command else traces


# -- this program ----------------------------------------------------------------------------------


def _script() -> Check:
    frappe = _version("frappe-bench")
    beside = f"frappe-bench {frappe} is installed beside and has a script of this name" if frappe else ""
    first = shutil.which("bench")
    if first is None:
        mine = Path(sys.executable).parent
        return Check(
            "bench script",
            "warning",
            "; ".join(filter(None, ["not on the PATH", beside])),
            f"add {mine} to the PATH, or use python -m readbench.cli",
        )
    if not _is_ours(Path(first)):
        return Check(
            "bench script",
            "warning",
            "; ".join(filter(None, [f"{first} belongs to another program", beside])),
            "use the other name of this program: readbench",
        )
    if frappe:
        return Check(
            "bench script",
            "warning",
            f"{first} is this program, but {beside}",
            "whichever is installed next takes the name; the name readbench stays",
        )
    return Check("bench script", "ok", first)


def _is_ours(script: Path) -> bool:
    try:
        return b"readbench" in script.read_bytes()[:10_000]
    except OSError:
        return False


def _methods() -> Check:
    from readbench.cli.listing import missing
    from readbench.methods.registry import Registry

    registry = Registry()
    adapters = list(registry.usable())
    problems = {
        adapter.name: problem for adapter in adapters if (problem := missing(adapter, registry)) is not None
    }
    broken = [f"{name}: {why}" for name, why in registry.problems.items()]
    count = len(adapters) + len(broken)
    text = f"{len(adapters) - len(problems)} of {count} can run here"
    if problems:
        text += f"; not {', '.join(problems)}"
    todo = "; ".join([*dict.fromkeys(problem.todo for problem in problems.values() if problem.todo), *broken])
    if broken:
        return Check("methods", "warning", text, todo)
    return Check("methods", "missing" if problems else "ok", text, todo)
