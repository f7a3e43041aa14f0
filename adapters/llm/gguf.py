"""A GGUF file as a model of transformers. Its quantised blocks are converted to full numbers once and cached
as safetensors in the user's cache folder: converting takes longer than reading those."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.errors import BenchError
from readbench_adapters.llm.model_folder import check_gguf

if TYPE_CHECKING:
    import torch

FORMAT = "1"
"""The version of the cached files; after a change every file is converted again."""


def load_gguf(file: Path, sha256: str, *, dtype: torch.dtype) -> tuple[Any, Any, str]:
    """The model on the CPU, its tokenizer, and when they were converted: ``now`` or ``before``. ``sha256``
    is that of the file.

    The cached numbers are float32, which holds every number of the file exactly. Where the cache folder
    cannot be written, the model is converted each time. Raises BenchError for a file that is no GGUF file.
    """
    check_gguf(file)
    kept = _kept(sha256)
    if (kept / "model.safetensors").is_file():
        return *_read(kept, dtype=dtype), "before"
    model, tokenizer = convert(file)
    _keep(model, tokenizer, kept)
    for parameter in model.parameters():
        # Not model.to(dtype): that would round the rotary frequencies too.
        parameter.data = parameter.data.to(dtype)
    return model, tokenizer, "now"


def convert(file: Path) -> tuple[Any, Any]:
    """Model (float32) and tokenizer, read from the GGUF file itself. Raises BenchError where transformers
    does not know its architecture."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"gguf_file": file.name, "trust_remote_code": False, "local_files_only": True}
    try:
        model = AutoModelForCausalLM.from_pretrained(str(file.parent), dtype=torch.float32, **options)
        tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **options)
    except (ValueError, KeyError, NotImplementedError) as error:
        line = str(error).partition("\n")[0]
        raise BenchError(
            f"cannot be read by transformers ({line})", where=str(file), todo="use its safetensors instead"
        ) from error
    # The numbers are full now; these marks would make saving, casting and tuning take them for quantised.
    for holder, mark in ((model.config, "quantization_config"), (model, "hf_quantizer")):
        if hasattr(holder, mark):
            delattr(holder, mark)
    model.is_quantized = False
    return model.eval(), tokenizer


def quantisation(file: Path) -> str:
    """The type of most blocks of a GGUF file, e.g. ``Q4_1``, which by custom is part of its name."""
    parts = file.stem.split(".")
    return parts[-1] if len(parts) > 1 else "GGUF"


def _read(folder: Path, *, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"trust_remote_code": False, "local_files_only": True}
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype, use_safetensors=True, **options)
    return model.eval(), AutoTokenizer.from_pretrained(str(folder), **options)


def _keep(model: Any, tokenizer: Any, folder: Path) -> None:
    """Caches a model. It is written beside its place and then moved, so that nobody reads half of it."""
    from safetensors import SafetensorError

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError:
        return
    try:
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        scratch.rename(folder)
    except (OSError, SafetensorError):  # the disk is full, or another process was first
        pass
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _kept(sha256: str) -> Path:
    """The cache folder of a file, for the installed release of transformers."""
    import transformers

    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "readbench" / "models" / f"{sha256[:32]}-{transformers.__version__}-{FORMAT}"
