"""Sentence embeddings: the encoder that methods load, and one vector a document as a preparation that they
share. A document longer than the model reads (256 word pieces for all-MiniLM-L6-v2) is cut there."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from readbench.adapter import Context, PhraseEncoder
from readbench.adapter import Params as Base
from readbench.core.types import Document
from readbench.machine.weights import fetch_weights, find_weights
from readbench_adapters.encoders.encoder_folder import require_encoder
from readbench_adapters.training.one_line import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INSTALL = "pip install 'readbench[neural]'"
DEFAULT_MODEL = "all-MiniLM-L6-v2"
REQUIRES = ("sentence_transformers", "torch")
VECTORS, IDS = "embeddings.npy", "ids.json"
BLOCK = 256
"""Documents embedded between two reports of progress; the encoder sorts them by length."""
BATCH = 64
PIECES = 1024
"""Word pieces in a batch of short texts of one length."""


class Encoder:
    """Texts to vectors, with the weights that a name stands for. Notes in the record which those are.

    Code from a checkpoint does not run, and only safetensors are read.
    """

    def __init__(self, name: str, context: Context) -> None:
        weights = fetch_weights(name)
        context.note("weights", weights.described())
        # The tokenizer has threads of its own, and takes as many as there are cores.
        os.environ.setdefault("RAYON_NUM_THREADS", str(context.threads))
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if context.threads > 1 else "false")
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        torch.set_num_threads(context.threads)
        logging.disable_progress_bar()
        with one_line("sentence-transformers cannot load it", str(weights.folder)):
            self.model = SentenceTransformer(
                str(weights.folder),
                device=context.device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        self.model.tokenizer.split_special_tokens = True  # a text that spells [SEP] is text

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 (texts, dimensions). Batches hold texts of about one length, so that little is padding."""
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        vectors = self.model.encode(list(texts), batch_size=BATCH, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)

    def of_phrases(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        """As a call, for many short texts: those of as many word pieces go together, so that nothing is
        padding."""
        import numpy as np

        vectors = np.zeros((len(phrases), self.dimensions), dtype=np.float32)
        if phrases:
            pieces = self.model.tokenizer(list(phrases), verbose=False)["input_ids"]
            for length, rows in rows_by_length(list(map(len, pieces))):
                together = max(BATCH, PIECES // length)
                vectors[rows] = self.model.encode(
                    [phrases[row] for row in rows], batch_size=together, show_progress_bar=False
                )
        return vectors

    @property
    def dimensions(self) -> int:
        return int(self.model.get_embedding_dimension() or 0)


def rows_by_length(lengths: Sequence[int]) -> list[tuple[int, list[int]]]:
    """The indices of each length, the longest first.

    >>> rows_by_length([3, 5, 3])
    [(5, [1]), (3, [0, 2])]
    """
    of_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        of_length.setdefault(length, []).append(row)
    return sorted(of_length.items(), reverse=True)


class DocumentEmbeddings:
    """Vectors by document id, float32 (dimensions,), from the memory-mapped file."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self._rows = {id_: row for row, id_ in enumerate(json.loads((folder / IDS).read_text("utf-8")))}
        self._vectors = np.load(folder / VECTORS, mmap_mode="r")

    def __getitem__(self, document_id: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._vectors[self._rows[document_id]]
        return vector


class Embeddings(PhraseEncoder):
    """One vector a document: its fields as one text, as the model embeds it. The harness embeds phrases with
    it, each of which is a document."""

    name: ClassVar[str] = "embeddings"
    requires: ClassVar[tuple[str, ...]] = REQUIRES
    install: ClassVar[str] = INSTALL
    uses_gpu: ClassVar[bool] = True

    class Params(Base):
        model: str = Field(DEFAULT_MODEL, description="a known name, a repository in the cache, or a folder")
        weights: str = Field("", description="stands for the weights in the key; `Embeddings.of` fills it in")

    params: Params

    @classmethod
    def of(cls, model: str) -> Embeddings:
        """With the weights that ``model`` stands for on this machine now, so that other weights under the
        same name or in the same folder make another preparation, and another cell."""
        weights = find_weights(model)
        return cls(model=model, weights=weights.key() if weights else "")

    def modules(self) -> tuple[str, ...]:
        return modules_of(self.requires, self.params.model)

    def missing(self) -> None:
        super().missing()
        require_encoder(self.params.model)

    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:
        import numpy as np

        encoder = Encoder(self.params.model, context)
        context.progress(0, len(documents))
        vectors = np.lib.format.open_memmap(
            folder / VECTORS, mode="w+", dtype=np.float32, shape=(len(documents), encoder.dimensions)
        )
        for start in range(0, len(documents), BLOCK):
            block = documents[start : start + BLOCK]
            vectors[start : start + len(block)] = encoder([context.task.text(d) for d in block])
            context.progress(start + len(block), len(documents))
        vectors.flush()
        (folder / IDS).write_text(json.dumps([document.id for document in documents]), encoding="utf-8")

    def open(self, folder: Path) -> DocumentEmbeddings:
        return DocumentEmbeddings(folder)


def modules_of(requires: tuple[str, ...], model: str) -> tuple[str, ...]:
    """With the package that carries the weights, whose version is part of the key."""
    weights = find_weights(model)
    return requires if weights is None or weights.package is None else (*requires, weights.package)
