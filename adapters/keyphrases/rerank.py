"""Re-ranking of what other methods of a suite list, by a classifier that learns which of it is gold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from readbench.adapter import BenchError, LearnedEnsemble, Needs, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Dataset, Document, Prediction, Task
from readbench.text import normalise
from readbench_adapters.classical.files import read_estimator, write_estimator
from readbench_adapters.keyphrases.fusion import MEMBERS
from readbench_adapters.keyphrases.listed import Listed, features, listed

MODEL = "classifier.skops"
DEPTH = 50
"""Phrases of each member that are looked at."""


class Rerank(LearnedEnsemble):
    """Stacking (Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1) of ranked lists: every phrase that a member
    lists is a candidate, described by its ranks and scores there and by its place, frequency and length in
    the document. The classifier learns on the validation part which candidates are gold by the metric's
    normaliser, from members that did not see that part; the score of a phrase is its probability."""

    name: ClassVar[str] = "rerank"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = (
        "other methods' phrases, in the order that a classifier learns on the validation part"
    )
    requires: ClassVar[tuple[str, ...]] = ("sklearn", "skops")
    install: ClassVar[str] = "pip install 'readbench[keyphrases]'"

    class Params(Base):
        members: tuple[str, ...] = Field(MEMBERS, min_length=1, description="methods, as a suite spells them")
        by: Literal["logreg", "gradient-boosting"] = Field("logreg", description="what learns the order")
        C: float = Field(1.0, gt=0, description="logreg: inverse strength of the regularisation")
        trees: int = Field(100, ge=1, description="gradient-boosting: how many")
        learning_rate: float = Field(0.05, gt=0, description="gradient-boosting: weight of each tree")
        leaves: int = Field(8, ge=2, description="gradient-boosting: of a tree at most")
        n_best: int = Field(50, ge=1, description="phrases kept, best first")

    params: Params

    def needs(self) -> Needs:
        return Needs(members=self.params.members)

    def modules(self) -> tuple[str, ...]:
        models = "sklearn.linear_model" if self.params.by == "logreg" else "sklearn.ensemble"
        return (models, "sklearn.pipeline", "sklearn.preprocessing")

    def learn(self, documents: Dataset, predictions: Sequence[Sequence[Prediction]]) -> None:
        """Raises BenchError where no candidate of the validation part is gold, or all are."""
        import numpy as np

        language, gold = self.context.task.language, documents.targets.get("keyphrases", {})
        known = [
            (document, of_one)
            for document, of_one in zip(documents.documents, predictions, strict=True)
            if gold.get(document.id)
        ]
        rows, classes = [], []
        for document, of_one in known:
            found = self._listed(document, of_one)
            target = gold[document.id]
            assert isinstance(target, tuple)
            wanted = {normalise.key(phrase, language) for phrase in target}
            rows += features(found)
            classes += [candidate.key in wanted for candidate in found.candidates]
        if len(set(classes)) < 2:
            share = "all of them are" if any(classes) else "none of them is"
            raise BenchError(
                f"there is nothing to tell apart: of {len(classes)} candidates in {len(known)} "
                f"validation documents {share} a keyphrase",
                todo="use a larger validation part, other members, or check the keyphrases column",
            )
        self.classifier = self._untrained().fit(np.array(rows), np.array(classes))
        noted = {"documents": len(known), "candidates": len(classes), "keyphrases": sum(classes)}
        self.context.note("validation", noted)

    def _untrained(self) -> Any:
        params = self.params
        if params.by == "gradient-boosting":
            from sklearn.ensemble import HistGradientBoostingClassifier

            return HistGradientBoostingClassifier(
                max_iter=params.trees,
                learning_rate=params.learning_rate,
                max_leaf_nodes=params.leaves,
                early_stopping=False,
                random_state=self.context.seed % 2**32,
            )
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(C=params.C, max_iter=1000))

    def predict_from(
        self, documents: Sequence[Document], predictions: Sequence[Sequence[Prediction]]
    ) -> list[RankedPhrases]:
        return [self._ranked(*one) for one in zip(documents, predictions, strict=True)]

    def _ranked(self, document: Document, predictions: Sequence[Prediction]) -> RankedPhrases:
        """One document at a time: the last bit of a score may depend on how many rows are scored at once."""
        import numpy as np

        found = self._listed(document, predictions)
        rows = features(found)
        scores = self.classifier.predict_proba(np.array(rows))[:, 1].tolist() if rows else []
        # Of equal scores the one found first, as the members list them.
        order = sorted(zip(scores, found.candidates, strict=True), key=lambda pair: -pair[0])
        kept = order[: self.params.n_best]
        return RankedPhrases(
            tuple(candidate.phrase for _, candidate in kept), tuple(score for score, _ in kept)
        )

    def _listed(self, document: Document, predictions: Sequence[Prediction]) -> Listed:
        task = self.context.task
        lists = [one for one in predictions if isinstance(one, RankedPhrases)]
        return listed(task.text(document), lists, task.language, DEPTH)

    def save(self, folder: Path) -> None:
        write_estimator(self.classifier, folder / MODEL)

    def restore(self, folder: Path) -> None:
        self.classifier = read_estimator(folder / MODEL)
