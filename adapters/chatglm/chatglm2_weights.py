"""ChatGLM2-6B as it is downloaded, loaded into transformers' own ``GlmForCausalLM``: exact, shard by
shard, without the code that comes with the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.errors import BenchError
from readbench_adapters.chatglm.checkpoint_files import (
    names_sum,
    read_config,
    refuse_differences,
    refuse_quantised,
    tensors,
    weight_files,
)

if TYPE_CHECKING:
    import torch

ROTARY = "transformer.rotary_pos_emb.inv_freq"
"""A buffer that some downloads carry; it follows from the configuration and is computed anew."""
FIXED: Mapping[str, object] = {
    "add_bias_linear": False,
    "rmsnorm": True,
    "post_layer_norm": True,
    "apply_residual_connection_post_layernorm": False,
    "fp32_residual_connection": False,
    "multi_query_attention": True,
    "interleaved_qkv": False,
    "original_rope": True,
    # Positions divided by it (ChatGLM2-6B-32k) or the base multiplied (its successors): the number alone
    # does not tell which.
    "rope_ratio": 1,
    "pre_seq_len": None,
    "hidden_dropout": 0.0,
    "tie_word_embeddings": False,
}
"""What ``GlmForCausalLM`` computes whatever its configuration says; other values are refused."""


@dataclass(frozen=True)
class Shape:
    """The sizes that the tensors of ChatGLM2 follow from."""

    layers: int
    hidden: int
    heads: int
    groups: int
    head: int
    inner: int
    vocabulary: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        return cls(
            layers=config["num_layers"],
            hidden=config["hidden_size"],
            heads=config["num_attention_heads"],
            groups=config["multi_query_group_num"],
            head=config["kv_channels"],
            inner=config["ffn_hidden_size"],
            vocabulary=config["padded_vocab_size"],
        )

    @property
    def rows(self) -> tuple[int, int, int]:
        """Rows of query, key and value in the fused projection."""
        return self.heads * self.head, self.groups * self.head, self.groups * self.head

    def originals(self, *, biased: bool = True) -> dict[str, tuple[int, ...]]:
        """Every tensor of the checkpoint by its original name, with its shape; without the buffer."""
        shapes: dict[str, tuple[int, ...]] = {
            "transformer.embedding.word_embeddings.weight": (self.vocabulary, self.hidden),
            "transformer.encoder.final_layernorm.weight": (self.hidden,),
            "transformer.output_layer.weight": (self.vocabulary, self.hidden),
        }
        for layer in range(self.layers):
            stem = f"transformer.encoder.layers.{layer}."
            shapes[stem + "input_layernorm.weight"] = (self.hidden,)
            shapes[stem + "post_attention_layernorm.weight"] = (self.hidden,)
            shapes[stem + "self_attention.query_key_value.weight"] = (sum(self.rows), self.hidden)
            if biased:
                shapes[stem + "self_attention.query_key_value.bias"] = (sum(self.rows),)
            shapes[stem + "self_attention.dense.weight"] = (self.hidden, self.rows[0])
            shapes[stem + "mlp.dense_h_to_4h.weight"] = (2 * self.inner, self.hidden)
            shapes[stem + "mlp.dense_4h_to_h.weight"] = (self.hidden, self.inner)
        return shapes


def native_config(config: Mapping[str, Any], where: str = "config.json") -> Any:
    """The ``GlmConfig`` that computes what the original configuration says.

    Raises BenchError for what the class cannot express.
    """
    from transformers import GlmConfig

    odd = {key: config[key] for key, value in FIXED.items() if config.get(key, value) != value}
    if odd:
        raise BenchError(
            f"says {', '.join(f'{key}={value}' for key, value in odd.items())}, which GlmForCausalLM cannot "
            "express",
            where=where,
            todo="use THUDM/chatglm2-6b or a fine-tuned copy of it",
        )
    try:
        shape = Shape.of(config)
        return GlmConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.hidden,
            intermediate_size=shape.inner,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.groups,
            head_dim=shape.head,
            attention_bias=config["add_qkv_bias"],
            attention_dropout=config.get("attention_dropout", 0.0),
            max_position_embeddings=config["seq_length"],
            rms_norm_eps=config["layernorm_epsilon"],
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
            tie_word_embeddings=False,
            pad_token_id=config.get("pad_token_id", 0),
            eos_token_id=config.get("eos_token_id", 2),
            bos_token_id=None,
        )
    except KeyError as absent:
        raise BenchError(f"has no {absent.args[0]}", where=where, todo="download it anew") from absent


def native(name: str, tensor: torch.Tensor, shape: Shape) -> Iterator[tuple[str, torch.Tensor]]:
    """One original tensor under its native name, or its parts under theirs: the fused projection becomes
    query, key and value by rows. ``gate`` and ``up`` stay together, in one order in both."""
    name = name.removeprefix("transformer.")
    whole = {
        "embedding.word_embeddings.weight": "model.embed_tokens.weight",
        "encoder.final_layernorm.weight": "model.norm.weight",
        "output_layer.weight": "lm_head.weight",
    }
    if name in whole:
        yield whole[name], tensor
        return
    layer, _, part = name.removeprefix("encoder.layers.").partition(".")
    stem = f"model.layers.{layer}."
    module, _, kind = part.rpartition(".")
    if module == "self_attention.query_key_value":
        for letter, rows in zip("qkv", tensor.split(shape.rows), strict=True):
            yield f"{stem}self_attn.{letter}_proj.{kind}", rows
        return
    parts = {
        "self_attention.dense": "self_attn.o_proj",
        "mlp.dense_h_to_4h": "mlp.gate_up_proj",
        "mlp.dense_4h_to_h": "mlp.down_proj",
    }
    yield f"{stem}{parts.get(module, module)}.{kind}", tensor


def load_chatglm2(folder: Path, *, dtype: torch.dtype, device: str = "cpu") -> tuple[Any, str]:
    """The model, and the checksum of the names and shapes of its checkpoint.

    Memory: the model itself and one shard, which is memory-mapped. Raises BenchError for a folder that is
    half downloaded, quantised, or holds other tensors than its configuration says.
    """
    config = read_config(folder)
    refuse_quantised(folder, config)
    glm = native_config(config, str(folder / "config.json"))
    shape = Shape.of(config)
    expected = shape.originals(biased=bool(config["add_qkv_bias"]))
    shapes: dict[str, tuple[int, ...]] = {}
    state: dict[str, torch.Tensor] = {}
    for name, tensor in tensors(weight_files(folder)):
        if name == ROTARY:
            continue
        shapes[name] = tuple(tensor.shape)
        if shapes[name] == expected.get(name):
            for new, part in native(name, tensor, shape):
                # A copy: the file is mapped, and the rows of a fused tensor would share one storage.
                state[new] = part.to(device=device, dtype=dtype, copy=True)
    refuse_differences(folder, expected, shapes)
    return assemble(glm, state, device), names_sum(shapes)


def assemble(config: Any, state: Mapping[str, torch.Tensor], device: str = "cpu") -> Any:
    """``GlmForCausalLM`` made of ready tensors: built without memory of its own, then assigned to."""
    import torch
    from transformers import GlmForCausalLM
    from transformers.models.glm.modeling_glm import GlmRotaryEmbedding

    with torch.device("meta"):
        model = GlmForCausalLM(config)
    model.load_state_dict(dict(state), strict=True, assign=True)
    # Its frequencies are no part of the state: on the meta device they were never computed.
    model.model.rotary_emb = GlmRotaryEmbedding(config).to(device)
    # The original gives the row of the padding token its gradient like any other.
    model.model.embed_tokens.padding_idx = None
    return model.eval()
