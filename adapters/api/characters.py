"""Lengths in characters, for prompts to a model whose tokenizer is on a server."""

from __future__ import annotations

from collections.abc import Sequence


class Characters:
    """Takes the place of a tokenizer where lengths are counted: an id is a character."""

    eos_id = -1
    pad_id = -1

    def encode(self, text: str) -> list[int]:
        return list(map(ord, text))

    def chat(self, prompt: str) -> list[int]:
        return self.encode(prompt)

    def answer(self, text: str) -> list[int]:
        return [*self.encode(text), self.eos_id]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(chr(one) for one in ids if one != self.eos_id)
