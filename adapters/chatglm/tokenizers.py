"""The tokenizers of both generations of ChatGLM, over the sentencepiece package: the ids of the original
code without running it. transformers' own classes give other ids (leading spaces, ``</s>`` in a text)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from readbench.core.errors import BenchError
from readbench_adapters.chatglm.checkpoint_files import whole
from readbench_adapters.chatglm.plain_pieces import PlainPieces

SECOND_FILE, FIRST_FILE = "tokenizer.model", "ice_text.model"
SECOND_SPECIAL = ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop")
"""They follow the last piece, in this order. No text becomes one of them. (In the original a piece spelt
``sop`` or ``eop`` does: a paper could begin its own answer.)"""
SECOND_VOCABULARY, SECOND_SUM = 65024, "e7dc4c393423b76e"
"""Vocabulary of the 6B model, and how the SHA-256 of its tokenizer.model begins."""
PADDING = 256
"""The vocabulary of a checkpoint is padded to a multiple of it."""
LONGEST_BLANK = 80
WHITE_SPACE = {
    "<n>": "\n",
    "<|tab|>": "\t",
    **{f"<|blank_{length}|>": " " * length for length in range(2, LONGEST_BLANK + 1)},
}
"""How the first generation spells white space, each a piece of its own."""
IMAGE_TOKENS = 20000
"""Early downloads of the first generation count this many image tokens before the first piece."""


class ChatGLM2Tokenizer:
    """``[gMASK] sop``, then the rounds as text. ``pad`` is 0, the end of an answer is piece 2."""

    def __init__(self, path: Path) -> None:
        self.pieces = _load(path)
        self.special = {word: len(self.pieces) + i for i, word in enumerate(SECOND_SPECIAL)}
        self.eos_id: int = self.pieces.eos_id()
        self.pad_id: int = self.pieces.unk_id()
        self.prefix = [self.special["[gMASK]"], self.special["sop"]]
        self._plain = PlainPieces(path, self.pieces)
        if self.eos_id != 2 or self.pad_id != 0:
            raise BenchError("is no tokenizer of ChatGLM2", where=str(path), todo="download it anew")

    def encode(self, text: str) -> list[int]:
        return self._plain.ids(text)

    def chat(self, prompt: str) -> list[int]:
        return [*self.prefix, *self.encode(f"[Round 1]\n\n问：{prompt}\n\n答：")]

    def answer(self, text: str) -> list[int]:
        return [*self.encode(text), self.eos_id]

    def decode(self, ids: Sequence[int]) -> str:
        controls = {self.pieces.bos_id(), self.eos_id, self.pad_id}
        text: str = self.pieces.decode([i for i in ids if i not in controls and 0 <= i < len(self.pieces)])
        return text


class ChatGLMTokenizer:
    """The first generation: the text, then ``[gMASK] <sop>``, then the answer and ``<eop>``. Line ends,
    tabs and runs of blanks are pieces of their own.

    Its special tokens are pieces of the file; the configuration of the checkpoint says which ids they
    have, and the two must agree.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.pieces = _load(path)
        self._plain = PlainPieces(path, self.pieces, spelt_out, WHITE_SPACE.__contains__)
        self.offset = 0 if config["vocab_size"] < IMAGE_TOKENS + len(self.pieces) else IMAGE_TOKENS
        self.eos_id: int = config["eos_token_id"]
        self.pad_id: int = config["pad_token_id"]
        self.suffix = [config["gmask_token_id"], config["bos_token_id"]]
        special = {
            "<pad>": self.pad_id,
            "[gMASK]": self.suffix[0],
            "<sop>": self.suffix[1],
            "<eop>": self.eos_id,
        }
        wrong = [word for word, id_ in special.items() if self.pieces.piece_to_id(word) + self.offset != id_]
        if wrong:
            raise BenchError(
                f"is another tokenizer than config.json speaks of: {', '.join(wrong)} have other ids",
                where=str(path),
                todo="take both files from one version of the checkpoint",
            )

    def encode(self, text: str) -> list[int]:
        return [id_ + self.offset for id_ in self._plain.ids(text)]

    def chat(self, prompt: str) -> list[int]:
        return [*self.encode(prompt), *self.suffix]

    def answer(self, text: str) -> list[int]:
        return [*self.encode(text), self.eos_id]

    def decode(self, ids: Sequence[int]) -> str:
        special = {self.eos_id, self.pad_id, *self.suffix}
        pieces = [id_ - self.offset for id_ in ids if id_ not in special and id_ >= self.offset]
        return read_back(self.pieces.decode([piece for piece in pieces if piece < len(self.pieces)]))


def spelt_out(text: str) -> str:
    """White space as the first generation spells it: ``<n>``, ``<|tab|>``, ``<|blank_7|>`` for seven
    blanks, the longest run first."""
    for spelled, white in sorted(WHITE_SPACE.items(), key=lambda pair: -len(pair[1])):
        text = text.replace(white, spelled)
    return text


def read_back(text: str) -> str:
    """The inverse of ``spelt_out``."""
    for spelled, white in WHITE_SPACE.items():
        text = text.replace(spelled, white)
    return text


def second_tokenizer(folder: Path, config: Mapping[str, Any]) -> ChatGLM2Tokenizer:
    """The tokenizer beside a ChatGLM2 checkpoint.

    Raises BenchError where it is absent or belongs to another model: the padded vocabulary must be that
    of its pieces, and at the size of the 6B model the file must be the published one.
    """
    path = whole(folder / SECOND_FILE)
    tokenizer = ChatGLM2Tokenizer(path)
    vocabulary, pieces = config["padded_vocab_size"], len(tokenizer.pieces)
    fits = -(-(pieces + len(SECOND_SPECIAL)) // PADDING) * PADDING == vocabulary
    if fits and vocabulary == SECOND_VOCABULARY:
        fits = hashlib.sha256(path.read_bytes()).hexdigest().startswith(SECOND_SUM)
    if not fits:
        raise BenchError(
            f"is another model's tokenizer: it has {pieces} pieces, the model {vocabulary} ids",
            where=str(path),
            todo="download tokenizer.model from the repository of the weights",
        )
    return tokenizer


def _load(path: Path) -> Any:
    from sentencepiece import SentencePieceProcessor

    try:
        return SentencePieceProcessor(model_file=str(whole(path)))
    except (RuntimeError, OSError) as error:
        raise BenchError("is no SentencePiece model", where=str(path), todo="download it anew") from error
