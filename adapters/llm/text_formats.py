"""Formats of tasks that are answered in free text: phrases and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from readbench.adapter import BenchError, TaskSpec
from readbench.core.types import ExtractedFacts, RankedPhrases, StatedFacts, Target
from readbench.text.facts import find_answer, write_answer
from readbench_adapters.words.phrase_lists import read_phrases, write_phrases

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


def one_line_each(fields: Sequence[str]) -> str:
    """The fields of a prompt, each with its name on a line of its own."""
    return "\n".join(f"{name.capitalize()}: {{{name}}}" for name in fields)


def not_a(target: Target, what: str) -> BenchError:
    return BenchError(f"target is not {what} but {type(target).__name__}")


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
