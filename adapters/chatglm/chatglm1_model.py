"""ChatGLM-6B, the first generation, for which transformers has no class: the architecture with the
parameter names of its checkpoints (Du et al. 2022, GLM; Zeng et al. 2022, GLM-130B). Imports torch at
once.

What is easily missed: a layer's residual is alpha times the *normed* input, with alpha = sqrt(2 x 28)
whatever the depth; query, key and value are interleaved head by head; each head has two rotary halves, of
the position in the context and of the position in the answer, whose frequencies are rounded to fp16;
everything before ``<sop>`` sees everything before ``<sop>``; the output layer is the embedding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import CausalLMOutputWithPast

from readbench.core.errors import BenchError
from readbench_adapters.chatglm.checkpoint_files import (
    names_sum,
    read_config,
    refuse_differences,
    refuse_quantised,
    tensors,
    weight_files,
)

ALPHA = math.sqrt(2 * 28)
EMBEDDING, HEAD = "transformer.word_embeddings.weight", "lm_head.weight"
FREQUENCIES = "rotary_emb.inv_freq"


class ChatGLMConfig(PreTrainedConfig):
    """The sizes of a checkpoint and the ids that its masks and positions follow from."""

    model_type = "chatglm"

    vocab_size: int = 130528
    hidden_size: int = 4096
    inner_hidden_size: int = 16384
    num_hidden_layers: int = 28
    num_attention_heads: int = 32
    layernorm_epsilon: float = 1e-5
    max_sequence_length: int = 2048
    bos_token_id: int | None = 130004
    eos_token_id: int | list[int] | None = 130005
    pad_token_id: int | None = 3
    mask_token_id: int = 130000
    gmask_token_id: int = 130001
    tie_word_embeddings: bool = True
    use_cache: bool = True


class Attention(nn.Module):
    def __init__(self, config: ChatGLMConfig, layer: int) -> None:
        super().__init__()
        self.heads, self.layer = config.num_attention_heads, layer
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, rotary: Tensor, visible: Tensor, cache: Any) -> Tensor:
        batch, length, hidden = x.shape
        heads = self.query_key_value(x).view(batch, length, self.heads, -1).transpose(1, 2)
        query, key, value = heads.chunk(3, dim=-1)
        query, key = rotate(query, rotary), rotate(key, rotary)
        if cache is not None:
            key, value = cache.update(key, value, self.layer)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        joined: Tensor = self.dense(seen.transpose(1, 2).reshape(batch, length, hidden))
        return joined


class MLP(nn.Module):
    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__()
        self.dense_h_to_4h = nn.Linear(config.hidden_size, config.inner_hidden_size)
        self.dense_4h_to_h = nn.Linear(config.inner_hidden_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dense_4h_to_h(F.gelu(self.dense_h_to_4h(x), approximate="tanh"))
        return out


class Layer(GradientCheckpointingLayer):
    def __init__(self, config: ChatGLMConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layernorm_epsilon)
        self.attention = Attention(config, layer)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layernorm_epsilon)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, rotary: Tensor, visible: Tensor, cache: Any) -> Tensor:
        x = self.input_layernorm(x)
        x = ALPHA * x + self.attention(x, rotary, visible, cache)
        x = self.post_attention_layernorm(x)
        mixed: Tensor = ALPHA * x + self.mlp(x)
        return mixed


class Transformer(nn.Module):
    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, i) for i in range(config.num_hidden_layers))
        self.final_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layernorm_epsilon)


class ChatGLMForCausalLM(PreTrainedModel, GenerationMixin):
    """Takes ids that hold ``[gMASK] <sop>`` once: the context before, the answer after.

    Masks and positions follow from the ids and the padding; the one-dimensional ``position_ids`` that
    callers of other models pass are therefore ignored. Tokens in front of the ids (``inputs_embeds`` of
    prompt tuning, a cache of prefix tuning) belong to the context and have the positions before 0, so that
    those of the text stay what they were; ``layout_ids`` are the ids of the text where ``input_ids`` do
    not hold all of them.
    """

    config_class = ChatGLMConfig
    base_model_prefix = "transformer"
    supports_gradient_checkpointing = True
    _no_split_modules = ("Layer",)
    _supports_sdpa = True
    _tied_weights_keys: Mapping[str, str] = {HEAD: EMBEDDING}

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__(config)
        self.transformer = Transformer(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.transformer.word_embeddings

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,  # noqa: ARG002 - see above
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool = False,
        logits_to_keep: int | Tensor = 0,
        layout_ids: Tensor | None = None,
        **_others: Any,
    ) -> CausalLMOutputWithPast:
        """Logits (batch, kept, vocabulary); the loss over the tokens whose label is not -100, in float32."""
        ids = input_ids if layout_ids is None else layout_ids
        if ids is None:
            raise ValueError("ChatGLM needs the ids of its text (layout_ids) beside inputs_embeds")
        x = self.transformer.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        past = 0 if past_key_values is None else past_key_values.get_seq_length()
        hidden, positions = layout(ids, attention_mask, self.config, total=past + x.shape[1])
        positions, hidden = positions[:, :, -x.shape[1] :], hidden[:, :, -x.shape[1] :]
        # A row of padding that sees nothing would be divided by zero.
        visible = ~hidden | hidden.all(dim=-1, keepdim=True)
        rotary = angles(positions, self.config.hidden_size // self.config.num_attention_heads // 2)
        states = [x]
        for layer in self.transformer.layers:
            x = layer(x, rotary, visible, past_key_values)
            states.append(x)
        states[-1] = x = self.transformer.final_layernorm(x)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(x[:, kept])
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten())
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=past_key_values,
            hidden_states=tuple(states) if output_hidden_states else None,
        )

    def prepare_inputs_for_generation(self, input_ids: Tensor, *args: Any, **kwargs: Any) -> dict[str, Any]:
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(input_ids, *args, **kwargs)
        return inputs | {"layout_ids": input_ids}


def layout(
    ids: Tensor, attention_mask: Tensor | None, config: ChatGLMConfig, *, total: int | None = None
) -> tuple[Tensor, Tensor]:
    """What each token must not see, bool (batch, 1, total, total), and its two positions, int64
    (batch, 2, total): in the context (from ``<sop>`` on that of the mask token) and in the answer.

    ``ids`` (batch, length) are the last ones of ``total``; ``attention_mask`` is 0 at padding and covers
    ``ids`` or all. Raises ValueError for a text without ``<sop>`` or without a mask token.
    """
    batch, length = ids.shape
    front = (total or length) - length
    starts, masks = ids == config.bos_token_id, ids == config.gmask_token_id
    masks = torch.where(masks.any(dim=1, keepdim=True), masks, ids == config.mask_token_id)
    if not bool((starts.any(dim=1) & masks.any(dim=1)).all()):
        raise ValueError("ChatGLM reads a context, [gMASK], <sop> and an answer; a text has no such end")
    real = torch.ones_like(ids) if attention_mask is None else attention_mask.long()
    if real.shape[1] < front + length:
        real = F.pad(real, (front + length - real.shape[1], 0), value=1)
    order = torch.arange(front + length, device=ids.device).expand(batch, -1)
    answer = starts.int().argmax(dim=1, keepdim=True) + front
    place = F.pad((real[:, front:].cumsum(dim=1) - 1).clamp(min=0), (front, 0)) + (order - front).clamp(max=0)
    mask_place = place.gather(1, masks.int().argmax(dim=1, keepdim=True) + front)
    context = order < answer
    positions = torch.stack(
        [torch.where(context, place, mask_place), (order - answer + 1).clamp(min=0)], dim=1
    )
    later = order[:, None, :] > order[:, :, None]
    hidden = (later & ~context[:, None, :]) | (real == 0)[:, None, :] | (real == 0)[:, :, None]
    return hidden[:, None], positions


def angles(positions: Tensor, dimensions: int) -> Tensor:
    """Rotary angles, float32 (batch, 1, length, 2 halves, dimensions), of positions (batch, 2, length)."""
    exponents = torch.arange(0, dimensions, 2, device=positions.device).float() / dimensions
    frequencies = (1.0 / 10000.0**exponents).half().float()
    half = positions.transpose(1, 2)[:, None, :, :, None].float() * frequencies
    return torch.cat((half, half), dim=-1)


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Each half of every head (batch, heads, length, size) by its own angles; the second half of a rotated
    vector is the partner of the first."""
    halves = x.unflatten(-1, (2, -1))
    first, second = halves.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (halves * rotary.cos().to(x.dtype) + turned * rotary.sin().to(x.dtype)).flatten(-2)


