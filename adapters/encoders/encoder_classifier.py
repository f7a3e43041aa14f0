"""An encoder with a classification head: loading, reading texts, and saving as safetensors. Training is up to
the caller."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from readbench.adapter import BenchError, Context
from readbench_adapters.encoders.encoder_length import check_length
from readbench_adapters.training.one_line import one_line

if TYPE_CHECKING:
    from torch import Tensor

Pooling = Literal["cls", "mean"]
ENCODER, HEAD = "encoder", "head.safetensors"
UNUSED = "pooler."
"""A layer that some checkpoints have and others lack; the head takes its place."""


def prepare_torch(context: Context) -> None:
    """Imports torch and transformers, limits their threads to the method's, turns off their progress bars."""
    # The tokenizer has threads of its own, and takes as many as there are cores.
    os.environ.setdefault("RAYON_NUM_THREADS", str(context.threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if context.threads > 1 else "false")
    import torch
    from transformers import AutoModel, AutoTokenizer  # noqa: F401 - imported now, so that no later step pays for it
    from transformers.utils import logging

    torch.set_num_threads(context.threads)
    logging.disable_progress_bar()


class EncoderClassifier:
    """[CLS] or the mean of all word pieces -> Linear(width, hidden) -> ReLU -> Linear(hidden, classes).

    ``model`` holds both parts as one module. No code from a checkpoint runs, and only safetensors are read.
    """

    def __init__(self, encoder: Any, tokenizer: Any, device: str) -> None:
        import torch

        for name, parameter in encoder.named_parameters():
            if name.startswith(UNUSED):
                parameter.requires_grad_(False)
        self.model = torch.nn.ModuleDict({"encoder": encoder}).to(device)
        self.tokenizer, self.device = tokenizer, device
        tokenizer.split_special_tokens = True  # a text that spells [SEP] is text
        self.pooling: Pooling = "cls"

    @classmethod
    def pretrained(cls, folder: Path, device: str) -> EncoderClassifier:
        """An encoder from a folder, without a head.

        Raises BenchError where weights are missing or the model is no encoder.
        """
        import torch
        from transformers import AutoModel, AutoTokenizer

        options = {"local_files_only": True, "trust_remote_code": False}
        with one_line("transformers cannot load it", str(folder)):
            tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
            encoder, loaded = AutoModel.from_pretrained(
                str(folder), use_safetensors=True, dtype=torch.float32, output_loading_info=True, **options
            )
        missing = sorted(name for name in loaded["missing_keys"] if not name.startswith(UNUSED))
        if missing:
            raise BenchError(
                f"{len(missing)} weights are missing, {missing[0]} for one: they would be random",
                where=str(folder),
                todo="download the model anew",
            )
        if encoder.config.is_encoder_decoder or getattr(encoder.config, "is_decoder", False):
            raise BenchError(
                f"{encoder.config.model_type} is no encoder",
                where=str(folder),
                todo="give a model of the BERT kind",
            )
        return cls(encoder, tokenizer, device)

    def add_head(self, classes: int, pooling: Pooling, hidden: int, dropout: float = 0.0) -> None:
        """A new head with random weights, from torch's generator as it is seeded."""
        from torch import nn

        self.pooling = pooling
        width = int(self.model["encoder"].config.hidden_size)
        self.model["head"] = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)
        ).to(self.device)

    def check_length(self, wanted: int) -> None:
        """Raises BenchError where the encoder does not read that many word pieces."""
        check_length(self.model["encoder"], self.tokenizer, wanted)

    def encoded(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Word pieces with [CLS] and [SEP], cut at ``max_length``."""
        if not texts:
            return []
        read = self.tokenizer(list(texts), truncation=True, max_length=max_length, padding=False)
        return [list(ids) for ids in read["input_ids"]]

    def logits(self, documents: Sequence[Sequence[int]]) -> Tensor:
        """(documents, classes), from word pieces that are padded on the right."""
        import torch

        longest = max(len(ids) for ids in documents)
        pad = self.tokenizer.pad_token_id or 0
        padded = [[*ids, *[pad] * (longest - len(ids))] for ids in documents]
        read = [[1] * len(ids) + [0] * (longest - len(ids)) for ids in documents]
        ids, mask = torch.tensor(padded).to(self.device), torch.tensor(read).to(self.device)
        states = self.model["encoder"](input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "cls":
            pooled = states[:, 0]
        else:
            kept = mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * kept).sum(dim=1) / kept.sum(dim=1)
        return self.model["head"](pooled)

    def save(self, folder: Path) -> None:
        """Configuration, tokenizer and weights of the encoder in a folder of its own, the head beside it."""
        from safetensors.torch import save_file

        self.model["encoder"].save_pretrained(folder / ENCODER)
        self.tokenizer.save_pretrained(folder / ENCODER)
        head = {
            name: value.detach().cpu().contiguous() for name, value in self.model["head"].state_dict().items()
        }
        save_file(head, folder / HEAD)

    @classmethod
    def restored(
        cls, folder: Path, device: str, *, classes: int, pooling: Pooling, hidden: int
    ) -> EncoderClassifier:
        """What ``save`` wrote, in evaluation mode. Raises BenchError where a weight is missing."""
        from safetensors.torch import load_file

        classifier = cls.pretrained(folder / ENCODER, device)
        classifier.add_head(classes, pooling, hidden)
        classifier.model["head"].load_state_dict(load_file(folder / HEAD))
        classifier.model.eval()
        return classifier
