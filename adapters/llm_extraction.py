"""Facts and labels from language models, as the instruction format writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from readbench.adapter import TaskSpec
from readbench.facts import find_answer, write_answer
from readbench.types import ExtractedFacts, StatedFacts, Target, Task
from readbench_adapters.llm_free_text import WritesText, not_a, one_line_each
from readbench_adapters.llm_scoring import Said

FACTS = "facts"
INSTRUCTION_FORMAT = ("instruction", "input")


@dataclass(frozen=True)
class FactsFormat:
    """Extraction: the answer is a list of facts, or of the label."""

    spec: TaskSpec
    labels: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def prompt(self) -> str:
        """As the instruction format has it; of other fields one line each."""
        lines = one_line_each(self.spec.fields)
        if set(self.spec.fields) <= set(INSTRUCTION_FORMAT):
            return f"{lines}\nAnswer: "
        return (
            "List the facts of this text as JSON objects with subject, predicate, object, subject_type and "
            f"object_type.\n{lines}\nAnswer: "
        )

    def answer(self, target: Target) -> str:
        if not isinstance(target, StatedFacts):
            raise not_a(target, "StatedFacts")
        return write_answer(target)

    def parse(self, text: str, *, whole: bool = True) -> ExtractedFacts | None:  # noqa: ARG002
        stated = find_answer(text)
        return None if stated is None else ExtractedFacts(stated.facts, stated.label, raw=text)


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
