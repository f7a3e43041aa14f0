"""A tagger that learns keyphrases from the training part: an encoder, a head over its words, BIO tags."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import ClassVar

from pydantic import Field

from readbench.adapter import BenchError, RankedPhrases
from readbench.core.types import Dataset, Document, Task
from readbench.machine.weights import Weights, fetch_weights
from readbench.text import normalise
from readbench_adapters.encoders.encoder_classifier import prepare_torch
from readbench_adapters.encoders.fine_tuned_encoder import FineTunedEncoder, FineTuningParams
from readbench_adapters.encoders.tagging import B, gold_tags, likely_spans, ranked_phrases
from readbench_adapters.encoders.token_tagger import UNLABELLED, Read, TokenTagger
from readbench_adapters.training import loop
from readbench_adapters.training.allocator import keep_freed_memory
from readbench_adapters.training.loop import BatchLoss, Evaluation, TrainingConfig

MANIFEST, FOLDER = "tagger.json", "tagger"
THRESHOLDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
JUDGED_AT = 10
AT_ONCE = 768
"""Word pieces of a part of a batch on a CPU: two long windows. More fill the memory and are no faster."""


class BertTagger(FineTunedEncoder):
    """Gold phrases that occur in the text, in any inflection, are tagged B and I. Encoder and head learn
    together. A phrase is scored by the probability that exactly its words are tagged. The epoch, and the
    threshold below which a phrase is left out, are those with the best F1@10 on held-out documents: the
    split's validation part, or a seeded share of the training part where there is none."""

    name: ClassVar[str] = "bert-tagger"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "a fine-tuned encoder that tags keyphrases, best epoch by validation"
    checks_weights: ClassVar[bool] = True

    class Params(FineTuningParams):
        train_documents: int | None = Field(
            None, ge=1, description="documents learned from, of the training part; none: all (learning curve)"
        )
        join_validation: bool = Field(
            False, description="learn from the split's validation part, too, and judge on a share of both"
        )
        validation: float = Field(
            0.1, gt=0, lt=1, description="share that judges, where no validation part does"
        )
        max_length: int = Field(384, ge=8, description="word pieces read at once; a longer text in windows")
        overlap: int = Field(64, ge=0, description="word pieces that two windows share")
        longest: int = Field(6, ge=1, description="words of a phrase")
        n_best: int = Field(50, ge=1, description="phrases kept, best first")
        learning_rate: float = Field(2e-4, gt=0, description="the highest, when the warm-up ends")
        batch_size: int = Field(8, ge=1, description="windows a batch")
        frozen: float = Field(
            0.0,
            ge=0,
            lt=1,
            description="share of the encoder's layers that learn nothing, from the bottom, with the "
            "embeddings; 0: everything learns",
        )
        attention_dropout: bool = Field(
            True, description="dropout of attention weights, as the encoder was trained with"
        )

    params: Params

    def load(self) -> None:
        prepare_torch(self.context)
        weights = self.start_weights()
        # A saved model brings its own encoder, so the weights it started from may be absent here.
        self.tagger = None if weights is None else self._pretrained(weights)

    def _pretrained(self, weights: Weights) -> TokenTagger:
        import torch

        self.note_weights(weights)
        torch.manual_seed(self.context.seed)
        tagger = TokenTagger.pretrained(
            weights.folder,
            self.context.device,
            new_head=True,
            attention_dropout=self.params.attention_dropout,
        )
        self.context.note("frozen_layers", tagger.freeze(self.params.frozen))
        return tagger

    def training_config(self) -> TrainingConfig:
        on_cpu = self.context.device == "cpu"
        return replace(super().training_config(), tokens_at_once=AT_ONCE if on_cpu else None)

    # -- learning ----------------------------------------------------------------------------------

    def fit(self, train: Dataset, validation: Dataset) -> None:
        params = self.params
        tagger = self.tagger = self.tagger or self._pretrained(fetch_weights(self.name_to_fetch))
        tagger.check_length(params.max_length, params.overlap)
        if self.context.device == "cpu":
            keep_freed_memory()
        learn, judge = self._parts(train, validation)
        known = {**train.targets.get("keyphrases", {}), **validation.targets.get("keyphrases", {})}
        gold = {id_: target for id_, target in known.items() if isinstance(target, tuple)}
        windows, tags = self._windows(self._read(learn), [gold[document.id] for document in learn])
        lengths = [len(window) for window in windows]

        def loss(batch: list[int]) -> BatchLoss:
            return _loss(tagger, [windows[index] for index in batch], [tags[index] for index in batch])

        config = self.training_config()
        self.threshold = THRESHOLDS[0]
        evaluate = _Judge(self, judge, [gold[document.id] for document in judge]) if judge else None
        loop.train(tagger.model, loss, lengths, config, self.context, evaluate=evaluate)
        if evaluate is not None:
            self.threshold = evaluate.best_threshold
        self.context.note("threshold", self.threshold)

    def _parts(self, train: Dataset, validation: Dataset) -> tuple[list[Document], list[Document]]:
        """Documents with gold phrases: those to learn from, and those that judge."""
        known, held = (_with_gold(part) for part in (train, validation))
        source = "the split's validation part"
        if self.params.join_validation:
            known, held = [*known, *held], []
        # A split is ordered by a seeded hash: its first documents are a random sample, and a small sample is
        # part of every larger one.
        known = known[: self.params.train_documents]
        if not known:
            raise BenchError(
                "bert-tagger learns from documents with keyphrases, and the training part has none",
                todo='give the suite a [split] of kind = "holdout", or "given" where the corpus has parts',
            )
        if not held and len(known) > 1:
            source = "carved from the training part"
            order = list(known)
            Random(f"carve:{self.context.seed}").shuffle(order)
            size = max(1, round(self.params.validation * len(order)))
            held, known = order[:size], order[size:]
        self.context.note("validation", {"documents": len(held), "source": source})
        return known, held

    def _windows(
        self, read: Sequence[Read], gold: Sequence[Sequence[str]]
    ) -> tuple[list[tuple[int, ...]], list[list[int]]]:
        """The word pieces of each window, and the tag of each of them; windows without a word are left out.
        Notes how many occurrences of gold phrases are tagged."""
        windows, tags = [], []
        present = 0
        for text, phrases in zip(read, gold, strict=True):
            word_tags = gold_tags(text.words, phrases, self.context.task.language)
            present += word_tags.count(B)
            piece_tags = [UNLABELLED] * len(text.pieces)
            for place, tag in zip(text.first, word_tags, strict=True):
                if place is not None:
                    piece_tags[place] = tag
            for start, end in text.windows:
                if any(tag != UNLABELLED for tag in piece_tags[start:end]):
                    windows.append(text.pieces[start:end])
                    tags.append(piece_tags[start:end])
        self.context.note("tagged", {"documents": len(read), "windows": len(windows), "occurrences": present})
        if not present:
            raise BenchError(
                f"none of the gold phrases of {len(read)} training documents occurs in its text",
                todo="use more documents, or check the keyphrases column",
            )
        return windows, tags

    # -- predicting --------------------------------------------------------------------------------

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return self._ranked(self._read(chunk), self.threshold)

    def _ranked(self, read: Sequence[Read], threshold: float) -> list[RankedPhrases]:
        assert self.tagger is not None  # fit and restore make it
        return [
            ranked_phrases(
                text.words,
                likely_spans(probabilities, self.params.longest),
                n_best=self.params.n_best,
                threshold=threshold,
            )
            for text, probabilities in zip(read, self.tagger.probabilities(read), strict=True)
        ]

    def _read(self, documents: Sequence[Document]) -> list[Read]:
        assert self.tagger is not None
        texts = [self.context.task.text(document) for document in documents]
        return self.tagger.read(
            texts, self.context.task.language, self.params.max_length, self.params.overlap
        )

    def save(self, folder: Path) -> None:
        assert self.tagger is not None
        self.tagger.save(folder / FOLDER)
        manifest = {"threshold": self.threshold, "weights": self.described}
        (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.threshold, self.described = float(manifest["threshold"]), manifest["weights"]
        self.context.note("weights", self.described)
        self.tagger = TokenTagger.pretrained(folder / FOLDER, self.context.device, new_head=False)


class _Judge:
    """F1@10 on held-out documents, at the threshold that makes it best."""

    def __init__(
        self, adapter: BertTagger, documents: Sequence[Document], gold: Sequence[Sequence[str]]
    ) -> None:
        self.adapter, self.read = adapter, adapter._read(documents)
        self.language = adapter.context.task.language
        self.gold = [{self._key(phrase) for phrase in phrases} - {""} for phrases in gold]
        self.best_threshold, self._best = THRESHOLDS[0], -math.inf

    def _key(self, phrase: str) -> str:
        return normalise.key(phrase, self.language)

    def __call__(self) -> Evaluation:
        ranked = self.adapter._ranked(self.read, THRESHOLDS[0])
        scored = [
            list(zip(map(self._key, prediction.phrases), prediction.scores, strict=True))
            for prediction in ranked
        ]
        values = {
            threshold: sum(
                _f1([key for key, score in keys if score >= threshold], gold)
                for keys, gold in zip(scored, self.gold, strict=True)
            )
            / len(ranked)
            for threshold in THRESHOLDS
        }
        threshold, value = max(values.items(), key=lambda item: item[1])
        if value > self._best:
            self.best_threshold, self._best = threshold, value
        return Evaluation(value)


def _f1(phrases: Sequence[str], gold: set[str]) -> float:
    """F1 of the first ten, as the board's f1@10; gold that does not occur in the text counts."""
    first = phrases[:JUDGED_AT]
    return 2 * sum(phrase in gold for phrase in first) / max(1, len(first) + len(gold))


def _loss(tagger: TokenTagger, windows: Sequence[Sequence[int]], tags: Sequence[Sequence[int]]) -> BatchLoss:
    """Cross-entropy, the mean over the words of a batch."""
    import torch

    logits = tagger.logits(windows)
    targets = torch.full(logits.shape[:2], UNLABELLED)
    for row, piece_tags in enumerate(tags):
        targets[row, : len(piece_tags)] = torch.tensor(piece_tags)
    targets = targets.to(logits.device)
    value = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
    return BatchLoss(value, sum(map(len, windows)), int((targets != UNLABELLED).sum()))


def _with_gold(part: Dataset) -> list[Document]:
    gold = part.targets.get("keyphrases", {})
    return [document for document in part.documents if gold.get(document.id)]
