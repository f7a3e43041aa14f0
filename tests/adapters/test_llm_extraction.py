"""Language models that state facts: what they are asked and taught, how what they say is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import build_llama, create, fitted

from readbench.authoring.conformance import check_method
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document, ExtractedFacts, Fact, StatedFacts
from readbench.datasets import open_dataset
from readbench.tasks.spec import TaskSpec
from readbench_adapters.llm.formats import FactsFormat, LabelFormat

pytest.importorskip("peft")

SPEC = TaskSpec(task="extraction", fields=("instruction", "input"), labels=("cup", "tea"))
SHORT = "max_tokens=300, max_new_tokens=140"
NOTHING = Dataset("", ())


def rows(count: int) -> Dataset:
    """Reviews of two things and sentences with one fact, which a tiny model can learn by heart."""
    documents, targets = [], {}
    for index in range(count):
        if index % 3 == 2:
            text, target = "say: a by b", StatedFacts((Fact("a", "by", "b"),))
        else:
            label = ("tea", "cup")[index % 3]
            text, target = f"name: {label}", StatedFacts(label=label)
        documents.append(Document(f"r{index}", {"instruction": "Do.", "input": text}))
        targets[f"r{index}"] = target
    return Dataset("tiny", tuple(documents), {"extraction": targets})


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_llama(tmp_path_factory.mktemp("llama"))


def spelled(llama: Path, more: str = "tuning=none", base: str = SHORT) -> str:
    return f"llm[model={llama}, {base}, {more}]"


@pytest.fixture(scope="module")
def taught(llama: Path) -> tuple[Any, dict[str, Any]]:
    """A model that was shown the rows until it knows them."""
    notes: dict[str, Any] = {}
    method = spelled(llama, "tuning=full, epochs=24, learning_rate=0.01, accumulation=1, validation=0.25")
    return fitted(method, rows(24), NOTHING, spec=SPEC, notes=notes), notes


def test_the_format_follows_the_task(llama: Path) -> None:
    assert create(spelled(llama), SPEC).format == FactsFormat(SPEC, ("cup", "tea"))
    assert isinstance(create(spelled(llama)).format, LabelFormat)
    assert type(create(spelled(llama), SPEC)) is type(create(spelled(llama)))
    chat = create("chatglm-6b", SPEC)
    assert (chat.name, chat.params.model) == ("chatglm-6b", "chatglm-6b")
    assert isinstance(chat.format, FactsFormat)


def test_a_model_that_is_not_loaded_cannot_be_asked(llama: Path) -> None:
    with pytest.raises(BenchError, match="call load"):
        create(spelled(llama), SPEC).predict(rows(1).documents)


def test_what_was_taught_is_said(taught: tuple[Any, dict[str, Any]]) -> None:
    method, notes = taught
    data = rows(24)
    said = method.predict(data.documents)
    right = 0
    for document, prediction in zip(data.documents, said, strict=True):
        target = data.targets["extraction"][document.id]
        assert isinstance(prediction, ExtractedFacts)
        assert prediction.raw is not None
        right += (prediction.facts, prediction.label) == (target.facts, target.label)  # type: ignore[union-attr]
    assert right >= 20
    assert notes["unparsable"]["answers"] <= 4
    curve = notes["learning_curve"]
    assert curve[-1]["train_loss"] < curve[0]["train_loss"] / 5
    assert all(point["validation_loss"] == -point["validation_score"] for point in curve)
    # A quarter of each of the three kinds of answer.
    assert notes["validation"] == {"documents": 6, "source": "carved from the training part"}


def test_saved_and_restored_it_says_the_same(
    taught: tuple[Any, dict[str, Any]], llama: Path, tmp_path: Path
) -> None:
    method, _ = taught
    method.save(tmp_path)
    again = create(spelled(llama, "tuning=full, epochs=24, learning_rate=0.01"), SPEC)
    again.load()
    again.restore(tmp_path)
    documents = rows(6).documents
    assert again.predict(documents) == method.predict(documents)
    assert again.predict(documents[:1]) == method.predict(documents)[:1]
    assert method.predict([]) == []


def test_an_untaught_model_is_counted_as_unread(llama: Path) -> None:
    notes: dict[str, Any] = {}
    method = fitted(spelled(llama), NOTHING, NOTHING, spec=SPEC, notes=notes)
    said = method.predict(rows(3).documents)
    assert [prediction.parsed for prediction in said] == [False] * 3
    assert all(prediction.raw and not prediction.facts for prediction in said)
    assert notes["unparsable"]["answers"] == 3
    assert len(notes["unparsable"]["examples"]) == 3


def test_lora_and_a_facts_only_dataset_without_labels(llama: Path) -> None:
    corpus = open_dataset("facts-demo")
    data = corpus.only(corpus.slices["facts"])
    notes: dict[str, Any] = {}
    method = fitted(
        spelled(llama, "epochs=1", "max_tokens=400, max_new_tokens=20"),
        data,
        NOTHING,
        spec=TaskSpec(task="extraction", fields=("instruction", "input")),
        notes=notes,
    )
    assert len(method.predict(data.documents[:2])) == 2
    assert notes["answers_cut_train"] == len(data.documents)
    assert notes["validation"]["documents"] == 0


def test_examples_in_the_prompt(llama: Path) -> None:
    notes: dict[str, Any] = {}
    reviews = rows(9).only(f"r{index}" for index in (0, 1, 3, 4, 6, 7))
    method = fitted(spelled(llama, "tuning=none, shots=2"), reviews, NOTHING, spec=SPEC, notes=notes)
    assert sorted(shot.answer for shot in method.respondent.prompter.shots) == ['["cup"]', '["tea"]']
    prompt = method.causal.tokenizer.decode(method.respondent.prompter.ids(rows(1).documents[0], "test"))
    assert prompt.count("Answer:") == 3
    assert 'Input: name: cup\nAnswer: \n["cup"]' in prompt


def test_prompts(llama: Path) -> None:
    assert FactsFormat(SPEC).prompt == "Instruction: {instruction}\nInput: {input}\nAnswer: "
    other = FactsFormat(TaskSpec(task="extraction", fields=("text",))).prompt
    assert other.startswith("List the facts of this text as JSON objects")
    assert other.endswith("\nText: {text}\nAnswer: ")
    method = create(spelled(llama), SPEC)
    method.load()
    long = Document("long", {"instruction": "Do.", "input": "word " * 500})
    prompt = method.causal.tokenizer.decode(method.respondent.prompter.ids(long, "test"))
    assert "Instruction: Do.\nInput: word" in prompt
    assert len(method.respondent.prompter.ids(long, "test")) <= 300 - 140
    assert method.respondent.prompter.cuts.described() == {"test": 1}


@pytest.mark.parametrize(
    ("base", "more", "why"),
    [
        ("max_tokens=100", "tuning=none", "200 of 100 tokens are the answer's: no text fits"),
        ("max_tokens=600", "tuning=none", "the model reads 512 tokens"),
        (SHORT, "head=classifier", "facts are asked for"),
    ],
)
def test_what_cannot_be_asked_is_said(llama: Path, base: str, more: str, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        create(spelled(llama, more, base), SPEC).load()


def test_parsing_is_tolerant() -> None:
    read = FactsFormat(SPEC).read
    assert read("Sure: [“tea”]") == ExtractedFacts((), "tea", raw="Sure: [“tea”]")
    assert read("tea") is None
    assert read("```json\n[{'subject': 'a', 'predicate': 'by', 'object': 'b'") is None
    with pytest.raises(BenchError, match="not StatedFacts"):
        FactsFormat(SPEC).write("tea")


@pytest.mark.slow
def test_conformance(llama: Path) -> None:
    method_spec = spelled(llama, "epochs=1, learning_rate=0.01", "max_tokens=400, max_new_tokens=12")
    found = list(check_method(method_spec, only="extraction", sources=False))
    assert found
    assert [result for result in found if not result.passed] == []
