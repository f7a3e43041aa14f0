"""The memory and the time that a language model takes, calculated from the sizes of its layers before it is
loaded. Bytes are lower bounds (no fragmentation, no copies); times are those of the multiplications alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from readbench.machine.weights import Weights
from readbench_adapters.llm.tuning import INITIAL_RANK, PREFIXES, TuningConfig

SINGLE = 4
"""Bytes of a single precision number; adapters, their gradients and both moments of Adam are such."""
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
"""Of a weight."""
PACKED = {"4bit": 0.5, "8bit": 1.0}
"""Bytes that a quantised weight takes at least."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder. ``fused``: queries, keys and values are one module, or train with one first
    matrix. ``gated``: the feed-forward part has a gate; its width is ``feed_forward`` either way."""

    hidden: int
    layers: int
    heads: int
    key_heads: int
    head: int
    feed_forward: int
    vocabulary: int
    tied: bool = False
    gated: bool = True
    query_bias: bool = False
    all_biases: bool = False
    fused: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for sizes that are no positive integers."""
        sizes = (self.hidden, self.layers, self.heads, self.key_heads, self.head, self.feed_forward)
        for size in (*sizes, self.vocabulary):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ValueError(f"{size!r} is no size")

    @property
    def query(self) -> int:
        return self.heads * self.head

    @property
    def key(self) -> int:
        return self.key_heads * self.head

    @property
    def targets(self) -> tuple[int, ...]:
        """Widths of the modules of a layer that LoRA changes by default: the one of the first ChatGLM, the
        three that ChatGLM2's is read into, queries and values of others."""
        if self.fused and self.all_biases:
            return (self.query + 2 * self.key,)
        return (self.query, self.key, self.key) if self.fused else (self.query, self.key)

    @property
    def embedding(self) -> int:
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        joint = self.query + 2 * self.key
        widths = (2 if self.gated else 1) * self.feed_forward
        matrices = self.hidden * (joint + self.query + widths + self.feed_forward)
        norm = self.hidden * (2 if self.all_biases else 1)
        biases = joint if self.query_bias or self.all_biases else 0
        if self.all_biases:
            biases += 2 * self.hidden + widths
        ends = self.embedding * (1 if self.tied else 2) + norm
        return ends + self.layers * (matrices + biases + 2 * norm)


SMOLLM2_135M = Shape(576, 30, 9, 3, 64, 1536, 49152, tied=True)
CHATGLM2_6B = Shape(4096, 28, 32, 2, 128, 13696, 65024, query_bias=True, fused=True)
CHATGLM_6B = Shape(4096, 28, 32, 32, 128, 16384, 130528, tied=True, gated=False, all_biases=True, fused=True)
KNOWN = {"smollm2-135m": SMOLLM2_135M, "chatglm2-6b": CHATGLM2_6B, "chatglm-6b": CHATGLM_6B}


@dataclass(frozen=True)
class Memory:
    """Bytes by what they are for. ``activations``: what the backward pass needs of the forward pass."""

    weights: int
    trained: int = 0
    gradients: int = 0
    optimiser: int = 0
    activations: int = 0
    logits: int = 0

    @property
    def total(self) -> int:
        parts = (self.weights, self.trained, self.gradients, self.optimiser, self.activations, self.logits)
        return sum(parts)


