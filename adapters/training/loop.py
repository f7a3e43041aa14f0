"""The training loop that fine-tuned methods share: batches of about one length, warm-up and decay,
accumulation, clipping, autocast on a GPU, and the best epoch by validation restored at the end."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from readbench.adapter import BenchError, Context

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
    ``max_norm`` what gradients are clipped to (None: they are not). Matrices alone decay."""

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


def by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Batches of indices for prediction, the longest first: memory that suffices once suffices."""
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters for an optimiser: biases and norms, having one dimension, do not decay."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


def resolve_precision(wanted: Precision, device: str) -> Literal["fp32", "bf16", "fp16"]:
    """What ``auto`` means on a device: single precision on a CPU; on a GPU bf16, or fp16 before Ampere.

    Raises BenchError for a precision that the device does not have.
    """
    import torch

    on_gpu = device.startswith("cuda")
    if wanted == "auto":
        return "fp32" if not on_gpu else "bf16" if torch.cuda.is_bf16_supported(False) else "fp16"
    if wanted != "fp32" and not on_gpu:
        raise BenchError(f"precision={wanted} needs a GPU", todo="leave it out, or give precision=fp32")
    return wanted


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
    from transformers import get_scheduler

    if not lengths:
        raise BenchError("there are no documents to learn from")
    precision = resolve_precision(config.precision, context.device)
    torch.set_num_threads(context.threads)
    torch.manual_seed(config.seed)
    groups = parameter_groups(model, config.weight_decay)
    trainable = [parameter for group in groups for parameter in group["params"]]
    if not trainable:
        raise BenchError("no parameter of the model is to be trained")
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate)
    steps = optimiser_steps(len(lengths), config)
    schedule = get_scheduler(
        "constant_with_warmup" if config.schedule == "constant" else config.schedule,
        optimiser,
        num_warmup_steps=round(config.warmup * steps),
        num_training_steps=steps,
    )
    scaler = torch.amp.GradScaler("cuda", enabled=precision == "fp16")
    step, done, total = 0, 0, math.ceil(len(lengths) / config.batch_size) * config.epochs
    curve: list[Epoch] = []
    best: tuple[int, tuple[float, float], dict[str, Any]] | None = None
    first = 1
    if checkpoint is not None and (kept := checkpoint.read()) is not None:
        curve = [Epoch(**point) for point in kept["curve"]]
        first, step, done, best = len(curve) + 1, kept["step"], kept["done"], kept["best"]
        _put_back(model, kept["parameters"])
        for part, state in ((optimiser, "optimiser"), (schedule, "schedule"), (scaler, "scaler")):
            part.load_state_dict(kept[state])
        _put_back_generators(kept["generators"])
    context.progress(done, total)

    def optimise(count: int) -> None:
        """One step on the mean over everything that was accumulated, however long each batch was."""
        nonlocal step
        scaler.unscale_(optimiser)
        for parameter in trainable:
            if parameter.grad is not None:
                parameter.grad.div_(count)
        if config.max_norm is not None:
            torch.nn.utils.clip_grad_norm_(trainable, config.max_norm)
        scaler.step(optimiser)
        scaler.update()
        schedule.step()
        step += 1
        if after_step is not None:
            after_step(step)
        optimiser.zero_grad(set_to_none=True)

    with _deterministic(context.device):
        for epoch in range(first, config.epochs + 1):
            if best is not None and config.patience is not None and epoch - 1 - best[0] >= config.patience:
                break
            model.train()
            start, tokens, seen, summed, waiting = perf_counter(), 0, 0, 0.0, 0
            batches = bucketed(lengths, config.batch_size, config.seed, epoch)
            for number, batch in enumerate(batches, 1):
                with autocast(precision, context.device):
                    found = loss(batch)
                value = found.value.item()
                if not math.isfinite(value):
                    raise BenchError(
                        f"the loss became {value} in epoch {epoch}, batch {number}",
                        todo="give a lower learning rate, or precision=fp32 on a GPU",
                    )
                scaler.scale(found.value * found.count).backward()
                waiting += found.count
                tokens += found.tokens
                seen += found.count
                summed += (value if found.shown is None else found.shown) * found.count
                if number % config.accumulation == 0 or number == len(batches):
                    optimise(waiting)
                    waiting = 0
                done += 1
                context.progress(done, total)
            trained_s = perf_counter() - start
            model.eval()
            evaluation = None if evaluate is None else _evaluated(evaluate)
            curve.append(
                Epoch(
                    epoch,
                    summed / seen,
                    None if evaluation is None else evaluation.score,
                    None if evaluation is None else evaluation.loss,
                    tokens / trained_s,
                    perf_counter() - start,
                )
            )
            context.note("learning_curve", [asdict(point) for point in curve])
            if evaluation is not None and (best is None or evaluation.order > best[1]):
                best = epoch, evaluation.order, _copy_of_trainable(model)
            if checkpoint is not None:
                checkpoint.write(
                    {
                        "curve": [asdict(point) for point in curve],
                        "step": step,
                        "done": done,
                        "best": best,
                        "parameters": _copy_of_trainable(model),
                        "optimiser": optimiser.state_dict(),
                        "schedule": schedule.state_dict(),
                        "scaler": scaler.state_dict(),
                        "generators": _generators(),
                    }
                )
    model.eval()
    if best is not None and best[0] != len(curve):
        _put_back(model, best[2])
    context.note(
        "training",
        {
            "best_epoch": len(curve) if best is None else best[0],
            "epochs": len(curve),
            "epochs_allowed": config.epochs,
            "steps": step,
            "precision": precision,
            **({} if checkpoint is None else {"resumed_after": first - 1}),
            "trainable_parameters": sum(parameter.numel() for parameter in trainable),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
        },
    )
    return tuple(curve)


def _evaluated(evaluate: Callable[[], Evaluation | float]) -> Evaluation:
    import torch

    with torch.no_grad():
        found = evaluate()
    return found if isinstance(found, Evaluation) else Evaluation(float(found))


def _copy_of_trainable(model: nn.Module) -> dict[str, Tensor]:
    """What training changed, in the CPU's memory: of a big model with a small adapter that is little."""
    return {
        name: parameter.detach().to("cpu", copy=True)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def _put_back(model: nn.Module, kept: dict[str, Tensor]) -> None:
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in kept.items():
            parameters[name].copy_(value)


def _generators() -> dict[str, Any]:
    """The states of torch's generators, on which dropout depends."""
    import torch

    states: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _put_back_generators(states: dict[str, Any]) -> None:
    import torch

    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


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
