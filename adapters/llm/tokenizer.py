"""What the language-model methods ask of a tokenizer, and that interface over any tokenizer of
transformers. The ids of text never contain a control token: a paper that spells one is only text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from readbench.core.errors import BenchError
from readbench_adapters.llm.plain_text import plain_text

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
    """A tokenizer of transformers with its own chat template; where it has none, the prompt as it is.

    Whatever the tokenizer knows as an added or special token stands for itself in the template alone. In a
    prompt and in an answer it is text.
    """

    def __init__(self, tokenizer: Any) -> None:
        if tokenizer.eos_token_id is None:
            raise BenchError("its tokenizer has no token that ends an answer", where=tokenizer.name_or_path)
        self.tokenizer = tokenizer
        self.eos_id: int = tokenizer.eos_token_id
        self.pad_id: int = self.eos_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        self._text = plain_text(tokenizer)
        self._framed = self._text.frame(*self._frame())

    @property
    def has_template(self) -> bool:
        return self.tokenizer.chat_template is not None

    def encode(self, text: str) -> list[int]:
        return self._text.ids(text)

    def chat(self, prompt: str) -> list[int]:
        return self._framed(prompt)

    def answer(self, text: str) -> list[int]:
        return [*self.encode(text), self.eos_id]

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def _frame(self) -> tuple[str, str]:
        """What stands before and after a prompt. Raises BenchError for a template that cannot be filled, or
        that does not hold the prompt once."""
        if not self.has_template:
            bos = self.tokenizer.bos_token
            starts = self.tokenizer("").input_ids[:1] == [self.tokenizer.bos_token_id]
            return (bos if bos and starts else ""), ""
        where = str(self.tokenizer.name_or_path)
        try:
            rendered = self.tokenizer.apply_chat_template(
                [{"role": "user", "content": MARK}], add_generation_prompt=True, tokenize=False
            )
        except Exception as error:  # a template is a program: it raises what it likes
            line = str(error).partition("\n")[0]
            raise BenchError(
                f"its chat template cannot be filled ({type(error).__name__}: {line})",
                where=where,
                todo="take the template from the model's repository again",
            ) from error
        parts = str(rendered).split(MARK)
        if len(parts) != 2:
            what = "drops" if len(parts) < 2 else "repeats"
            raise BenchError(f"its chat template {what} the prompt", where=where)
        return parts[0], parts[1]
