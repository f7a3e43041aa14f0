"""A token classifier's phrases are cut out of the text, never glued from word pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from readbench.adapter import Context, TaskSpec
from readbench.authoring.conformance import check_method
from readbench.core.errors import BenchError, MissingDependency
from readbench.core.types import Document
from readbench.methods.registry import Registry
from readbench.text import normalise

torch = pytest.importorskip("torch", reason="needs the extra neural")
pytest.importorskip("transformers", reason="needs the extra neural")

from tiny_bert import save_tiny_bert  # noqa: E402

from readbench_adapters.encoders.tagging import tagged_spans  # noqa: E402
from readbench_adapters.encoders.token_tagger import TokenTagger  # noqa: E402

SPEC = TaskSpec(task="keyphrases", fields=("text",))
TEXT = (
    "Multimodal graphs of neural networks and visually grounded transformers read the documents "
    "Zebra crossing detectors find multimodal graph structure and neural networks again"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


def loaded(model: Path | str, notes: dict[str, Any] | None = None, **params: object) -> Any:
    told = "".join(f", {name}={value}" for name, value in params.items())
    method = Registry().method(f'bert-keyword-extractor[model="{model}", max_length=64, overlap=8{told}]')
    note = (notes if notes is not None else {}).__setitem__
    adapter = method.create(Context(task=SPEC, note=note))
    adapter.load()
    return adapter


def predict(adapter: Any, *texts: str) -> list[Any]:
    return adapter.predict([Document(str(i), {"text": text}) for i, text in enumerate(texts)])  # type: ignore[no-any-return]


def test_phrases_are_whole_words_of_the_text(folder: Path) -> None:
    notes: dict[str, Any] = {}
    (found,) = predict(loaded(folder, notes), TEXT)
    assert len(found.phrases) > 3
    for phrase in found.phrases:
        assert "#" not in phrase
        assert f" {phrase} " in f" {TEXT} "
    keys = [normalise.key(phrase) for phrase in found.phrases]
    assert len(set(keys)) == len(keys)
    assert list(found.scores) == sorted(found.scores, reverse=True)
    assert all(1 / 3 <= score <= 1 for score in found.scores)
    assert notes["weights"]["name"] == str(folder)
    assert len(notes["weights"]["sha256"]) == 64


def test_the_tags_are_those_of_the_pipeline(folder: Path) -> None:
    """Where no punctuation is, transformers' own pipeline has the same words."""
    from transformers import pipeline

    texts = [TEXT[start:end] for start, end in ((0, 90), (0, 40), (11, 60), (90, 180))]
    tagger = TokenTagger.pretrained(folder, "cpu", new_head=False)
    whole = pipeline("token-classification", str(folder), aggregation_strategy="first", ignore_labels=["O"])
    seen = 0
    for text in texts:
        (read,) = tagger.read([text], "en", 64, 8)
        (probabilities,) = tagger.probabilities([read])
        ours = [(read.words.starts[a], read.words.ends[b]) for a, b, _ in tagged_spans(probabilities)]
        expected = [(one["start"], one["end"]) for one in whole(text)]
        assert ours == expected
        seen += len(ours)
    assert seen > 8


def test_a_long_text_is_read_in_windows_and_like_a_short_one_within(folder: Path) -> None:
    """In the middle of a window the tags are those of that window alone."""
    tagger = TokenTagger.pretrained(folder, "cpu", new_head=False)
    text = " ".join(f"{TEXT} {i}" for i in range(6))
    (read,) = tagger.read([text], "en", 64, 30)
    assert len(read.windows) > 10
    (probabilities,) = tagger.probabilities([read])
    assert probabilities.shape == (len(read.words), 3)
    torch.testing.assert_close(probabilities.sum(axis=1), probabilities.sum(axis=1) * 0 + 1)
    start, end = read.windows[3]
    with torch.inference_mode():
        alone = tagger.logits([read.pieces[start:end]]).double().softmax(dim=2)[0].numpy()
    middle = [(w, p) for w, p in enumerate(read.first) if p is not None and start + 24 <= p < end - 24]
    assert middle
    for word, piece in middle:
        assert probabilities[word] == pytest.approx(alone[piece - start], abs=1e-5)


def test_conformance(folder: Path) -> None:
    spec = f'bert-keyword-extractor[model="{folder}", max_length=64, overlap=8]'
    assert [result for result in check_method(spec, sources=False) if not result.passed] == []


def test_weights_of_before_safetensors_run_and_their_code_does_not(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    expected = predict(loaded(folder), TEXT)
    old = save_tiny_bert(tmp_path / "old")
    tensors = load_file(old / "model.safetensors")
    (old / "model.safetensors").unlink()
    torch.save(tensors, old / "pytorch_model.bin")
    assert predict(loaded(old), TEXT) == expected

    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save(tensors | {"bad": Runs()}, old / "pytorch_model.bin")
    with pytest.raises(BenchError, match="holds code or objects, and no code of a checkpoint runs"):
        loaded(old)
    assert not (tmp_path / "ran").exists()


def test_what_is_no_tagger_is_refused(tmp_path: Path) -> None:
    classes = save_tiny_bert(tmp_path / "classes", ("negative", "neutral", "positive"))
    with pytest.raises(BenchError, match="the label 'negative' is none of B-"):
        loaded(classes)
    encoder = save_tiny_bert(tmp_path / "encoder", head=False)
    with pytest.raises(BenchError, match=r"weights are missing, classifier\.bias"):
        loaded(encoder)


def test_absent_weights_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    adapter = Registry().method("bert-keyword-extractor").create(Context(task=SPEC))
    with pytest.raises(MissingDependency) as told:
        adapter.missing()
    assert str(told.value).count("\n") == 0
    assert "hf download yanekyuk/bert-keyword-extractor" in str(told.value)
