"""How many word pieces an encoder reads at once."""

from __future__ import annotations

from typing import Any

from readbench.adapter import BenchError


def check_length(model: Any, tokenizer: Any, wanted: int) -> None:
    """Raises BenchError where a model does not read that many word pieces, whatever its tokenizer says."""
    most = min(_places(model, wanted), int(tokenizer.model_max_length))
    if wanted > most:
        raise BenchError(f"max_length={wanted}, and this model reads at most {most} word pieces")


def _places(model: Any, wanted: int) -> int:
    """The position embeddings that word pieces can have: models of the RoBERTa kind count from behind the one
    of padding, so that of 514 they use 512. A model without any reads what is wanted."""
    places = int(getattr(model.config, "max_position_embeddings", wanted))
    for name, module in model.named_modules():
        padding = getattr(module, "padding_idx", None)
        if name.rpartition(".")[2] == "position_embeddings" and padding is not None:
            return places - int(padding) - 1
    return places
