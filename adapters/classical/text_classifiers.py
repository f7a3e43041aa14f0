"""Classical text classifiers: n-grams as scikit-learn's vectorisers count them, labels by its classifiers,
and the class prior that all of them must beat.

The defaults of ``logreg`` are the known baseline's and give what
``make_pipeline(TfidfVectorizer(ngram_range=(1, 10), max_features=3000), LogisticRegression())`` gives.
The others read the same n-grams, so that rows differ in the classifier alone. All learn from the training
part; the validation part is for the choice of parameters.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt, TypeAdapter

from readbench.adapter import Adapter, BenchError
from readbench.core.types import Dataset, Document, PredictedLabel, Task
from readbench_adapters.classical.files import read_estimator, write_estimator
from readbench_adapters.classical.text_features import (
    CountParams,
    Features,
    TextParams,
    TfidfParams,
    check_language,
    texts_of,
    vectoriser,
)
from readbench_adapters.training.labelled import learnable, most_probable

INSTALL = "pip install 'readbench[classification]'"
LIBRARIES = (
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.naive_bayes",
    "sklearn.svm",
)
"""One set for all methods of this file, so that each of them is charged the same imports. skops is needed
only where a model is saved."""
PRIOR, MODEL = "prior.json", "model.skops"
COUNTS = TypeAdapter(Annotated[dict[str, PositiveInt], Field(min_length=1)])
"""How many documents of the training part have each label."""
TASKS: frozenset[Task] = frozenset({"classification"})
ClassWeight = Literal["balanced"] | None


class Majority(Adapter):
    """Every document gets the most frequent label; the shares of the labels are the probabilities."""

    name: ClassVar[str] = "majority"
    tasks: ClassVar[frozenset[Task]] = TASKS
    summary: ClassVar[str] = "the most frequent label of the training part, whatever the text"

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: ARG002 - nothing is chosen
        counts = Counter(learnable(train, self.name, classes=1).labels)
        self.counts = {label: counts[label] for label in sorted(counts)}

    def predict(self, chunk: Sequence[Document]) -> list[PredictedLabel]:
        import numpy as np

        counts = np.array(list(self.counts.values()), dtype=np.float64)
        shares = np.tile(counts / counts.sum(), (len(chunk), 1))
        return most_probable(shares, list(self.counts), self.context.task.labels)

    def save(self, folder: Path) -> None:
        (folder / PRIOR).write_text(json.dumps(self.counts, ensure_ascii=False), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        self.counts = COUNTS.validate_json((folder / PRIOR).read_bytes(), strict=True)


class TextClassifier(Adapter):
    """A vectoriser and a classifier of scikit-learn, saved by skops."""

    tasks: ClassVar[frozenset[Task]] = TASKS
    requires: ClassVar[tuple[str, ...]] = ("sklearn", "skops")
    install: ClassVar[str] = INSTALL
    chunk_size: ClassVar[int] = 256
    params: TextParams

    @abstractmethod
    def classifier(self) -> Any:
        """The classifier, not yet fitted."""

    def modules(self) -> tuple[str, ...]:
        return LIBRARIES

    def load(self) -> None:
        check_language(self.params, self.context)

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: ARG002 - chosen on by the suite
        from sklearn.pipeline import make_pipeline

        labelled = learnable(train, self.name)
        texts = texts_of(labelled.documents, self.params, self.context)
        vectors = vectoriser(self.params)
        self.features = Features(vectors, self.params)
        try:
            features = self.features.fit(texts)
        except ValueError as error:  # no word at all, or thresholds that leave nothing
            raise BenchError(
                f"{self.name} finds no n-grams in the {len(texts)} training documents: {error}",
                todo="check fields, analyzer, min_df and max_df",
            ) from error
        classifier = self.classifier()
        self.context.progress(1, 2)
        classifier.fit(features, list(labelled.labels))
        self.pipeline = make_pipeline(vectors, classifier)
        self.context.note("features", int(features.shape[1]))
        note_convergence(classifier, self)

    def predict(self, chunk: Sequence[Document]) -> list[PredictedLabel]:
        if not chunk:
            return []
        features = self.features.of(texts_of(list(chunk), self.params, self.context))
        return self.scored(self.pipeline[-1], features)

    def scored(self, classifier: Any, features: Any) -> list[PredictedLabel]:
        """Predictions for a matrix of features (documents, n-grams)."""
        classes = [str(label) for label in classifier.classes_]
        return most_probable(classifier.predict_proba(features), classes, self.context.task.labels)

    def save(self, folder: Path) -> None:
        write_estimator(self.pipeline, folder / MODEL)

    def restore(self, folder: Path) -> None:
        self.pipeline = read_estimator(folder / MODEL)
        self.features = Features(self.pipeline[0], self.params)


class LogReg(TextClassifier):
    name: ClassVar[str] = "logreg"
    summary: ClassVar[str] = "logistic regression on TF-IDF weights of n-grams, the known baseline"

    class Params(TfidfParams):
        C: float = Field(1.0, gt=0, description="inverse strength of the regularisation")
        class_weight: ClassWeight = Field(None, description="balanced: rare labels weigh more")
        max_iter: int = Field(100, ge=1, description="iterations of the solver at most")

    params: Params

    def classifier(self) -> Any:
        return _logistic_regression(self.params)


class BowLogReg(TextClassifier):
    name: ClassVar[str] = "bow-logreg"
    summary: ClassVar[str] = "logistic regression on counts of n-grams"

    class Params(CountParams):
        C: float = Field(1.0, gt=0, description="inverse strength of the regularisation")
        class_weight: ClassWeight = Field(None, description="balanced: rare labels weigh more")
        # Counts are of many scales: scikit-learn's 100 are not enough.
        max_iter: int = Field(1000, ge=1, description="iterations of the solver at most")

    params: Params

    def classifier(self) -> Any:
        return _logistic_regression(self.params)


class NaiveBayes(TextClassifier):
    name: ClassVar[str] = "naive-bayes"
    summary: ClassVar[str] = "multinomial naive Bayes on counts of n-grams"

    class Params(CountParams):
        alpha: float = Field(1.0, gt=0, description="added to every count (Laplace: 1)")

    params: Params

    def classifier(self) -> Any:
        from sklearn.naive_bayes import MultinomialNB

        return MultinomialNB(alpha=self.params.alpha)


class LinearSvm(TextClassifier):
    """Its scores are distances from the separating plane, not probabilities: they rank documents, and metrics
    of probabilities are null. With two classes the distance for one is the negative of the other's."""

    name: ClassVar[str] = "linear-svm"
    summary: ClassVar[str] = "linear support vector machine on TF-IDF weights; scores are no probabilities"

    class Params(TfidfParams):
        C: float = Field(1.0, gt=0, description="inverse strength of the regularisation")
        class_weight: ClassWeight = Field(None, description="balanced: rare labels weigh more")
        max_iter: int = Field(1000, ge=1, description="iterations of the solver at most")

    params: Params

    def classifier(self) -> Any:
        from sklearn.svm import LinearSVC

        params = self.params
        # There is one optimum; the seed sets the order of the solver's steps towards it.
        return LinearSVC(
            C=params.C,
            class_weight=params.class_weight,
            max_iter=params.max_iter,
            random_state=self.context.seed,
        )

    def scored(self, classifier: Any, features: Any) -> list[PredictedLabel]:
        import numpy as np

        classes = [str(label) for label in classifier.classes_]
        distances = classifier.decision_function(features)
        if distances.ndim == 1:
            distances = np.stack([-distances, distances], axis=1)
        return [
            PredictedLabel(
                classes[int(row.argmax())],
                {label: float(value) for label, value in zip(classes, row, strict=True)},
            )
            for row in distances
        ]


