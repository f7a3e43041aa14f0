"""Small runs of methods in one file, in this process but for the cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_process import write_suite
from toy_methods import TWO

from readbench.datasets import open_dataset
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner
from readbench.planning.plan import Options, Plan
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.store import Store


def write_two(folder: Path) -> tuple[Path, list[str]]:
    """A suite of two quick methods that need a preparation, and the options that find them."""
    (folder / "two.py").write_text(TWO, encoding="utf-8")
    suite = write_suite(folder, ["toy.first", "toy.last"], name="small")
    return suite, ["--include-path", str(folder / "two.py")]


def plan_toy(
    source: str, folder: Path, method: str, limit: int = 30, validation: float = 0.0, **options: Any
) -> tuple[Plan, Store]:
    """Plans a method that ``source`` defines, on some embedded papers: two thirds to learn from, less a share
    for validation, a third tested."""
    file, store = folder / "toy.py", Store(folder / "results")
    if not file.exists() or file.read_text(encoding="utf-8") != source:
        file.write_text(source, encoding="utf-8")
    suite = Suite.model_validate(
        {
            "name": "toy",
            "tasks": {"keyphrases": {"methods": [method]}},
            "split": {
                "kind": "holdout",
                "test": 0.3,
                "validation": validation,
                "near_duplicates": "ignore",
            },
        }
    )
    wanted = Options(include_paths=(file,), limit=limit, **options)
    return make_plan(suite, open_dataset("papers-demo"), wanted, store), store


def run_toy(source: str, folder: Path, method: str, **options: Any) -> tuple[Plan, Runner]:
    """Plans and runs it."""
    plan, store = plan_toy(source, folder, method, **options)
    runner = Runner(plan, store, Silent(), charges_imports=False)
    runner.run()
    return plan, runner
