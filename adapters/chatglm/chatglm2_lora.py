"""LoRA on ChatGLM2's fused query_key_value, in a model that holds query, key and value apart: one A for
the three, B split by rows. It has the parameters of the fused one and trains like it, and published
adapters load. (Three A would be twice the parameters, and train otherwise.) Imports torch at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from readbench.core.errors import BenchError
from readbench_adapters.chatglm.checkpoint_files import read_json, refuse_differences, shown, tensors, whole

TARGETS = ("q_proj", "k_proj", "v_proj")
FUSED = "self_attention.query_key_value"
FILES = ("adapter_model.safetensors", "adapter_model.bin")


class OneMask(nn.Module):
    """Dropout in front of A, drawn once a layer: the query's draws, those of key and value repeat it, and
    the value's, which comes last, lets go of it."""

    def __init__(self, p: float, first: OneMask | None = None, *, last: bool = False) -> None:
        super().__init__()
        self.p, self.last, self.mask = p, last, torch.empty(0)
        # In a list, so that it is no submodule of the other two.
        self.first = [self if first is None else first]

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        first = self.first[0]
        if first is self:
            self.mask = nn.functional.dropout(torch.ones_like(x), self.p)
        dropped = x * first.mask
        if self.last:
            first.mask = torch.empty(0)
        return dropped


def share_a(model: Any, adapter: str = "default") -> None:
    """Makes the three projections of each layer share the A of the query, and its dropout, in place.

    Call it after every creation, loading or initialisation of the adapter: PEFT makes and reads three.
    Raises BenchError where the model has no such adapter.
    """
    shared = 0
    for module in model.modules():
        if not all(hasattr(getattr(module, name, None), "lora_A") for name in TARGETS):
            continue
        query, key, value = (getattr(module, name) for name in TARGETS)
        key.lora_A[adapter].weight = value.lora_A[adapter].weight = query.lora_A[adapter].weight
        dropout = query.lora_dropout[adapter]
        if isinstance(dropout, nn.Dropout):
            mask = query.lora_dropout[adapter] = OneMask(dropout.p)
            key.lora_dropout[adapter] = OneMask(dropout.p, mask)
            value.lora_dropout[adapter] = OneMask(dropout.p, mask, last=True)
        shared += 1
    if not shared:
        raise BenchError(f"no layer has LoRA on {', '.join(TARGETS)}", todo="target all three")


def split_fused(state: Mapping[str, Tensor], rows: tuple[int, int, int]) -> dict[str, Tensor]:
    """Tensors of a published adapter under the names PEFT gives them here: A (r, hidden) three times, B
    (query + key + value rows, r) split by ``rows``.

    Raises BenchError for a tensor that is no LoRA matrix of query_key_value, or of other sizes.
    """
    named: dict[str, Tensor] = {}
    odd = [name for name in state if f".{FUSED}.lora_" not in name]
    if odd or not state:
        raise BenchError(
            f"changes {shown(odd) or 'nothing'}, not query_key_value alone",
            todo="only LoRA on query_key_value can be converted",
        )
    for name, tensor in state.items():
        stem, _, matrix = name.partition(f".{FUSED}.")
        stem = stem.replace("transformer.encoder.layers", "model.layers")
        matrix = matrix.replace(".default.", ".")
        if matrix == "lora_A.weight":
            parts: tuple[Tensor, ...] = (tensor, tensor, tensor)
        elif matrix == "lora_B.weight" and tensor.shape[0] == sum(rows):
            parts = tensor.split(rows)
        else:
            raise BenchError(f"{name} is {tuple(tensor.shape)}, no LoRA matrix of {sum(rows)} rows")
        for projection, part in zip(TARGETS, parts, strict=True):
            named[f"{stem}.self_attn.{projection}.{matrix}"] = part.clone()
    return named


def load_fused(model: Any, folder: Path, *, trainable: bool = False) -> Any:
    """A ``PeftModel`` over a ChatGLM2 model with the published adapter of a folder.

    Raises BenchError for an adapter of another kind, or of another model.
    """
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    config = read_json(folder / "adapter_config.json")
    if config.get("peft_type") != "LORA" or config.get("target_modules") not in (
        ["query_key_value"],
        "query_key_value",
    ):
        raise BenchError(
            f"is {config.get('peft_type')} on {config.get('target_modules')}, not LORA on query_key_value",
            where=str(folder),
        )
    unknown = [key for key in ("modules_to_save", "enable_lora", "use_dora", "use_rslora") if config.get(key)]
    if unknown or config.get("bias", "none") != "none" or config.get("fan_in_fan_out"):
        raise BenchError(f"uses {shown(unknown) or 'bias or fan_in_fan_out'}", where=str(folder))
    file = next((folder / name for name in FILES if (folder / name).is_file()), folder / FILES[0])
    sizes = model.config
    rows = tuple(n * sizes.head_dim for n in (sizes.num_attention_heads, *[sizes.num_key_value_heads] * 2))
    try:
        state = split_fused(dict(tensors([whole(file)])), rows)
    except BenchError as error:
        raise BenchError(error.what, where=str(file), todo=error.todo) from error
    tuned = get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            target_modules=list(TARGETS),
            r=config["r"],
            lora_alpha=config["lora_alpha"],
            lora_dropout=config.get("lora_dropout", 0.0),
            inference_mode=not trainable,
        ),
    )
    expected = {name: tuple(tensor.shape) for name, tensor in get_peft_model_state_dict(tuned).items()}
    refuse_differences(file, expected, {name: tuple(tensor.shape) for name, tensor in state.items()})
    set_peft_model_state_dict(tuned, state)
    share_a(tuned)
    return tuned
