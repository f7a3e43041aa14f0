"""LoRA on three projections with one A against LoRA on the fused one, written here anew: the number of
parameters, the loss of every step, and published adapters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
peft = pytest.importorskip("peft", reason="needs the extra llm")

from tiny_checkpoints import SECOND_CONFIG  # noqa: E402

from readbench.core.errors import BenchError  # noqa: E402
from readbench_adapters.chatglm.chatglm2_lora import TARGETS, load_fused, share_a  # noqa: E402
from readbench_adapters.chatglm.chatglm2_weights import native_config  # noqa: E402

R, ALPHA, STEPS = 4, 16, 25
ROWS = (32, 16, 16)
FULL = SECOND_CONFIG | {
    "num_layers": 28,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "kv_channels": 128,
    "ffn_hidden_size": 13696,
    "padded_vocab_size": 65024,
}


def model() -> Any:
    from transformers import GlmForCausalLM

    torch.manual_seed(0)
    return GlmForCausalLM(native_config(SECOND_CONFIG))


def lora(dropout: float = 0.0) -> Any:
    return peft.LoraConfig(
        task_type="CAUSAL_LM", r=R, lora_alpha=ALPHA, lora_dropout=dropout, target_modules=list(TARGETS)
    )


class Fused(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
    """LoRA as the original applies it: one product of A with the input, one B for all rows."""

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.a = torch.nn.Linear(hidden, R, bias=False)
        self.b = torch.nn.Linear(R, sum(ROWS), bias=False)
        torch.nn.init.zeros_(self.b.weight)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x: Any) -> Any:
        return self.b(self.a(self.dropout(x))) * (ALPHA / R)


def fuse(plain: Any, dropout: float = 0.0) -> tuple[Any, list[Fused]]:
    """The model with a fused adapter on each layer, and those adapters. The change of the three
    projections is computed once, when the query is asked for, and handed out in parts."""
    plain.requires_grad_(False)
    adapters = []
    for layer in plain.model.layers:
        attention, adapter = layer.self_attn, Fused(32, dropout)
        changes: dict[str, Any] = {}
        for name in TARGETS:
            getattr(attention, name).register_forward_hook(added(name, adapter, changes))
        adapters.append(adapter)
    return plain, adapters


def added(name: str, adapter: Fused, changes: dict[str, Any]) -> Callable[..., Any]:
    def hook(_module: Any, given: Any, out: Any) -> Any:
        if name == "q_proj":
            changes.update(zip(TARGETS, adapter(given[0]).split(ROWS, dim=-1), strict=True))
        return out + changes.pop(name)

    return hook


def copy_a(tuned: Any, adapters: list[Fused]) -> None:
    for layer, adapter in zip(tuned.base_model.model.model.layers, adapters, strict=True):
        for name in TARGETS:
            getattr(layer.self_attn, name).lora_A["default"].weight.data.copy_(adapter.a.weight.data)


def losses(trained: Any, parameters: list[Any]) -> list[float]:
    """Of each step of AdamW on the same two batches, with the norm of all gradients clipped."""
    optimizer = torch.optim.AdamW(parameters, lr=0.02)
    batches = torch.randint(3, 60, (2, 4, 12), generator=torch.Generator().manual_seed(3))
    trained.train()
    torch.manual_seed(7)
    found = []
    for step in range(STEPS):
        ids = batches[step % 2]
        loss = trained(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()
        found.append(loss.item())
    return found


def trainable(tuned: Any) -> list[Any]:
    return [parameter for parameter in tuned.parameters() if parameter.requires_grad]


def curves(dropout: float, *, shared: bool) -> tuple[list[float], list[float]]:
    """In float64: one step of float32 is half of what the two may differ by."""
    fused, adapters = fuse(model(), dropout)
    tuned = peft.get_peft_model(model(), lora(dropout)).double()
    fused.double()
    for adapter in adapters:
        adapter.double()
    copy_a(tuned, adapters)
    if shared:
        share_a(tuned)
    expected = losses(fused, [p for adapter in adapters for p in adapter.parameters()])
    return losses(tuned, trainable(tuned)), expected


def furthest(found: list[float], expected: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_every_loss_is_that_of_the_fused_adapter(dropout: float) -> None:
    found, expected = curves(dropout, shared=True)
    assert furthest(found, expected) <= 1e-6
    assert expected[-1] < expected[0] - 0.1


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_three_a_train_otherwise(dropout: float) -> None:
    assert furthest(*curves(dropout, shared=False)) > 1e-4


def test_the_full_model_has_the_published_number_of_parameters() -> None:
    from transformers import GlmForCausalLM

    with torch.device("meta"):
        full = GlmForCausalLM(native_config(FULL))
        tuned = peft.get_peft_model(full, peft.LoraConfig(r=8, target_modules=list(TARGETS)))
    assert tuned.get_nb_trainable_parameters()[0] == 3_784_704
    share_a(tuned)
    assert tuned.get_nb_trainable_parameters()[0] == 1_949_696
    assert sum(parameter.numel() for parameter in trainable(tuned)) == 1_949_696


def test_saved_and_read_again_it_scores_the_same(tmp_path: Path) -> None:
    tuned = peft.get_peft_model(model(), lora(0.1))
    share_a(tuned)
    losses(tuned, trainable(tuned))
    tuned.save_pretrained(tmp_path)
    again = peft.PeftModel.from_pretrained(model(), tmp_path, is_trainable=True)
    share_a(again)
    ids = torch.tensor([[5, 9, 17, 33]])
    with torch.no_grad():
        assert torch.equal(tuned.eval()(input_ids=ids).logits, again.eval()(input_ids=ids).logits)
    assert again.get_nb_trainable_parameters() == tuned.get_nb_trainable_parameters()


def published(folder: Path, adapters: list[Fused], **said: Any) -> Path:
    """A folder as PEFT saved it over the original code."""
    folder.mkdir(exist_ok=True)
    stem = "base_model.model.transformer.encoder.layers.{}.self_attention.query_key_value.lora_{}.weight"
    state = {}
    for i, adapter in enumerate(adapters):
        state[stem.format(i, "A")] = adapter.a.weight.detach().clone()
        state[stem.format(i, "B")] = adapter.b.weight.detach().clone()
    torch.save(state, folder / "adapter_model.bin")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": R,
        "lora_alpha": ALPHA,
        "lora_dropout": 0.1,
        "target_modules": ["query_key_value"],
        "bias": "none",
        "fan_in_fan_out": False,
        "modules_to_save": None,
        "base_model_name_or_path": "THUDM/chatglm2-6b",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config | said))
    return folder


def trained_fused() -> tuple[Any, list[Fused]]:
    fused, adapters = fuse(model())
    losses(fused, [p for adapter in adapters for p in adapter.parameters()])
    return fused.eval(), adapters


def test_a_published_adapter_computes_what_it_did(tmp_path: Path) -> None:
    fused, adapters = trained_fused()
    tuned = load_fused(model(), published(tmp_path, adapters), trainable=True)
    ids = torch.tensor([[5, 9, 17, 33]])
    with torch.no_grad():
        expected, found = fused(input_ids=ids).logits, tuned.eval()(input_ids=ids).logits
        plain = model().eval()(input_ids=ids).logits
    assert float((found - expected).abs().max()) <= 1e-5
    assert float((found - plain).abs().max()) > 0.1
    assert tuned.get_nb_trainable_parameters()[0] == 2 * R * (32 + sum(ROWS))
    assert not [p for p in load_fused(model(), tmp_path).parameters() if p.requires_grad]


def test_an_adapter_of_another_kind_or_model_is_told(tmp_path: Path) -> None:
    _, adapters = trained_fused()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"peft_type": "PREFIX_TUNING", "target_modules": None}, "not LORA on query_key_value"),
        ({"target_modules": ["dense"]}, "not LORA on query_key_value"),
        ({"modules_to_save": ["lm_head"]}, "uses modules_to_save"),
        ({"bias": "all"}, "uses bias"),
        ({"r": 2 * R}, r"lora_A.weight is \(4, 32\) in place of \(8, 32\)"),
    ]
    for said, told in wrong:
        with pytest.raises(BenchError, match=told):
            load_fused(model(), published(tmp_path, adapters, **said))
    with pytest.raises(BenchError, match="lacks base_model"):
        load_fused(model(), published(tmp_path, adapters[:1]))
    adapters[0].b = torch.nn.Linear(R, 80, bias=False)
    with pytest.raises(BenchError, match="no LoRA matrix of 64 rows"):
        load_fused(model(), published(tmp_path, adapters))


def test_a_model_without_the_three_is_told() -> None:
    tuned = peft.get_peft_model(model(), peft.LoraConfig(r=R, target_modules=["q_proj"]))
    with pytest.raises(BenchError, match="no layer has LoRA on q_proj, k_proj, v_proj"):
        share_a(tuned)
