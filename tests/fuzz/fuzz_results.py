"""A results folder of a real run and its baseline as files, and what everybody does with such folders."""

from __future__ import annotations

import io
import tempfile
from functools import cache
from pathlib import Path
from random import Random

from rich.console import Console
from toy_methods import TWO

import readbench
from readbench.compare.paired import open_side
from readbench.compare.runs import Questions, compare_runs, shown_metrics
from readbench.datasets import open_dataset
from readbench.gate.baseline import promote
from readbench.gate.thresholds import Thresholds, parse_threshold
from readbench.gate.verdicts import judge
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import load_suite
from readbench.report import ci, markup
from readbench.report.comparison import render_comparison
from readbench.report.show import render_predictions
from readbench.report.terminal import render
from readbench.results.estimates import Estimates
from readbench.results.leaderboard import build_leaderboard, find_run
from readbench.results.leases import lease_is_alive
from readbench.results.store import Store
from readbench.stats.of_run import write_statistics

SUITE = """
[dataset]
name = "papers-demo"

[tasks.keyphrases]
methods = ["toy.first[n=1]", "toy.last"]

[split]
kind = "holdout"
"""
LIMIT = 12
READ = (
    *("record.json", "scores.parquet", "predictions.parquet", "sums.json", "run.json", "statistics.json"),
    *("estimates.json", "documents.jsonl", "documents.parquet", "targets.parquet"),
    *("preparation.json", "answers.parquet"),
)
GUARDS = Thresholds(((None, (parse_threshold("f1@10:-1pp"), parse_threshold("peak_memory_bytes:+10%"))),))


def is_read(name: str) -> bool:
    """Whether a file of a results folder is ever read."""
    return Path(name).name in READ or Path(name).parent.name in ("leases", "near-duplicates")


@cache
def files() -> dict[str, bytes]:
    """Every file of a results folder after one run of two methods, a lease, the suite, the methods."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "toy.py").write_text(TWO, encoding="utf-8")
        (folder / "toy.toml").write_text(SUITE, encoding="utf-8")
        results = folder / "results"
        suite = str(folder / "toy.toml")
        readbench.run(suite, limit=LIMIT, output_path=results, include_paths=[folder / "toy.py"])
        found = {
            path.relative_to(results).as_posix(): path.read_bytes()
            for path in sorted(results.rglob("*"))
            if path.is_file() and path.parent.name != "leases"
        }
    lease = b'{"host": "h", "boot": "b", "space": "s", "pid": 1, "started": 1}'
    own = {"toy.py": TWO.encode(), "toy.toml": SUITE.encode()}
    return found | own | {f"leases/{'a' * 12}.json": lease}


@cache
def baseline() -> dict[str, bytes]:
    """The same run in ``now``, and what `bench baseline` keeps of it in ``kept``."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, content in files().items():
            path = folder / "now" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        store = Store(folder / "now")
        promote(find_run(None, store), store.root, "kept", folder)
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


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
    Estimates(root).of_cell("toy.last", 10)
    lease_is_alive(root, "a" * 12)
    for cell in board.manifest.cells:
        store.damaged_in_cell(cell.key)
    for preparation in root.glob("preparations/*"):
        store.preparation_cost(preparation.name)


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


def as_plan(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    root = root_of(path)
    options = Options(limit=LIMIT, include_paths=(root / "toy.py",))
    make_plan(load_suite(root / "toy.toml"), open_dataset("papers-demo"), options, Store(root))


def as_baseline(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    kept = root_of(path)
    now = kept.with_name("now")
    sides = open_side(str(kept), now), open_side(find_run(None, Store(now)), now)
    verdicts = judge(*sides, GUARDS)
    ci.verdicts_markdown(verdicts)
    ci.junit(verdicts)


def in_turn(path: Path, rng: Random | None) -> None:
    uses = (as_results, as_show, as_comparison, as_statistics, as_plan)
    for use in uses if rng is None else (rng.choice(uses),):
        use(path, rng)
