"""The blocks of a page of the documentation, and a folder in which its commands run.

Blocks of the kinds ``sh`` and ``sql`` are commands. A comment above a block says how it is used; readers do
not see it:

- ``<!-- file: NAME -->``: the block is a file of the folder;
- ``<!-- slow: WHY -->``: the block takes long, so its whole page runs with the slow tests;
- ``<!-- not run: WHY -->``: no test runs the block.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import fake_slurm

from readbench.datasets import open_dataset
from readbench.results.store import Store
from readbench.tasks.keyphrases import gold_phrases

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = frozenset({"sh", "sql"})
KINDS = COMMANDS | frozenset({"text", "toml", "json", "python", "yaml"})
"""What a block may be: another word, or none, and nobody would run it."""

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[a-z ]+): (?P<about>.+?) -->\n+)?^```(?P<kind>\S*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# What stands for a run in the commands of a page.
_RUNS = re.compile(r"\b(RUN_A|RUN_B|OLD|NEWER|NEWEST|RUN)\b")

# `make`, `pip` and `pre-commit` would install things: what they are asked for is looked up instead.
_BASH = """
make() { command make --dry-run --directory "$REPOSITORY" "$@" > /dev/null; }
pip() { "$PYTHON" "$REPOSITORY/tests/page_blocks.py" "$@"; }
pre-commit() { test -f "$REPOSITORY/.pre-commit-config.yaml"; }
"""

# Tests of this repository that a page names are collected, and not run: where there is none, pytest fails.
_COLLECT = """#!/bin/sh
cd "$REPOSITORY" && exec "$PYTHON" "$@" --collect-only -p no:cacheprovider
"""

_SUITE = """
name = "quick"
version = 2
description = "As the suite of that name, with fewer methods."
[dataset]
name = "papers-demo"
[tasks.classification]
board = ["f1", "mcc"]
methods = LABELS
split = {kind = "kfold", folds = 3}
"""
_TINY = _SUITE.replace("LABELS", '["majority"]')
_QUICK = _SUITE.replace("LABELS", '["majority", "logreg"]')
_QUICK += """
[tasks.keyphrases]
primary = "f1@10"
board = ["f1@5", "recall@20", "map"]
methods = ["pke.firstphrases", "pke.tfidf"]
"""


@dataclass(frozen=True)
class Block:
    kind: str
    text: str
    mark: str
    about: str
    line: int

    @property
    def is_command(self) -> bool:
        """Whether it is run."""
        return self.kind in COMMANDS and self.mark not in ("file", "not run")


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(
            match["kind"],
            match["text"],
            match["mark"] or "",
            match["about"] or "",
            text.count("\n", 0, match.start("text")),
        )
        for match in _BLOCK.finditer(text)
    ]
    assert 2 * len(found) == len(re.findall(r"^```", text, re.MULTILINE)), f"{page}: a fence is left over"
    return found


def pages() -> dict[str, list[Block]]:
    """The blocks of README, CONTRIBUTING and every page of docs/, by the page's path in the repository."""
    every = [
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        REPOSITORY / "examples" / "README.md",
        *sorted((REPOSITORY / "docs").rglob("*.md")),
    ]
    return {page.relative_to(REPOSITORY).as_posix(): blocks(page) for page in every}


