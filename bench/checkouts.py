"""The code of another git revision beside the present one, so that both can be run in turn."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from readbench.errors import BenchError

GROUP = "bench.adapters"
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
            env=self.environment(), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip


def repository(folder: Path) -> Path:
    """The top of the git repository that a folder lies in. Raises BenchError where there is none."""
    return Path(_git(folder, "rev-parse", "--show-toplevel"))


@contextlib.contextmanager
def checkouts(top: Path, reference: str, scratch: Path) -> Iterator[tuple[Checkout, Checkout]]:
    """The code of a git reference, in a worktree that vanishes again, and the present one as it lies in the
    folder, committed or not.

    Raises BenchError for a reference that git does not know.
    """
    commit = _commit(top, reference)
    place = scratch / "base-code"
    _git(top, "worktree", "add", "--detach", "--force", str(place), commit)
    try:
        yield (
            Checkout(f"{reference} ({commit[:9]})", place, _python_path(place, scratch / "base-metadata")),
            Checkout("the working tree", top, _python_path(top, scratch / "head-metadata")),
        )
    finally:
        with contextlib.suppress(BenchError):
            _git(top, "worktree", "remove", "--force", str(place))


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
            f"git knows no commit {reference!r}", where=str(top),
            todo="fetch it first (in CI: a checkout with fetch-depth: 0)",
        ) from error  # fmt: skip


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BenchError("git is not installed", todo="install git") from error
    if done.returncode:
        raise BenchError(f"git {arguments[0]}: {done.stderr.strip() or 'failed'}", where=str(folder))
    return done.stdout.strip()


def _python_path(root: Path, metadata: Path) -> tuple[str, ...]:
    sources = [str(root / name) for name in SOURCES if (root / name).is_dir()] or [str(root)]
    return (*sources, *_entry_points(root, metadata))


def _entry_points(root: Path, metadata: Path) -> tuple[str, ...]:
    """A folder with the entry points that this code declares. What is installed declares those of the
    present code, which the other may not have; the first distribution of a name is the one that counts."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ()
    points = project.get("entry-points", {}).get(GROUP, {})
    if not points or "name" not in project:
        return ()
    name, version = project["name"], project.get("version", "0")
    folder = metadata / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    needs = "".join(f"Requires-Dist: {line}\n" for line in project.get("dependencies", ()))
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    lines = [f"{key} = {value}" for key, value in points.items()]
    (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]) + "\n")
    return (str(metadata),)
