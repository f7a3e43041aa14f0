"""The two supervised methods of pke, Kea and WINGNUS, trained on the training part of a fold, or as pke ships
them.

Features, classes and classifier are those of ``pke.utils.train_supervised_model``. Two things differ: the
training part is parsed once for all methods, and a model is saved without pickle.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from readbench.adapter import BenchError, MissingDependency, Needs, PreparationNeed
from readbench.core.types import Dataset, Document
from readbench_adapters.classical.files import read_estimator, write_estimator
from readbench_adapters.pke.counting import FrequencyParams, WithFrequencies
from readbench_adapters.pke.filling import fill
from readbench_adapters.words.languages import is_english

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Source = Literal["train", "shipped"]
MODEL = "classifier.skops"
SHIPPED = {
    "Kea": "1e67a5ebb27618eb33645cc8571b338cca4ca774c0acc7e69237046be3027118",
    "WINGNUS": "516635966f0421c83f7133fdf9c6d885b8d8980f6b2f1a061137143577796e85",
}
"""SHA-256 of the pickles in pke 2.0.0 of models trained on SemEval-2010. A pickle can run code, so only these
known files are read."""


class SupervisedParams(FrequencyParams):
    """What both have."""

    model: Source = Field("train", description="learned from the training part, or pke's of SemEval-2010")


class PkeSupervised(WithFrequencies):
    """Naive Bayes over a few features of each candidate, scaled to 0..1 within its document."""

    requires: ClassVar[tuple[str, ...]] = ("pke", "rapidfuzz", "sklearn")

    class Params(SupervisedParams):
        """Parameters of the methods without their own."""

    params: SupervisedParams

    def needs(self) -> Needs:
        needs = dict(super().needs().preparations)
        if self.params.model == "train":
            needs["train_parse"] = PreparationNeed(self.parse(), ("train",))
        return Needs(needs)

    def check_language(self) -> None:
        super().check_language()
        if not is_english(self.context.task.language):
            raise MissingDependency(
                f"{self.name} compares gold by English stems, the texts are {self.context.task.language!r}",
                todo="leave it out, or take bert-tagger with an encoder of that language",
            )

    def load(self) -> None:
        super().load()
        self.classifier: Any = shipped_classifier(self.pke_class) if self.params.model == "shipped" else None

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: ARG002 - nothing is chosen
        """As ``pke.utils.train_supervised_model``: a candidate is a keyphrase if its stems are those of a
        gold phrase; the document at hand is taken off the document frequencies, whichever they are.

        Raises BenchError where no candidate of the training part is a keyphrase, or all are.
        """
        if self.params.model == "shipped":
            return
        import numpy as np
        from sklearn.naive_bayes import MultinomialNB

        features, classes = self._training_instances(train)
        if len(set(classes)) < 2:
            share = "all of them are" if any(classes) else "none of them is"
            raise BenchError(
                f"there is nothing to tell apart: of {len(classes)} candidates in {len(train.documents)} "
                f"training documents {share} a keyphrase",
                todo="use more documents, or check the keyphrases column",
            )
        self.classifier = MultinomialNB().fit(np.array(features), np.array(classes))
        self.context.note("training", {"candidates": len(classes), "keyphrases": sum(classes)})

    def _training_instances(self, train: Dataset) -> tuple[list[NDArray[np.float64]], list[int]]:
        """The features of every candidate of the training part, and whether it is a gold phrase: 1 or 0."""
        targets = train.targets.get("keyphrases", {})
        gold = {id_: target for id_, target in targets.items() if isinstance(target, tuple)}
        features: list[NDArray[np.float64]] = []
        classes: list[int] = []
        params = self.params
        self.context.progress(0, len(train.documents))
        for done, document in enumerate(train.documents, start=1):
            extractor = self.extractor()
            parsed = self.context.preparations["train_parse"][document.id]
            fill(extractor, parsed, params.normalization, params.stoplist, self.language.code)
            self.select_candidates(extractor)
            if extractor.candidates:
                keyphrases = {self._normalised(phrase) for phrase in gold.get(document.id, ())}
                self.extract(extractor, training=True)
                features += extractor.instances.values()
                classes += [int(candidate in keyphrases) for candidate in extractor.instances]
            self.context.progress(done, len(train.documents))
        return features, classes

    def _normalised(self, phrase: str) -> str:
        """A gold phrase as pke's ``load_references`` stems it, to be compared with a candidate."""
        from nltk.stem.snowball import SnowballStemmer

        stem = SnowballStemmer("porter").stem if self.params.normalization == "stemming" else str.lower
        return " ".join(stem(word).lower() for word in phrase.split())

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection()

    def extract(self, extractor: Any, *, training: bool) -> None:
        """Fills ``extractor.instances``: candidate to float64 (features,)."""
        extractor.feature_extraction(df=self.context.preparations["df"], training=training)

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        self.extract(extractor, training=False)
        # pke's classify_candidates reads the classifier from a file for every document.
        probabilities = self.classifier.predict_proba(list(extractor.instances.values()))[:, 1]
        extractor.weights.update(zip(extractor.instances, probabilities.tolist(), strict=True))

    def save(self, folder: Path) -> None:
        write_estimator(self.classifier, folder / MODEL)

    def restore(self, folder: Path) -> None:
        self.classifier = read_estimator(folder / MODEL)


