"""Is a model's folder one that can be asked? Told from its files, without a library: before a run begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from readbench.adapter import BenchError
from readbench.machine.weights import Weights
from readbench_adapters.chatglm.checkpoint_files import (
    CONFIG,
    check_headers,
    read_config,
    refuse_quantised,
    refuse_unfinished,
    weight_files,
    whole,
)
from readbench_adapters.chatglm.tokenizers import FIRST_FILE, SECOND_FILE

Kind = Literal["chatglm2", "chatglm", "hf", "gguf"]
GGUF_MAGIC = b"GGUF"
LAYERS, MOST_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers"), 10_000
"""Where a configuration says how many layers there are. More than these would take for ever to build."""
VOCABULARIES = (
    "tokenizer.json",
    "*.model",
    "*.tiktoken",
    "tekken.json",
    "vocab.json",
    "vocab.txt",
    "vocab.bpe",
    "merges.txt",
)
"""The files of a tokenizer, one of which there must be."""
ENCODERS = frozenset(
    (
        *("albert", "bert", "big_bird", "camembert", "convbert", "data2vec-text", "deberta", "deberta-v2"),
        *("distilbert", "electra", "ernie", "esm", "eurobert", "flaubert", "fnet", "funnel", "gte", "ibert"),
        *(
            "jina_embeddings_v3",
            "layoutlm",
            "longformer",
            "luke",
            "megatron-bert",
            "mobilebert",
            "modernbert",
        ),
        *("mpnet", "mra", "nomic_bert", "nystromformer", "rembert", "roberta", "roberta-prelayernorm"),
        *("roc_bert", "roformer", "squeezebert", "xlm-roberta", "xlm-roberta-xl", "xmod", "yoso"),
    )
)
"""Model types that read a text at once and write none, where their configuration does not say is_decoder."""


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


def check_causal(weights: Weights) -> None:
    """Raises BenchError where these weights cannot be a language model's: a folder that is half downloaded,
    quantised, an encoder's, or has no tokenizer; a file that is no GGUF file."""
    kind = kind_of(weights)
    if weights.file is not None:
        check_gguf(weights.file)
        return
    folder = weights.folder
    config = read_config(folder)
    refuse_unfinished(folder)
    refuse_quantised(folder, config)
    refuse_encoder(folder, config)
    refuse_absurd(folder, config)
    check_headers(weight_files(folder))
    if kind == "chatglm2":
        whole(folder / SECOND_FILE)
    elif kind == "chatglm":
        whole(folder / FIRST_FILE)
    elif not any(path.is_file() for pattern in VOCABULARIES for path in folder.glob(pattern)):
        raise BenchError(
            "holds no tokenizer (tokenizer.json, tokenizer.model or vocab.json)",
            where=str(folder),
            todo=f"download the model's tokenizer into it, e.g. hf download REPOSITORY --local-dir {folder}",
        )


def check_gguf(file: Path) -> None:
    """Raises BenchError for a file that is no GGUF file."""
    with whole(file).open("rb") as opened:
        if opened.read(len(GGUF_MAGIC)) != GGUF_MAGIC:
            raise BenchError("is no GGUF file", where=str(file), todo="download it anew")


def refuse_encoder(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises BenchError for a model that reads and does not write, or that writes another text than it
    reads."""
    kind = str(config.get("model_type"))
    if kind in ENCODERS and not config.get("is_decoder"):
        what = f"is an encoder ({kind}), which writes no text"
    elif config.get("is_encoder_decoder"):
        what = f"is an encoder with a decoder ({kind}), which cannot go on with a prompt"
    else:
        return
    raise BenchError(what, where=str(folder), todo="give a causal language model, such as smollm2-135m")


def refuse_absurd(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises BenchError for a number of layers that is none."""
    for name in LAYERS:
        layers = config.get(name, 1)
        if isinstance(layers, bool) or not isinstance(layers, int) or not 0 < layers <= MOST_LAYERS:
            raise BenchError(
                f"{CONFIG} says {name} = {str(layers)[:40]}, which is no number of layers",
                where=str(folder),
                todo="download config.json again",
            )


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