class Folder:
    """A git repository with small files of a user, a suite `quick` of fewer methods, a SLURM in small, and
    the runs that pages speak of."""

    def __init__(self, path: Path, runs: Path | None = None, *, tiny: bool = False) -> None:
        """``runs``: a results folder to begin with. ``tiny``: `quick` is one method that costs nothing."""
        self.path = path / "work"
        self.slurm = fake_slurm.install(path / "slurm")
        self.path.mkdir()
        if runs is not None:
            shutil.copytree(runs, self.path / "results", symlinks=True)
        self.first_runs = Store(self.path / "results").runs()
        shutil.copytree(REPOSITORY / "examples", self.path / "examples")
        _write_papers(self.path)
        for name, text in (("suites/quick.toml", _TINY if tiny else _QUICK), (".venv/bin/python", _COLLECT)):
            (self.path / name).parent.mkdir(parents=True)
            (self.path / name).write_text(text)
        (self.path / ".venv" / "bin" / "python").chmod(0o755)
        git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "papers"]):
            subprocess.run([*git, *command], cwd=self.path, check=True)
        subprocess.run([*git, "update-ref", "refs/remotes/origin/main", "HEAD"], cwd=self.path, check=True)

    def run(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Runs a block of commands, as somebody who copies it: it ends at the first one that fails."""
        text = _RUNS.sub(lambda found: self._run_called(found[0]), block.text)
        return self.bash(f"bench query -- {shlex.quote(text)}" if block.kind == "sql" else text)

    def _run_called(self, word: str) -> str:
        """One of the three runs that were there at first, newest first."""
        return self.first_runs[{"OLD": 2, "RUN_A": 2, "NEWER": 1}.get(word, 0)]

    def bash(self, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _BASH + text],
            cwd=self.path,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _environment(self) -> Mapping[str, str]:
        """What commands see: this interpreter's programs, a home of their own, the caches of this user."""
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BENCH_", "GITHUB_", "CI"))
        }
        return kept | {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), str(self.slurm), os.environ["PATH"])),
            "PYTHON": sys.executable,
            "REPOSITORY": str(REPOSITORY),
            "HOME": str(self.path),
            "XDG_CACHE_HOME": cache,
            "BROWSER": "true",  # what `bench report --open` starts
        }


@cache
def _papers() -> list[dict[str, str]]:
    """Sixty papers of the embedded corpus, both labels in turn."""
    corpus = open_dataset("papers-demo")
    rows = [
        {
            "uuid": document.id,
            "title": document.fields["title"],
            "abstract": document.fields["abstract"],
            "Keywords": "; ".join(gold_phrases(corpus.targets["keyphrases"][document.id], document.id)),
            "label": str(corpus.targets["classification"][document.id]),
        }
        for document in corpus.documents
    ]
    by_label = [[row for row in rows if row["label"] == label] for label in ("0", "1")]
    return [row for pair in zip(*by_label, strict=False) for row in pair][:60]


def _write_papers(folder: Path) -> None:
    """The files that pages name: papers with keywords, their labels, and papers of which nothing is known."""
    known, new = _papers()[:50], _papers()[50:]
    _write(folder / "papers.csv", known, ("uuid", "title", "abstract", "Keywords"))
    _write(
        folder / "labels.csv", [{"id": row["uuid"], "label": row["label"]} for row in known], ("id", "label")
    )
    _write(folder / "new.csv", new, ("uuid", "title", "abstract"))
    _write(folder / "testB.csv", known, ("uuid", "title", "abstract"))
    _write(folder / "test.csv", known, ("uuid", "title", "abstract", "Keywords"))


def _write(path: Path, rows: Iterable[Mapping[str, str]], columns: tuple[str, ...]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def check_pip(arguments: list[str]) -> str:
    """What is wrong with a call of ``pip``: empty where each thing that it installs is an extra of this
    project, a pinned package, or the wheel that ``make wheel`` builds."""
    from packaging.requirements import Requirement

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    pinned = {
        line.partition("==")[0].lower() for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
    }
    verb, *rest = arguments
    if verb != "install":
        return f"pip {verb}"
    for one in (word for word in rest if not word.startswith("-") and word != "constraints.txt"):
        path, bracket, extras = one.partition("[")
        is_ours = path.endswith(".whl") or path == "."
        wanted = Requirement(f"readbench{bracket}{extras}" if is_ours else one)
        if wanted.name == "readbench":
            if unknown := wanted.extras - project["optional-dependencies"].keys():
                return f"no extra {', '.join(unknown)}"
        elif wanted.name not in pinned | {"pre-commit"}:
            return f"{one} is in no extra"
    return ""


def check_data(block: Block) -> None:
    """Raises where a block of data cannot be read by who reads such a file."""
    if block.kind == "toml":
        tomllib.loads(block.text)
    elif block.kind == "json":
        for line in block.text.splitlines():
            json.loads(line)
    elif block.kind == "python":
        compile(block.text, "block", "exec")


if __name__ == "__main__":
    sys.exit(check_pip(sys.argv[1:]) or 0)
