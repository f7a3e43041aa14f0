"""The linear layers of a language model in 4 or 8 bits, by bitsandbytes: on a CUDA device, where it is
installed, and nowhere else."""

from __future__ import annotations

import importlib.util
from typing import Any, Literal

from readbench.adapter import MissingDependency

INSTALL = "pip install bitsandbytes"


def require_quantization(device: str) -> None:
    """Raises MissingDependency with one line where weights cannot be quantised on this device. Where it is no
    CUDA device, bitsandbytes would not help."""
    if not device.startswith("cuda"):
        raise MissingDependency(
            "quantization needs a CUDA device", todo="leave it out, or run this method where there is one"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingDependency("quantization needs bitsandbytes", todo=INSTALL)


def quantise(model: Any, bits: Literal["4bit", "8bit"], device: str) -> Any:
    """Replaces the linear layers, save the head, and moves the model to ``device``, where bitsandbytes
    packs their weights: 4 bits as NF4 (Dettmers et al. 2023, QLoRA), 8 bits with outliers apart (Dettmers
    et al. 2022, LLM.int8)."""
    import bitsandbytes as bnb
    import torch

    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is not torch.nn.Linear or layer is head:
                continue
            size = layer.in_features, layer.out_features
            bias = layer.bias is not None
            if bits == "4bit":
                packed = bnb.nn.Linear4bit(
                    *size, bias=bias, compute_dtype=layer.weight.dtype, quant_type="nf4"
                )
                packed.weight = bnb.nn.Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
            else:
                packed = bnb.nn.Linear8bitLt(*size, bias=bias, has_fp16_weights=False)
                packed.weight = bnb.nn.Int8Params(layer.weight.data, requires_grad=False)
            if bias:
                packed.bias = layer.bias
            setattr(parent, name, packed)
    # By these PEFT chooses the layers that it puts around quantised ones.
    setattr(model, f"is_loaded_in_{bits}", True)
    return model.to(device)
