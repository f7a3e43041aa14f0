"""The packaged language model: labels of several tokens by one reading of a paper against one a label, and
free answers in padded batches against batches of one length. Prints the ratios of CPU time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import side_by_side

from readbench.adapter import Context
from readbench.core.errors import MissingDependency
from readbench.datasets import open_dataset
from readbench.tasks.spec import TaskSpec

pytest.importorskip("peft", reason="needs the extra llm")

from readbench_adapters.llm import scoring
from readbench_adapters.llm.loading import load_causal
from readbench_adapters.llm.scoring import Answers, Scorer, generate

LABELS = (
    "clinical medicine and surgery",
    "clinical trials of drugs",
    "computer networks and routing",
    "computer vision and graphics",
    "control of power systems",
    "digital libraries and archives",
    "information retrieval and search",
    "materials science and engineering",
)
SPEC = TaskSpec(task="classification", labels=LABELS)
PAPERS, TITLES, WRITTEN = 4, 16, 32
QUESTION = "Which field is it? "


@pytest.fixture(scope="module")
def causal() -> Any:
    try:
        return load_causal("smollm2-135m", dtype="float32", device="cpu", context=Context(task=SPEC))
    except MissingDependency as error:
        pytest.skip(str(error))


def test_labels_of_several_tokens(benchmark: BenchmarkFixture, causal: Any) -> None:
    papers = open_dataset("papers-demo").documents[:PAPERS]
    prompts = [causal.tokenizer.chat(QUESTION + SPEC.text(paper)) for paper in papers]
    answers = Answers.of(causal.tokenizer, LABELS)
    assert answers.branch is None
    scorer = Scorer(causal.model, causal.tokenizer, "cpu", 8)
    before = scorer._one_by_one(prompts, answers)
    before -= np.logaddexp.reduce(before, axis=1, keepdims=True)
    assert np.abs(scorer.labels(prompts, answers) - before).max() < 1e-4
    ratio = side_by_side(
        benchmark,
        f"{len(LABELS)} labels of several tokens, {PAPERS} papers",
        lambda: scorer._one_by_one(prompts, answers),
        lambda: scorer.labels(prompts, answers),
        rounds=1,
    )
    assert ratio > 3


def test_free_answers(benchmark: BenchmarkFixture, causal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    papers = open_dataset("papers-demo").documents[:TITLES]
    prompts = [causal.tokenizer.chat(QUESTION + paper.fields["title"]) for paper in papers]

    def answered(padded: bool) -> Any:
        monkeypatch.setattr(scoring, "takes_padding", lambda _: padded)
        return generate(
            causal.model, causal.tokenizer, prompts, device="cpu", batch_size=16, max_new_tokens=WRITTEN
        )

    assert answered(True) == answered(False)
    ratio = side_by_side(
        benchmark,
        f"free answers of {WRITTEN} tokens, {TITLES} titles",
        lambda: answered(False),
        lambda: answered(True),
        rounds=1,
    )
    assert ratio > 1.5
