"""How fast the harness itself is: plan, score, statistics, store, board and gate. `make bench` runs these,
keeps the numbers and compares them with the last ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gate_runs import GateRuns
from pytest_benchmark.fixture import BenchmarkFixture

from readbench.core.files import write_json
from readbench.core.types import Dataset
from readbench.datasets import open_dataset
from readbench.gate.thresholds import read_thresholds
from readbench.gate.verdicts import default_thresholds, judge
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import find_suite, load_suite
from readbench.results.leaderboard import build_leaderboard
from readbench.results.record import Record
from readbench.results.samples import load_sample
from readbench.results.store import Store
from readbench.results.tables import read_columns
from readbench.stats.ranking import compare_all
from readbench.stats.resampling import bootstrap
from readbench.tasks import get_task
from readbench.tasks.spec import TaskSpec

RECORDS = 200


@pytest.fixture(scope="module")
def papers() -> Dataset:
    return open_dataset("papers-demo")


def test_read_the_embedded_papers(benchmark: BenchmarkFixture) -> None:
    assert len(benchmark(open_dataset, "papers-demo").documents) == 240


def test_plan_ten_methods(benchmark: BenchmarkFixture, papers: Dataset, tmp_path: Path) -> None:
    suite = load_suite(find_suite("quick"))
    suite = suite.model_copy(update={"tasks": {"keyphrases": suite.tasks["keyphrases"]}})
    plan = benchmark(make_plan, suite, papers, Options(), Store(tmp_path))
    assert len(plan.cells) == 10


def test_score_80_documents(benchmark: BenchmarkFixture, papers: Dataset, gate_runs: GateRuns) -> None:
    side = gate_runs.side("before")
    task, spec = get_task("keyphrases"), TaskSpec.model_validate(side.manifest.tasks["keyphrases"].spec)
    cell = side.cells("keyphrases", "test.steady")[0]
    predictions = task.predictions.from_columns(
        read_columns(side.store.cell(cell.key) / "predictions.parquet")
    )
    documents = {document.id: document for document in papers.documents if document.id in predictions}
    targets = papers.targets["keyphrases"]
    scores = benchmark(task.score, spec, documents, targets, predictions)
    assert len(scores.ids) == 80


def test_bootstrap_every_metric(benchmark: BenchmarkFixture, gate_runs: GateRuns) -> None:
    side = gate_runs.side("before")
    spec = TaskSpec.model_validate(side.manifest.tasks["keyphrases"].spec)
    sample = load_sample(side.store, spec, side.cells("keyphrases", "test.steady"))
    drawn = benchmark(bootstrap, len(sample.ids), sample.resampled, resamples=10_000, seed=1)
    assert drawn.shape == (10_000, len(sample.metrics))


def test_compare_ten_methods(benchmark: BenchmarkFixture) -> None:
    generator = np.random.default_rng(1)
    scores = {str(i): generator.random(240) for i in range(10)}
    assert len(benchmark(compare_all, scores, True, 1).names) == 10


@pytest.fixture(scope="module")
def record(gate_runs: GateRuns) -> Record:
    return next(gate_runs.side("before").store.records())


def test_write_a_record(benchmark: BenchmarkFixture, record: Record, tmp_path: Path) -> None:
    store = Store(tmp_path)

    def publish() -> None:
        workspace = store.workspace("cells", record.key)
        write_json(workspace / "record.json", record)
        store.publish(workspace, store.cell(record.key), replace=True)

    benchmark(publish)
    assert store.record(record.key) == record


def test_read_records(benchmark: BenchmarkFixture, record: Record, tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(RECORDS):
        place = store.cell(f"{number:040}")
        place.mkdir(parents=True)
        write_json(place / "record.json", record)
    assert len(benchmark(lambda: list(store.records()))) == RECORDS


def test_read_a_board(benchmark: BenchmarkFixture, gate_runs: GateRuns) -> None:
    board = benchmark(build_leaderboard, gate_runs.before, Store(gate_runs.results))
    assert len(board.tables[0].rows) == 3


def test_gate_a_changed_method(benchmark: BenchmarkFixture, gate_runs: GateRuns) -> None:
    before, after = gate_runs.side("before"), gate_runs.side("hurt")
    thresholds = read_thresholds(None, "tested", (), default_thresholds(before))
    assert benchmark(judge, before, after, thresholds).exit_status == 1
