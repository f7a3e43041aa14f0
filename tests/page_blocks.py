"""The blocks of a page of the documentation, and a folder in which its commands run.

A comment above a block says what the block needs; readers do not see it:

- ``<!-- file: NAME -->``: the block is a file of the folder;
- ``<!-- slow: WHY -->``: the block takes minutes, and runs with the slow tests alone.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from readbench.datasets import open_dataset
from readbench.results.store import Store
from readbench.tasks.keyphrases import gold_phrases

REPOSITORY = Path(__file__).resolve().parents[1]
KINDS = frozenset({"sh", "text", "toml", "json", "python", "sql", "yaml"})
"""What a block may be: another word, or none, and nobody would run it."""

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>\w+): (?P<about>.+?) -->\n+)?^```(?P<kind>\S*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# What stands for a run in the commands of a page.
_RUNS = re.compile(r"\b(RUN_A|RUN_B|OLD|NEWER|NEWEST|RUN)\b")

# `make` and `pip` would install things: what they are asked for is looked up instead.
_BASH = """
make() { command make --dry-run --directory "$REPOSITORY" "$@" > /dev/null; }
pip() { "$PYTHON" "$REPOSITORY/tests/page_blocks.py" "$@"; }
"""

_QUICK = """
name = "quick"
version = 2
description = "As the suite of that name, with fewer methods."
[dataset]
name = "papers-demo"
[tasks.keyphrases]
primary = "f1@10"
board = ["f1@5", "recall@20", "map"]
methods = ["pke.firstphrases", "pke.tfidf"]
[tasks.classification]
board = ["f1", "mcc"]
methods = ["majority", "logreg"]
split = {kind = "kfold", folds = 3}
"""


@dataclass(frozen=True)
class Block:
    kind: str
    text: str
    mark: str
    about: str
    line: int

    @property
    def is_slow(self) -> bool:
        return self.mark == "slow"


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


def pages() -> list[Path]:
    """README and every page of docs/ that has a block to run, by its path in the repository."""
    every = [
        REPOSITORY / "README.md",
        REPOSITORY / "examples" / "README.md",
        *sorted((REPOSITORY / "docs").rglob("*.md")),
    ]
    return [page for page in every if any(block.kind in ("sh", "sql") for block in blocks(page))]


class Folder:
    """A git repository with small files of a user, and with the runs and suites that pages speak of."""

    def __init__(self, path: Path, runs: Path, *, small: bool) -> None:
        """``runs``: a results folder to begin with. ``small``: suites of the names of the shipped ones, with
        fewer methods."""
        self.path = path
        path.mkdir(parents=True)
        shutil.copytree(runs, path / "results", symlinks=True)
        shutil.copytree(REPOSITORY / "examples", path / "examples")
        _write_papers(path)
        if small:
            (path / "suites").mkdir()
            (path / "suites" / "quick.toml").write_text(_QUICK)
        git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "papers"]):
            subprocess.run([*git, *command], cwd=path, check=True)
        subprocess.run([*git, "update-ref", "refs/remotes/origin/main", "HEAD"], cwd=path, check=True)

    def run(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Runs a block of commands, as somebody who copies it: it ends at the first one that fails."""
        names = dict(zip(("OLD", "NEWER", "NEWEST"), Store(self.path / "results").runs()[:3], strict=True))
        names |= {"RUN": names["NEWEST"], "RUN_A": names["OLD"], "RUN_B": names["NEWEST"]}
        text = _RUNS.sub(lambda found: names[found[0]], block.text)
        return self._bash(f"bench query -- {_quoted(text)}" if block.kind == "sql" else text)

    def _bash(self, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _BASH + text],
            cwd=self.path,
            env=environment(self.path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def environment(home: Path) -> Mapping[str, str]:
    """What commands see: this interpreter's programs, a home of their own, and the caches of this user."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("BENCH_", "GITHUB_", "CI"))
    }
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "REPOSITORY": str(REPOSITORY),
        "HOME": str(home),
        "XDG_CACHE_HOME": cache,
        "BROWSER": "true",  # what --open starts
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


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
