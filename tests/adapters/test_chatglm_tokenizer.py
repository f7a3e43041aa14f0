"""Both tokenizers of ChatGLM: the second generation's against what the original code gave, the first's by
its construction alone, on a SentencePiece model with its special pieces that is trained on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sentencepiece", reason="needs the extra llm")

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_checkpoints import SECOND, SECOND_CONFIG, second_here, train_pieces

from readbench.core.errors import BenchError
from readbench_adapters.chatglm import tokenizers
from readbench_adapters.chatglm.checkpoint_files import read_config
from readbench_adapters.chatglm.tokenizers import (
    ChatGLM2Tokenizer,
    ChatGLMTokenizer,
    read_back,
    second_tokenizer,
    spelt_out,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


def cases() -> list[dict[str, Any]]:
    if not SECOND.is_dir():
        return []
    found: list[dict[str, Any]] = json.loads(str(np.load(SECOND / "reference.npz")["tok_json"]))
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda case: repr(case["text"][:20]))
def test_ids_and_text_are_the_originals(case: dict[str, Any]) -> None:
    tokenizer = second_tokenizer(SECOND, read_config(SECOND))
    plain = tokenizer.encode(case["text"])
    assert plain == case["ids_plain"]
    assert tokenizer.prefix + plain == case["ids"]
    assert tokenizer.prefix + plain + tokenizer.answer("1") == case["pair"]
    assert tokenizer.decode(case["ids"]) == tokenizer.decode(plain) == case["decoded"]


@second_here
def test_special_ids_are_the_originals() -> None:
    tokenizer = second_tokenizer(SECOND, read_config(SECOND))
    expected = json.loads(str(np.load(SECOND / "reference.npz")["specials_json"]))
    assert expected == tokenizer.special | {
        "<bos>": tokenizer.pieces.bos_id(),
        "<eos>": tokenizer.eos_id,
        "<pad>": tokenizer.pad_id,
    }


@second_here
def test_a_round_is_the_originals() -> None:
    tokenizer = second_tokenizer(SECOND, read_config(SECOND))
    (case,) = [case for case in cases() if case["text"] == "[Round 1]\n\n问：你好\n\n答："]
    assert tokenizer.chat("你好") == case["ids"]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> ChatGLM2Tokenizer:
    path = tmp_path_factory.mktemp("second") / "tokenizer.model"
    train_pieces(path, 400, ("sop", "eop"))
    return ChatGLM2Tokenizer(path)


@given(TEXTS)
@settings(max_examples=40, deadline=None)
def test_text_comes_back_and_never_holds_a_special_token(second: ChatGLM2Tokenizer, text: str) -> None:
    text = text.replace("▁", "_").replace("\0", "").replace("op", "o p")
    ids = second.encode(text)
    assert second.decode([*second.prefix, *ids, second.eos_id]) == text
    assert not set(ids) & set(second.special.values())


def test_a_piece_spelt_like_a_special_token_is_a_piece(second: ChatGLM2Tokenizer) -> None:
    for text in ("a sop here", "an eop here", "[gMASK] </s> [MASK]"):
        assert not set(second.encode(text)) & {*second.special.values(), second.eos_id}


def test_another_models_tokenizer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_pieces(tmp_path / "tokenizer.model", 400)
    second_tokenizer(tmp_path, SECOND_CONFIG)
    for vocabulary in (256, 1024):
        with pytest.raises(BenchError, match=f"another model's tokenizer.*the model {vocabulary} ids"):
            second_tokenizer(tmp_path, SECOND_CONFIG | {"padded_vocab_size": vocabulary})
    # At the size of the published model only the published file will do.
    monkeypatch.setattr(tokenizers, "SECOND_VOCABULARY", 512)
    with pytest.raises(BenchError, match="another model's tokenizer"):
        second_tokenizer(tmp_path, SECOND_CONFIG)


def test_a_file_that_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"tokenizer\.model is absent"):
        second_tokenizer(tmp_path, SECOND_CONFIG)
    (tmp_path / "tokenizer.model").write_bytes(b"something else")
    with pytest.raises(BenchError, match="is no SentencePiece model"):
        second_tokenizer(tmp_path, SECOND_CONFIG)
    (tmp_path / "tokenizer.model").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:e7dc\n"
    )
    with pytest.raises(BenchError, match=r"Git LFS pointer.*git lfs pull"):
        second_tokenizer(tmp_path, SECOND_CONFIG)


SPECIAL = ("<n>", "<|tab|>", "<|blank_2|>", "<|blank_3|>", "<pad>", "[MASK]", "[gMASK]", "<sop>", "<eop>")


def first_config(path: Path) -> dict[str, Any]:
    from sentencepiece import SentencePieceProcessor

    ids = SentencePieceProcessor(model_file=str(path)).piece_to_id
    return {
        "vocab_size": 512,
        "pad_token_id": ids("<pad>"),
        "gmask_token_id": ids("[gMASK]"),
        "bos_token_id": ids("<sop>"),
        "eos_token_id": ids("<eop>"),
    }


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> ChatGLMTokenizer:
    path = tmp_path_factory.mktemp("first") / "ice_text.model"
    train_pieces(path, 400, SPECIAL)
    return ChatGLMTokenizer(path, first_config(path))


def test_the_first_generation_ends_its_context_with_its_mask(first: ChatGLMTokenizer) -> None:
    ids = first.chat("a paper")
    assert ids == [*first.encode("a paper"), *first.suffix]
    assert first.answer("1") == [*first.encode("1"), first.eos_id]
    assert first.decode([*ids, *first.answer("1")]) == "a paper 1"


def test_the_first_generation_spells_white_space_out(first: ChatGLMTokenizer) -> None:
    assert spelt_out("a\n\tb   c") == "a<n><|tab|>b<|blank_3|>c"
    assert spelt_out(" " * 83) == "<|blank_80|><|blank_3|>"
    ids = first.encode("a\nb   c\td")
    assert {first.pieces.piece_to_id(word) for word in ("<n>", "<|blank_3|>", "<|tab|>")} <= set(ids)
    assert first.decode(ids) == "a\nb   c\td"


@given(TEXTS)
def test_white_space_comes_back(text: str) -> None:
    text = text.replace("<", "(")
    assert read_back(spelt_out(text)) == text


def test_early_downloads_count_image_tokens_first(tmp_path: Path) -> None:
    path = tmp_path / "ice_text.model"
    train_pieces(path, 400, SPECIAL)
    now = first_config(path)
    early = {key: value + 20000 for key, value in now.items()}
    later, before = ChatGLMTokenizer(path, now), ChatGLMTokenizer(path, early)
    assert before.encode("a paper") == [id_ + 20000 for id_ in later.encode("a paper")]
    assert before.decode(before.chat("a paper")) == "a paper"


def test_a_tokenizer_and_a_configuration_of_two_versions_are_told(tmp_path: Path) -> None:
    path = tmp_path / "ice_text.model"
    train_pieces(path, 400, SPECIAL)
    config = first_config(path)
    with pytest.raises(BenchError, match=r"another tokenizer than config\.json speaks of: <eop> have"):
        ChatGLMTokenizer(path, config | {"eos_token_id": config["eos_token_id"] + 1})
