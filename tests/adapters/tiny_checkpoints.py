"""Tiny checkpoints of random numbers in the formats that are downloaded, made on the spot, for tests of
what is said about folders that are not whole. Where the tests find those with reference outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CHECKPOINTS = Path(__file__).resolve().parents[2].parent / "shared" / "checkpoints"
SECOND, FIRST = CHECKPOINTS / "tiny-chatglm2", CHECKPOINTS / "tiny-chatglm"
TEXT = "What a paper is about can be judged by its title and its abstract, and heart disease is medical."

second_here = pytest.mark.skipif(not SECOND.is_dir(), reason="no tiny-chatglm2 beside the repository")
first_here = pytest.mark.skipif(not FIRST.is_dir(), reason="no tiny-chatglm beside the repository")

SECOND_CONFIG: dict[str, Any] = {
    "model_type": "chatglm",
    "num_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "kv_channels": 8,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "ffn_hidden_size": 48,
    "padded_vocab_size": 512,
    "layernorm_epsilon": 1e-5,
    "rmsnorm": True,
    "add_qkv_bias": True,
    "add_bias_linear": False,
    "seq_length": 128,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def train_pieces(path: Path, pieces: int, words: tuple[str, ...] = ()) -> None:
    """A SentencePiece model with byte fallback; ``words`` are pieces of their own."""
    from sentencepiece import SentencePieceTrainer

    sentences = [TEXT, *TEXT.split(), "[Round 1]", "问：你好", "答：", "a b c d e f g h i j k l m"]
    corpus = path.with_suffix(".txt")
    corpus.write_text("\n".join(sentences * 20), encoding="utf-8")
    SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(path.with_suffix("")),
        vocab_size=pieces,
        model_type="bpe",
        byte_fallback=True,
        character_coverage=1.0,
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        user_defined_symbols=list(words),
        minloglevel=2,
    )
    corpus.unlink()
    path.with_suffix(".vocab").unlink()


def write_second(folder: Path, **config: Any) -> Path:
    """A folder in ChatGLM2's format: two shards, their index, a configuration, a tokenizer."""
    import torch

    from readbench_adapters.chatglm.chatglm2_weights import ROTARY, Shape

    folder.mkdir(parents=True)
    said = SECOND_CONFIG | config
    (folder / "config.json").write_text(json.dumps(said))
    generator = torch.Generator().manual_seed(0)
    shapes = Shape.of(SECOND_CONFIG).originals()
    state = {
        name: (torch.randn(shape, generator=generator) * 0.2 + (1.0 if "norm" in name else 0.0)).half()
        for name, shape in shapes.items()
    }
    state[ROTARY] = torch.zeros(2).half()
    write_shards(folder, state)
    train_pieces(folder / "tokenizer.model", 400)
    return folder


def write_shards(folder: Path, state: dict[str, Any]) -> None:
    import torch

    names = sorted(state)
    files = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    half = len(names) // 2
    for file, part in zip(files, (names[:half], names[half:]), strict=True):
        torch.save({name: state[name] for name in part}, folder / file)
    index = {
        "metadata": {"total_size": sum(t.numel() * t.element_size() for t in state.values())},
        "weight_map": {name: files[names.index(name) >= half] for name in names},
    }
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
