"""Tuned language models as files: PEFT's adapters or the weights of a full tuning as safetensors, a
classifier, and a manifest that names the model they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.adapter import BenchError
from readbench_adapters.training.one_line import one_line

if TYPE_CHECKING:
    from readbench_adapters.llm.heads import Classifier
    from readbench_adapters.llm.loading import CausalModel

MANIFEST, ADAPTER, FULL, HEAD = "llm.json", "adapter", "model.safetensors", "head.safetensors"


def save_tuned(folder: Path, model: Any, classifier: Classifier | None, manifest: Mapping[str, Any]) -> None:
    """Writes what training changed, and the manifest; for an untuned model the manifest alone."""
    from safetensors.torch import save_file, save_model

    if hasattr(model, "peft_config"):
        # Of the embeddings, which no tuning here changes, PEFT would ask the hub.
        model.save_pretrained(folder / ADAPTER, save_embedding_layers=False)
    elif manifest["tuning"] == "full":
        save_model(model, str(folder / FULL))
    if classifier is not None:
        save_file(classifier.linear.state_dict(), folder / HEAD)
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def read_manifest(folder: Path, causal: CausalModel, files: str) -> dict[str, Any]:
    """What ``save_tuned`` wrote. ``files`` is the SHA-256 over all files of the model that is loaded.

    Raises BenchError where another model was trained, or one with another tokenizer or configuration.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError("holds no tuned language model", where=str(folder)) from error
    trained, here = manifest["weights"]["sha256"], causal.described["sha256"]
    if trained != here:
        raise BenchError(
            f"was trained on {manifest['weights']['name']} with the SHA-256 {trained[:12]}, not {here[:12]}",
            where=str(folder),
            todo="give the model that it was trained on",
        )
    if manifest["files"] != files:
        raise BenchError(
            f"was trained on {manifest['weights']['name']} with another tokenizer, template or configuration",
            where=str(folder),
            todo="give the model's folder as it was, or fit again",
        )
    return manifest


def load_tuned(folder: Path, causal: CausalModel, manifest: Mapping[str, Any]) -> Any:
    """The model with the adapter or the weights that ``save_tuned`` wrote."""
    if (folder / ADAPTER).is_dir():
        return load_adapter(folder / ADAPTER, causal)
    if manifest["tuning"] == "full":
        from safetensors.torch import load_model

        load_model(causal.model, str(folder / FULL))
    return causal.model


def load_classifier(folder: Path, hidden: int, labels: int, device: str) -> Classifier | None:
    """The classifier that ``save_tuned`` wrote, in evaluation mode; None where there was none."""
    if not (folder / HEAD).is_file():
        return None
    from safetensors.torch import load_file

    from readbench_adapters.llm.heads import Classifier

    classifier = Classifier(hidden, labels, device)
    classifier.linear.load_state_dict(load_file(folder / HEAD))
    classifier.eval()
    return classifier


def load_adapter(folder: Path, causal: CausalModel) -> Any:
    """A trained adapter around the model: PEFT's own, or a published one of ChatGLM2, whose queries, keys
    and values are one module.

    Raises BenchError where the folder holds none, or one of another model.
    """
    from peft import PeftModel

    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(
            "holds no adapter", where=str(folder), todo="it needs adapter_config.json"
        ) from error
    targets = config.get("target_modules")
    if causal.kind == "chatglm2" and targets in ("query_key_value", ["query_key_value"]):
        from readbench_adapters.chatglm.chatglm2_lora import load_fused

        return load_fused(causal.model, folder).eval()
    with one_line("PEFT cannot load it", str(folder)):
        return PeftModel.from_pretrained(causal.model, str(folder), local_files_only=True).eval()
