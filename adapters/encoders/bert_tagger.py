"""A tagger that learns keyphrases from the training part: an encoder, a head over its words, BIO tags."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from pydantic import Field

from readbench.adapter import BenchError, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Dataset, Document, Task
from readbench.machine.weights import Weights, fetch_weights
from readbench.text import normalise
from readbench_adapters.encoders.encoder_classifier import prepare_torch
from readbench_adapters.encoders.fine_tuned_encoder import FineTunedEncoder
from readbench_adapters.encoders.tagging import gold_tags, likely_spans, ranked_phrases
from readbench_adapters.encoders.token_tagger import UNLABELLED, Read, TokenTagger
from readbench_adapters.training import loop as training
from readbench_adapters.training.loop import BatchLoss, Evaluation, Precision, Schedule

MANIFEST, FOLDER = "tagger.json", "tagger"
THRESHOLDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
JUDGED_AT = 10


class BertTagger(FineTunedEncoder):
    """Gold phrases that occur in the text, in any inflection, are tagged B and I; encoder and head learn
    together. Phrases are ranked by the probability that just they are tagged. The epoch, and the threshold
    below which a phrase is left out, are those with the best F1@10 on documents that are not learned from:
    the split's validation part, or a seeded share of the training part where there is none."""

    name: ClassVar[str] = "bert-tagger"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "a fine-tuned encoder that tags keyphrases, best epoch by validation"
    checks_weights: ClassVar[bool] = True
    params: Any

    class Params(Base):
        model: str = Field(
            "auto",
            description="a known name, a repository in the cache, or a folder; auto: bert-base-uncased "
            "where present (zh: bert-base-chinese), otherwise the packaged all-MiniLM-L6-v2",
        )
        train_documents: int | None = Field(
            None, ge=1, description="documents learned from, of the training part; none: all (learning curve)"
        )
        join_validation: bool = Field(
            False, description="learn from the split's validation part, too, and judge on a share of both"
        )
        validation: float = Field(
            0.1, gt=0, lt=1, description="share that judges, where no validation part does"
        )
        epochs: int = Field(3, ge=1, description="passes over the training part at most")
        patience: int | None = Field(2, ge=1, description="epochs to wait for a better one; none: run all")
        max_length: int = Field(384, ge=8, description="word pieces read at once; a longer text in windows")
        overlap: int = Field(64, ge=0, description="word pieces that two windows share")
        longest: int = Field(6, ge=1, description="words of a phrase")
        n_best: int = Field(50, ge=1, description="phrases kept, best first")
        learning_rate: float = Field(2e-4, gt=0, description="the highest, when the warm-up ends")
        batch_size: int = Field(8, ge=1, description="windows a batch")
        accumulation: int = Field(1, ge=1, description="batches an optimiser step")
        weight_decay: float = Field(0.01, ge=0, description="of matrices; biases and norms have none")
        warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps")
        schedule: Schedule = Field("linear", description="how the learning rate decays")
        max_norm: float | None = Field(1.0, gt=0, description="gradients are clipped to it; none: never")
        precision: Precision = Field("auto", description="of training; auto: bf16 or fp16 on a GPU")

    def load(self) -> None:
        prepare_torch(self.context)
        found = self.found()
        # A saved model brings its own encoder: what it began from need not be here.
        self.tagger = None if found is None else self._pretrained(found)

    def _pretrained(self, found: Weights) -> TokenTagger:
        import torch

        self.note_weights(found)
        torch.manual_seed(self.context.seed)
        return TokenTagger.pretrained(found.folder, self.context.device, new_head=True)

    # -- learning ----------------------------------------------------------------------------------

    def fit(self, train: Dataset, validation: Dataset) -> None:
        params = self.params
        tagger = self.tagger = self.tagger or self._pretrained(fetch_weights(self.last_resort))
        tagger.check_length(params.max_length, params.overlap)
        learn, judge = self._parts(train, validation)
        known = {**train.targets.get("keyphrases", {}), **validation.targets.get("keyphrases", {})}
        gold = {id_: target for id_, target in known.items() if isinstance(target, tuple)}
        cuts, tags = self._windows(self._read(learn), [gold[document.id] for document in learn])
        lengths = [len(cut) for cut in cuts]

        def loss(batch: list[int]) -> BatchLoss:
            return _loss(tagger, [cuts[index] for index in batch], [tags[index] for index in batch])

        config = self.training_config()
        self.threshold = THRESHOLDS[0]
        evaluate = _Judge(self, judge, [gold[document.id] for document in judge]) if judge else None
        training.train(tagger.model, loss, lengths, config, self.context, evaluate=evaluate)
        if evaluate is not None:
            self.threshold = evaluate.best_threshold
        self.context.note("threshold", self.threshold)

    def _parts(self, train: Dataset, validation: Dataset) -> tuple[list[Document], list[Document]]:
        """Documents with gold phrases: what is learned from, and what judges."""
        known, held = (_with_gold(part) for part in (train, validation))
        source = "the split's validation part"
        if self.params.join_validation:
            known, held = [*known, *held], []
        # The order of a split is that of a seeded hash: its beginning is a sample, and a smaller sample
        # is part of a bigger one.
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
            cut = max(1, round(self.params.validation * len(order)))
            held, known = order[:cut], order[cut:]
        self.context.note("validation", {"documents": len(held), "source": source})
        return known, held

    def _windows(
        self, read: Sequence[Read], gold: Sequence[Sequence[str]]
    ) -> tuple[list[tuple[int, ...]], list[list[int]]]:
        """Word pieces and, beside each, its tag, cut into windows. Notes how much of gold can be tagged."""
        cuts, tags = [], []
        present = 0
        for one, phrases in zip(read, gold, strict=True):
            of_words = gold_tags(one.words, phrases, self.context.task.language)
            present += sum(tag == 1 for tag in of_words)
            of_pieces = [UNLABELLED] * len(one.pieces)
            for place, tag in zip(one.first, of_words, strict=True):
                if place is not None:
                    of_pieces[place] = tag
            for start, end in one.windows:
                if any(tag != UNLABELLED for tag in of_pieces[start:end]):
                    cuts.append(one.pieces[start:end])
                    tags.append(of_pieces[start:end])
        self.context.note("tagged", {"documents": len(read), "windows": len(cuts), "occurrences": present})
        if not present:
            raise BenchError(
                f"none of the gold phrases of {len(read)} training documents occurs in its text",
                todo="use more documents, or check the keyphrases column",
            )
        return cuts, tags

    # -- predicting --------------------------------------------------------------------------------

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return self._ranked(self._read(chunk), self.threshold)

    def _ranked(self, read: Sequence[Read], threshold: float) -> list[RankedPhrases]:
        assert self.tagger is not None  # fit and restore see to it
        return [
            ranked_phrases(
                one.words,
                likely_spans(found, self.params.longest),
                n_best=self.params.n_best,
                threshold=threshold,
            )
            for one, found in zip(read, self.tagger.probabilities(read), strict=True)
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
    """F1@10 on documents that are not learned from, with the threshold that makes it best."""

    def __init__(
        self, adapter: BertTagger, documents: Sequence[Document], gold: Sequence[Sequence[str]]
    ) -> None:
        self.adapter, self.read = adapter, adapter._read(documents)
        self.language = adapter.context.task.language
        self.gold = [{normalise.key(phrase, self.language) for phrase in phrases} - {""} for phrases in gold]
        self.best_threshold, self._best = THRESHOLDS[0], -math.inf

    def __call__(self) -> Evaluation:
        ranked = self.adapter._ranked(self.read, THRESHOLDS[0])
        keys = [[normalise.key(phrase, self.language) for phrase in one.phrases] for one in ranked]
        values = {
            threshold: sum(
                _f1([key for key, score in zip(of_one, one.scores, strict=True) if score >= threshold], gold)
                for of_one, one, gold in zip(keys, ranked, self.gold, strict=True)
            )
            / len(ranked)
            for threshold in THRESHOLDS
        }
        threshold = max(values, key=lambda one: values[one])
        if values[threshold] > self._best:
            self.best_threshold, self._best = threshold, values[threshold]
        return Evaluation(values[threshold])


def _f1(phrases: Sequence[str], gold: set[str]) -> float:
    """F1 of the first ten, as the board's f1@10; gold that does not occur in the text counts."""
    first = phrases[:JUDGED_AT]
    return 2 * sum(phrase in gold for phrase in first) / max(1, len(first) + len(gold))


def _loss(tagger: TokenTagger, cuts: Sequence[Sequence[int]], tags: Sequence[Sequence[int]]) -> BatchLoss:
    """Cross-entropy, the mean over the words of a batch."""
    import torch

    logits = tagger.logits(cuts)
    wanted = torch.full(logits.shape[:2], UNLABELLED)
    for row, of_pieces in enumerate(tags):
        wanted[row, : len(of_pieces)] = torch.tensor(of_pieces)
    wanted = wanted.to(logits.device)
    value = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), wanted.flatten())
    return BatchLoss(value, sum(len(cut) for cut in cuts), int((wanted != UNLABELLED).sum()))


def _with_gold(part: Dataset) -> list[Document]:
    gold = part.targets.get("keyphrases", {})
    return [document for document in part.documents if gold.get(document.id)]
