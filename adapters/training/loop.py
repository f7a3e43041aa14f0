"""The training loop that fine-tuned methods share: batches of about one length, warm-up and decay,
accumulation, clipping, autocast on a GPU, and the best epoch by validation restored at the end."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from readbench.adapter import BenchError, Context
from readbench_adapters.training.optimiser import Optimiser
from readbench_adapters.training.state import (
    copy_of_trainable,
    generators,
    put_back,
    put_back_generators,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from readbench_adapters.training.checkpoint import Checkpoint

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Schedule = Literal["linear", "cosine", "constant"]
SORTED_TOGETHER = 50
"""Batches whose documents are sorted by length together: enough for little padding, few enough that an
epoch still mixes."""
CUBLAS_WORKSPACE = ":4096:8"
"""With this much workspace cuBLAS adds up in the same order every time (NVIDIA, cuBLAS Library, section
2.1.4, Results reproducibility)."""


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. ``warmup`` is a share of all optimiser steps, ``accumulation`` how many batches make
    one step, ``patience`` how many epochs without a better one are waited for (None: all are run),
    ``max_norm`` what gradients are clipped to (None: they are not). Matrices alone decay. With
    ``tokens_at_once`` a batch is read in parts of at most so many tokens, padding included, whose gradients
    add up to the batch's: less memory, the same step but for dropout's draws."""

    epochs: int = 3
    learning_rate: float = 3e-5
    batch_size: int = 16
    accumulation: int = 1
    weight_decay: float = 0.01
    warmup: float = 0.1
    schedule: Schedule = "linear"
    max_norm: float | None = 1.0
    patience: int | None = 2
    precision: Precision = "auto"
    seed: int = 0
    tokens_at_once: int | None = None


@dataclass(frozen=True)
class BatchLoss:
    """The loss of one batch: ``value`` a scalar with a gradient, the mean over ``count`` items (documents,
    answer tokens); ``tokens`` that were read without padding. ``shown`` takes its place in the learning
    curve where the value holds more than the loss that people compare (a regulariser)."""

    value: Tensor
    tokens: int
    count: int
    shown: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What validation says of an epoch: ``score``, higher is better; of equal ones the lower ``loss``."""

    score: float
    loss: float | None = None

    @property
    def order(self) -> tuple[float, float]:
        return self.score, -(math.inf if self.loss is None else self.loss)


@dataclass(frozen=True)
class Epoch:
    """One point of the learning curve. ``tokens_per_s`` leaves validation out."""

    epoch: int
    train_loss: float
    validation_score: float | None
    validation_loss: float | None
    tokens_per_s: float
    seconds: float


def optimiser_steps(examples: int, config: TrainingConfig) -> int:
    """How many steps all epochs take, where early stopping ends none of them."""
    batches = math.ceil(examples / config.batch_size)
    return math.ceil(batches / config.accumulation) * config.epochs


def bucketed(lengths: Sequence[int], batch_size: int, seed: int, epoch: int = 0) -> list[list[int]]:
    """Batches of indices for one epoch: shuffled, sorted by length within ``SORTED_TOGETHER`` batches, and
    the batches shuffled. Each index comes once, and the same seed and epoch give the same batches."""
    generator = random.Random(f"batches:{seed}:{epoch}")
    order = list(range(len(lengths)))
    generator.shuffle(order)
    width = batch_size * SORTED_TOGETHER
    batches = []
    for start in range(0, len(order), width):
        together = sorted(order[start : start + width], key=lambda index: lengths[index])
        batches += [together[i : i + batch_size] for i in range(0, len(together), batch_size)]
    generator.shuffle(batches)
    return batches


def parts(batch: list[int], lengths: Sequence[int], tokens: int | None) -> list[list[int]]:
    """A batch, which is in order of length, in parts of at most ``tokens``, padding included; a longer
    document is a part by itself.

    >>> parts([0, 1, 2, 3], [2, 3, 3, 9], 6), parts([0, 1], [2, 3], None)
    ([[0, 1], [2], [3]], [[0, 1]])
    """
    if tokens is None:
        return [batch]
    found: list[list[int]] = []
    for index in batch:
        if found and (len(found[-1]) + 1) * max(lengths[one] for one in (*found[-1], index)) <= tokens:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Batches of indices for prediction, the longest first: memory that suffices once suffices."""
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def resolve_precision(precision: Precision, device: str) -> Literal["fp32", "bf16", "fp16"]:
    """What ``auto`` means on a device: single precision on a CPU; on a GPU bf16, or fp16 before Ampere.

    Raises BenchError for a precision that the device does not have.
    """
    import torch

    on_gpu = device.startswith("cuda")
    if precision == "auto":
        return "fp32" if not on_gpu else "bf16" if torch.cuda.is_bf16_supported(False) else "fp16"
    if precision != "fp32" and not on_gpu:
        raise BenchError(f"precision={precision} needs a GPU", todo="leave it out, or give precision=fp32")
    return precision


