"""A fine-tuned encoder: any Hugging Face model of the BERT kind with a small head on top. Head, learning
rate, batch and length default to the known baseline's; early stopping, warm-up and decay it lacked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from readbench.adapter import Params as Base
from readbench.core.types import Dataset, Document, PredictedLabel, Task
from readbench.machine.weights import Weights, fetch_weights
from readbench_adapters.encoders.encoder_classifier import EncoderClassifier, Pooling, prepare_torch
from readbench_adapters.encoders.fine_tuned_encoder import FineTunedEncoder
from readbench_adapters.training import loop as training
from readbench_adapters.training.labelled import Labelled, carve, labelled, learnable, most_probable
from readbench_adapters.training.loop import BatchLoss, Evaluation, Precision, Schedule, by_length

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
    params: Any

    class Params(Base):
        model: str = Field(
            "auto",
            description="a known name, a repository in the cache, or a folder; auto: bert-base-uncased "
            "where present (zh: bert-base-chinese), otherwise the packaged all-MiniLM-L6-v2",
        )
        epochs: int = Field(3, ge=1, description="passes over the training part at most")
        patience: int | None = Field(2, ge=1, description="epochs to wait for a better one; none: run all")
        max_length: int = Field(128, ge=4, description="word pieces read of a document")
        pooling: Pooling = Field("cls", description="what stands for the text: [CLS], or the mean of all")
        hidden: int = Field(256, ge=1, description="units of the head's hidden layer")
        dropout: float = Field(0.0, ge=0, lt=1, description="of the head; the encoder keeps its own")
        learning_rate: float = Field(3e-5, gt=0, description="the highest, when the warm-up ends")
        batch_size: int = Field(16, ge=1, description="documents a batch")
        accumulation: int = Field(1, ge=1, description="batches an optimiser step")
        weight_decay: float = Field(0.01, ge=0, description="of matrices; biases and norms have none")
        warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps")
        schedule: Schedule = Field("linear", description="how the learning rate decays")
        max_norm: float | None = Field(1.0, gt=0, description="gradients are clipped to it; none: never")
        validation: float = Field(
            0.1, ge=0, lt=1, description="share of the training part, where the split has no validation part"
        )
        precision: Precision = Field("auto", description="of training; auto: bf16 or fp16 on a GPU")

    def load(self) -> None:
        prepare_torch(self.context)
        found = self.found()
        # A saved model brings its own encoder: what it began from need not be here.
        self.network = None if found is None else self._pretrained(found)

    def _pretrained(self, found: Weights) -> EncoderClassifier:
        self.note_weights(found)
        return EncoderClassifier.pretrained(found.folder, self.context.device)

    def fit(self, train: Dataset, validation: Dataset) -> None:
        import torch

        params, device = self.params, self.context.device
        learn, judge = self._parts(learnable(train, self.name), labelled(validation))
        network = self.network = self.network or self._pretrained(fetch_weights(self.last_resort))
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
        training.train(network.model, loss, lengths, config, self.context, evaluate=evaluate)

    def _parts(self, train: Labelled, validation: Labelled) -> tuple[Labelled, Labelled]:
        """What is learned from, and what judges the epochs. A label that training never saw can judge
        none of them."""
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
        assert self.network is not None  # fit and restore see to it
        return self.network.encoded([self.context.task.text(d) for d in documents], self.max_length)

    def _logits(self, documents: Sequence[Sequence[int]]) -> Any:
        """float64 (documents, classes) on the CPU: in single precision a softmax would not sum to 1."""
        import torch

        assert self.network is not None
        found = None
        for batch in by_length([len(ids) for ids in documents], PREDICTED_TOGETHER):
            with torch.inference_mode():
                logits = self.network.logits([documents[index] for index in batch]).double().cpu()
            if found is None:
                found = torch.empty((len(documents), logits.shape[1]), dtype=torch.float64)
            found[batch] = logits
        return found

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
