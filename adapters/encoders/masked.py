"""Embeddings of a document with some of its words masked, all of them read in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from readbench.adapter import Context
from readbench_adapters.encoders.reading_model import reading_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pooling = Literal["max", "mean"]
Span = tuple[int, int]


class MaskedReader:
    """A model of transformers and its mask. No code from a checkpoint runs, and only safetensors are read.
    Raises BenchError for a model that does not read ``max_length`` word pieces, does not say which characters
    it read, or has no mask."""

    def __init__(self, name: str, max_length: int, pooling: Pooling, context: Context) -> None:
        self.tokenizer, self.model = reading_model(name, max_length, context, masks=True)
        self.device = context.device
        self.max_length, self.pooling = max_length, pooling

    def similarities(self, text: str, masked: Sequence[Sequence[Span]], together: int) -> NDArray[Any]:
        """Cosines float64 (masked,) of the embedding of the text and of each text in which the word pieces
        that touch the characters of some spans are masks. A longer text is cut; where nothing of the spans is
        read the cosine is 1. All rows are equally long, so that there is no padding."""
        import numpy as np
        import torch

        read = self.tokenizer(
            text, truncation=True, max_length=self.max_length, return_offsets_mapping=True, verbose=False
        )
        ids, places = np.array(read["input_ids"]), np.array(read["offset_mapping"]).reshape(-1, 2)
        rows = np.tile(ids, (len(masked) + 1, 1))
        for row, spans in zip(rows[1:], masked, strict=True):
            for start, end in spans:
                touched = (places[:, 0] < end) & (places[:, 1] > start)
                row[touched] = self.tokenizer.mask_token_id
        vectors = []
        for start in range(0, len(rows), together):
            batch = torch.tensor(rows[start : start + together], device=self.device)
            with torch.inference_mode():
                states = self.model(input_ids=batch).last_hidden_state
            pooled = states.amax(dim=1) if self.pooling == "max" else states.mean(dim=1)
            vectors.append(pooled.double().cpu().numpy())
        whole, *others = np.split(np.concatenate(vectors), [1])
        lengths = np.linalg.norm(whole) * np.linalg.norm(others[0], axis=1)
        cosines = (others[0] @ whole[0]) / np.where(lengths == 0, 1.0, lengths)
        unchanged = (rows[1:] == ids).all(axis=1)
        return np.where(unchanged, 1.0, cosines)
