"""The folder of an encoder that is not whole is told before the run; what a text spells stays text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra neural")
pytest.importorskip("transformers", reason="needs the extra neural")

from tiny_bert import save_tiny_bert  # noqa: E402
from tiny_models import create  # noqa: E402

from readbench.adapter import BenchError, MissingDependency, TaskSpec  # noqa: E402
from readbench_adapters.encoders.embeddings import Embeddings  # noqa: E402
from readbench_adapters.encoders.encoder_classifier import EncoderClassifier  # noqa: E402
from readbench_adapters.encoders.token_tagger import TokenTagger  # noqa: E402

PHRASES = TaskSpec(task="keyphrases")
WEIGHTS = "model.safetensors"


def unfinished(folder: Path) -> None:
    (folder / f"{WEIGHTS}.incomplete").write_bytes(b"")


def cut(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-10])


def shard_absent(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("[")


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (unfinished, "is half downloaded"),
        (cut, "cannot be read as tensors"),
        (shard_absent, "1 of 1 weight files are absent"),
        (no_json, "is no JSON"),
    ],
)
def test_a_folder_that_is_not_whole_is_told_before_the_run(
    broken: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    folder = save_tiny_bert(tmp_path / "tiny")
    methods: list[Any] = [
        create(f"bert[model={folder}]"),
        create(f"bert-tagger[model={folder}]", PHRASES),
        create(f"bert-keyword-extractor[model={folder}]", PHRASES),
        Embeddings(model=str(folder)),
    ]
    for method in methods:
        method.missing()
    broken(folder)
    for method in methods:
        with pytest.raises(MissingDependency, match=told) as caught:
            method.missing()
        assert "\n" not in str(caught.value)


def test_a_damaged_configuration_is_one_line(tmp_path: Path) -> None:
    folder = save_tiny_bert(tmp_path / "tiny", head=False)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"hidden_size": "wide"}))
    for load in (
        lambda: EncoderClassifier.pretrained(folder, "cpu"),
        lambda: TokenTagger.pretrained(folder, "cpu", new_head=True),
    ):
        with pytest.raises(BenchError, match="transformers cannot load it") as caught:
            load()
        assert "\n" not in str(caught.value)


def test_a_special_token_in_a_text_is_text(tmp_path: Path) -> None:
    classifier = EncoderClassifier.pretrained(save_tiny_bert(tmp_path / "tiny", head=False), "cpu")
    special = set(classifier.tokenizer.all_special_ids) - {classifier.tokenizer.unk_token_id}
    (ids,) = classifier.encoded(["a [SEP] b [CLS] [MASK] [PAD]"], 60)
    assert {*ids[1:-1]}.isdisjoint(special)
    assert {ids[0], ids[-1]} <= special
    tagger = TokenTagger.pretrained(save_tiny_bert(tmp_path / "tagger"), "cpu", new_head=False)
    (read,) = tagger.read(["a [SEP] b [CLS] [MASK]"], "en", 60, 8)
    assert special.isdisjoint(read.pieces)
