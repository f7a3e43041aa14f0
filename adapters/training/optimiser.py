"""The optimiser steps of training: AdamW, warm-up and decay of the learning rate, accumulation, clipping, and
the scaling of losses in fp16."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from readbench.adapter import BenchError

if TYPE_CHECKING:
    from torch import Tensor, nn


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters for an optimiser: biases and norms, having one dimension, do not decay."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


class Optimiser:
    """AdamW over what of a model requires a gradient, for ``steps`` steps. ``taken`` counts them.

    The learning rate rises in ``warmup_steps`` equal steps above 0 to ``learning_rate``, which the step after
    them has, and then follows ``schedule`` ("linear", "cosine", "constant"). Gradients are clipped to
    ``max_norm`` (None: they are not), and losses scaled where ``scaled`` (fp16). ``after_step`` is given the
    number of the step that was just taken, from 1, before gradients are cleared.

    Raises BenchError where nothing requires a gradient.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        learning_rate: float,
        weight_decay: float,
        schedule: str,
        warmup_steps: int,
        steps: int,
        max_norm: float | None,
        scaled: bool,
        after_step: Callable[[int], None] | None = None,
    ) -> None:
        import torch
        from transformers import optimization

        groups = parameter_groups(model, weight_decay)
        self.trainable: list[Tensor] = [parameter for group in groups for parameter in group["params"]]
        if not self.trainable:
            raise BenchError("no parameter of the model is to be trained")
        self.taken = 0
        self._waiting = 0
        self._max_norm, self._after_step = max_norm, after_step
        self._adam = torch.optim.AdamW(groups, lr=learning_rate)
        for group in self._adam.param_groups:
            group["initial_lr"] = learning_rate
        make = {
            "linear": optimization.get_linear_schedule_with_warmup,
            "cosine": optimization.get_cosine_schedule_with_warmup,
            "constant": optimization.get_constant_schedule_with_warmup,
        }[schedule]
        lengths = {} if schedule == "constant" else {"num_training_steps": steps + 1}
        # These schedules begin at 0, where a step would change nothing: the first step is their second.
        self._schedule = make(self._adam, num_warmup_steps=warmup_steps + 1, last_epoch=0, **lengths)
        self._scaler = torch.amp.GradScaler("cuda", enabled=scaled)

    def accumulate(self, loss: Tensor, count: int) -> None:
        """Adds the gradient of a batch: ``loss`` is the mean over ``count`` items."""
        self._scaler.scale(loss * count).backward()
        self._waiting += count

    def step(self) -> None:
        """One step on the mean over everything that was accumulated, however long each batch was."""
        import torch

        self._scaler.unscale_(self._adam)
        for parameter in self.trainable:
            if parameter.grad is not None:
                parameter.grad.div_(self._waiting)
        if self._max_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.trainable, self._max_norm)
        self._scaler.step(self._adam)
        self._scaler.update()
        self._schedule.step()
        self.taken += 1
        self._waiting = 0
        if self._after_step is not None:
            self._after_step(self.taken)
        self._adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "step": self.taken,
            "optimiser": self._adam.state_dict(),
            "schedule": self._schedule.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state`` returned."""
        self.taken = state["step"]
        self._adam.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self._scaler.load_state_dict(state["scaler"])