def shape_of(weights: Weights) -> Shape | None:
    """The sizes of a model, by its name or its configuration; None where they are in neither."""
    if weights.file is not None or weights.source != "path":
        for name, shape in KNOWN.items():
            if weights.name.rpartition("/")[2].lower() == name:
                return shape
    try:
        return shape_from_config(json.loads((weights.folder / "config.json").read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError, AttributeError, RecursionError):
        return None


def shape_from_config(config: Mapping[str, Any]) -> Shape:
    """The sizes in a config.json. Raises KeyError for a configuration without them."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    if "padded_vocab_size" in config:
        groups = config["multi_query_group_num"] if config.get("multi_query_attention") else heads
        return Shape(
            hidden,
            config["num_layers"],
            heads,
            groups,
            config["kv_channels"],
            config["ffn_hidden_size"],
            config["padded_vocab_size"],
            tied=bool(config.get("tie_word_embeddings")),
            query_bias=bool(config.get("add_qkv_bias")),
            fused=True,
        )
    if "inner_hidden_size" in config:
        return Shape(
            hidden,
            config["num_layers"],
            heads,
            heads,
            hidden // heads,
            config["inner_hidden_size"],
            config["vocab_size"],
            tied=True,
            gated=False,
            all_biases=True,
            fused=True,
        )
    return Shape(
        hidden,
        config["num_hidden_layers"],
        heads,
        config.get("num_key_value_heads") or heads,
        config.get("head_dim") or hidden // heads,
        config["intermediate_size"],
        config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings")),
        query_bias=bool(config.get("attention_bias")),
    )


def trainable_parameters(shape: Shape, config: TuningConfig) -> int:
    """How many numbers a tuning trains. For LoRA, on the usual targets: queries and values, or the fused
    module."""
    h, layers, virtual = shape.hidden, shape.layers, config.virtual
    if config.tuning is None:
        return 0
    if config.tuning == "full":
        return shape.parameters
    if config.tuning in ("lora", "adalora"):
        outs = shape.targets
        if config.tuning == "lora":
            firsts = 1 if shape.fused else len(outs)
            return layers * config.rank * (firsts * h + sum(outs))
        rank = round(config.rank * INITIAL_RANK)
        return layers * rank * sum(h + out + 1 for out in outs)
    if config.tuning in PREFIXES:
        values = layers * 2 * shape.key
        if config.tuning == "p-tuning-v2":
            return virtual * values
        return virtual * shape.key + (shape.key * h + h) + (h * values + values)
    if config.tuning == "prompt-tuning":
        return virtual * h
    if config.encoder == "mlp":
        return virtual * h + 3 * (h * h + h)
    # Two layers in two directions, four gates each, then two linear layers.
    lstm = 2 * (8 * h * h + 8 * h) + 2 * (12 * h * h + 8 * h)
    return virtual * h + lstm + (4 * h * h + 2 * h) + (2 * h * h + h)


def saved_per_token_and_layer(
    shape: Shape, element: int, config: TuningConfig, *, mask: int = SINGLE
) -> float:
    """Bytes that the backward pass through one frozen layer needs of one token, with ``element`` bytes a
    number; counted, and confirmed by torch's hooks on saved tensors.

    Both norms keep their input in single precision; attention its queries, keys, values and result; the
    feed-forward part its gate, the activated gate and the other half. LoRA's adapters, single precision
    themselves, keep their input after dropout and the ``mask`` (4 bytes on a CPU, 1 on a GPU) for each
    target.
    """
    norms = 2 * SINGLE * shape.hidden
    attention = element * (2 * shape.query + 2 * shape.key) + SINGLE * shape.heads
    feed_forward = element * shape.feed_forward * (3 if shape.gated else 2)
    saved = float(norms + attention + feed_forward)
    if config.tuning in ("lora", "adalora"):
        targets = len(shape.targets)
        dropped = config.dropout > 0
        copies = targets if dropped or element < SINGLE else 1
        saved += copies * SINGLE * shape.hidden + SINGLE * targets * config.rank
        saved += targets * mask * shape.hidden if dropped else 0
    if config.tuning == "full":
        saved += element * (2 * shape.hidden + shape.feed_forward)
    return saved


def logits_bytes(positions: int, vocabulary: int, element: int) -> int:
    """Logits, the same in single precision, and their gradient."""
    return positions * vocabulary * (element + 2 * SINGLE)


def training_memory(
    shape: Shape,
    config: TuningConfig,
    *,
    element: int,
    batch: int,
    tokens: int,
    answer: int = 2,
    mask: int = SINGLE,
    weights: int | None = None,
) -> Memory:
    """The memory of one step on ``batch`` rows of ``tokens`` each, ``answer`` of them learned. ``element``:
    bytes of a weight; ``weights``: bytes of all, where they are quantised. With gradient checkpointing the
    inputs of all layers are kept, and everything of one layer at a time."""
    trained = trainable_parameters(shape, config)
    read = batch * (tokens + config.virtual)
    per_layer = saved_per_token_and_layer(shape, element, config, mask=mask)
    if config.gradient_checkpointing:
        activations = read * (shape.layers * shape.hidden * element + per_layer)
    else:
        activations = read * shape.layers * per_layer
    return Memory(
        weights=shape.parameters * element if weights is None else weights,
        trained=0 if config.tuning == "full" else trained * SINGLE,
        gradients=trained * SINGLE,
        optimiser=2 * trained * SINGLE,
        activations=round(activations),
        logits=logits_bytes(batch * answer, shape.vocabulary, element),
    )


def least_memory(shape: Shape, config: TuningConfig, *, precision: str, quantization: str | None) -> int:
    """Bytes that a method takes whatever it reads: the weights, and what is trained of them with gradients
    and moments. Papers may all be short, so that nothing is certain beyond these."""
    packed = None if quantization is None else round(shape.parameters * PACKED[quantization])
    return training_memory(shape, config, element=BYTES[precision], batch=0, tokens=0, weights=packed).total


def prediction_bytes(shape: Shape, element: int, *, batch: int, tokens: int) -> int:
    """What the widest layer of a forward pass holds at a time, twice, as the next step's result is made while
    the last one's is there: input and norm, queries, keys, values and result of the attention, the parts of
    the feed-forward network and their product."""
    feed_forward = (3 if shape.gated else 2) * shape.feed_forward
    widths = 3 * shape.hidden + 2 * shape.query + 2 * shape.key + feed_forward
    return 2 * batch * tokens * widths * element
