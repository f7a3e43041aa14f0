"""``promptrank`` scores each candidate as if it were read alone with the whole prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("peft", reason="needs the extra llm")
pytest.importorskip("pke", reason="needs the extra keyphrases")

import torch
from tiny_models import build_llama

from readbench.adapter import BenchError, Context, MissingDependency
from readbench.authoring.conformance import check_method
from readbench.core.types import Document, RankedPhrases
from readbench.datasets import open_dataset
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec
from readbench_adapters.llm.continuations import log_probabilities
from readbench_adapters.words.parse import Parse

SPEC = TaskSpec(task="keyphrases")
DOCUMENTS = [SPEC.project(document) for document in open_dataset("papers-demo").documents[:3]]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_llama(tmp_path_factory.mktemp("llama") / "model")


@pytest.fixture(scope="module")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("parse")
    Parse().build(DOCUMENTS, folder, Context(task=SPEC))
    return Parse().open(folder)


def loaded(llama: Path, parse: Any, more: str = "") -> Any:
    method = Registry().method(f'promptrank[model="{llama}"{more}]')
    adapter = method.create(Context(task=SPEC, preparations={"parse": parse}))
    adapter.load()
    return adapter


def test_scores_are_those_of_whole_texts_read_one_by_one(llama: Path, parse: Any) -> None:
    """Against a forward pass of transformers over prompt and candidate, with the penalty written out."""
    adapter = loaded(llama, parse)
    for document, found in zip(DOCUMENTS, adapter.predict(DOCUMENTS), strict=True):
        prompt, text = adapter.prompt(document), SPEC.text(document)
        expected = {}
        for candidate in adapter.select(parse[document.id]):
            row = adapter.causal.tokenizer.encode(" " + candidate.phrase)
            with torch.no_grad():
                logits = adapter.causal.model(input_ids=torch.tensor([[*prompt, *row]])).logits[0]
            logs = logits.float().log_softmax(dim=-1)
            total = sum(float(logs[len(prompt) - 1 + place, id_]) for place, id_ in enumerate(row))
            penalty = candidate.places[0][0] / len(text) + 1.2e8 / len(prompt) ** 3
            expected[candidate.phrase] = total / len(row) ** 0.6 * penalty
        assert len(expected) > 10
        assert dict(zip(found.phrases, found.scores, strict=True)) == pytest.approx(expected, rel=1e-4)
        assert list(found.scores) == sorted(found.scores, reverse=True)


def test_the_prompt_is_read_once_and_nothing_changes(llama: Path, parse: Any) -> None:
    adapter, apart = loaded(llama, parse), loaded(llama, parse, ", shared=false")
    read: dict[Any, int] = {adapter: 0, apart: 0}

    def counts(of: Any) -> Any:
        def count(_module: Any, _arguments: Any, options: dict[str, Any]) -> None:
            read[of] += options["input_ids"].numel()

        return count

    for one in (adapter, apart):
        one.causal.model.register_forward_pre_hook(counts(one), with_kwargs=True)
    [document] = DOCUMENTS[:1]
    [found], [other] = adapter.predict([document]), apart.predict([document])
    assert isinstance(found, RankedPhrases)
    assert found.phrases == other.phrases
    assert found.scores == pytest.approx(other.scores, abs=1e-4)
    # The prompt, and the tokens of the candidates but for the last of each.
    assert read[adapter] < 4 * len(adapter.prompt(document))
    assert read[apart] > len(found.phrases) * len(adapter.prompt(document))


def test_candidates_do_not_depend_on_those_beside_them(llama: Path, parse: Any) -> None:
    adapter, one_by_one = loaded(llama, parse), loaded(llama, parse, ", predict_batch=1")
    for found, other in zip(adapter.predict(DOCUMENTS), one_by_one.predict(DOCUMENTS), strict=True):
        assert found.phrases == other.phrases
        assert found.scores == pytest.approx(other.scores, rel=1e-4)


def test_a_long_paper_is_cut_and_counted(llama: Path, tmp_path: Path) -> None:
    notes: dict[str, Any] = {}
    long = Document("long", {"title": "Deep trees", "abstract": "A forest of deep trees grows. " * 200})
    Parse().build([long], tmp_path, Context(task=SPEC))
    method = Registry().method(f'promptrank[model="{llama}", max_tokens=128]')
    preparations = {"parse": Parse().open(tmp_path)}
    adapter = method.create(Context(task=SPEC, preparations=preparations, note=notes.__setitem__))
    adapter.load()
    [found] = adapter.predict([long])
    assert len(adapter.prompt(long)) <= 128  # type: ignore[attr-defined]
    assert notes["cuts"] == {"test": 1}
    assert isinstance(found, RankedPhrases)
    assert "deep trees" in found.phrases


def test_position_and_length(llama: Path, parse: Any) -> None:
    [document] = DOCUMENTS[:1]
    [plain] = loaded(llama, parse, ", position=none, length=0").predict([document])
    [penalised] = loaded(llama, parse, ", position=0, length=0").predict([document])
    title = document.fields["title"].lower()
    assert penalised.phrases[0] in title  # what stands first loses nothing
    assert plain.phrases != penalised.phrases


def test_what_cannot_be_is_refused(llama: Path, parse: Any, tmp_path: Path) -> None:
    adapter = loaded(llama, parse)
    with pytest.raises(BenchError, match="without a token"):
        log_probabilities(adapter.causal.model, [5], [[7], []], pad=0, device="cpu", together=2)
    assert log_probabilities(adapter.causal.model, [5], [], pad=0, device="cpu", together=2).shape == (0,)
    with pytest.raises(BenchError, match=r"holds \{document\} once"):
        Registry().method("promptrank[prompt=nothing]")
    absent = Registry().method(f'promptrank[model="{tmp_path / "nowhere"}"]')
    with pytest.raises(MissingDependency):
        absent.create(Context(task=SPEC)).missing()


def test_conformance(llama: Path) -> None:
    method = f'promptrank[model="{llama}"]'
    assert [result for result in check_method(method, sources=False) if not result.passed] == []
