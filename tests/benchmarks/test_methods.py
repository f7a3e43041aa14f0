"""How fast each method predicts 50 embedded papers, everything loaded, trained and prepared. What cannot run
here is skipped and says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from readbench.adapter import Adapter, Ensemble, LearnedEnsemble
from readbench.core.errors import MissingDependency
from readbench.core.types import Dataset, Document, Part, Prediction, Task
from readbench.datasets import open_dataset
from readbench.engine.workbench import Build, Workbench
from readbench.methods.registry import GROUP, Registry
from readbench.planning.labels import with_labels
from readbench.tasks.spec import TaskSpec

PAPERS = 50
LEARNED_FROM = 60
MINUTES = ("llm",)
"""What takes minutes: left out of `make bench`, run once by `pytest -m slow`."""
SLOW = (pytest.mark.slow, pytest.mark.timeout(3600))
METHODS = sorted(point.name for point in entry_points(group=GROUP))


@pytest.fixture(scope="module")
def built() -> dict[Build, Path]:
    """Preparations by what they are made of: methods share them."""
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("methods")


class Papers:
    """The papers that a method predicts, those that it learns from, and what its task asks."""

    def __init__(self, task: Task) -> None:
        corpus = open_dataset("papers-demo")
        self.spec = TaskSpec(task=task)
        if task == "classification":
            self.spec = with_labels(self.spec, corpus)
        documents = [self.spec.project(document) for document in corpus.documents[: PAPERS + LEARNED_FROM]]
        self.test, learned = documents[:PAPERS], documents[PAPERS:]
        self.train = corpus.only(document.id for document in learned)
        self.parts: dict[Part, list[Document]] = {"test": self.test, "train": learned, "validation": learned}


def ready(spec: str, papers: Papers, place: Path, built: dict[Build, Path]) -> Adapter:
    """The method loaded, prepared and trained; the test is skipped where it cannot be."""
    method = Registry().method(spec)
    place.mkdir()
    bench = Workbench(method, papers.spec, place, built=built)
    try:
        method.create(bench.context({})).missing()
        adapter = bench.loaded(papers.parts)
    except MissingDependency as error:
        pytest.skip(str(error))
    adapter.fit(papers.train, papers.train)
    return adapter


@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW if n in MINUTES else ()) for n in METHODS])
def test_predict_50_papers(
    benchmark: BenchmarkFixture, name: str, folder: Path, built: dict[Build, Path]
) -> None:
    adapter_class = Registry()[name]
    tasks = sorted(adapter_class.tasks & open_dataset("papers-demo").targets.keys())
    if not tasks:
        pytest.skip(f"the embedded papers have nothing for {', '.join(sorted(adapter_class.tasks))}")
    papers = Papers(tasks[0])
    adapter = ready(name, papers, folder / name, built)
    work: Callable[[], Sequence[Prediction]] = lambda: adapter.predict(papers.test)  # noqa: E731
    if isinstance(adapter, Ensemble):
        members = [
            ready(member, papers, folder / f"{name}-{i}", built).predict(papers.test)
            for i, member in enumerate(adapter.needs().members)
        ]
        of_each = list(zip(*members, strict=True))
        if isinstance(adapter, LearnedEnsemble):
            gold = {tasks[0]: open_dataset("papers-demo").targets[tasks[0]]}
            adapter.learn(Dataset("", tuple(papers.test), gold), of_each)
        # Of a method made of others only the joining is its own.
        work = lambda: adapter.predict_from(papers.test, of_each)  # noqa: E731
    rounds = 1 if name in MINUTES else 5
    pedantic: Callable[..., Sequence[Prediction]] = benchmark.pedantic
    predictions = pedantic(work, rounds=rounds, iterations=1, warmup_rounds=rounds // 5)
    assert len(predictions) == PAPERS
