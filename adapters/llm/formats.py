"""How a task is put to a language model: the prompt, the text that a target is taught as, and how an answer
is read back. One format for each task; ``answer_format`` chooses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from readbench.adapter import BenchError, TaskSpec
from readbench.core.types import (
    Dataset,
    ExtractedFacts,
    PredictedLabel,
    Prediction,
    RankedPhrases,
    StatedFacts,
    Target,
    Task,
)
from readbench.text.facts import find_answer, write_answer
from readbench_adapters.llm.label_answers import label_of
from readbench_adapters.llm.tokenizer import ChatTokenizer
from readbench_adapters.training.labelled import Labelled
from readbench_adapters.words.phrase_lists import read_phrases, write_phrases

LABELS = "labels"
"""The field of a prompt that is no field of a document: the labels of the task."""
INSTRUCTION_FORMAT = ("instruction", "input")
"""The fields of datasets in the instruction format."""
FACTS = "facts"
"""The stratum of all answers that list facts."""


@dataclass(frozen=True)
class AnswerTokens:
    """How many tokens an answer may have. ``reserved``: what a prompt leaves free for it. ``generated``:
    where generation stops at the latest, and where an answer is cut in training."""

    reserved: int
    generated: int


@dataclass(frozen=True)
class AnswerFormat(ABC):
    """What differs between tasks. ``labels`` are those that the task knows."""

    spec: TaskSpec
    labels: tuple[str, ...] = ()

    closed: ClassVar[bool]
    """Whether an answer is one of the labels, so that their probabilities can be compared. Other answers are
    free text, which is always generated."""
    asked_for: ClassVar[str]
    """In messages: what the answers are."""
    usual_tokens: ClassVar[int]
    """Tokens of an answer, about, where a user gives no number."""

    @property
    @abstractmethod
    def prompt(self) -> str:
        """The prompt of a suite that brings none."""

    @abstractmethod
    def write(self, target: Target) -> str:
        """The text that a model is taught to answer with. Raises BenchError for a target of another task."""

    @abstractmethod
    def read(self, text: str, *, whole: bool = True) -> Prediction | None:
        """The prediction that an answer states; None where it states none. An answer that is not ``whole``
        reached the limit of its tokens before it ended."""

    @abstractmethod
    def unreadable(self, text: str) -> Prediction:
        """The prediction that stands for an answer which states none."""

    @abstractmethod
    def stratum(self, answer: str) -> str:
        """The kind of a written answer. A validation part that is taken from the training part has all kinds
        in proportion."""

    @abstractmethod
    def tokens(self, tokenizer: ChatTokenizer, max_new_tokens: int | None) -> AnswerTokens:
        """How many tokens an answer may have, where a user gives ``max_new_tokens`` (None: the default)."""

    def learnable(self, part: Dataset) -> Labelled:
        """The documents of a part that have a target, and the written answer of each in the place of a label.
        A target without content teaches nothing."""
        targets = part.targets.get(self.spec.task, {})
        documents = tuple(document for document in part.documents if targets.get(document.id))
        return Labelled(documents, tuple(self.write(targets[document.id]) for document in documents))


@dataclass(frozen=True)
class LabelFormat(AnswerFormat):
    """Classification: the answer is the label itself."""

    closed: ClassVar[bool] = True
    asked_for: ClassVar[str] = "labels"
    usual_tokens: ClassVar[int] = 3
    extra_tokens: ClassVar[int] = 8
    """Of a generated answer beyond the longest label: room for a blank, a full stop and a word or two."""

    @property
    def prompt(self) -> str:
        fields = one_line_each(self.spec.fields)
        return (
            f"Classify this paper. Answer with one of these labels and nothing else: {{{LABELS}}}\n{fields}"
        )

    def write(self, target: Target) -> str:
        if not isinstance(target, str):
            raise not_a(target, "a label")
        return target

    def read(self, text: str, *, whole: bool = True) -> PredictedLabel | None:  # noqa: ARG002
        """As ``label_answers`` reads it: its docstring holds the rule.

        >>> LabelFormat(TaskSpec(task="classification"), ("0", "1")).read("The answer is 1.").label
        '1'
        """
        label = label_of(text, self.labels)
        return None if label is None else PredictedLabel(label)

    def unreadable(self, text: str) -> PredictedLabel:  # noqa: ARG002
        """An abstention."""
        return PredictedLabel(None)

    def stratum(self, answer: str) -> str:
        return answer

    def tokens(self, tokenizer: ChatTokenizer, max_new_tokens: int | None) -> AnswerTokens:
        longest = max(len(tokenizer.answer(label)) for label in self.labels)
        return AnswerTokens(longest, (max_new_tokens or self.extra_tokens) + longest)


@dataclass(frozen=True)
class FreeTextFormat(AnswerFormat):
    """An answer in words. All its tokens are taken from those of the prompt."""

    closed: ClassVar[bool] = False

    def tokens(self, tokenizer: ChatTokenizer, max_new_tokens: int | None) -> AnswerTokens:  # noqa: ARG002
        count = max_new_tokens or self.usual_tokens
        return AnswerTokens(count, count)


@dataclass(frozen=True)
class PhrasesFormat(FreeTextFormat):
    """Keyphrases: the answer is a list of phrases, the best first, on one line. Phrases that do not stand in
    the text can be among them."""

    asked_for: ClassVar[str] = "keyphrases"
    usual_tokens: ClassVar[int] = 96
    """Fifteen phrases of two or three words."""

    @property
    def prompt(self) -> str:
        return (
            "List the keyphrases of this paper, the most important first, separated by semicolons.\n"
            f"{one_line_each(self.spec.fields)}\nKeyphrases: "
        )

    def write(self, target: Target) -> str:
        if not isinstance(target, tuple):
            raise not_a(target, "a list of keyphrases")
        return write_phrases(target)

    def read(self, text: str, *, whole: bool = True) -> RankedPhrases | None:
        """In the order of the answer, scored by the reciprocal of the rank. The last phrase of an answer that
        is not ``whole`` may be a part of one, and does not count."""
        phrases = read_phrases(text, whole=whole)
        if not phrases:
            return None
        return RankedPhrases(phrases, tuple(1.0 / rank for rank in range(1, len(phrases) + 1)))

    def unreadable(self, text: str) -> RankedPhrases:  # noqa: ARG002
        return RankedPhrases((), ())

    def stratum(self, answer: str) -> str:  # noqa: ARG002
        """All answers are of one kind."""
        return ""


@dataclass(frozen=True)
class FactsFormat(FreeTextFormat):
    """Extraction: the answer is a list of facts, or of the label, as the instruction format writes it."""

    asked_for: ClassVar[str] = "facts"
    usual_tokens: ClassVar[int] = 200
    """The longest answer in the known setting of ChatGLM2-6B."""

    @property
    def prompt(self) -> str:
        """As the instruction format has it; other fields have one line each."""
        fields = one_line_each(self.spec.fields)
        if set(self.spec.fields) <= set(INSTRUCTION_FORMAT):
            return f"{fields}\nAnswer: "
        return (
            "List the facts of this text as JSON objects with subject, predicate, object, subject_type and "
            f"object_type.\n{fields}\nAnswer: "
        )

    def write(self, target: Target) -> str:
        if not isinstance(target, StatedFacts):
            raise not_a(target, "StatedFacts")
        return write_answer(target)

    def read(self, text: str, *, whole: bool = True) -> ExtractedFacts | None:  # noqa: ARG002
        stated = find_answer(text)
        return None if stated is None else ExtractedFacts(stated.facts, stated.label, raw=text)

    def unreadable(self, text: str) -> ExtractedFacts:
        return ExtractedFacts(parsed=False, raw=text)

    def stratum(self, answer: str) -> str:
        """Each label is a kind; all answers with facts are one."""
        return FACTS if answer.startswith("```") else answer


FORMATS: Mapping[Task, type[AnswerFormat]] = {
    "classification": LabelFormat,
    "keyphrases": PhrasesFormat,
    "extraction": FactsFormat,
}


def answer_format(spec: TaskSpec) -> AnswerFormat:
    """The format of a task, with the labels that the suite names."""
    return FORMATS[spec.task](spec, spec.labels)


def one_line_each(fields: Sequence[str]) -> str:
    """The fields of a prompt, each with its name on a line of its own."""
    return "\n".join(f"{name.capitalize()}: {{{name}}}" for name in fields)


def not_a(target: Target, what: str) -> BenchError:
    return BenchError(f"target is not {what} but {type(target).__name__}")
