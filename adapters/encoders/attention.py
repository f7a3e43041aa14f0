"""How much attention the words of a document receive in each head of a model: one forward pass a document, as
a preparation that methods share, however many heads they choose from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from readbench.adapter import Context, Preparation
from readbench.adapter import Params as Base
from readbench.core.types import Document
from readbench.machine.weights import find_weights
from readbench_adapters.encoders.embeddings import DEFAULT_MODEL, INSTALL, modules_of
from readbench_adapters.encoders.encoder_folder import require_encoder
from readbench_adapters.encoders.reading_model import reading_model
from readbench_adapters.encoders.tagging import windows
from readbench_adapters.words.parse import text_of_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCORES, PLACES, INDEX = "attention.f32", "places.i32", "documents.json"


class Reader:
    """A model of transformers that tells its attention. No code from a checkpoint runs, and only safetensors
    are read. Raises BenchError for a model that does not read so many word pieces, or does not say which
    characters it read."""

    def __init__(self, name: str, max_length: int, context: Context) -> None:
        # Eager is the only implementation that keeps the weights of attention.
        self.tokenizer, self.model = reading_model(name, max_length, context, attn_implementation="eager")
        self.device = context.device
        marked, bare = (self.tokenizer("a", add_special_tokens=s)["input_ids"] for s in (True, False))
        at = next(i for i in range(len(marked)) if marked[i : i + len(bare)] == bare)
        self._before, self._after = marked[:at], marked[at + len(bare) :]
        self._size = max_length - len(self._before) - len(self._after)

    def received(self, text: str) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Attention that each word piece receives, summed over all that read it: float32 (heads, pieces), the
        heads of the first layer first; and the characters of each piece, int32 (pieces, 2). Special pieces
        are read and left out. A text longer than the model reads is cut into windows."""
        import numpy as np
        import torch

        read = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids, places = read["input_ids"], np.array(read["offset_mapping"], dtype=np.int32).reshape(-1, 2)
        parts = []
        for start, end in windows(len(ids), self._size, 0) if ids else ():
            row = torch.tensor([[*self._before, *ids[start:end], *self._after]], device=self.device)
            with torch.inference_mode():
                of_layers = self.model(input_ids=row, output_attentions=True).attentions
            # (layers, heads, readers, read) -> (layers x heads, read)
            sums = torch.cat([layer[0].sum(dim=1) for layer in of_layers]).cpu().numpy()
            first = len(self._before)
            parts.append((start, sums[:, first : first + end - start]))
        scores = np.zeros((self.heads, len(ids)), dtype=np.float32)
        for start, sums in parts:
            scores[:, start : start + sums.shape[1]] = sums
        return scores, places

    @property
    def heads(self) -> int:
        """Of all layers."""
        config = self.model.config
        return int(config.num_hidden_layers) * int(config.num_attention_heads)


class AttentionReceived:
    """By document id: float32 (heads, pieces) and int32 (pieces, 2), memory-mapped. ``layers`` and ``heads``
    (of a layer) are those of the model."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        index = json.loads((folder / INDEX).read_text("utf-8"))
        self.layers, self.heads = int(index["layers"]), int(index["heads"])
        self._documents: dict[str, tuple[int, int]] = {
            id_: (start, pieces) for id_, start, pieces in index["documents"]
        }
        sizes = [(folder / name).stat().st_size for name in (SCORES, PLACES)]
        if not all(sizes):  # an empty file cannot be mapped
            self._scores, self._places = np.zeros(0, np.float32), np.zeros(0, np.int32)
            return
        self._scores = np.memmap(folder / SCORES, dtype=np.float32, mode="r")
        self._places = np.memmap(folder / PLACES, dtype=np.int32, mode="r")

    def __getitem__(self, document_id: str) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        start, pieces = self._documents[document_id]
        rows = self.layers * self.heads
        scores = self._scores[start * rows : (start + pieces) * rows].reshape(rows, pieces)
        return scores, self._places[2 * start : 2 * (start + pieces)].reshape(pieces, 2)


class Attention(Preparation):
    """Attention received by each word piece of each document, in each head."""

    name: ClassVar[str] = "attention"
    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors")
    install: ClassVar[str] = INSTALL
    uses_gpu: ClassVar[bool] = True

    class Params(Base):
        model: str = Field(DEFAULT_MODEL, description="a known name, a repository in the cache, or a folder")
        max_length: int = Field(512, ge=8, description="word pieces read at once; a longer text in windows")
        weights: str = Field("", description="stands for the weights in the key; `Attention.of` fills it in")

    params: Params

    @classmethod
    def of(cls, model: str, max_length: int) -> Attention:
        """With the weights that ``model`` stands for on this machine now."""
        weights = find_weights(model)
        return cls(model=model, max_length=max_length, weights=weights.key() if weights else "")

    def modules(self) -> tuple[str, ...]:
        return modules_of(self.requires, self.params.model)

    def missing(self) -> None:
        super().missing()
        require_encoder(self.params.model)

    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:
        reader = Reader(self.params.model, self.params.max_length, context)
        context.progress(0, len(documents))
        index: list[tuple[str, int, int]] = []
        start = 0
        with (folder / SCORES).open("wb") as scores_file, (folder / PLACES).open("wb") as places_file:
            for done, document in enumerate(documents, start=1):
                scores, places = reader.received(text_of_words(document, context.task))
                scores_file.write(scores.tobytes())
                places_file.write(places.tobytes())
                index.append((document.id, start, len(places)))
                start += len(places)
                context.progress(done, len(documents))
        layers = int(reader.model.config.num_hidden_layers)
        described = {"layers": layers, "heads": reader.heads // layers, "documents": index}
        (folder / INDEX).write_text(json.dumps(described), encoding="utf-8")

    def open(self, folder: Path) -> AttentionReceived:
        return AttentionReceived(folder)
