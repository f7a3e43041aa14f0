"""How an answer is asked for and read back: the format of a task, and that of labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from readbench.adapter import BenchError, TaskSpec
from readbench.core.types import PredictedLabel, Prediction, Target

QUOTED_CHARACTERS = 80
"""So much is noted of an answer that could not be read."""

LABELS = "labels"
"""The field of a prompt that is no field of a document: the answers to choose from."""


class TaskFormat(Protocol):
    """What differs between tasks: the default prompt, the answer that a target is, the parse of one."""

    @property
    def prompt(self) -> str:
        """The prompt of a suite that brings none."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The closed set of answers; empty where an answer is free text."""

    def answer(self, target: Target) -> str:
        """The text that a model is taught to answer with."""

    def parse(self, text: str, *, whole: bool = True) -> Prediction | None:
        """The prediction that an answer states, None where it states none. One that is not ``whole`` broke
        off where its room ended."""


@dataclass(frozen=True)
class LabelFormat:
    """Classification: the answer is the label itself."""

    spec: TaskSpec
    labels: tuple[str, ...]

    @property
    def prompt(self) -> str:
        lines = "\n".join(f"{name.capitalize()}: {{{name}}}" for name in self.spec.fields)
        return f"Classify this paper. Answer with one of these labels and nothing else: {{{LABELS}}}\n{lines}"

    @property
    def choices(self) -> tuple[str, ...]:
        return self.labels

    def answer(self, target: Target) -> str:
        if not isinstance(target, str):
            raise BenchError("target is not a label")
        return target

    def parse(self, text: str, *, whole: bool = True) -> PredictedLabel | None:  # noqa: ARG002
        """Tolerant: case, blanks and what follows the label do not matter. An answer that names several
        labels counts for the first only where a line end or a stop follows it.

        >>> LabelFormat(TaskSpec(task="classification"), ("0", "1")).parse("The answer is 1.").label
        '1'
        """
        known = {label.casefold(): label for label in self.labels}
        said = text.strip().casefold()
        if said in known:
            return PredictedLabel(known[said])
        # The longest first: of "medical" and "not medical" the second is meant where it stands.
        words = "|".join(re.escape(word) for word in sorted(known, key=len, reverse=True))
        found = list(re.finditer(rf"(?<![\w])(?<!\d\.)(?:{words})(?!\w|\.\d)", said))
        if len({match.group() for match in found}) == 1:
            return PredictedLabel(known[found[0].group()])
        if found and found[0].start() == 0 and re.match(r"\s*[\n.,:;)]", said[found[0].end() :]):
            return PredictedLabel(known[found[0].group()])
        return None
