"""Labels of an instruction dataset by character n-grams; where facts are asked for it abstains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter, BenchError
from readbench.adapter import Params as Base
from readbench.core.types import Dataset, Document, ExtractedFacts, StatedFacts, Task
from readbench_adapters.classical.files import read_estimator, write_estimator

NO_LABEL = ""
"""The class of documents whose answer is facts. No label is empty, so it cannot be mistaken for one."""
MODEL = "model.skops"


class LabelLogReg(Adapter):
    """TF-IDF weights of character n-grams and logistic regression over all labels and one more class, which
    stands for the documents that ask for facts. Characters, because Chinese writes no blanks between words.
    """

    name: ClassVar[str] = "label-logreg"
    tasks: ClassVar[frozenset[Task]] = frozenset({"extraction"})
    summary: ClassVar[str] = "labels by logistic regression on character n-grams; no facts"
    requires: ClassVar[tuple[str, ...]] = ("sklearn", "skops")
    install: ClassVar[str] = "pip install 'readbench[classification]'"
    chunk_size: ClassVar[int] = 256

    class Params(Base):
        ngram_min: int = Field(1, ge=1, description="shortest n-gram, in characters")
        ngram_max: int = Field(2, ge=1, description="longest n-gram, in characters")
        min_df: int = Field(2, ge=1, description="documents that an n-gram must be in")
        C: float = Field(10.0, gt=0, description="inverse strength of the regularisation")
        max_iter: int = Field(1000, ge=1, description="iterations of the solver at most")

    params: Params

    def modules(self) -> tuple[str, ...]:
        return ("sklearn.feature_extraction.text", "sklearn.linear_model")

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: ARG002 - nothing is chosen
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        params, known = self.params, train.targets.get("extraction", {})
        documents = [document for document in train.documents if document.id in known]
        classes = [_class_of(known[document.id]) for document in documents]
        if len(set(classes)) < 2:
            raise BenchError(
                f"{self.name} needs two labels, or labels and facts, to learn what tells them apart, and the "
                f"training part has {len(set(classes))}",
                todo='give the suite a [split] of kind = "holdout", or "given" where the corpus has parts',
            )
        vectors = TfidfVectorizer(
            analyzer="char",
            ngram_range=(params.ngram_min, params.ngram_max),
            min_df=params.min_df,
            sublinear_tf=True,
        )
        model = LogisticRegression(C=params.C, max_iter=params.max_iter)
        self.pipeline = make_pipeline(vectors, model)
        try:
            self.pipeline.fit([self.context.task.text(document) for document in documents], classes)
        except ValueError as error:  # no character at all, or a threshold that leaves nothing
            raise BenchError(
                f"{self.name} finds no n-grams in the {len(documents)} training documents: {error}",
                todo="check fields and min_df",
            ) from error
        self.context.note("features", len(vectors.vocabulary_))
        if int(max(model.n_iter_)) >= params.max_iter:
            self.context.note("not_converged", f"within {params.max_iter} iterations")

    def predict(self, chunk: Sequence[Document]) -> list[ExtractedFacts]:
        if not chunk:
            return []
        labels = self.pipeline.predict([self.context.task.text(document) for document in chunk])
        return [ExtractedFacts(label=str(label) or None) for label in labels]

    def save(self, folder: Path) -> None:
        write_estimator(self.pipeline, folder / MODEL)

    def restore(self, folder: Path) -> None:
        self.pipeline = read_estimator(folder / MODEL)


def _class_of(target: object) -> str:
    assert isinstance(target, StatedFacts)
    return target.label or NO_LABEL
