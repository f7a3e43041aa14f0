"""RAKE (Rose, Engel, Cramer and Cowley 2010, https://doi.org/10.1002/9780470689646.ch1) as the package
rake-nltk has it: what stands between stop words and marks is a phrase, and its score the sum over its words
of degree over frequency. Parameters default to the package's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from readbench.adapter import Adapter, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench_adapters.words.languages import is_english, language_of, refuse_unseparated
from readbench_adapters.words.stop_words import NLTK_ENGLISH, stop_words

INSTALL = "pip install 'readbench[field]'"
Metric = Literal["degree-to-frequency", "degree", "frequency"]


class Rake(Adapter):
    """The package downloads NLTK's stop words and its model of sentence ends; here it is given the same list
    of English stop words, and NLTK's Punkt without a model. Only a known abbreviation ends a sentence then,
    and as a full stop ends a phrase anyway, no phrase differs for it in the papers that were looked at."""

    name: ClassVar[str] = "rake"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Rose et al. 2010, the package rake-nltk: words between stop words"
    requires: ClassVar[tuple[str, ...]] = ("rake_nltk", "nltk")
    install: ClassVar[str] = INSTALL

    class Params(Base):
        metric: Metric = Field("degree-to-frequency", description="the score of a word")
        min_length: int = Field(1, ge=1, description="words of a phrase, at least")
        max_length: int = Field(100_000, ge=1, description="words of a phrase, at most")
        include_repeated_phrases: bool = Field(True, description="count a phrase as often as it occurs")
        n_best: int = Field(50, ge=1, description="different phrases kept, best first")

    params: Params

    def missing(self) -> None:
        super().missing()
        self._check_language()

    def _check_language(self) -> None:
        language = self.context.task.language
        refuse_unseparated("rake-nltk", language)
        if not is_english(language):
            language_of(language)

    def load(self) -> None:
        self._check_language()
        from nltk.tokenize.punkt import PunktSentenceTokenizer
        from rake_nltk import Metric as OfPackage
        from rake_nltk import Rake as Package

        params, language = self.params, self.context.task.language
        metrics = {
            "degree-to-frequency": OfPackage.DEGREE_TO_FREQUENCY_RATIO,
            "degree": OfPackage.WORD_DEGREE,
            "frequency": OfPackage.WORD_FREQUENCY,
        }
        own = NLTK_ENGLISH if is_english(language) else stop_words("pke", language)
        self.context.note("stop_words", "NLTK english" if is_english(language) else f"spaCy {language}")
        self.extractor = Package(
            stopwords=set(own),
            ranking_metric=metrics[params.metric],
            min_length=params.min_length,
            max_length=params.max_length,
            include_repeated_phrases=params.include_repeated_phrases,
            sentence_tokenizer=PunktSentenceTokenizer().tokenize,
        )

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return [self._predict(document) for document in chunk]

    def _predict(self, document: Document) -> RankedPhrases:
        self.extractor.extract_keywords_from_text(self.context.task.text(document))
        best: dict[str, float] = {}
        for score, phrase in self.extractor.get_ranked_phrases_with_scores():
            best.setdefault(phrase, float(score))
        kept = list(best.items())[: self.params.n_best]
        return RankedPhrases(tuple(phrase for phrase, _ in kept), tuple(score for _, score in kept))
