"""Output layers that take the place of a language model's own while it is trained or asked. They compute
logits at chosen positions alone, or the logits of a classifier. Imports torch at once."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class HeadAtPositions(nn.Module):  # type: ignore[misc]
    """The model's own head at chosen positions alone.

    ``positions``: int64 (rows, k), counted in tokens of the input, of which the longest row has ``length``.
    Virtual tokens that a tuning puts before them are added here, from the length of the hidden states.
    ``columns`` are the ids whose logits are computed (None: all). Returns float32 (rows, k, columns). Where
    ``exact``, a plain linear head is computed in single precision, so that batching moves no near-tie; any
    other head in its own precision.
    """

    def __init__(
        self,
        head: nn.Module,
        positions: Tensor,
        length: int,
        *,
        columns: Tensor | None = None,
        exact: bool = False,
    ) -> None:
        super().__init__()
        self.head, self.positions, self.length = head, positions, length
        self.columns, self.exact = columns, exact

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = gathered(hidden, self.positions, self.length)
        if type(self.head) is nn.Linear and self.exact:
            weight, bias = self.head.weight, self.head.bias
            if self.columns is not None:
                weight, bias = weight[self.columns], None if bias is None else bias[self.columns]
            with torch.autocast(hidden.device.type, enabled=False):
                return functional.linear(
                    hidden.float(), weight.float(), None if bias is None else bias.float()
                )
        logits = self.head(hidden).float()
        return logits if self.columns is None else logits[..., self.columns]


class Classifier(nn.Module):  # type: ignore[misc]
    """A linear layer over the last state of the prompt, in place of label words (P-tuning v2, Liu et al.
    2022, section 3.3). Returns float32 (rows, 1, labels) at the positions that ``at`` sets."""

    def __init__(self, hidden: int, labels: int, device: str) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden, labels, device=device)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)
        self.positions: Tensor | None = None
        self.length = 0

    def at(self, positions: Tensor, length: int) -> Classifier:
        """Sets where the next forward pass reads: as for ``HeadAtPositions``. Returns itself."""
        self.positions, self.length = positions, length
        return self

    def forward(self, hidden: Tensor) -> Tensor:
        assert self.positions is not None
        states = gathered(hidden, self.positions, self.length)
        with torch.autocast(hidden.device.type, enabled=False):
            return self.linear(states.float())


def gathered(hidden: Tensor, positions: Tensor, length: int) -> Tensor:
    """States (rows, k, width) at positions of the input, out of (rows, virtual + length, width)."""
    index = positions + (hidden.shape[1] - length)
    return hidden.gather(1, index.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))


def base_of(model: Any) -> Any:
    """The language model itself, inside of whatever PEFT put around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def in_place_of_head(model: Any, head: nn.Module) -> Iterator[None]:
    """Within, ``head`` is what the model's last states go through. What the model does to logits after its
    head (a scale, a soft cap) it still does."""
    base = base_of(model)
    before = base.get_output_embeddings()
    base.set_output_embeddings(head)
    try:
        yield
    finally:
        base.set_output_embeddings(before)


def read(model: Any, rows: list[list[int]], head: nn.Module, *, pad: int, device: str) -> Tensor:
    """One forward pass over rows of ids of any length, with ``head`` in place: what it returns, float32."""
    ids, mask = right_padded(rows, pad, device)
    options: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
    if "layout_ids" in inspect.signature(base_of(model).forward).parameters:
        # Where the first ChatGLM's masks follow from ids, PEFT hands it embeddings alone.
        options["layout_ids"] = ids
    with in_place_of_head(model, head):
        return model(**options).logits.float()


def right_padded(rows: list[list[int]], pad: int, device: Any) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, int64 (rows, longest). Padding is on the right, so that nothing in front of a
    token depends on the length of other rows, whatever the tuning puts in front."""
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row, dtype=torch.int64)
        mask[index, : len(row)] = 1
    return ids.to(device), mask.to(device)


def left_padded(rows: list[list[int]], pad: int, device: Any) -> tuple[Tensor, Tensor]:
    """As ``right_padded``, with the padding in front, so that what is written follows each row's last id."""
    ids, mask = right_padded([row[::-1] for row in rows], pad, device)
    return ids.flip(1), mask.flip(1)