class Kea(PkeSupervised):
    """Witten et al. 1999, doi:10.1145/313238.313437: frequency times inverse document frequency, and the
    place of the first occurrence."""

    name = "pke.kea"
    summary = "Witten et al. 1999: naive Bayes over tf-idf and first occurrence, learned"
    pke_class = "Kea"


def _known(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if not numbers or len(set(numbers)) < len(numbers) or not set(numbers) <= set(range(1, 7)):
        raise ValueError("features are some of 1 to 6, each once")
    return numbers


Features = Annotated[tuple[int, ...], AfterValidator(_known)]
DEFAULT_FEATURES = (1, 4, 6)


class Wingnus(PkeSupervised):
    """Nguyen and Luong 2010, aclanthology.org/S10-1035: noun phrases, their frequency, place and length.
    pke's features from the seventh on need sections and headings, which plain text has not."""

    name = "pke.wingnus"
    summary = "Nguyen and Luong 2010: naive Bayes over noun phrases, learned"
    pke_class = "WINGNUS"
    selects_by_tags = True

    class Params(SupervisedParams):
        features: Features = Field(
            DEFAULT_FEATURES,
            description="pke's numbers: tf-idf, tf, tf of parts, first and last occurrence, length",
        )

    params: Params

    def load(self) -> None:
        super().load()
        if self.params.model == "shipped" and self.params.features != DEFAULT_FEATURES:
            raise BenchError(
                "pke's shipped model knows the features 1, 4 and 6 alone", todo="leave features out"
            )

    def extract(self, extractor: Any, *, training: bool) -> None:
        extractor.feature_extraction(
            df=self.context.preparations["df"], training=training, features_set=list(self.params.features)
        )


def shipped_classifier(pke_class: str) -> Any:
    """The numbers of a model that pke ships, in a classifier of the scikit-learn that is installed: the
    pickle is one of version 0.20.

    Raises BenchError for a file other than the known one.
    """
    import joblib
    import pke
    from sklearn.exceptions import InconsistentVersionWarning
    from sklearn.naive_bayes import MultinomialNB

    path = Path(pke.__file__).parent / "models" / f"{pke_class}-semeval2010.py3.pickle"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHIPPED[pke_class]:
        raise BenchError(
            f"this is not the model that pke 2.0.0 ships for {pke_class}, and no other pickle is read",
            where=str(path),
            todo="reinstall pke, or give model=train",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        stored = vars(joblib.load(path))
    classifier = MultinomialNB()
    for name in ("classes_", "class_count_", "class_log_prior_", "feature_count_", "feature_log_prob_"):
        setattr(classifier, name, stored[name])
    classifier.n_features_in_ = stored["feature_log_prob_"].shape[1]
    return classifier
