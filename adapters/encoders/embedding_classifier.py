"""Logistic regression on sentence embeddings: a frozen encoder reads, and only the last layer learns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from readbench.adapter import Adapter, Needs, PreparationNeed
from readbench.adapter import Params as Base
from readbench.core.types import Dataset, Document, PredictedLabel, Task
from readbench.machine.weights import find_weights
from readbench_adapters.classical.files import read_estimator, write_estimator
from readbench_adapters.classical.text_classifiers import MODEL, note_convergence
from readbench_adapters.encoders.embeddings import DEFAULT_MODEL, REQUIRES, Embeddings, modules_of
from readbench_adapters.encoders.english import refuse_other_languages
from readbench_adapters.training.labelled import learnable, most_probable

INSTALL = "pip install 'readbench[classification,neural]'"


class EmbeddingLogReg(Adapter):
    """Reads vectors that are made once and shared with other methods."""

    name: ClassVar[str] = "embedding-logreg"
    tasks: ClassVar[frozenset[Task]] = frozenset({"classification"})
    summary: ClassVar[str] = "logistic regression on frozen sentence embeddings"
    requires: ClassVar[tuple[str, ...]] = ("sklearn", "skops", *REQUIRES)
    install: ClassVar[str] = INSTALL
    chunk_size: ClassVar[int] = 256

    class Params(Base):
        model: str = Field(DEFAULT_MODEL, description="a known name, a repository in the cache, or a folder")
        C: float = Field(1.0, gt=0, description="inverse strength of the regularisation")
        class_weight: Literal["balanced"] | None = Field(None, description="balanced: rare labels weigh more")
        max_iter: int = Field(1000, ge=1, description="iterations of the solver at most")

    params: Params

    def needs(self) -> Needs:
        return Needs(
            {"embeddings": PreparationNeed(Embeddings.of(self.params.model), parts=("train", "test"))}
        )

    def modules(self) -> tuple[str, ...]:
        return modules_of(("sklearn.linear_model", *REQUIRES), self.params.model)

    def missing(self) -> None:
        super().missing()
        refuse_other_languages(self.name, self.params.model, self.context.task.language)

    def load(self) -> None:
        refuse_other_languages(self.name, self.params.model, self.context.task.language)
        weights = find_weights(self.params.model)
        if weights is not None:
            self.context.note("weights", weights.described())

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: ARG002 - chosen on by the suite
        from sklearn.linear_model import LogisticRegression

        params, labelled = self.params, learnable(train, self.name)
        self.model = LogisticRegression(
            C=params.C, class_weight=params.class_weight, max_iter=params.max_iter
        )
        self.model.fit(self._vectors(labelled.documents), list(labelled.labels))
        note_convergence(self.model, self)

    def predict(self, chunk: Sequence[Document]) -> list[PredictedLabel]:
        if not chunk:
            return []
        classes = [str(label) for label in self.model.classes_]
        return most_probable(
            self.model.predict_proba(self._vectors(chunk)), classes, self.context.task.labels
        )

    def save(self, folder: Path) -> None:
        write_estimator(self.model, folder / MODEL)

    def restore(self, folder: Path) -> None:
        self.model = read_estimator(folder / MODEL)

    def _vectors(self, documents: Sequence[Document]) -> Any:
        """float64 (documents, dimensions): in single precision probabilities would not sum to 1."""
        import numpy as np

        embeddings = self.context.preparations["embeddings"]
        return np.stack([np.asarray(embeddings[document.id], dtype=np.float64) for document in documents])
