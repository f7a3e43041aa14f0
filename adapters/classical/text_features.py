"""Texts as counts or TF-IDF weights of word or character n-grams: cleaning, and scikit-learn's vectorisers or
the same features by a faster way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, model_validator

from readbench.adapter import BenchError, Context
from readbench.adapter import Params as Base
from readbench.core.types import Document
from readbench_adapters.classical.word_ngrams import Finder, most_frequent

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
DIGIT = re.compile(r"\d")
UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})
"""Languages that put no white space between words: there a run of letters is a clause, not a word."""


class TextParams(Base):
    """How a text is cleaned and cut into n-grams. The defaults are the known baseline's: n-grams of 1 to 10
    words, the 3,000 most frequent of them, and scikit-learn's defaults for the rest."""

    analyzer: Literal["word", "char", "char_wb"] = Field(
        "word", description="n-grams of words, of characters, or of characters within words"
    )
    ngram_min: int = Field(1, ge=1, description="shortest n-gram")
    ngram_max: int = Field(10, ge=1, description="longest n-gram")
    max_features: int | None = Field(3000, ge=1, description="n-grams kept, the most frequent; none: all")
    min_df: int | float = Field(1, ge=0, description="documents (or share of them) an n-gram must be in")
    max_df: int | float = Field(1.0, ge=0, description="documents (or share of them) it may be in")
    lowercase: bool = Field(True, description="upper and lower case are the same")
    strip_accents: bool = Field(False, description="é is e")
    numbers: Literal["keep", "mask", "drop"] = Field("keep", description="mask: every digit becomes 0")
    stop_words: Literal["english"] | None = Field(None, description="scikit-learn's list is left out")
    implementation: Literal["own", "library"] = Field(
        "own", description="library: scikit-learn counts the n-grams, whose features are the same"
    )

    @model_validator(mode="after")
    def _agree(self) -> TextParams:
        if self.ngram_min > self.ngram_max:
            raise ValueError("ngram_min is more than ngram_max")
        if self.stop_words is not None and self.analyzer != "word":
            raise ValueError("stop_words are for analyzer=word")
        return self


class CountParams(TextParams):
    """Counts of n-grams."""

    binary: bool = Field(False, description="whether an n-gram is there, not how often")


class TfidfParams(TextParams):
    """TF-IDF weights of n-grams."""

    sublinear_tf: bool = Field(False, description="1 + log(tf) in place of tf")


def vectoriser(params: TextParams) -> Any:
    """scikit-learn's vectoriser for these parameters, not yet fitted."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    shared: dict[str, Any] = {
        "analyzer": params.analyzer,
        "ngram_range": (params.ngram_min, params.ngram_max),
        "max_features": params.max_features,
        "min_df": params.min_df,
        "max_df": params.max_df,
        "lowercase": params.lowercase,
        "strip_accents": "unicode" if params.strip_accents else None,
        "stop_words": params.stop_words,
    }
    if isinstance(params, TfidfParams):
        return TfidfVectorizer(**shared, sublinear_tf=params.sublinear_tf)
    return CountVectorizer(**shared, binary=isinstance(params, CountParams) and params.binary)


class Features:
    """The features of texts: a vectoriser of scikit-learn, and the way in which its numbers are computed.
    Both ways give the same matrices to the last bit, and the vectoriser is fitted after either."""

    def __init__(self, vectors: Any, params: TextParams) -> None:
        self.vectors = vectors
        self._own = counts_words(params)
        self._finder: Finder | None = None

    def fit(self, texts: list[str]) -> Any:
        """A sparse matrix (texts, n-grams). Raises ValueError where there is no n-gram."""
        vectors = self.vectors
        if not self._own:
            return vectors.fit_transform(texts)
        split, (shortest, longest) = self._split(), vectors.ngram_range
        counted = most_frequent(map(split, texts), shortest, longest, vectors.max_features, vectors.dtype)
        vectors.vocabulary_ = {term: column for column, term in enumerate(counted.terms)}
        if not hasattr(vectors, "use_idf"):
            return counted.counts
        weights = self._weights()
        features = weights.fit_transform(counted.counts)
        vectors.idf_ = weights.idf_
        return features

    def of(self, texts: list[str]) -> Any:
        """A sparse matrix (texts, n-grams) by the fitted vectoriser."""
        vectors = self.vectors
        if not self._own:
            return vectors.transform(texts)
        if self._finder is None:
            self._finder = Finder(vectors.vocabulary_, self._split())
        counts = self._finder(texts, vectors.dtype)
        if not hasattr(vectors, "use_idf"):
            return counts
        weights = self._weights()
        weights.idf_ = vectors.idf_
        return weights.transform(counts, copy=False)

    def _split(self) -> Callable[[str], list[str]]:
        clean, words = self.vectors.build_preprocessor(), self.vectors.build_tokenizer()
        return lambda text: words(clean(text))

    def _weights(self) -> Any:
        """What weighs the counts as the vectoriser does."""
        from sklearn.feature_extraction.text import TfidfTransformer

        return TfidfTransformer(sublinear_tf=self.vectors.sublinear_tf)


def counts_words(params: TextParams) -> bool:
    """Whether the most frequent n-grams of all words are asked for, which the faster way counts. A limit to
    the number of documents, a list of stop words and binary counts are left to scikit-learn."""
    everywhere = (
        isinstance(params.min_df, int)
        and params.min_df <= 1
        and isinstance(params.max_df, float)
        and params.max_df == 1.0
    )
    binary = isinstance(params, CountParams) and params.binary
    words = params.analyzer == "word" and params.stop_words is None
    return (
        params.implementation == "own"
        and words
        and everywhere
        and not binary
        and params.max_features is not None
    )


def cleaned(text: str, params: TextParams) -> str:
    """A text with its numbers as the parameters want them; the vectoriser does the rest.

    >>> cleaned("412 samples at 33.5 °C", TextParams(numbers="mask"))
    '000 samples at 00.0 °C'
    >>> cleaned("412 samples at 33.5 °C", TextParams(numbers="drop"))
    '  samples at   °C'
    """
    if params.numbers == "keep":
        return text
    return DIGIT.sub("0", text) if params.numbers == "mask" else NUMBER.sub(" ", text)


def texts_of(documents: tuple[Document, ...] | list[Document], params: TextParams, ctx: Context) -> list[str]:
    """The cleaned text of each document, of the fields that the task spec names."""
    return [cleaned(ctx.task.text(document), params) for document in documents]


def check_language(params: TextParams, context: Context) -> None:
    """Notes in the record where words cannot be told apart. Raises BenchError for stop words of another
    language."""
    language = context.task.language.partition("-")[0].lower()
    if params.stop_words == "english" and language != "en":
        raise BenchError(
            f"stop_words=english, and the texts are of the language {language!r}", todo="leave it out"
        )
    if params.analyzer == "word" and language in UNSPACED:
        context.note(
            "analyzer", f"words of {language} are not told apart by spaces; analyzer=char may do better"
        )
