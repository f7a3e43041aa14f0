"""A results folder of a real run as files, and what everybody does with such a folder."""

from __future__ import annotations

import io
import tempfile
from functools import cache
from pathlib import Path
from random import Random

from rich.console import Console

import readbench
from readbench.compare.paired import open_side
from readbench.compare.runs import Questions, compare_runs, shown_metrics
from readbench.report import markup
from readbench.report.comparison import render_comparison
from readbench.report.show import render_predictions
from readbench.report.terminal import render
from readbench.results.estimates import Estimates
from readbench.results.leaderboard import build_leaderboard, find_run
from readbench.results.leases import lease_is_alive
from readbench.results.store import Store
from readbench.stats.of_run import write_statistics

METHODS = '''
from readbench.adapter import Adapter, Params, RankedPhrases


class First(Adapter):
    """The first words of a title."""

    name = "toy.first"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        n: int = 2

    params: Params

    def predict(self, chunk):
        titles = [document.fields.get("title", "").lower().split() for document in chunk]
        found = [tuple(dict.fromkeys(words[: self.params.n])) for words in titles]
        return [RankedPhrases(phrases, (1.0, 0.5)[: len(phrases)]) for phrases in found]


class Last(First):
    """The same from another class."""

    name = "toy.last"
'''
SUITE = """
[dataset]
name = "papers-demo"

[tasks.keyphrases]
methods = ["toy.first[n=1]", "toy.last"]
"""
READ = (
    *("record.json", "scores.parquet", "predictions.parquet", "sums.json", "run.json", "statistics.json"),
    *("estimates.json", "documents.jsonl", "documents.parquet", "targets.parquet"),
)


@cache
def files() -> dict[str, bytes]:
    """Every file of a results folder after one run of two methods, and a lease."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "toy.py").write_text(METHODS, encoding="utf-8")
        (folder / "toy.toml").write_text(SUITE, encoding="utf-8")
        results = folder / "results"
        suite = str(folder / "toy.toml")
        readbench.run(suite, limit=12, output_path=results, include_paths=[folder / "toy.py"])
        found = {
            path.relative_to(results).as_posix(): path.read_bytes()
            for path in sorted(results.rglob("*"))
            if path.is_file() and path.parent.name != "leases"
        }
    lease = b'{"host": "h", "boot": "b", "space": "s", "pid": 1, "started": 1}'
    return found | {f"leases/{'a' * 12}.json": lease}


def root_of(path: Path) -> Path:
    """The results folder that a file lies in."""
    return next(parent for parent in path.parents if (parent / "runs").is_dir())


def as_results(path: Path, rng: Random | None) -> None:  # noqa: ARG001 - the signature of targets
    root = root_of(path)
    store = Store(root)
    name = find_run(None, store)
    board = build_leaderboard(name, store)
    console = Console(file=io.StringIO(), width=100)
    console.print(render(board, 100))
    markup.as_json(board)
    markup.as_csv(board)
    markup.as_markdown(board)
    Estimates(root).seconds("toy.last", 10)
    lease_is_alive(root, "a" * 12)
    for cell in board.manifest.cells:
        store.damaged_in_cell(cell.key)


def as_show(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    store = Store(root_of(path))
    console = Console(file=io.StringIO(), width=100)
    console.print(render_predictions(store, find_run(None, store), "toy.last"))


def as_comparison(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    root = root_of(path)
    name = find_run(None, Store(root))
    sides = open_side(name, root), open_side(name, root)
    found = compare_runs(*sides, Questions(shown_metrics(*sides, ())))
    Console(file=io.StringIO(), width=100).print(render_comparison(found))


def as_statistics(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    store = Store(root_of(path))
    write_statistics(store.run(find_run(None, store)), store)


def in_turn(path: Path, rng: Random | None) -> None:
    uses = (as_results, as_show, as_comparison, as_statistics)
    for use in uses if rng is None else (rng.choice(uses),):
        use(path, rng)