def autocast(precision: Literal["fp32", "bf16", "fp16"], device: str) -> AbstractContextManager[Any]:
    """Mixed precision for a forward pass; nothing in single precision."""
    import torch

    if precision == "fp32":
        return nullcontext()
    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    return torch.autocast(device.partition(":")[0], dtype=dtype)  # type: ignore[no-any-return]


def train(
    model: nn.Module,
    loss: Callable[[list[int]], BatchLoss],
    lengths: Sequence[int],
    config: TrainingConfig,
    context: Context,
    *,
    evaluate: Callable[[], Evaluation | float] | None = None,
    after_step: Callable[[int], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Epoch, ...]:
    """Trains what of ``model`` requires a gradient and leaves it in evaluation mode with the best epoch.

    ``loss`` is given indices into ``lengths`` (tokens of each example) and runs in training mode under
    autocast. ``evaluate`` runs after each epoch in evaluation mode, without gradients and in the model's
    own precision; without it the last epoch stays. ``after_step`` is given the number of the optimiser step
    that was just taken, from 1, before gradients are cleared. With a ``checkpoint`` an interrupted training
    goes on after its last whole epoch. Notes ``learning_curve`` and ``training``.

    Raises BenchError where the loss is no longer finite or nothing is there to train.
    """
    import torch

    if not lengths:
        raise BenchError("there are no documents to learn from")
    precision = resolve_precision(config.precision, context.device)
    torch.set_num_threads(context.threads)
    torch.manual_seed(config.seed)
    steps = optimiser_steps(len(lengths), config)
    optimiser = Optimiser(
        model,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        schedule=config.schedule,
        warmup_steps=round(config.warmup * steps),
        steps=steps,
        max_norm=config.max_norm,
        scaled=precision == "fp16",
        after_step=after_step,
    )
    training = _Training(model, loss, lengths, config, context, precision, optimiser)
    if checkpoint is not None:
        training.resume(checkpoint)
    training.report_progress()
    with _deterministic(context.device):
        while training.goes_on:
            training.run_epoch(evaluate)
            if checkpoint is not None:
                checkpoint.write(training.state())
    training.leave_the_best()
    training.note(with_checkpoint=checkpoint is not None)
    return tuple(training.curve)


@dataclass(frozen=True)
class _Best:
    """The best epoch so far, what validation says of it, and the parameters that it left."""

    epoch: int
    order: tuple[float, float]
    parameters: dict[str, Tensor]


@dataclass
class _Training:
    """A training under way. ``curve`` has a point for each epoch that is over, ``batches_done`` counts over
    all epochs, and ``resumed_after`` is the last epoch that a checkpoint brought (0: none)."""

    model: nn.Module
    loss: Callable[[list[int]], BatchLoss]
    lengths: Sequence[int]
    config: TrainingConfig
    context: Context
    precision: Literal["fp32", "bf16", "fp16"]
    optimiser: Optimiser
    curve: list[Epoch] = field(default_factory=list)
    best: _Best | None = None
    batches_done: int = 0
    resumed_after: int = 0

    @property
    def goes_on(self) -> bool:
        """Whether another epoch is to come: not all are over, and patience is not exhausted."""
        epochs, patience = len(self.curve), self.config.patience
        if self.best is not None and patience is not None and epochs - self.best.epoch >= patience:
            return False
        return epochs < self.config.epochs

    def run_epoch(self, evaluate: Callable[[], Evaluation | float] | None) -> None:
        """Trains on all examples once, judges, and adds a point to the learning curve."""
        number, start = len(self.curve) + 1, perf_counter()
        train_loss, tokens = self._learn(number)
        trained_s = perf_counter() - start
        self.model.eval()
        evaluation = None if evaluate is None else _evaluated(evaluate)
        self.curve.append(
            Epoch(
                number,
                train_loss,
                None if evaluation is None else evaluation.score,
                None if evaluation is None else evaluation.loss,
                tokens / trained_s,
                perf_counter() - start,
            )
        )
        self.context.note("learning_curve", [asdict(point) for point in self.curve])
        if evaluation is not None and (self.best is None or evaluation.order > self.best.order):
            self.best = _Best(number, evaluation.order, copy_of_trainable(self.model))

    def _learn(self, epoch: int) -> tuple[float, int]:
        """One pass over the examples. Returns the mean loss an item, and the tokens that were read."""
        self.model.train()
        tokens, items, summed = 0, 0, 0.0
        batches = bucketed(self.lengths, self.config.batch_size, self.config.seed, epoch)
        for number, batch in enumerate(batches, 1):
            for part in parts(batch, self.lengths, self.config.tokens_at_once):
                with autocast(self.precision, self.context.device):
                    loss = self.loss(part)
                value = loss.value.item()
                if not math.isfinite(value):
                    raise BenchError(
                        f"the loss became {value} in epoch {epoch}, batch {number}",
                        todo="give a lower learning rate, or precision=fp32 on a GPU",
                    )
                self.optimiser.accumulate(loss.value, loss.count)
                tokens += loss.tokens
                items += loss.count
                summed += (value if loss.shown is None else loss.shown) * loss.count
            if number % self.config.accumulation == 0 or number == len(batches):
                self.optimiser.step()
            self.batches_done += 1
            self.report_progress()
        return summed / items, tokens

    def report_progress(self) -> None:
        """In batches, of those of all epochs."""
        total = math.ceil(len(self.lengths) / self.config.batch_size) * self.config.epochs
        self.context.progress(self.batches_done, total)

    def leave_the_best(self) -> None:
        """Puts the model into evaluation mode, with the parameters of the best epoch."""
        self.model.eval()
        if self.best is not None and self.best.epoch != len(self.curve):
            put_back(self.model, self.best.parameters)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, in plain values and tensors."""
        best = self.best
        return {
            "curve": [asdict(point) for point in self.curve],
            "done": self.batches_done,
            "best": None if best is None else (best.epoch, best.order, best.parameters),
            "parameters": copy_of_trainable(self.model),
            "generators": generators(),
            **self.optimiser.state(),
        }

    def resume(self, checkpoint: Checkpoint) -> None:
        """Goes on after the last whole epoch that a checkpoint holds, where it holds one."""
        kept = checkpoint.read()
        if kept is None:
            return
        self.curve = [Epoch(**point) for point in kept["curve"]]
        self.resumed_after = len(self.curve)
        self.batches_done = kept["done"]
        self.best = None if kept["best"] is None else _Best(*kept["best"])
        put_back(self.model, kept["parameters"])
        self.optimiser.restore(kept)
        put_back_generators(kept["generators"])

    def note(self, *, with_checkpoint: bool) -> None:
        """Puts into the record what was trained."""
        self.context.note(
            "training",
            {
                "best_epoch": len(self.curve) if self.best is None else self.best.epoch,
                "epochs": len(self.curve),
                "epochs_allowed": self.config.epochs,
                "steps": self.optimiser.taken,
                "precision": self.precision,
                **({"resumed_after": self.resumed_after} if with_checkpoint else {}),
                "trainable_parameters": sum(parameter.numel() for parameter in self.optimiser.trainable),
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            },
        )


def _evaluated(evaluate: Callable[[], Evaluation | float]) -> Evaluation:
    import torch

    with torch.no_grad():
        evaluation = evaluate()
    return evaluation if isinstance(evaluation, Evaluation) else Evaluation(float(evaluation))


@contextmanager
def _deterministic(device: str) -> Iterator[None]:
    """The same sums in the same order on a GPU, where an operation can; a CPU is so by itself."""
    if not device.startswith("cuda"):
        yield
        return
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", CUBLAS_WORKSPACE)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
