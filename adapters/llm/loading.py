"""Loads any causal language model by its name, checks it, and gives it the tokenizer of its chat format. No
code of a checkpoint runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from readbench.adapter import Context
from readbench.core.errors import BenchError
from readbench.machine.weights import Weights, require_causal
from readbench_adapters.chatglm.checkpoint_files import (
    CONFIG,
    read_config,
    refuse_quantised,
    shown,
    weight_files,
)
from readbench_adapters.llm.tokenizer import ChatTokenizer

if TYPE_CHECKING:
    import torch

Kind = Literal["chatglm2", "chatglm", "hf", "gguf"]


@dataclass(frozen=True)
class CausalModel:
    """A model ready to score, to generate and to be tuned, in ``eval`` mode.

    ``model`` takes ``input_ids``, ``attention_mask``, ``position_ids`` and ``labels`` as those of
    transformers do. ``lora_targets`` are the modules that LoRA changes by default. ``described`` says
    which weights these are.
    """

    model: Any
    tokenizer: ChatTokenizer
    kind: Kind
    lora_targets: tuple[str, ...]
    described: dict[str, str]


def kind_of(weights: Weights) -> Kind:
    """Which loader these weights are for; reads at most the configuration.

    Raises BenchError for a relative of ChatGLM that none is for.
    """
    if weights.file is not None:
        return "gguf"
    config = read_config(weights.folder)
    if config.get("model_type") != "chatglm":
        return "hf"
    return _generation(config, weights.folder)


def load_causal(name: str, *, dtype: torch.dtype | str, device: str, context: Context) -> CausalModel:
    """The model that a name stands for, on ``device``, in ``dtype`` ("float32", "bfloat16", "float16").

    Raises MissingDependency where it is not here, BenchError where it is not whole: a tensor missing,
    extra or of another shape, a Git LFS pointer, another model's tokenizer, a quantised variant.
    """
    weights = require_causal(name)
    os.environ.setdefault("RAYON_NUM_THREADS", str(context.threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if context.threads > 1 else "false")
    import torch
    from transformers.utils import logging

    torch.set_num_threads(context.threads)
    logging.disable_progress_bar()
    exact = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    kind = kind_of(weights)
    load = {"chatglm2": _chatglm2, "chatglm": _chatglm, "hf": _transformers, "gguf": _gguf}[kind]
    model, tokenizer, more = load(weights, exact, device)
    return CausalModel(model, tokenizer, kind, lora_targets(model, kind), weights.described() | more)


def lora_targets(model: Any, kind: Kind) -> tuple[str, ...]:
    """Names of the modules that LoRA changes where the user names none: the projections of the attention. In
    the original of ChatGLM2 they are one module, here three (``chatglm2_lora`` makes them train as one)."""
    if kind == "chatglm2":
        return "q_proj", "k_proj", "v_proj"
    if kind == "chatglm":
        return ("query_key_value",)
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as USUAL

    usual = USUAL.get(model.config.model_type)
    if isinstance(usual, list | tuple | set) and usual:
        return tuple(usual)
    import torch

    head = model.get_output_embeddings()
    linear = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    return tuple(sorted(linear))


def _generation(config: Mapping[str, Any], folder: Path) -> Kind:
    """Both generations, and what came after them, say ``model_type: chatglm``."""
    if config.get("position_encoding_2d") or "inner_hidden_size" in config:
        return "chatglm"
    name = str(config.get("_name_or_path", "")).lower()
    if "padded_vocab_size" not in config or any(later in name for later in ("chatglm3", "glm-4", "glm4")):
        raise BenchError(
            f"is {name or 'a ChatGLM of another generation'}, whose chat format is not known here",
            where=str(folder / CONFIG),
            todo="use THUDM/chatglm2-6b or THUDM/chatglm-6b",
        )
    return "chatglm2"


def _chatglm2(weights: Weights, dtype: torch.dtype, device: str) -> tuple[Any, ChatTokenizer, dict[str, str]]:
    from readbench_adapters.chatglm.chatglm2_weights import load_chatglm2
    from readbench_adapters.chatglm.tokenizers import second_tokenizer

    tokenizer = second_tokenizer(weights.folder, read_config(weights.folder))
    model, names = load_chatglm2(weights.folder, dtype=dtype, device=device)
    return model, tokenizer, {"names_sha256": names}


def _chatglm(weights: Weights, dtype: torch.dtype, device: str) -> tuple[Any, ChatTokenizer, dict[str, str]]:
    from readbench_adapters.chatglm.chatglm1_model import load_chatglm
    from readbench_adapters.chatglm.tokenizers import FIRST_FILE, ChatGLMTokenizer

    tokenizer = ChatGLMTokenizer(weights.folder / FIRST_FILE, read_config(weights.folder))
    model, names = load_chatglm(weights.folder, dtype=dtype, device=device)
    return model, tokenizer, {"names_sha256": names}


def _transformers(
    weights: Weights, dtype: torch.dtype, device: str
) -> tuple[Any, ChatTokenizer, dict[str, str]]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from readbench_adapters.llm.tokenizer import TemplateTokenizer

    folder = weights.folder
    refuse_quantised(folder, read_config(folder))
    weight_files(folder)
    options = {"trust_remote_code": False, "local_files_only": True}
    try:
        model, problems = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype,
            weights_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **options,
        )
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
    except (ValueError, KeyError, OSError, RuntimeError) as error:
        line = str(error).partition("\n")[0]
        raise BenchError(f"transformers cannot load it ({line})", where=str(folder)) from error
    # transformers fills what is missing or of another size with random numbers, and goes on.
    differences = [
        f"{kind.removesuffix('_keys')} {shown(map(str, names))}" for kind, names in problems.items() if names
    ]
    if differences:
        raise BenchError(
            f"its tensors are not those of {type(model).__name__}: {'; '.join(differences)}",
            where=str(folder),
        )
    return model.to(device).eval(), TemplateTokenizer(tokenizer), {}


def _gguf(weights: Weights, dtype: torch.dtype, device: str) -> tuple[Any, ChatTokenizer, dict[str, str]]:
    from readbench_adapters.llm.gguf import load_gguf, quantisation
    from readbench_adapters.llm.tokenizer import TemplateTokenizer

    assert weights.file is not None
    model, tokenizer, when = load_gguf(weights.file, weights.sha256(), dtype=dtype)
    more = {"quantisation": f"{quantisation(weights.file)}, turned back into full numbers", "converted": when}
    return model.to(device), TemplateTokenizer(tokenizer), more
