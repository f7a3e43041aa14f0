"""An encoder that tags words: reading texts in windows, probabilities per word, loading and saving. Training
is up to the caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.adapter import BenchError
from readbench_adapters.chatglm.checkpoint_files import check_tensors, weight_files
from readbench_adapters.encoders.encoder_length import check_length
from readbench_adapters.encoders.tagging import Words, best_window, columns_of, windows
from readbench_adapters.training.loop import by_length
from readbench_adapters.training.one_line import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

LABELS = ("O", "B-KEY", "I-KEY")
HEAD = "classifier."
UNLABELLED = -100
"""What cross-entropy leaves out: pieces that begin no word."""
PREDICTED_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class Read:
    """A text as word pieces. ``first`` is each word's first piece, or None where the tokenizer dropped it;
    ``windows`` are cuts of ``pieces``."""

    words: Words
    pieces: tuple[int, ...]
    first: tuple[int | None, ...]
    windows: tuple[tuple[int, int], ...]


class TokenTagger:
    """A head of one layer over every word piece; the piece that begins a word tags it. No code from a
    checkpoint runs; weights are safetensors, or a pickle of tensors alone."""

    def __init__(self, model: Any, tokenizer: Any, device: str, where: str = "") -> None:
        self.model, self.tokenizer, self.device = model.to(device), tokenizer, device
        tokenizer.split_special_tokens = True  # a text that spells [SEP] is text
        labels = [str(model.config.id2label[place]) for place in sorted(model.config.id2label)]
        try:
            self.columns = columns_of(labels)
        except ValueError as error:
            raise BenchError(str(error), where=where, todo="give a model that tags keyphrases") from None
        if not tokenizer.is_fast:
            raise BenchError("its tokenizer does not say which characters it read", where=where)
        marked, bare = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (True, False))
        at = next(i for i in range(len(marked)) if marked[i : i + len(bare)] == bare)
        self._before, self._after = marked[:at], marked[at + len(bare) :]

    @classmethod
    def pretrained(
        cls,
        folder: Path,
        device: str,
        *,
        new_head: bool,
        pickled: bool = False,
        attention_dropout: bool = True,
    ) -> TokenTagger:
        """A tagger from a folder; with ``new_head`` an encoder that gets a head with random weights, from
        torch's generator as it is seeded, and learns with or without ``attention_dropout``.

        Raises BenchError where weights are missing, or its labels are no tags.
        """
        import torch
        from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer
        from transformers.utils import logging

        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        if pickled:
            check_tensors(weight_files(folder))
        with one_line("transformers cannot load it", str(folder)):
            tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
        if new_head:
            head = {
                "num_labels": len(LABELS),
                "id2label": dict(enumerate(LABELS)),
                "label2id": {label: place for place, label in enumerate(LABELS)},
            }
            with one_line("transformers cannot load it", str(folder)):
                config = AutoConfig.from_pretrained(str(folder), **options, **head)
            if not attention_dropout:
                config = without_attention_dropout(config)
            options |= {"config": config, "ignore_mismatched_sizes": True}
        # What is missing is checked below, and a new head is meant to be.
        logging.set_verbosity_error()
        options |= {"use_safetensors": not pickled, "dtype": torch.float32, "output_loading_info": True}
        with one_line("transformers cannot load it", str(folder)):
            model, loaded = AutoModelForTokenClassification.from_pretrained(str(folder), **options)
        allowed = HEAD if new_head else "\n"
        missing = sorted(name for name in loaded["missing_keys"] if not name.startswith(allowed))
        if missing:
            raise BenchError(
                f"{len(missing)} weights are missing, {missing[0]} for one: they would be random",
                where=str(folder),
                todo="download the model anew",
            )
        model.eval()
        return cls(model, tokenizer, device, str(folder))

    def freeze(self, share: float) -> int:
        """A share of the encoder's layers, from the bottom, and the embeddings below them learn nothing;
        share 0: everything learns. Returns how many layers these are."""
        from torch import nn

        encoder, count = self.model.base_model, int(self.model.config.num_hidden_layers)
        found = (part for part in encoder.modules() if isinstance(part, nn.ModuleList) and len(part) == count)
        layers = next(found, None)
        if share == 0 or layers is None:
            return 0
        frozen = int(share * count)
        embeddings = getattr(encoder, "embeddings", None) or encoder.get_input_embeddings()
        for part in (embeddings, *layers[:frozen]):
            part.requires_grad_(False)
        return frozen

    def check_length(self, wanted: int, overlap: int) -> None:
        """Raises BenchError where the encoder does not read that many word pieces at once."""
        check_length(self.model, self.tokenizer, wanted)
        if overlap >= wanted - len(self._before) - len(self._after):
            raise BenchError(f"overlap={overlap} leaves nothing new in a window of max_length={wanted}")

    def read(self, texts: Sequence[str], language: str, max_length: int, overlap: int) -> list[Read]:
        """Texts as word pieces in windows of ``max_length`` with the special ones."""
        if not texts:
            return []
        tokens = self.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        size = max_length - len(self._before) - len(self._after)
        read = []
        for text, pieces, offsets in zip(texts, tokens["input_ids"], tokens["offset_mapping"], strict=True):
            words = Words.of(text, language)
            first = _first_pieces(words, offsets)
            read.append(Read(words, tuple(pieces), first, tuple(windows(len(pieces), size, overlap))))
        return read

    def logits(self, cuts: Sequence[Sequence[int]]) -> Tensor:
        """(windows, longest, labels), without the places of the special word pieces that are added here."""
        import torch

        marked = [[*self._before, *cut, *self._after] for cut in cuts]
        longest = max(len(pieces) for pieces in marked)
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([[*pieces, *[pad] * (longest - len(pieces))] for pieces in marked])
        mask = torch.tensor([[1] * len(pieces) + [0] * (longest - len(pieces)) for pieces in marked])
        logits = self.model(input_ids=ids.to(self.device), attention_mask=mask.to(self.device)).logits
        return logits[:, len(self._before) : longest - len(self._after)]

    def probabilities(self, read: Sequence[Read]) -> list[NDArray[np.float64]]:
        """For each text float64 (words, 3) over O, B, I. A word is tagged in the window that shows most of
        its context; one that the tokenizer dropped is O."""
        import numpy as np
        import torch

        pieces = [text.pieces[start:end] for text in read for start, end in text.windows]
        of_windows: list[NDArray[np.float64]] = [np.empty(0)] * len(pieces)
        for batch in by_length([len(window) for window in pieces], PREDICTED_TOGETHER):
            with torch.inference_mode():
                labels = self.logits([pieces[index] for index in batch]).double().softmax(dim=2).cpu().numpy()
            for row, index in enumerate(batch):
                of_windows[index] = np.stack(
                    [labels[row, : len(pieces[index]), columns].sum(axis=0) for columns in self.columns],
                    axis=1,
                )
        in_order = iter(of_windows)
        return [self._of_words(text, list(islice(in_order, len(text.windows)))) for text in read]

    @staticmethod
    def _of_words(read: Read, of_windows: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        import numpy as np

        table = np.zeros((len(read.words), 3))
        table[:, 0] = 1.0
        for word, place in enumerate(read.first):
            if place is not None:
                number = best_window(place, read.windows)
                table[word] = of_windows[number][place - read.windows[number][0]]
        return table

    def save(self, folder: Path) -> None:
        """Configuration, tokenizer and weights as safetensors."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def without_attention_dropout(config: Any) -> Any:
    """The configuration with no dropout of attention weights, for which torch writes out the weights of all
    pairs of word pieces: half of a step's memory on a CPU, and a quarter of its time. Dropout of states
    stays."""
    for name in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    return config


def _first_pieces(words: Words, offsets: Sequence[tuple[int, int]]) -> tuple[int | None, ...]:
    """For each word the first piece that shares a character with it; both come in the order of the text."""
    first: list[int | None] = []
    piece = 0
    for start, end in zip(words.starts, words.ends, strict=True):
        while piece < len(offsets) and offsets[piece][1] <= start:
            piece += 1
        first.append(piece if piece < len(offsets) and offsets[piece][0] < end else None)
    return tuple(first)
