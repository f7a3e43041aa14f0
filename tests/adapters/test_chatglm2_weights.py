"""The tiny ChatGLM2 in transformers' own class against what the original code computes for it, and every
way of converting it wrongly that somebody could fall for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("transformers", reason="needs the extra llm")

import numpy as np  # noqa: E402
from tiny_checkpoints import SECOND, SECOND_CONFIG, second_here, write_second  # noqa: E402

from readbench.core.errors import BenchError  # noqa: E402
from readbench_adapters.chatglm import chatglm2_weights  # noqa: E402
from readbench_adapters.chatglm.chatglm2_weights import Shape, assemble, load_chatglm2, native_config  # noqa: E402
from readbench_adapters.chatglm.checkpoint_files import names_sum, read_config, tensors, weight_files  # noqa: E402

CLOSE = 1e-5
FULL = {
    "num_layers": 28,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "kv_channels": 128,
    "multi_query_group_num": 2,
    "ffn_hidden_size": 13696,
    "padded_vocab_size": 65024,
}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return {
        key: torch.tensor(value)
        for key, value in np.load(SECOND / "reference.npz").items()
        if value.dtype.kind != "U"
    }


@pytest.fixture
def model() -> Any:
    return load_chatglm2(SECOND, dtype=torch.float32)[0]


def batch(reference: dict[str, Any]) -> dict[str, Any]:
    return {
        "input_ids": reference["b_ids"],
        "attention_mask": reference["b_mask"],
        "position_ids": reference["b_pos"],
    }


def furthest(model: Any, reference: dict[str, Any]) -> float:
    """The largest difference of any logit: alone, in a left-padded batch, at the end of a long text."""
    with torch.no_grad():
        alone = model(input_ids=reference["a_ids"]).logits - reference["a_logits"]
        padded = model(**batch(reference)).logits - reference["b_logits"]
        long = model(input_ids=reference["long_ids"]).logits[:, -8:] - reference["long_logits_last8"]
    padded = padded[reference["b_mask"].bool()]
    return max(float(difference.abs().max()) for difference in (alone, padded, long))


@second_here
def test_logits_are_the_originals(model: Any, reference: dict[str, Any]) -> None:
    assert furthest(model, reference) <= CLOSE


@second_here
def test_hidden_states_are_the_originals(model: Any, reference: dict[str, Any]) -> None:
    """Of the embedding and of each layer; transformers' own list ends with the normed one."""
    seen: list[Any] = []
    model.model.embed_tokens.register_forward_hook(lambda _m, _i, out: seen.append(out))
    for layer in model.model.layers:
        layer.register_forward_hook(lambda _m, _i, out: seen.append(out))
    model(input_ids=reference["a_ids"])
    assert float((torch.stack(seen).detach() - reference["a_hidden"]).abs().max()) <= CLOSE


@second_here
def test_loss_and_gradients_are_the_originals(model: Any, reference: dict[str, Any]) -> None:
    loss = model(**batch(reference), labels=reference["b_labels"]).loss
    loss.backward()
    assert loss.item() == pytest.approx(float(reference["b_loss"]), abs=CLOSE)
    ours: dict[str, list[Any]] = {}
    for name, parameter in model.named_parameters():
        ours.setdefault(original(name), []).append(parameter.grad)
    compared = 0
    for key, expected in reference.items():
        kind, _, name = key.partition("|")
        if kind == "grad":
            assert float((torch.cat(ours[name]) - expected).abs().max()) <= CLOSE, name
            compared += 1
        if kind == "gradnorm":
            assert float(torch.cat(ours[name]).norm()) == pytest.approx(float(expected), rel=1e-6)
    assert compared == 10


def original(name: str) -> str:
    """The checkpoint's name of a parameter of the native class, written down apart from the code."""
    name = name.replace("model.layers", "transformer.encoder.layers")
    name = name.replace("model.embed_tokens", "transformer.embedding.word_embeddings")
    for letter in "qkv":
        name = name.replace(f"self_attn.{letter}_proj", "self_attention.query_key_value")
    name = name.replace("self_attn.o_proj", "self_attention.dense")
    return name.replace("gate_up_proj", "dense_h_to_4h").replace("down_proj", "dense_4h_to_h")


