"""``promptrank`` with the packaged language model: what the candidates of a paper share changes no score, and
how much CPU time it saves. Prints the ratio."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import side_by_side

from readbench.adapter import Context
from readbench.core.errors import MissingDependency
from readbench.datasets import open_dataset
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("pke", reason="needs the extra keyphrases")

from readbench_adapters.llm.continuations import log_probabilities
from readbench_adapters.words.parse import Parse

SPEC = TaskSpec(task="keyphrases", fields=("title",))
WHOLE = TaskSpec(task="keyphrases", fields=("title", "abstract"))
PAPERS, WHOLE_PAPERS = 100, 2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def adapter_of(spec: TaskSpec, papers: int, folder: Path) -> tuple[Any, list[Any]]:
    documents = [spec.project(document) for document in open_dataset("papers-demo").documents]
    random.Random(0).shuffle(documents)
    chosen = documents[:papers]
    assert len(chosen) == papers
    method = Registry().method("promptrank")
    try:
        method.create(Context(task=spec)).missing()
    except MissingDependency as error:
        pytest.skip(str(error))
    Parse().build(chosen, folder, Context(task=spec))
    adapter = method.create(Context(task=spec, preparations={"parse": Parse().open(folder)}))
    adapter.load()
    return adapter, chosen


def asked(adapter: Any, document: Any) -> tuple[list[int], list[list[int]]]:
    """The prompt of a paper and the ids of its candidates."""
    candidates = adapter.select(adapter.context.preparations["parse"][document.id])
    return adapter.prompt(document), [adapter.causal.tokenizer.encode(f" {one.phrase}") for one in candidates]


def scored(adapter: Any, prompt: list[int], rows: list[list[int]], **how: Any) -> Any:
    pad = adapter.causal.tokenizer.pad_id
    return log_probabilities(adapter.causal.model, prompt, rows, pad=pad, device="cpu", **how)


def test_titles_of_100_papers_one_by_one_without_the_cache(tmp_path: Path) -> None:
    adapter, papers = adapter_of(SPEC, PAPERS, tmp_path)
    candidates, largest = 0, 0.0
    for document in papers:
        prompt, rows = asked(adapter, document)
        together = scored(adapter, prompt, rows, together=64)
        for row, score in zip(rows, together, strict=True):
            [alone] = scored(adapter, prompt, [row], together=1, shares=False)
            largest = max(largest, abs(float(alone) - float(score)))
        candidates += len(rows)
    print(f"\n{candidates} candidates of {PAPERS} papers: largest difference {largest:.1e}")
    assert candidates > 2 * PAPERS
    assert largest <= 1e-4


def test_whole_papers(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    adapter, papers = adapter_of(WHOLE, WHOLE_PAPERS, tmp_path)
    work = [asked(adapter, document) for document in papers]

    def one_by_one() -> list[Any]:
        return [
            [float(scored(adapter, prompt, [row], together=1, shares=False)[0]) for row in rows]
            for prompt, rows in work
        ]

    def shared() -> list[Any]:
        return [[float(x) for x in scored(adapter, prompt, rows, together=64)] for prompt, rows in work]

    for alone, together in zip(one_by_one(), shared(), strict=True):
        assert together == pytest.approx(alone, abs=1e-4)
    candidates = sum(len(rows) for _, rows in work)
    what = f"{candidates} candidates of {WHOLE_PAPERS} papers"
    assert side_by_side(benchmark, what, one_by_one, shared, rounds=1) > 5
