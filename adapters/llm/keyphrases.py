"""Keyphrases from language models: the model writes the list, so that phrases that do not stand in the text
can be found too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from readbench.core.types import RankedPhrases, Task
from readbench_adapters.llm.answering import WritesText
from readbench_adapters.llm.scoring import Said
from readbench_adapters.llm.text_formats import PhrasesFormat


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
