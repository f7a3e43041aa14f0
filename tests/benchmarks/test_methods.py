"""How fast each method predicts 50 embedded papers, everything loaded, trained and prepared. What cannot run
here is skipped and says why."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from readbench.datasets import open_dataset
from readbench.engine.workbench import Workbench
from readbench.errors import MissingDependency
from readbench.planner import with_labels
from readbench.registry import GROUP, Registry
from readbench.tasks.spec import TaskSpec
from readbench.types import Part

PAPERS = 50
LEARNED_FROM = 60
METHODS = sorted(point.name for point in entry_points(group=GROUP))


@pytest.fixture(scope="module")
def built() -> dict[str, Path]:
    """Preparations by what they are made of: methods share them."""
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("methods")


@pytest.mark.parametrize("name", METHODS)
def test_predict_50_papers(
    benchmark: BenchmarkFixture, name: str, folder: Path, built: dict[str, Path]
) -> None:
    method = Registry().method(name)
    corpus = open_dataset("papers-demo")
    task = sorted(method.adapter.tasks & corpus.targets.keys())[0]
    spec = TaskSpec(task=task)
    if task == "classification":
        spec = with_labels(spec, corpus)
    documents = [spec.project(document) for document in corpus.documents[: PAPERS + LEARNED_FROM]]
    ids = [document.id for document in documents]
    test, train = documents[:PAPERS], corpus.only(ids[PAPERS:])
    parts: dict[Part, list] = {"test": test, "train": documents[PAPERS:], "validation": documents[PAPERS:]}
    place = folder / name
    place.mkdir()
    bench = Workbench(method, spec, place, built=built)
    try:
        method.create(bench.context({})).missing()
        adapter = bench.loaded(parts)
    except MissingDependency as error:
        pytest.skip(str(error))
    adapter.fit(train, train)
    predictions = benchmark.pedantic(adapter.predict, args=(test,), rounds=5, iterations=1, warmup_rounds=1)
    assert len(predictions) == PAPERS
