"""What the language-model methods ask of a tokenizer, and that interface over any tokenizer of
transformers. The ids of text never contain a special token: a paper that spells one is only text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from readbench.core.errors import BenchError

MARK = "\N{REPLACEMENT CHARACTER}prompt\N{REPLACEMENT CHARACTER}"
"""Where the prompt goes in a rendered template; no template contains it."""


class ChatTokenizer(Protocol):
    """``chat(prompt) + answer(text)`` are the ids of one round, as the model was taught to read it."""

    @property
    def eos_id(self) -> int: ...

    @property
    def pad_id(self) -> int: ...

    def encode(self, text: str) -> list[int]:
        """Ids of plain text, nothing added."""

    def chat(self, prompt: str) -> list[int]:
        """Ids of one user's turn, up to where the answer begins."""

    def answer(self, text: str) -> list[int]:
        """Ids of an answer that follows ``chat``, with the token that ends it."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, without special tokens."""


class TemplateTokenizer:
    """A tokenizer of transformers with its own chat template; where it has none, the prompt as it is."""

    def __init__(self, tokenizer: Any) -> None:
        if tokenizer.eos_token_id is None:
            raise BenchError("its tokenizer has no token that ends an answer", where=tokenizer.name_or_path)
        self.tokenizer = tokenizer
        self.eos_id: int = tokenizer.eos_token_id
        self.pad_id: int = self.eos_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        self._before, self._after = self._frame()

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids

    def chat(self, prompt: str) -> list[int]:
        if any(token in prompt for token in self.tokenizer.all_special_tokens):
            return [*self._ids(self._before), *self.encode(prompt), *self._ids(self._after)]
        return self._ids(self._before + prompt + self._after)

    def answer(self, text: str) -> list[int]:
        return [*self.encode(text), self.eos_id]

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def _frame(self) -> tuple[str, str]:
        if self.tokenizer.chat_template is None:
            bos = self.tokenizer.bos_token
            starts = self.tokenizer("").input_ids[:1] == [self.tokenizer.bos_token_id]
            return (bos if bos and starts else ""), ""
        rendered = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": MARK}], add_generation_prompt=True, tokenize=False
        )
        before, mark, after = rendered.partition(MARK)
        if not mark:
            raise BenchError("its chat template drops the prompt", where=self.tokenizer.name_or_path)
        return before, after

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids
