"""Several continuations of one prompt: it is read once, and all of them go on from its keys and values.
Imports torch and transformers at once."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from readbench_adapters.llm.heads import base_of, in_place_of_head, right_padded


class _Prompts(DynamicLayer):  # type: ignore[misc]
    """The keys and values of some prompts in one layer, from which the rows of a batch go on: as many rows
    for each prompt, those of one prompt side by side. What the rows add is handed on and not kept, so that
    memory holds the copies of one layer at a time."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        times = keys.shape[0] // self.keys.shape[0]
        return (
            torch.cat([self.keys.repeat_interleave(times, dim=0), keys], dim=-2),
            torch.cat([self.values.repeat_interleave(times, dim=0), values], dim=-2),
        )


@dataclass(frozen=True)
class ReadPrompts:
    """What a model has read. ``lengths``: tokens of each prompt, virtual ones of a tuning included; behind
    them the keys and values of shorter prompts are padding."""

    model: Any
    lengths: tuple[int, ...]
    cache: Cache

    def go_on(self, rows: list[list[int]], head: nn.Module, *, pad: int, device: str) -> Tensor:
        """Logits of further ids, float32, as the head in place gives them. ``rows``: as many for each
        prompt, those of one prompt side by side, of any length."""
        ids, mask = right_padded(rows, pad, device)
        base = base_of(self.model)
        options: dict[str, Any] = {"input_ids": ids, "past_key_values": self.cache, "use_cache": True}
        if len(set(self.lengths)) > 1:
            lengths = torch.tensor(self.lengths, device=device)
            lengths = lengths.repeat_interleave(len(rows) // len(self.lengths)).unsqueeze(1)
            seen = torch.arange(int(lengths.max()), device=device) < lengths
            options["attention_mask"] = torch.cat([seen.to(mask.dtype), torch.ones_like(mask)], dim=1)
            options["position_ids"] = lengths + torch.arange(ids.shape[1], device=device)
        with in_place_of_head(base, head):
            return base(**options).logits.float()


def together(model: Any, rows: int, continuations: int) -> int:
    """How many prompts may be read together for ``rows`` rows a batch: one, where the model is not told at
    which position a continuation begins."""
    told = "position_ids" in inspect.signature(base_of(model).forward).parameters
    return max(1, rows // continuations) if told else 1


def read_prompts(
    model: Any, prompts: Sequence[list[int]], head: nn.Module, *, pad: int, device: str
) -> tuple[Tensor, ReadPrompts] | None:
    """One forward pass: the logits of ``head``, float32, and what the model goes on from. None for a model
    that keeps something else than all keys and values (a sliding window, states of a recurrence), or whose
    masks follow from the whole text (the first ChatGLM)."""
    if "layout_ids" in inspect.signature(base_of(model).forward).parameters:
        return None
    ids, mask = right_padded(list(prompts), pad, device)
    with in_place_of_head(model, head):
        read = model(input_ids=ids, attention_mask=mask, use_cache=True)
    cache = read.past_key_values
    if type(cache) is not DynamicCache or any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    virtual = cache.get_seq_length() - ids.shape[1]
    layers = [_Prompts(layer.keys, layer.values) for layer in cache.layers]
    lengths = tuple(virtual + len(prompt) for prompt in prompts)
    return read.logits.float(), ReadPrompts(model, lengths, Cache(layers=layers))
