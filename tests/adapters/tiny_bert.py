"""Models of the BERT kind that fit into a kilobyte or two, with word pieces of their own."""

from __future__ import annotations

from pathlib import Path
from string import ascii_lowercase, digits, punctuation
from typing import Any

WHOLE = ("the", "of", "a", "and", "graph", "graphs", "network", "networks", "neural", "multi", "##modal")


def tiny_tokenizer(folder: Path) -> Any:
    """Knows a few words; every other one falls into pieces of one character."""
    from transformers import BertTokenizerFast

    singles = [*ascii_lowercase, *digits, *punctuation]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WHOLE, *singles]
    vocabulary += [f"##{one}" for one in singles]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)), encoding="utf-8")
    tokenizer = BertTokenizerFast.from_pretrained(str(folder))
    tokenizer.model_max_length = 64
    return tokenizer


def save_tiny_bert(
    folder: Path, labels: tuple[str, ...] = ("O", "B-KEY", "I-KEY"), *, head: bool = True, seed: int = 0
) -> Path:
    """A random model in a folder, its head loud enough to say something; without a head an encoder."""
    import torch
    from transformers import BertConfig, BertForTokenClassification, BertModel

    tokenizer = tiny_tokenizer(folder)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,
    )
    torch.manual_seed(seed)
    model = BertForTokenClassification(config) if head else BertModel(config)
    if head:
        with torch.no_grad():
            # Each label as probable as the others over all pieces, whatever the seed.
            model.classifier.weight.mul_(4)
            ids = torch.randint(5, len(tokenizer), (32, 40))
            model.classifier.bias.sub_(model.eval()(input_ids=ids).logits.mean(dim=(0, 1)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
