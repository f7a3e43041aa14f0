"""A model that is read for what it says of a text's words, with its tokenizer: nothing is trained."""

from __future__ import annotations

from typing import Any

from readbench.adapter import BenchError, Context
from readbench.machine.weights import fetch_weights
from readbench_adapters.encoders.encoder_classifier import prepare_torch
from readbench_adapters.encoders.encoder_length import check_length
from readbench_adapters.training.one_line import one_line


def reading_model(
    name: str, max_length: int, context: Context, *, masks: bool = False, **options: Any
) -> tuple[Any, Any]:
    """A tokenizer and a model in single precision, on the device of ``context``. ``options`` go to
    ``AutoModel``. No code from a checkpoint runs, and only safetensors are read.

    Raises BenchError for a model that does not read ``max_length`` word pieces, does not say which characters
    it read, or, with ``masks``, has no mask."""
    weights = fetch_weights(name)
    context.note("weights", weights.described())
    prepare_torch(context)
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(weights.folder)
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with one_line("transformers cannot load it", folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        model = AutoModel.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, **safe, **options
        )
    if not tokenizer.is_fast:
        raise BenchError("its tokenizer does not say which characters it read", where=folder)
    if masks and tokenizer.mask_token_id is None:
        raise BenchError("its tokenizer has no mask", where=folder, todo="give an encoder")
    tokenizer.split_special_tokens = True  # a text that spells [SEP] or [MASK] is text
    check_length(model, tokenizer, max_length)
    return tokenizer, model.to(context.device).eval()
