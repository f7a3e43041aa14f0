"""Two revisions of a repository side by side: each runs its own code, and nothing stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gate_methods import write_methods
from git_repository import commit_all, git, methods_repository, project

from readbench.core.errors import BenchError
from readbench.gate import checkouts as module
from readbench.gate.checkouts import Checkout, checkouts, moved, repository


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return methods_repository(tmp_path / "repo")


def test_both_revisions_lie_side_by_side_and_nothing_stays(repo: Path, tmp_path: Path) -> None:
    write_methods(repo / "methods.py", slower=2.0)
    (repo / "inner").mkdir()
    assert repository(repo / "inner") == repo
    with checkouts(repo, "HEAD", tmp_path / "scratch") as (base, head):
        old, new = (moved(repo / "methods.py", repo, side) for side in (base, head))
        assert "SLOWER = 1.0" in old.read_text()
        assert "SLOWER = 2.0" in new.read_text()
        assert moved(tmp_path / "elsewhere.py", repo, base) == tmp_path / "elsewhere.py"
    assert not (tmp_path / "scratch" / "base-code").exists()
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    with pytest.raises(BenchError, match="git knows no commit 'absent'"), checkouts(repo, "absent", tmp_path):
        pass
    with pytest.raises(BenchError, match="git"):
        repository(Path("/"))


def test_each_side_declares_its_own_methods(repo: Path, tmp_path: Path) -> None:
    project = '[project]\nname = "own-methods"\nversion = "1"\n[project.entry-points."bench.adapters"]\n'
    (repo / "pyproject.toml").write_text(project + '"own.first" = "own:First"\n')
    commit_all(repo, "an entry point")
    (repo / "pyproject.toml").write_text(project + '"own.second" = "own:Second"\n')
    with checkouts(repo, "HEAD", tmp_path / "scratch") as (base, head):
        for side, present in ((base, "own.first"), (head, "own.second")):
            done = side.bench(["ls", "methods"], repo)
            assert done.returncode == 0, done.stderr
            assert present in done.stdout
            assert ("own.first" in done.stdout) != ("own.second" in done.stdout)


def test_each_side_declares_its_own_encoders_of_phrases(repo: Path, tmp_path: Path) -> None:
    group = "bench.phrase_encoders"
    project = f'[project]\nname = "own-encoders"\nversion = "1"\n[project.entry-points."{group}"]\n'
    (repo / "pyproject.toml").write_text(project + 'first = "own:First"\n')
    commit_all(repo, "an entry point")
    (repo / "pyproject.toml").write_text(project + 'second = "own:Second"\n')
    names = f"from importlib.metadata import entry_points as e; print(*e(group='{group}').names)"
    with checkouts(repo, "HEAD", tmp_path / "scratch") as (base, head):
        for side, present, absent in ((base, "first", "second"), (head, "second", "first")):
            done = subprocess.run(
                [sys.executable, "-P", "-c", names], env=side.environment(), capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            assert present in done.stdout.split()
            assert absent not in done.stdout.split()


def version_in(side: Checkout, package: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import {package}; print({package}.VERSION)"],
        env=side.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A repository whose project is not at its top: ``old`` in the commit, ``new`` in the working tree."""
    top = tmp_path / "several"
    project(top / "py", "mypkg", "old")
    git(top, "init", "-q")
    commit_all(top)
    project(top / "py", "mypkg", "new")
    return top


@pytest.mark.parametrize("inner", ["py", "py/src/mypkg"])
def test_the_project_that_it_is_started_in_is_the_one_on_both_sides(
    several: Path, tmp_path: Path, inner: str
) -> None:
    with checkouts(several, "HEAD", tmp_path / "scratch", several / inner) as (base, head):
        assert (version_in(base, "mypkg"), version_in(head, "mypkg")) == ("old", "new")
        assert moved(several / "py" / "pyproject.toml", several, base).is_relative_to(base.root)


def test_a_base_without_the_project_is_refused(several: Path, tmp_path: Path) -> None:
    project(several / "other", "otherpkg", "new")
    with (
        pytest.raises(BenchError, match=r"it has no pyproject\.toml in other") as caught,
        checkouts(several, "HEAD", tmp_path / "scratch", several / "other"),
    ):
        pass
    assert caught.value.exit_status == 3
    assert len(git(several, "worktree", "list").splitlines()) == 1


def test_a_base_that_would_run_the_present_code_is_refused(
    several: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an editable installation does: it puts the working tree on the path of every process."""
    metadata = tmp_path / "installed" / "mypkg-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mypkg\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[bench.adapters]\nmypkg.only = mypkg:Only\n")
    monkeypatch.setenv("PYTHONPATH", f"{several / 'py' / 'src'}:{metadata.parent}", prepend=":")
    with (
        pytest.raises(BenchError, match="mypkg would be run from") as caught,
        checkouts(several, "HEAD", tmp_path / "scratch"),
    ):
        pass
    assert caught.value.exit_status == 3
    # From within the project the base has code of its own, which comes first.
    with checkouts(several, "HEAD", tmp_path / "scratch", several / "py") as (base, _):
        assert version_in(base, "mypkg") == "old"


def test_an_interrupt_while_git_writes_leaves_nothing(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module._git

    def interrupted(folder: Path, *arguments: str, **more: Any) -> str:
        told = real(folder, *arguments, **more)
        if arguments[:2] == ("worktree", "add"):
            # As git leaves it that was killed half-way: without files, and locked.
            git(repo, "worktree", "lock", arguments[-2])
            (Path(arguments[-2]) / ".git").unlink()
            raise KeyboardInterrupt
        return told

    monkeypatch.setattr(module, "_git", interrupted)
    with pytest.raises(KeyboardInterrupt), checkouts(repo, "HEAD", tmp_path / "scratch"):
        pass
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_a_base_that_cannot_be_written_is_no_wrong_use(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "scratch").write_text("in the way")
    with pytest.raises(BenchError, match="git worktree") as caught:
        checkouts(repo, "HEAD", tmp_path / "scratch").__enter__()
    assert caught.value.exit_status == 3
