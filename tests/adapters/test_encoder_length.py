"""How many word pieces an encoder reads at once, and that more are refused before a paper is read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from readbench.core.errors import BenchError
from readbench_adapters.encoders.encoder_length import check_length

transformers = pytest.importorskip("transformers")
SIZES: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
    "vocab_size": 40,
    "max_position_embeddings": 34,
    "pad_token_id": 1,
}


def tokenizer(most: int = int(1e30)) -> Any:
    """What a tokenizer says that names no greatest length."""
    return SimpleNamespace(model_max_length=most)


@pytest.mark.parametrize("kind", ["Roberta", "XLMRoberta", "Camembert"])
def test_places_before_the_first_word_piece_are_not_to_be_had(kind: str) -> None:
    import torch

    model = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**SIZES)).eval()
    check_length(model, tokenizer(), 32)
    model(input_ids=torch.full((1, 32), 5))
    with pytest.raises(BenchError, match="max_length=33, and this model reads at most 32 word pieces"):
        check_length(model, tokenizer(), 33)
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, 33), 5))


def test_of_other_models_every_place_is() -> None:
    model = transformers.BertModel(transformers.BertConfig(**SIZES))
    check_length(model, tokenizer(), 34)
    with pytest.raises(BenchError, match="at most 34"):
        check_length(model, tokenizer(), 35)
    with pytest.raises(BenchError, match="at most 16"):
        check_length(model, tokenizer(16), 17)
