"""A sentence encoder as a file for ONNX Runtime, in single precision or with weights and products of eight
bits, and what runs it. Neither torch nor transformers is imported where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from readbench.adapter import Context, Preparation
from readbench.adapter import Params as Base
from readbench.core.types import Document
from readbench.machine.weights import find_weights
from readbench_adapters.encoders.embeddings import (
    DEFAULT_MODEL,
    PIECES,
    REQUIRES,
    Encoder,
    modules_of,
    rows_by_length,
)
from readbench_adapters.encoders.encoder_folder import require_encoder
from readbench_adapters.training.one_line import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INSTALL = "pip install 'readbench[neural,onnx]'"
MODEL, SINGLE, TOKENIZER = "encoder.onnx", "single.onnx", "tokenizer.json"
BATCH = 64


class OnnxEncoder:
    """Texts to vectors by ONNX Runtime. Texts of as many word pieces go together: the file knows no
    padding."""

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self._session = onnxruntime.InferenceSession(
            str(folder / MODEL), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.encode_special_tokens = True  # a text that spells [SEP] is text
        self._tokenizer.no_padding()

    def of_phrases(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        """float32 (phrases, dimensions)."""
        import numpy as np

        dimensions = int(self._session.get_outputs()[0].shape[1])
        vectors = np.zeros((len(phrases), dimensions), dtype=np.float32)
        pieces = [read.ids for read in self._tokenizer.encode_batch(list(phrases))]
        for length, rows in rows_by_length(list(map(len, pieces))):
            together = max(BATCH, PIECES // length)
            for start in range(0, len(rows), together):
                batch = rows[start : start + together]
                ids = np.array([pieces[row] for row in batch], dtype=np.int64)
                [vectors[batch]] = self._session.run(None, {"ids": ids})
        return vectors


class OnnxExport(Preparation):
    """The file, exported once from the encoder's safetensors by torch."""

    name: ClassVar[str] = "onnx-encoder"
    requires: ClassVar[tuple[str, ...]] = (*REQUIRES, "onnx", "onnxruntime")
    install: ClassVar[str] = INSTALL

    class Params(Base):
        model: str = Field(DEFAULT_MODEL, description="a known name, a repository in the cache, or a folder")
        weights: str = Field("", description="stands for the weights in the key; `OnnxExport.of` fills it in")
        int8: bool = Field(False, description="dynamic quantisation to eight bits")

    params: Params

    @classmethod
    def of(cls, model: str, *, int8: bool) -> OnnxExport:
        """With the weights that ``model`` stands for on this machine now."""
        weights = find_weights(model)
        return cls(model=model, weights=weights.key() if weights else "", int8=int8)

    def modules(self) -> tuple[str, ...]:
        return modules_of(self.requires, self.params.model)

    def missing(self) -> None:
        super().missing()
        require_encoder(self.params.model)

    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:  # noqa: ARG002 - of no document
        encoder = Encoder(self.params.model, context)
        with one_line("torch cannot export it", self.params.model):
            _export(encoder, folder / SINGLE)
        tokenizer = encoder.model.tokenizer.backend_tokenizer
        tokenizer.no_padding()
        tokenizer.enable_truncation(encoder.model.max_seq_length)
        tokenizer.save(str(folder / TOKENIZER))
        if not self.params.int8:
            (folder / SINGLE).rename(folder / MODEL)
            return
        _quantise(folder / SINGLE, folder / MODEL)
        (folder / SINGLE).unlink()

    def open(self, folder: Path) -> Path:
        """The folder, which ``OnnxEncoder`` reads."""
        return folder


def _quantise(single: Path, file: Path) -> None:
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises a step that changes nothing here
    try:
        quantize_dynamic(single, file, weight_type=QuantType.QInt8)
    finally:
        logging.disable(before)


def _export(encoder: Encoder, file: Path) -> None:
    """Ids (texts, pieces), without padding, to vectors (texts, dimensions); both lengths are free."""
    import warnings

    import torch

    class Unpadded(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder.model

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            vectors: torch.Tensor = self.encoder(features)["sentence_embedding"]
            return vectors

    with warnings.catch_warnings(), torch.inference_mode():
        # torch advises its other exporter, which needs a further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Unpadded().eval(),
            (torch.tensor([[1, 2, 3], [4, 5, 6]]),),
            str(file),
            input_names=["ids"],
            output_names=["vectors"],
            dynamic_axes={"ids": {0: "texts", 1: "pieces"}, "vectors": {0: "texts"}},
            dynamo=False,
        )
