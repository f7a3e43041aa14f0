"""Small git repositories to check out two revisions of."""

from __future__ import annotations

import subprocess
from pathlib import Path

from gate_methods import write_methods, write_suite


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def commit_all(folder: Path, what: str = "methods") -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", what)


def methods_repository(folder: Path) -> Path:
    """A repository with methods, committed once."""
    write_methods(folder / "methods.py")
    write_suite(folder / "suite.toml", ("test.steady",))
    git(folder, "init", "-q")
    commit_all(folder)
    return folder


def project(folder: Path, module: str, version: str) -> None:
    """A package with one module of that version, and a pyproject.toml that declares a method in it."""
    package = folder / "src" / module
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(f"VERSION = {version!r}\n")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{module}"\nversion = "1"\n[project.entry-points."bench.adapters"]\n'
        f'"{module}.only" = "{module}:Only"\n'
    )
