"""What training changes beside its optimiser: the trainable parameters of a model and torch's random
generators, copied and put back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def copy_of_trainable(model: nn.Module) -> dict[str, Tensor]:
    """What training changes, in the CPU's memory: of a big model with a small adapter that is little."""
    return {
        name: parameter.detach().to("cpu", copy=True)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def put_back(model: nn.Module, kept: dict[str, Tensor]) -> None:
    """Gives a model the values that ``copy_of_trainable`` returned."""
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in kept.items():
            parameters[name].copy_(value)


def generators() -> dict[str, Any]:
    """The states of torch's generators, on which dropout depends."""
    import torch

    states: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def put_back_generators(states: dict[str, Any]) -> None:
    """Sets the generators to what ``generators`` returned."""
    import torch

    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
