"""Keyphrases from language models: the model writes the list, so that phrases that do not stand in the text
can be found too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from readbench.adapter import TaskSpec
from readbench.types import RankedPhrases, Target, Task
from readbench_adapters.llm_free_text import WritesText, not_a, one_line_each
from readbench_adapters.llm_scoring import Said
from readbench_adapters.phrase_lists import read_phrases, write_phrases


@dataclass(frozen=True)
class PhrasesFormat:
    """Keyphrases: the answer is a list of phrases, the best first, on one line."""

    spec: TaskSpec
    labels: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def prompt(self) -> str:
        return (
            "List the keyphrases of this paper, the most important first, separated by semicolons.\n"
            f"{one_line_each(self.spec.fields)}\nKeyphrases: "
        )

    def answer(self, target: Target) -> str:
        if not isinstance(target, tuple):
            raise not_a(target, "a list of keyphrases")
        return write_phrases(target)

    def parse(self, text: str, *, whole: bool = True) -> RankedPhrases | None:
        """In the order of the answer, scored by the reciprocal of the rank."""
        phrases = read_phrases(text, whole=whole)
        if not phrases:
            return None
        return RankedPhrases(phrases, tuple(1.0 / rank for rank in range(1, len(phrases) + 1)))


class WritesPhrases(WritesText):
    """Of an answer that breaks off the last phrase, which may be a part of one, does not count."""

    task: ClassVar[Task] = "keyphrases"
    asked_for: ClassVar[str] = "keyphrases"
    answer_tokens: ClassVar[int] = 96
    """Fifteen phrases of two or three words."""

    def _format(self, labels: Sequence[str]) -> PhrasesFormat:
        return PhrasesFormat(self.context.task, tuple(labels))

    def _unread(self, said: Said) -> RankedPhrases:  # noqa: ARG002
        return RankedPhrases((), ())
