"""About how much memory a language model takes in the end, with the documents of a cell. For a plan."""

from __future__ import annotations

from collections.abc import Sequence

from readbench_adapters.llm.memory import BYTES, PACKED, SINGLE, Shape, prediction_bytes, training_memory
from readbench_adapters.llm.params import LlmParams

LETTERS_A_TOKEN = 4
"""Of English, with the vocabularies of today's models."""
FRAME = 60
"""Tokens of the instruction and the chat format, about."""
LIBRARIES = 470 * 2**20
"""What Python, torch, transformers, PEFT and a tokenizer take beside the model, about; measured."""
KEPT = 1.25
"""On a CPU the allocator keeps freed memory in pieces of other sizes: so much more than is in use at a time,
about; measured over an epoch of papers of many lengths."""


def peak_memory(
    params: LlmParams, shape: Shape, texts: Sequence[str], *, precision: str, on_gpu: bool, answer: int
) -> int:
    """Bytes on the device where the model runs, when it learns from and predicts ``texts``, the longest of
    which fill one batch. ``answer``: tokens of an answer."""
    tuning, element = params.tuning_config(), BYTES[precision]
    longest = max(map(about_tokens, texts), default=0)
    tokens = min(params.max_tokens, (params.shots + 1) * longest + FRAME + answer)
    packed = None if params.quantization is None else round(shape.parameters * PACKED[params.quantization])
    trains = params.tuning is not None and not params.adapter
    learning = training_memory(
        shape,
        tuning,
        element=element,
        batch=params.batch_size if trains else 0,
        tokens=tokens,
        answer=answer,
        mask=1 if on_gpu else SINGLE,
        weights=packed,
    )
    reading = prediction_bytes(shape, element, batch=params.predict_batch, tokens=tokens + tuning.virtual)
    steps = learning.activations + learning.logits
    kept = learning.total - steps if trains else learning.weights
    most = max(steps, reading)
    return kept + most if on_gpu else round(kept + KEPT * most + LIBRARIES)


def about_tokens(text: str) -> int:
    """How many tokens a text has: four letters a token, and one for each Chinese character.

    >>> about_tokens("A paper about trees."), about_tokens("基于深度学习")
    (5, 6)
    """
    chinese = sum("\u2e80" <= character <= "\u9fff" for character in text)
    return chinese + (len(text) - chinese) // LETTERS_A_TOKEN
