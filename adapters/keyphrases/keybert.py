"""KeyBERT (Grootendorst 2020, https://doi.org/10.5281/zenodo.4461265): the candidates whose embeddings are
closest to that of the document. Parameters default to KeyBERT's, save ``top_n``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from readbench.adapter import Adapter, MissingDependency, Needs, PreparationNeed, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench.text.languages import language_code
from readbench_adapters.encoders.embeddings import (
    DEFAULT_MODEL,
    INSTALL,
    REQUIRES,
    Embeddings,
    Encoder,
    modules_of,
)
from readbench_adapters.encoders.english import refuse_other_languages
from readbench_adapters.words.candidates import (
    NOUN_PHRASES,
    Candidates,
    CandidatesField,
    Grammar,
    Ngrams,
    parse_candidates,
)
from readbench_adapters.words.languages import LANGUAGES, UNSEPARATED, is_english, language_of
from readbench_adapters.words.parse import Parse, ParsedSentence
from readbench_adapters.words.stop_words import stop_words

MOST_COMBINATIONS = 200_000
"""Choices of phrases that the maximal sum distance may try for a document; more would take minutes."""


class KeyBert(Adapter):
    """One forward pass for the candidates of a whole chunk, then KeyBERT's own ranking by document."""

    name: ClassVar[str] = "keybert"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Grootendorst 2020: phrases whose embedding is closest to the document's"
    requires: ClassVar[tuple[str, ...]] = ("keybert", "sklearn", *REQUIRES)
    install: ClassVar[str] = INSTALL

    class Params(Base):
        model: str = Field(DEFAULT_MODEL, description="a known name, a repository in the cache, or a folder")
        candidates: Candidates = CandidatesField
        keyphrase_ngram_range: tuple[int, int] = Field(
            (1, 1), description="with candidates=default: shortest and longest n-gram"
        )
        stop_words: Literal["own", "english"] | None = Field(
            "own",
            description="with candidates=default: the language's list (English: scikit-learn's), or none",
        )
        top_n: int = Field(50, ge=1, description="phrases kept, best first (KeyBERT's default is 5)")
        use_mmr: bool = Field(
            False,
            description="maximal marginal relevance: top_n phrases unlike each other, ranked by similarity "
            "to the text; give the top_n that is judged, among 50 it hardly shows",
        )
        diversity: float = Field(0.5, ge=0, le=1, description="with use_mmr: how unlike")
        use_maxsum: bool = Field(False, description="maximal sum distance: the top_n least alike of the best")
        nr_candidates: int = Field(20, ge=1, description="with use_maxsum: how many are the best")

        @model_validator(mode="after")
        def _agree(self) -> KeyBert.Params:
            shortest, longest = self.keyphrase_ngram_range
            if not 1 <= shortest <= longest:
                raise ValueError("keyphrase_ngram_range is the shortest n-gram, from 1, and the longest")
            if self.use_mmr and self.use_maxsum:
                raise ValueError("use_mmr and use_maxsum exclude each other")
            if self.use_maxsum and self.nr_candidates < self.top_n:
                raise ValueError("use_maxsum chooses top_n of nr_candidates: give a smaller top_n")
            if self.use_maxsum and math.comb(self.nr_candidates, self.top_n) > MOST_COMBINATIONS:
                raise ValueError(
                    f"use_maxsum tries every top_n of nr_candidates, at most {MOST_COMBINATIONS:,} choices"
                )
            return self

    params: Params

    def needs(self) -> Needs:
        needs = {"embeddings": PreparationNeed(Embeddings.of(self.params.model))}
        language, wanted = self.context.task.language, parse_candidates(self.params.candidates)
        if wanted is not None or language_code(language) in UNSEPARATED:
            needs["parse"] = PreparationNeed(Parse.of(language, tags=isinstance(wanted, Grammar)))
        return Needs(needs)

    def missing(self) -> None:
        super().missing()
        self._check_language()

    def _check_language(self) -> None:
        params, language = self.params, self.context.task.language
        if is_english(language):
            return
        refuse_other_languages(self.name, params.model, language)
        if params.candidates == "default" and params.stop_words == "english":
            raise MissingDependency(
                f"stop_words=english for texts in {language!r}", todo="take stop_words=own, or none"
            )
        if params.candidates != "default" or params.stop_words == "own":
            language_of(language)

    def modules(self) -> tuple[str, ...]:
        return modules_of(self.requires, self.params.model)

    def load(self) -> None:
        self._check_language()
        params, language = self.params, self.context.task.language
        from keybert import KeyBERT

        self.encoder = Encoder(params.model, self.context)
        self.keybert = KeyBERT(self.encoder.model)
        wanted = parse_candidates(params.candidates, _noun_phrases(language))
        self._select = None if wanted is None else _selection(wanted, language)
        self._stop_words = None if params.stop_words is None else self._own_stop_words()

    def _own_stop_words(self) -> str | list[str]:
        language = self.context.task.language
        if is_english(language):
            return "english"
        return sorted(stop_words("pke", language))

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        chosen = [sorted(set(self._candidates(document))) for document in chunk]
        distinct = sorted({phrase for phrases in chosen for phrase in phrases})
        rows = {phrase: row for row, phrase in enumerate(distinct)}
        vectors = self.encoder(distinct)
        return [
            self._rank(document, phrases, vectors[[rows[phrase] for phrase in phrases]])
            for document, phrases in zip(chunk, chosen, strict=True)
        ]

    def _candidates(self, document: Document) -> Sequence[str]:
        """Lower-cased surface forms: by KeyBERT's own selection, or by the shared one of all methods."""
        if self._select is not None:
            return self._select(self.context.preparations["parse"][document.id])
        import warnings

        from sklearn.feature_extraction.text import CountVectorizer

        segmented: dict[str, Any] = {}
        if language_code(self.context.task.language) in UNSEPARATED:
            # KeyBERT's advice for Chinese: a tokenizer in the place of its pattern of blanks.
            segmented = {"tokenizer": lambda _: self._segmented(document.id), "token_pattern": None}
        vectorizer = CountVectorizer(
            ngram_range=self.params.keyphrase_ngram_range, stop_words=self._stop_words, **segmented
        )
        with warnings.catch_warnings():
            # Lists have words that the pattern cuts apart ("d'un").
            warnings.filterwarnings("ignore", message="Your stop_words may be inconsistent")
            try:
                vectorizer.fit([self.context.task.text(document)])
            except ValueError:  # no word at all: KeyBERT, too, answers with nothing
                return []
        written = language_of(self.context.task.language).written if segmented else str
        return [written(phrase) for phrase in vectorizer.get_feature_names_out()]

    def _segmented(self, document_id: str) -> list[str]:
        """The words of a text without blanks, but for marks."""
        words = (word for s in self.context.preparations["parse"][document_id] for word in s.words)
        return [word.lower() for word in words if word.replace("-", "").isalnum()]

    def _rank(self, document: Document, phrases: list[str], vectors: Any) -> RankedPhrases:
        """``vectors``: float32 (phrases, dimensions). ``phrases`` are in order, as KeyBERT's are."""
        if not phrases:
            return RankedPhrases((), ())
        import numpy as np
        from sklearn.feature_extraction.text import CountVectorizer

        params = self.params
        vector = self.context.preparations["embeddings"][document.id]
        chosen = self.keybert.extract_keywords(
            self.context.task.text(document),
            # KeyBERT would look for the candidates in the text, with a tokenizer that knows neither hyphens
            # nor phrases: this vectorizer hands them over as they are.
            vectorizer=CountVectorizer(analyzer=lambda _: phrases),
            doc_embeddings=np.asarray(vector)[np.newaxis],
            word_embeddings=vectors,
            top_n=params.top_n,
            use_mmr=params.use_mmr,
            diversity=params.diversity,
            use_maxsum=params.use_maxsum,
            nr_candidates=params.nr_candidates,
        )
        # KeyBERT rounds to four decimals, where two equal runs could differ in the last.
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vector)
        cosines = dict(zip(phrases, (vectors @ vector / lengths).tolist(), strict=True))
        best = [(phrase, cosines[phrase]) for phrase, _ in chosen]
        if params.use_maxsum:  # a set, listed from the worst to the best
            best.sort(key=lambda scored: -scored[1])
        return RankedPhrases(tuple(phrase for phrase, _ in best), tuple(score for _, score in best))


def _noun_phrases(language: str) -> str:
    known = LANGUAGES.get(language_code(language))
    return NOUN_PHRASES if known is None else known.noun_phrases


def _selection(wanted: Ngrams | Grammar, language: str) -> Callable[[Sequence[ParsedSentence]], list[str]]:
    """Candidates of a parse as pke selects and filters them, each as it is first written."""
    from pke.base import LoadFile

    from readbench_adapters.pke.filling import fill
    from readbench_adapters.pke.selection import Selection

    class Selector(Selection, LoadFile):  # type: ignore[misc]
        """pke's candidates without a method."""

    written = language_of(language).written

    def select(sentences: Sequence[ParsedSentence]) -> list[str]:
        extractor = Selector()
        fill(extractor, sentences, "stemming", language=language)
        extractor.select_as(wanted)
        candidates = extractor.candidates.values()
        return [written(" ".join(candidate.surface_forms[0]).lower()) for candidate in candidates]

    return select