@second_here
@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_ids_are_the_originals(model: Any, reference: dict[str, Any], use_cache: bool) -> None:
    ids = model.generate(
        reference["a_ids"],
        attention_mask=torch.ones_like(reference["a_ids"]),
        max_new_tokens=8,
        do_sample=False,
        eos_token_id=None,
        use_cache=use_cache,
    )
    assert ids[0, -8:].tolist() == reference["greedy"].tolist()


@second_here
def test_bfloat16_is_closer_to_float32_than_the_originals(reference: dict[str, Any]) -> None:
    """The original computes rotary angles in the model's precision and is far off at position 599."""
    model = load_chatglm2(SECOND, dtype=torch.bfloat16)[0]
    assert next(model.parameters()).dtype == torch.bfloat16
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32
    with torch.no_grad():
        logits = model(input_ids=reference["long_ids"]).logits[:, -8:].float()
    exact = reference["long_logits_last8"]
    assert float((logits - exact).abs().max()) < 0.11
    assert float((reference["bf16_long_logits_last8"] - exact).abs().max()) > 1.0


Wrong = Callable[[Any, dict[str, Any], pytest.MonkeyPatch], None]


def layers(state: dict[str, Any]) -> Iterator[str]:
    return (f"model.layers.{i}." for i in range(2) if f"model.layers.{i}.mlp.down_proj.weight" in state)