class RandomForest(TextClassifier):
    name: ClassVar[str] = "random-forest"
    summary: ClassVar[str] = "random forest on TF-IDF weights of n-grams"
    stochastic: ClassVar[bool] = True

    class Params(TfidfParams):
        n_estimators: int = Field(100, ge=1, description="trees")
        max_depth: int | None = Field(None, ge=1, description="levels of a tree at most; none: no limit")
        min_samples_leaf: int = Field(1, ge=1, description="documents in a leaf at least")
        class_weight: ClassWeight = Field(None, description="balanced: rare labels weigh more")

    params: Params

    def classifier(self) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        params = self.params
        return RandomForestClassifier(
            n_estimators=params.n_estimators,
            max_depth=params.max_depth,
            min_samples_leaf=params.min_samples_leaf,
            class_weight=params.class_weight,
            random_state=self.context.seed,
            n_jobs=self.context.threads,
        )

    def fit(self, train: Dataset, validation: Dataset) -> None:
        super().fit(train, validation)
        # Threads add up the trees' votes in any order, and the last digit with them.
        self.pipeline[-1].set_params(n_jobs=1)


def _logistic_regression(params: LogReg.Params | BowLogReg.Params) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=params.C, class_weight=params.class_weight, max_iter=params.max_iter)


def note_convergence(classifier: Any, adapter: Adapter) -> None:
    """Notes in the record where a solver stopped at its limit, as scikit-learn would warn on a terminal."""
    import numpy as np

    limit = getattr(adapter.params, "max_iter", None)
    steps = getattr(classifier, "n_iter_", None)
    if limit is not None and steps is not None and int(np.max(steps)) >= limit:
        adapter.context.note("not_converged", f"the solver stopped at max_iter={limit}")
