"""What is counted while free answers are read, for the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from readbench.core.types import Document, Prediction
from readbench_adapters.llm.formats import AnswerFormat
from readbench_adapters.training.document_count import DocumentCount

QUOTED_CHARACTERS = 80
"""So much is noted of an answer that could not be read."""


class Written(Protocol):
    """An answer in words. ``whole``: it ended by itself, not at the limit of its tokens."""

    @property
    def text(self) -> str: ...

    @property
    def whole(self) -> bool: ...


@dataclass
class AnswerCounts:
    """What is counted while a model answers. ``to_compare``: on how many documents scores are compared with
    free answers. ``agreed``: by document, whether the free answer states the label with the best score."""

    to_compare: int
    unreadable: DocumentCount = field(default_factory=DocumentCount)
    agreed: dict[str, bool] = field(default_factory=dict)
    tokens: int = 0
    seconds: float = 0.0

    @property
    def still_to_compare(self) -> int:
        return self.to_compare - len(self.agreed)

    def read(
        self, answer_format: AnswerFormat, documents: Sequence[Document], answers: Sequence[Written]
    ) -> list[Prediction]:
        """What free answers state. Those that state nothing are counted, and the first few are quoted."""
        predictions = []
        for document, answer in zip(documents, answers, strict=True):
            prediction = answer_format.read(answer.text, whole=answer.whole)
            if prediction is None:
                self.unreadable.add(document.id, answer.text[:QUOTED_CHARACTERS])
                prediction = answer_format.unreadable(answer.text)
            predictions.append(prediction)
        return predictions

    def note(self, note: Callable[[str, Any], None], *, generates: bool) -> None:
        """Puts the counts into the record. ``generates``: predictions are free answers."""
        if generates or self.agreed:
            note(
                "unparsable",
                {"answers": self.unreadable.documents, "examples": list(self.unreadable.examples)},
            )
        if self.agreed:
            note("agreement", {"documents": len(self.agreed), "agreed": sum(self.agreed.values())})
        if self.seconds:
            note("predict_tokens_per_s", self.tokens / self.seconds)