def key_and_value_swapped(_config: Any, state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    for stem in layers(state):
        for kind in ("weight", "bias"):
            k, v = f"{stem}self_attn.k_proj.{kind}", f"{stem}self_attn.v_proj.{kind}"
            state[k], state[v] = state[v], state[k]


def gate_and_up_swapped(_config: Any, state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    for stem in layers(state):
        gate, up = state[stem + "mlp.gate_up_proj.weight"].chunk(2)
        state[stem + "mlp.gate_up_proj.weight"] = torch.cat((up, gate))


def epsilon_of_the_class(config: Any, _state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    config.rms_norm_eps = 1.5625e-07


def rotary_of_llama(_config: Any, _state: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
    """The partner of a number is half a vector away, not its neighbour."""
    from transformers.models.glm import modeling_glm

    def halves(q: Any, k: Any, cos: Any, sin: Any) -> tuple[Any, Any]:
        def turn(x: Any) -> Any:
            head, rest = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
            first, second = head.chunk(2, dim=-1)
            turned = torch.cat((-second, first), dim=-1)
            return torch.cat((head * cos[:, None] + turned * sin[:, None], rest), dim=-1)

        return turn(q), turn(k)

    patch.setattr(modeling_glm, "apply_rotary_pos_emb", halves)


def mask_forgotten(_config: Any, _state: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
    from transformers.models.glm import modeling_glm

    causal = modeling_glm.create_causal_mask
    patch.setattr(
        modeling_glm, "create_causal_mask", lambda **given: causal(**given | {"attention_mask": None})
    )


def bias_forgotten(_config: Any, state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    for name in state:
        if name.endswith(".bias"):
            state[name] = torch.zeros_like(state[name])


def rotary_on_the_whole_head(config: Any, _state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    config.rope_parameters = config.rope_parameters | {"partial_rotary_factor": 1.0}


def base_of_another_model(config: Any, _state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    config.rope_parameters = config.rope_parameters | {"rope_theta": 500000.0}


def norms_swapped(_config: Any, state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    for stem in layers(state):
        before, after = f"{stem}input_layernorm.weight", f"{stem}post_attention_layernorm.weight"
        state[before], state[after] = state[after], state[before]


def head_tied(_config: Any, state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    state["lm_head.weight"] = state["model.embed_tokens.weight"]


def groups_in_turn(_config: Any, state: dict[str, Any], _patch: pytest.MonkeyPatch) -> None:
    """Query heads 0 and 2 to the first key, 1 and 3 to the second."""
    for stem in layers(state):
        for kind in ("weight", "bias"):
            name = f"{stem}self_attn.q_proj.{kind}"
            heads = state[name].unflatten(0, (2, 2, -1))
            state[name] = heads.transpose(0, 1).reshape_as(state[name])


def frequencies_not_rebuilt(_config: Any, _state: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
    """What memory without a value happens to hold."""
    from transformers.models.glm import modeling_glm

    class Unset(modeling_glm.GlmRotaryEmbedding):  # type: ignore[misc, name-defined, unused-ignore]
        inv_freq: Any

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.inv_freq = torch.zeros_like(self.inv_freq)

    patch.setattr(modeling_glm, "GlmRotaryEmbedding", Unset)


WRONG: list[Wrong] = [
    key_and_value_swapped,
    gate_and_up_swapped,
    epsilon_of_the_class,
    rotary_of_llama,
    mask_forgotten,
    bias_forgotten,
    rotary_on_the_whole_head,
    base_of_another_model,
    norms_swapped,
    head_tied,
    groups_in_turn,
    frequencies_not_rebuilt,
]


def converted() -> tuple[Any, dict[str, Any]]:
    config = read_config(SECOND)
    state = {
        name: part.float()
        for old, tensor in tensors(weight_files(SECOND))
        if old != chatglm2_weights.ROTARY
        for name, part in chatglm2_weights.native(old, tensor, Shape.of(config))
    }
    return native_config(config), state


@second_here
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_conversion_is_caught(
    wrong: Wrong, reference: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, state = converted()
    assert furthest(assemble(config, state), reference) <= CLOSE
    wrong(config, state, monkeypatch)
    assert furthest(assemble(config, state), reference) > 100 * CLOSE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rmsnorm", False),
        ("add_bias_linear", True),
        ("multi_query_attention", False),
        ("rope_ratio", 50),
        ("apply_residual_connection_post_layernorm", True),
        ("original_rope", False),
        ("pre_seq_len", 128),
    ],
)
def test_what_the_class_cannot_express_is_refused(key: str, value: object) -> None:
    with pytest.raises(BenchError, match=f"{key}={value}, which GlmForCausalLM cannot"):
        native_config(SECOND_CONFIG | {key: value})


def test_a_configuration_without_its_sizes_is_refused() -> None:
    config = {key: value for key, value in SECOND_CONFIG.items() if key != "kv_channels"}
    with pytest.raises(BenchError, match="has no kv_channels"):
        native_config(config)


def test_the_full_model_has_the_published_tensors() -> None:
    """200 tensors with the rotary buffer, 12,487,168,064 bytes in fp16, and one checksum of names."""
    shapes = Shape.of(FULL).originals()
    assert len(shapes) + 1 == 200
    assert 2 * (sum(math.prod(shape) for shape in shapes.values()) + 32) == 12_487_168_064
    assert names_sum(shapes).startswith("1ea1f2c90dab6e8a")


def test_a_tensor_missing_extra_or_of_another_shape_is_told(tmp_path: Path) -> None:
    folder = write_second(tmp_path / "model")
    load_chatglm2(folder, dtype=torch.float32)
    shard = folder / "pytorch_model-00002-of-00002.bin"
    whole = torch.load(shard, weights_only=True)
    name = "transformer.encoder.layers.1.mlp.dense_h_to_4h.weight"
    for changed, told in [
        ({key: value for key, value in whole.items() if key != name}, f"lacks {name}"),
        (whole | {"transformer.prefix_encoder.weight": torch.zeros(200_000)}, "prefix_encoder.weight, which"),
        (whole | {name: torch.zeros(96, 64)}, r"is \(96, 64\) in place of \(96, 32\)"),
    ]:
        torch.save(changed | {"transformer.rotary_pos_emb.inv_freq": torch.zeros(99_999)}, shard)
        with pytest.raises(BenchError, match=told):
            load_chatglm2(folder, dtype=torch.float32)


def test_no_two_parameters_share_memory_and_none_is_mapped(tmp_path: Path) -> None:
    folder = write_second(tmp_path / "model")
    model = load_chatglm2(folder, dtype=torch.float16)[0]
    for shard in folder.glob("*.bin"):
        shard.write_bytes(b"")
    storages = [parameter.untyped_storage().data_ptr() for parameter in model.parameters()]
    assert len(set(storages)) == len(storages)
    assert bool(torch.isfinite(model(input_ids=torch.tensor([[1, 2, 3]])).logits.float()).all())
