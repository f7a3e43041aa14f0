"""Tiny language models for tests: one built here, and those in the real formats where they are beside the
repository; with papers that a tiny model can learn to tell apart."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from readbench.adapter import Adapter, Context, TaskSpec
from readbench.core.types import Dataset, Document
from readbench.methods.registry import Registry

CHECKPOINTS = Path(__file__).resolve().parents[2].parent / "shared" / "checkpoints"
WORDS = {
    "0": ["routing", "sensor", "network", "compiler", "lattice", "turbine"],
    "1": ["patient", "dose", "tumour", "clinic", "infusion", "surgery"],
}
SPEC = TaskSpec(task="classification", labels=("0", "1"), prompt="Medical? {labels} {title} {abstract} =")


def papers(count: int, *, seed: int = 0, labels: tuple[str, str] = ("0", "1")) -> Dataset:
    """Papers of 3 to 30 words, half of each label, whose words give the label away."""
    generator = random.Random(seed)
    documents, targets = [], {}
    for index in range(count):
        words = WORDS["01"[index % 2]]
        text = " ".join(generator.choice(words) for _ in range(generator.randint(3, 30)))
        documents.append(Document(f"p{seed}-{index}", {"title": words[index % 6], "abstract": text}))
        targets[f"p{seed}-{index}"] = labels[index % 2]
    return Dataset("tiny", tuple(documents), {"classification": targets})


def build_llama(folder: Path) -> Path:
    """A random Llama of two layers with a byte-level tokenizer of its own, as Hugging Face saves them."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    texts = [" ".join(words) for words in WORDS.values()] * 3
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    core.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %} answer:{% endif %}"
    )
    torch.manual_seed(11)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
            initializer_range=0.2,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def create(
    method_spec: str, spec: TaskSpec = SPEC, notes: dict[str, Any] | None = None, **context: Any
) -> Any:
    note = (notes if notes is not None else {}).__setitem__
    adapter: Adapter = Registry().method(method_spec).create(Context(task=spec, seed=5, note=note, **context))
    return adapter


def fitted(method_spec: str, train: Dataset, validation: Dataset, **more: Any) -> Any:
    """A method, loaded and trained."""
    adapter = create(method_spec, **more)
    adapter.load()
    adapter.fit(train, validation)
    return adapter


def scores(adapter: Any, documents: Any, label: str = "1") -> list[float]:
    return [prediction.scores[label] for prediction in adapter.predict(documents)]


def build_chatglm(folder: Path) -> Path:
    """A random ChatGLM of the first generation in its own format, with a tokenizer trained on the spot."""
    import json

    import torch
    from tiny_checkpoints import train_pieces, write_shards

    from readbench_adapters.chatglm.chatglm1_model import ChatGLMConfig, ChatGLMForCausalLM
    from readbench_adapters.chatglm.tokenizers import FIRST_FILE, _load

    folder.mkdir(parents=True)
    train_pieces(folder / FIRST_FILE, 390, ("<n>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<pad>"))
    pieces = _load(folder / FIRST_FILE)
    ids = {
        "bos_token_id": "<sop>",
        "eos_token_id": "<eop>",
        "pad_token_id": "<pad>",
        "mask_token_id": "[MASK]",
        "gmask_token_id": "[gMASK]",
    }
    said = {name: pieces.piece_to_id(piece) for name, piece in ids.items()}
    sizes = {"vocab_size": 400, "hidden_size": 32, "inner_hidden_size": 64, "num_attention_heads": 4}
    torch.manual_seed(7)
    model = ChatGLMForCausalLM(ChatGLMConfig(**sizes, num_hidden_layers=2, **said))
    state = {}
    for name, parameter in model.state_dict().items():
        if name == "lm_head.weight":
            continue  # it is the embedding
        norm = "layernorm.weight" in name
        state[name] = (torch.randn(parameter.shape) * 0.1 + (1.0 if norm else 0.0)).half()
    write_shards(folder, state)
    config = {
        "model_type": "chatglm",
        "position_encoding_2d": True,
        "num_layers": 2,
        "layernorm_epsilon": 1e-5,
        "max_sequence_length": 512,
        **sizes,
        **said,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder
