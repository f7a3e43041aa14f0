"""The code of another git revision beside the present one, so that both can be run in turn."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from readbench.core.errors import BenchError

GROUP = "bench.adapters"
GROUPS = (GROUP, "bench.phrase_encoders")
"""What a project may declare for bench: methods, and what embeds phrases."""
EVERY = "every"
SOURCES = (".src", "src")
"""Where the packages of a repository lie; one that has neither has them at its top."""


@dataclass(frozen=True)
class Checkout:
    """A folder with code, and what a process must see to run it. ``python_path`` comes before whatever is
    installed, entry points included."""

    label: str
    root: Path
    python_path: tuple[str, ...]

    def environment(self) -> Mapping[str, str]:
        given = os.environ.get("PYTHONPATH", "")
        return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [*self.python_path, given]))}

    def bench(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Runs ``bench`` with this code, from ``folder``."""
        # Without -P the folder it is started from would come first, and with it the other side's code.
        return subprocess.run(
            [sys.executable, "-P", "-m", "readbench.cli", *arguments],
            env=self.environment(),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def repository(folder: Path) -> Path:
    """The top of the git repository that a folder lies in. Raises BenchError where there is none."""
    return Path(_git(folder, "rev-parse", "--show-toplevel"))


@contextlib.contextmanager
def checkouts(
    top: Path, reference: str, scratch: Path, folder: Path | None = None
) -> Iterator[tuple[Checkout, Checkout]]:
    """The code of a git reference, in a worktree that vanishes again, and the present one as it lies in the
    repository, committed or not. Of a repository of several projects it is the code of the one that
    ``folder`` belongs to.

    Raises BenchError for a reference that git does not know, and with exit status 3 where a side would not
    run its own code.
    """
    commit = _commit(top, reference)
    place = scratch / "base-code"
    project = _project(folder or top, top)
    try:
        # Within: whoever is interrupted while git writes must leave nothing either.
        _git(top, "worktree", "add", "--detach", "--force", str(place), commit, exit_status=3)
        label = f"{reference} ({commit[:9]})"
        if _is_project(top / project) and not _is_project(place / project):
            raise BenchError(
                f"it has no pyproject.toml in {project}: it would run the present code",
                where=label,
                exit_status=3,
                todo="name a later revision with --against",
            )
        sides = (
            Checkout(label, place, _python_path(place / project, scratch / "base-metadata")),
            Checkout("the working tree", top, _python_path(top / project, scratch / "head-metadata")),
        )
        for side, other in (sides, sides[::-1]):
            _check_own_code(side, other, project)
        yield sides
    finally:
        _remove(top, place)


def _remove(top: Path, place: Path) -> None:
    """Takes a worktree away, whole or half made (git locks one while it makes it)."""
    with contextlib.suppress(BenchError):
        _git(top, "worktree", "remove", "--force", "--force", str(place))
        return
    with contextlib.suppress(BenchError):
        _git(top, "worktree", "unlock", str(place))
    shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(BenchError):
        _git(top, "worktree", "prune")


def _project(folder: Path, top: Path) -> Path:
    """The project that a folder belongs to, relative to the top: the nearest one above it."""
    folder, top = folder.resolve(), top.resolve()
    for place in (folder, *folder.parents):
        if place.is_relative_to(top) and _is_project(place):
            return place.relative_to(top)
    return Path()


def _is_project(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file() or any((folder / name).is_dir() for name in SOURCES)


def moved(path: Path, top: Path, checkout: Checkout) -> Path:
    """The same file in a checkout, where it belongs to the repository; else itself."""
    path = path.resolve()
    if checkout.root == top or not path.is_relative_to(top.resolve()):
        return path
    return checkout.root / path.relative_to(top.resolve())


def _commit(top: Path, reference: str) -> str:
    try:
        return _git(top, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    except BenchError as error:
        raise BenchError(
            f"git knows no commit {reference!r}",
            where=str(top),
            todo="fetch it first (in CI: a checkout with fetch-depth: 0)",
        ) from error


def _git(folder: Path, *arguments: str, exit_status: int = 2) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BenchError("git is not installed", todo="install git") from error
    if done.returncode:
        raise BenchError(
            f"git {arguments[0]}: {done.stderr.strip() or 'failed'}",
            where=str(folder),
            exit_status=exit_status,
        )
    return done.stdout.strip()


def _python_path(root: Path, metadata: Path) -> tuple[str, ...]:
    sources = [str(root / name) for name in SOURCES if (root / name).is_dir()] or [str(root)]
    return (*sources, *_entry_points(root, metadata))


def _check_own_code(side: Checkout, other: Checkout, project: Path) -> None:
    """Raises BenchError, exit status 3, where a side would run code of this repository that does not lie in
    its own checkout: both sides would run the same, and nothing would ever be slower.

    Asked of readbench and of the packages with the project's methods, or, where no project was found, of
    every package with methods.
    """
    own = side.root / project
    asked = _declared(own).get("entry-points", {}).get(GROUP, {}).values() if _is_project(own) else [EVERY]
    done = subprocess.run(
        [sys.executable, "-P", "-c", _ORIGINS, GROUP, *asked],
        env=side.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    origins = json.loads(done.stdout) if done.returncode == 0 else {}
    for name, origin in origins.items():
        path = Path(origin).resolve()
        if path.is_relative_to(side.root.resolve()):
            continue
        installed = path.is_relative_to(Path(sys.prefix).resolve())
        if (not installed and path.is_relative_to(other.root.resolve())) or _holds(side.root, name):
            raise BenchError(
                f"{name} would be run from {path.parent}, not from its own checkout",
                where=side.label,
                todo="start it in the folder of the project's pyproject.toml",
                exit_status=3,
            )


_ORIGINS = """
import importlib.metadata, importlib.util, json, sys
group, *names = sys.argv[1:]
if names == ["every"]:
    names = [point.value for point in importlib.metadata.entry_points(group=group)]
found = {}
for name in {"readbench", *(name.partition(":")[0].partition(".")[0] for name in names)}:
    spec = importlib.util.find_spec(name)
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    if any(places):
        found[name] = next(filter(None, places))
print(json.dumps(found))
"""
"""Where Python would find the packages, without importing them."""


def _holds(root: Path, package: str) -> bool:
    files = (f"{package}/__init__.py", f"{package}.py")
    return bool(_git(root, "ls-files", "--", *files, *(f"*/{file}" for file in files)))


def _declared(root: Path) -> dict[str, Any]:
    """``[project]`` of its pyproject.toml, with the entry points of ``GROUPS`` alone."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    points = project.get("entry-points", {})
    return dict(project) | {"entry-points": {group: points[group] for group in GROUPS if points.get(group)}}


def _entry_points(root: Path, metadata: Path) -> tuple[str, ...]:
    """A folder with the entry points that this code declares. What is installed declares those of the
    present code, which the other may not have. Python takes the first distribution of a name."""
    project = _declared(root)
    points = project.get("entry-points", {})
    if not points or "name" not in project:
        return ()
    name, version = project["name"], project.get("version", "0")
    folder = metadata / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    needs = "".join(f"Requires-Dist: {line}\n" for line in project.get("dependencies", ()))
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    lines = []
    for group, declared in points.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in declared.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return (str(metadata),)
