"""Loads any causal language model by its name, checks it, and gives it the tokenizer of its chat format. No
code of a checkpoint runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.adapter import Context
from readbench.core.errors import BenchError
from readbench.machine.weights import Weights, require_causal
from readbench_adapters.chatglm.checkpoint_files import (
    CONFIG,
    check_tensors,
    code_refused,
    holds_code,
    read_config,
    shown,
    weight_files,
)
from readbench_adapters.llm.model_folder import Kind, check_causal, kind_of
from readbench_adapters.llm.tokenizer import ChatTokenizer
from readbench_adapters.training.one_line import one_line

if TYPE_CHECKING:
    import torch


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


def load_causal(name: str, *, dtype: torch.dtype | str, device: str, context: Context) -> CausalModel:
    """The model that a name stands for, on ``device``, in ``dtype`` ("float32", "bfloat16", "float16").

    Raises MissingDependency where it is not here, BenchError where it is not whole or cannot be asked: a
    tensor missing, extra or of another shape, a Git LFS pointer, another model's tokenizer, a quantised
    variant, an encoder, a configuration or a template that does not work.
    """
    weights = require_causal(name)
    check_causal(weights)
    os.environ.setdefault("RAYON_NUM_THREADS", str(context.threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if context.threads > 1 else "false")
    import torch
    from transformers.utils import logging

    torch.set_num_threads(context.threads)
    logging.disable_progress_bar()
    exact = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    kind = kind_of(weights)
    load = {"chatglm2": _chatglm2, "chatglm": _chatglm, "hf": _transformers, "gguf": _gguf}[kind]
    with one_line("it cannot be loaded", str(weights.file or weights.folder)):
        model, tokenizer, more = load(weights, exact, device)
        try_out(model, tokenizer, device)
        targets = lora_targets(model, kind)
    return CausalModel(model, tokenizer, kind, targets, weights.described() | more)


def try_out(model: Any, tokenizer: ChatTokenizer, device: str) -> None:
    """Lets the model read two tokens. Raises BenchError where its tokenizer is another model's, or where its
    logits are no numbers."""
    import torch

    rows = model.get_input_embeddings().num_embeddings
    ids = tokenizer.chat("1")
    if max((*ids, tokenizer.eos_id), default=0) >= rows:
        raise BenchError(
            f"its tokenizer has the id {max((*ids, tokenizer.eos_id))}, and the model {rows} ids",
            todo="take both from one repository",
        )
    if not ids:
        raise BenchError("its tokenizer gives no ids for a text", todo="download its tokenizer again")
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids[-2:]], device=device), use_cache=False).logits
    if not bool(torch.isfinite(logits).all()):
        raise BenchError("its logits are no numbers", todo="download its weights again")


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
    files = weight_files(folder)
    check_tensors(files)
    options = {"trust_remote_code": False, "local_files_only": True}
    with one_line("transformers cannot load it", str(folder)):
        _refuse_larger(folder, files)
        try:
            model, problems = AutoModelForCausalLM.from_pretrained(
                str(folder),
                dtype=dtype,
                weights_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **options,
            )
        except Exception as error:
            if holds_code(error):
                raise code_refused(files[0]) from error
            raise
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
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


def _refuse_larger(folder: Path, files: Sequence[Path]) -> None:
    """Raises BenchError where a configuration speaks of more numbers than its weight files have bytes: what
    is missing would be made up, however much memory that takes."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    size = sum(file.stat().st_size for file in files)
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    numbers = sum(parameter.numel() for parameter in empty.parameters())
    if numbers <= size:
        return
    raise BenchError(
        f"{CONFIG} speaks of {numbers:,} numbers, and the weight files hold {size:,} bytes",
        where=str(folder),
        todo="take both from one repository",
    )


def _gguf(weights: Weights, dtype: torch.dtype, device: str) -> tuple[Any, ChatTokenizer, dict[str, str]]:
    from readbench_adapters.llm.gguf import load_gguf, quantisation
    from readbench_adapters.llm.tokenizer import TemplateTokenizer

    assert weights.file is not None
    model, tokenizer, when = load_gguf(weights.file, weights.sha256(), dtype=dtype)
    more = {"quantisation": f"{quantisation(weights.file)}, turned back into full numbers", "converted": when}
    return model.to(device), TemplateTokenizer(tokenizer), more
