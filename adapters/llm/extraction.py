"""Facts and labels from language models, as the instruction format writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from readbench.core.types import ExtractedFacts, Task
from readbench_adapters.llm.answering import WritesText
from readbench_adapters.llm.scoring import Said
from readbench_adapters.llm.text_formats import FACTS, FactsFormat


class StatesFacts(WritesText):
    """An answer that breaks off counts as one that could not be read."""

    task: ClassVar[Task] = "extraction"
    asked_for: ClassVar[str] = "facts"
    answer_tokens: ClassVar[int] = 200
    """The target length of the known setting."""

    def _format(self, labels: Sequence[str]) -> FactsFormat:
        return FactsFormat(self.context.task, tuple(labels))

    def _unread(self, said: Said) -> ExtractedFacts:
        return ExtractedFacts(parsed=False, raw=said.text)

    def _kind(self, text: str) -> str:
        """Each label is a kind, all answers with facts are one."""
        return FACTS if text.startswith("```") else text
