"""What a cell costs that does nothing: processor time of parent and children and wall time, beside the same
forks with nothing to do. How that grows with the number of cells. `make bench` prints both."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from readbench.datasets import open_dataset
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.store import Store

ROUNDS, CELLS = 3, 100
DOCUMENTS = 30
"""Ten of them are tested."""
NOTHING = '''
from readbench.adapter import Adapter, Params, RankedPhrases


class Nothing(Adapter):
    """One phrase for every document."""

    name = "bench.nothing"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        n: int = 0

    def predict(self, chunk):
        return [RankedPhrases(("nothing",), (1.0,)) for _ in chunk]
'''
FORKS = """
import gc, os, sys
from readbench.engine.server import EVERY_CELL
for name in EVERY_CELL:
    __import__(name)
gc.collect()
gc.freeze()
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
"""
"""The server's children with nothing to do."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds: of the wall, and of the processor in this process and in its children."""

    wall: float
    parent: float
    children: float

    @classmethod
    def now(cls) -> Spent:
        own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return cls(time.perf_counter(), own.ru_utime + own.ru_stime, others.ru_utime + others.ru_stime)

    @property
    def processor(self) -> float:
        return self.parent + self.children

    def minus(self, other: Spent) -> Spent:
        return Spent(self.wall - other.wall, self.parent - other.parent, self.children - other.children)

    def each(self, number: int) -> Spent:
        return Spent(self.wall / number, self.parent / number, self.children / number)

    def __str__(self) -> str:
        return (
            f"{1000 * self.wall:.1f} ms of wall and {1000 * self.processor:.1f} of the processor "
            f"({1000 * self.parent:.1f} parent, {1000 * self.children:.1f} children)"
        )


def spent(work: Callable[[], object]) -> Spent:
    before = Spent.now()
    work()
    return Spent.now().minus(before)


@pytest.fixture
def cells(tmp_path: Path) -> Callable[[int], None]:
    """Plans and runs a number of cells that do nothing, into a fresh folder."""
    file = tmp_path / "nothing.py"
    file.write_text(NOTHING, encoding="utf-8")
    papers = open_dataset("papers-demo")

    def run(number: int) -> None:
        folder = tmp_path / "results"
        suite = Suite.model_validate(
            {
                "name": "nothing",
                "tasks": {"keyphrases": {"methods": [f"bench.nothing[n={n}]" for n in range(number)]}},
                "split": {"kind": "holdout", "test": 0.3, "near_duplicates": "ignore"},
            }
        )
        store = Store(folder)
        plan = make_plan(suite, papers, Options(include_paths=(file,), limit=DOCUMENTS), store)
        runner = Runner(plan, store, Silent(), charges_imports=False)
        runner.run()
        assert [record.status for record in runner.records.values()] == ["ok"] * number
        shutil.rmtree(folder)

    run(1)  # what is made once in a process is made
    return run


def forks(number: int) -> None:
    subprocess.run([sys.executable, "-c", FORKS, str(number)], check=True)


def median(values: list[Spent]) -> Spent:
    return Spent(*(statistics.median(getattr(v, name) for v in values) for name in Spent.__slots__))


def ratios(one: Spent, other: Spent) -> str:
    wall, processor = one.wall / other.wall, one.processor / other.processor
    return f"ratio: {wall:.1f} of wall, {processor:.1f} of the processor"


@pytest.mark.benchmark(min_rounds=1, max_time=0.1)
def test_a_cell_that_does_nothing(
    cells: Callable[[int], None], benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    costs, floors = [], []
    for _ in range(ROUNDS):
        one, many = spent(lambda: cells(1)), spent(lambda: cells(CELLS))
        costs.append(many.minus(one).each(CELLS - 1))
        one, many = spent(lambda: forks(1)), spent(lambda: forks(CELLS))
        floors.append(many.minus(one).each(CELLS - 1))
    cost, floor = median(costs), median(floors)
    with capsys.disabled():
        print(f"\na cell that does nothing: {cost}; the fork alone: {floor}")
        print(ratios(cost, floor))
    benchmark.extra_info.update(cost=str(cost), floor=str(floor))
    benchmark(cells, 1)


@pytest.mark.benchmark(min_rounds=1, max_time=0.1)
@pytest.mark.parametrize(("few", "many"), [(20, 200), pytest.param(1_000, 10_000, marks=pytest.mark.slow)])
def test_ten_times_the_cells(
    cells: Callable[[int], None],
    benchmark: BenchmarkFixture,
    capsys: pytest.CaptureFixture[str],
    few: int,
    many: int,
) -> None:
    """Planned, waited for, run, written: no more than ten times the time, or something looks at all of them
    for each of them."""
    small = spent(lambda: cells(few))
    large = spent(lambda: cells(many))
    with capsys.disabled():
        print(f"\n{few} cells: {small.each(few)} each; {many} cells: {large.each(many)} each")
        print(ratios(large, small))
    benchmark.extra_info.update(few=str(small), many=str(large))
    assert large.processor < 10 * small.processor
    benchmark(cells, 1)
