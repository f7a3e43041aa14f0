"""A fine-tuned encoder: any Hugging Face model of the BERT kind with a small head on top. Head, learning
rate, batch size and length default to those of the known baseline, which has no early stopping, warm-up or
decay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from readbench.core.types import Dataset, Document, PredictedLabel, Task
from readbench.machine.weights import Weights, fetch_weights
from readbench_adapters.encoders.encoder_classifier import EncoderClassifier, Pooling, prepare_torch
from readbench_adapters.encoders.fine_tuned_encoder import FineTunedEncoder, FineTuningParams
from readbench_adapters.training import loop
from readbench_adapters.training.labelled import Labelled, carve, labelled, learnable, most_probable
from readbench_adapters.training.loop import BatchLoss, Evaluation, by_length

MANIFEST = "bert.json"
PREDICTED_TOGETHER = 32


class Bert(FineTunedEncoder):
    """Learns encoder and head together. The validation part of the split judges each epoch; where there is
    none, a seeded stratified share of the training part does. Probabilities are the softmax of the head,
    computed in single precision, so that a document's do not depend on its batch."""

    name: ClassVar[str] = "bert"
    tasks: ClassVar[frozenset[Task]] = frozenset({"classification"})
    summary: ClassVar[str] = "a fine-tuned encoder with a head of two layers, best epoch by validation"
    chunk_size: ClassVar[int] = 256
    checks_weights: ClassVar[bool] = True

    class Params(FineTuningParams):
        max_length: int = Field(128, ge=4, description="word pieces read of a document")
        pooling: Pooling = Field("cls", description="what stands for the text: [CLS], or the mean of all")
        hidden: int = Field(256, ge=1, description="units of the head's hidden layer")
        dropout: float = Field(0.0, ge=0, lt=1, description="of the head; the encoder keeps its own")
        validation: float = Field(
            0.1, ge=0, lt=1, description="share of the training part, where the split has no validation part"
        )

    params: Params

    def load(self) -> None:
        prepare_torch(self.context)
        weights = self.start_weights()
        # A saved model brings its own encoder, so the weights it started from may be absent here.
        self.network = None if weights is None else self._pretrained(weights)

    def _pretrained(self, weights: Weights) -> EncoderClassifier:
        self.note_weights(weights)
        return EncoderClassifier.pretrained(weights.folder, self.context.device)

    def fit(self, train: Dataset, validation: Dataset) -> None:
        import torch

        params, device = self.params, self.context.device
        learn, judge = self._parts(learnable(train, self.name), labelled(validation))
        network = self.network = self.network or self._pretrained(fetch_weights(self.name_to_fetch))
        network.check_length(params.max_length)
        self.classes, self.max_length = learn.classes, params.max_length
        torch.manual_seed(self.context.seed)
        network.add_head(len(self.classes), params.pooling, params.hidden, params.dropout)
        documents = self._encoded(learn.documents)
        targets = torch.tensor([self.classes.index(label) for label in learn.labels], device=device)
        lengths = [len(ids) for ids in documents]

        def loss(batch: list[int]) -> BatchLoss:
            logits = network.logits([documents[index] for index in batch])
            value = torch.nn.functional.cross_entropy(logits.float(), targets[batch])
            return BatchLoss(value, sum(lengths[index] for index in batch), len(batch))

        config = self.training_config()
        evaluate = self._evaluation_on(judge) if judge.labels else None
        loop.train(network.model, loss, lengths, config, self.context, evaluate=evaluate)

    def _parts(self, train: Labelled, validation: Labelled) -> tuple[Labelled, Labelled]:
        """The documents to learn from, and those that judge the epochs. Of the second, documents with a label
        that training never saw are left out."""
        source = "the split's validation part"
        judge = validation.only(i for i, label in enumerate(validation.labels) if label in train.classes)
        if not validation.labels:
            kept, taken = carve(train.labels, self.params.validation, self.context.seed)
            train, judge, source = train.only(kept), train.only(taken), "carved from the training part"
        self.context.note("validation", {"documents": len(judge.labels), "source": source})
        return train, judge

    def _evaluation_on(self, judge: Labelled) -> Any:
        """Accuracy and cross-entropy on documents that are not learned from."""
        import torch

        documents = self._encoded(judge.documents)
        targets = torch.tensor([self.classes.index(label) for label in judge.labels])

        def evaluate() -> Evaluation:
            logits = self._logits(documents)
            right = (logits.argmax(dim=1) == targets).double().mean().item()
            return Evaluation(right, torch.nn.functional.cross_entropy(logits, targets).item())

        return evaluate

    def predict(self, chunk: Sequence[Document]) -> list[PredictedLabel]:
        if not chunk:
            return []
        probabilities = self._logits(self._encoded(chunk)).softmax(dim=1).numpy()
        return most_probable(probabilities, self.classes, self.context.task.labels)

    def _encoded(self, documents: Sequence[Document]) -> list[list[int]]:
        assert self.network is not None  # fit and restore make it
        return self.network.encoded([self.context.task.text(d) for d in documents], self.max_length)

    def _logits(self, documents: Sequence[Sequence[int]]) -> Any:
        """float64 (documents, classes) on the CPU: in single precision a softmax would not sum to 1."""
        import torch

        assert self.network is not None
        table = None
        for batch in by_length([len(ids) for ids in documents], PREDICTED_TOGETHER):
            with torch.inference_mode():
                logits = self.network.logits([documents[index] for index in batch]).double().cpu()
            if table is None:
                table = torch.empty((len(documents), logits.shape[1]), dtype=torch.float64)
            table[batch] = logits
        return table

    def save(self, folder: Path) -> None:
        assert self.network is not None
        self.network.save(folder)
        manifest = {
            "classes": list(self.classes),
            "pooling": self.params.pooling,
            "hidden": self.params.hidden,
            "max_length": self.max_length,
            "weights": self.described,
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.classes, self.max_length = tuple(manifest["classes"]), int(manifest["max_length"])
        self.described = manifest["weights"]
        self.context.note("weights", self.described)
        self.network = EncoderClassifier.restored(
            folder,
            self.context.device,
            classes=len(self.classes),
            pooling=manifest["pooling"],
            hidden=manifest["hidden"],
        )