def first_config(config: Mapping[str, Any], layers: int) -> ChatGLMConfig:
    """The sizes of config.json; ``layers`` as counted in the weights, for files that do not say."""
    sizes = {name: config[name] for name in ChatGLMConfig.__annotations__ if name in config}
    return ChatGLMConfig(**sizes | {"num_hidden_layers": config.get("num_layers", layers)})


def load_chatglm(folder: Path, *, dtype: torch.dtype, device: str = "cpu") -> tuple[Any, str]:
    """The model, and the checksum of the names and shapes of its checkpoint.

    Raises BenchError for a folder that is half downloaded, quantised, or holds other tensors than its
    configuration says.
    """
    config = read_config(folder)
    refuse_quantised(folder, config)
    shapes: dict[str, tuple[int, ...]] = {}
    state: dict[str, Tensor] = {}
    for name, tensor in tensors(weight_files(folder)):
        if name.endswith(FREQUENCIES):
            continue  # follows from the configuration
        shapes[name] = tuple(tensor.shape)
        state[name] = tensor.to(device=device, dtype=dtype, copy=True)
    layers = 1 + max(
        (int(n.split(".")[2]) for n in shapes if n.startswith("transformer.layers.")), default=-1
    )
    with torch.device("meta"):
        model = ChatGLMForCausalLM(first_config(config, layers))
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if HEAD not in shapes:
        expected.pop(HEAD)
    refuse_differences(folder, expected, shapes)
    if HEAD in state and not torch.equal(state[HEAD], state[EMBEDDING]):
        raise BenchError(
            f"{HEAD} is not {EMBEDDING}, which ChatGLM-6B ties",
            where=str(folder),
            todo="use THUDM/chatglm-6b or a fine-tuned copy of it",
        )
    state[HEAD] = state[EMBEDDING]
    model.load_state_dict(state, strict=True, assign=True)
    model.lm_head.weight = model.transformer.word_embeddings.weight
    return model.eval(), names_sum(shapes)
