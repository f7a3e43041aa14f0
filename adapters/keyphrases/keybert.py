"""KeyBERT (Grootendorst 2020, https://doi.org/10.5281/zenodo.4461265): the candidates whose embeddings are
closest to that of the document. Parameters default to KeyBERT's, save ``top_n``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from readbench.adapter import Adapter, MissingDependency, Needs, PreparationNeed, RankedPhrases, require
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
from readbench_adapters.encoders.onnx_encoder import INSTALL as INSTALL_ONNX
from readbench_adapters.encoders.onnx_encoder import OnnxEncoder, OnnxExport
from readbench_adapters.keyphrases.selected import noun_phrases, selection
from readbench_adapters.words.candidates import Candidates, CandidatesField, Grammar, parse_candidates
from readbench_adapters.words.languages import UNSEPARATED, is_english, language_of
from readbench_adapters.words.parse import Parse
from readbench_adapters.words.stop_words import stop_words

MOST_COMBINATIONS = 200_000
"""Choices of phrases that the maximal sum distance may try for a document; more would take minutes."""


class KeyBert(Adapter):
    """Each distinct candidate of a whole chunk is embedded once, then KeyBERT's ranking by document: cosines
    in the order in which KeyBERT sorts them, or its own functions for the two ways of diversity."""

    name: ClassVar[str] = "keybert"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Grootendorst 2020: phrases whose embedding is closest to the document's"
    requires: ClassVar[tuple[str, ...]] = ("keybert", "sklearn", *REQUIRES)
    install: ClassVar[str] = INSTALL
    # Abstracts share most of their words: of 500, a candidate is in 3.6 on average.
    chunk_size: ClassVar[int] = 512

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
        backend: Literal["torch", "onnx", "onnx-int8"] = Field(
            "torch",
            description="what embeds the candidates: onnx is ONNX Runtime in single precision, with the same "
            "order; onnx-int8 computes in eight bits, with another order",
        )
        implementation: Literal["own", "library"] = Field(
            "own", description="library: KeyBERT itself, paper by paper; it rounds scores to four decimals"
        )

        @model_validator(mode="after")
        def _agree(self) -> KeyBert.Params:
            shortest, longest = self.keyphrase_ngram_range
            if not 1 <= shortest <= longest:
                raise ValueError("keyphrase_ngram_range is the shortest n-gram, from 1, and the longest")
            if self.use_mmr and self.use_maxsum:
                raise ValueError("use_mmr and use_maxsum exclude each other")
            if self.use_maxsum and self.nr_candidates < self.top_n:
                raise ValueError("use_maxsum chooses top_n of nr_candidates: give a smaller top_n")
            if self.implementation == "library" and self.backend != "torch":
                raise ValueError("implementation=library embeds by torch: leave backend out")
            if self.use_maxsum and math.comb(self.nr_candidates, self.top_n) > MOST_COMBINATIONS:
                raise ValueError(
                    f"use_maxsum tries every top_n of nr_candidates, at most {MOST_COMBINATIONS:,} choices"
                )
            return self

    params: Params

    def needs(self) -> Needs:
        params, language = self.params, self.context.task.language
        needs = {}
        if params.implementation == "own":
            needs["embeddings"] = PreparationNeed(Embeddings.of(params.model))
        if params.backend != "torch":
            exported = OnnxExport.of(params.model, int8=params.backend == "onnx-int8")
            needs["onnx"] = PreparationNeed(exported, ())
        wanted = parse_candidates(params.candidates)
        if wanted is not None or language_code(language) in UNSEPARATED:
            needs["parse"] = PreparationNeed(Parse.of(language, tags=isinstance(wanted, Grammar)))
        return Needs(needs)

    def missing(self) -> None:
        super().missing()
        if self.params.backend != "torch":
            require(("onnxruntime", "tokenizers"), INSTALL_ONNX)
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
        if self.params.backend == "torch":
            return modules_of(self.requires, self.params.model)
        return (*self.requires[:2], "onnxruntime", "tokenizers")

    def load(self) -> None:
        self._check_language()
        params, language = self.params, self.context.task.language
        import keybert
        from keybert.backend import BaseEmbedder

        # Where candidates are embedded here, KeyBERT itself embeds nothing.
        embedder: Any = BaseEmbedder()
        if params.backend == "torch":
            self.encoder: Encoder | OnnxEncoder = Encoder(params.model, self.context)
            if params.implementation == "library":
                embedder = self.encoder.model
        else:
            self.encoder = OnnxEncoder(self.context.preparations["onnx"], self.context.threads)
        self.keybert = keybert.KeyBERT(embedder)
        wanted = parse_candidates(params.candidates, noun_phrases(language))
        self._select = None if wanted is None else selection(wanted, language)
        self._stop_words = None if params.stop_words is None else self._own_stop_words()
        self._ngrams = self._analyser()

    def _own_stop_words(self) -> str | list[str]:
        language = self.context.task.language
        if is_english(language):
            return "english"
        return sorted(stop_words("pke", language))

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        if self.params.implementation == "library":
            return [self._by_library(document) for document in chunk]
        chosen = [sorted(set(self._candidates(document))) for document in chunk]
        distinct = sorted({phrase for phrases in chosen for phrase in phrases})
        rows = {phrase: row for row, phrase in enumerate(distinct)}
        vectors = self.encoder.of_phrases(distinct)
        units = unit(vectors)
        ranked = []
        for document, phrases in zip(chunk, chosen, strict=True):
            places = [rows[phrase] for phrase in phrases]
            ranked.append(self._rank(document, phrases, vectors[places], units[places]))
        return ranked

    def _analyser(self) -> Callable[[Any], list[str]]:
        """KeyBERT's candidates of a text; of its words, where no blanks separate them."""
        import warnings

        from sklearn.feature_extraction.text import CountVectorizer

        segmented: dict[str, Any] = {}
        if language_code(self.context.task.language) in UNSEPARATED:
            # KeyBERT's advice for Chinese: a tokenizer in the place of its pattern of blanks.
            segmented = {"tokenizer": list, "preprocessor": list, "token_pattern": None}
        with warnings.catch_warnings():
            # Lists have words that the pattern cuts apart ("d'un").
            warnings.filterwarnings("ignore", message="Your stop_words may be inconsistent")
            ngrams: Callable[[Any], list[str]] = CountVectorizer(
                ngram_range=self.params.keyphrase_ngram_range, stop_words=self._stop_words, **segmented
            ).build_analyzer()
        return ngrams

    def _candidates(self, document: Document) -> Sequence[str]:
        """Lower-cased surface forms: by KeyBERT's own selection, or by the shared one of all methods."""
        if self._select is not None:
            sentences = self.context.preparations["parse"][document.id]
            return [candidate.phrase for candidate in self._select(sentences)]
        if language_code(self.context.task.language) in UNSEPARATED:
            written = language_of(self.context.task.language).written
            return [written(phrase) for phrase in self._ngrams(self._segmented(document.id))]
        return self._ngrams(self.context.task.text(document))

    def _segmented(self, document_id: str) -> list[str]:
        """The words of a text without blanks, but for marks."""
        words = (word for s in self.context.preparations["parse"][document_id] for word in s.words)
        return [word.lower() for word in words if word.replace("-", "").isalnum()]

    def _rank(self, document: Document, phrases: list[str], vectors: Any, units: Any) -> RankedPhrases:
        """``vectors`` and ``units``: float32 (phrases, dimensions). ``phrases`` are in order, as KeyBERT's
        are, and cosines are computed and sorted as it does, so that equal ones come in its order, too."""
        if not phrases:
            return RankedPhrases((), ())
        import numpy as np

        params = self.params
        vector = np.asarray(self.context.preparations["embeddings"][document.id])[np.newaxis]
        cosines = unit(vector) @ units.T
        if params.use_mmr or params.use_maxsum:
            chosen = self._chosen(self.context.task.text(document), phrases, vector, vectors)
            places = dict(zip(phrases, range(len(phrases)), strict=True))
            best = [places[phrase] for phrase, _ in chosen]
        else:
            best = cosines.argsort()[0][-params.top_n :][::-1].tolist()
        scores = cosines[0, best].tolist()
        ranked = [(phrases[place], score) for place, score in zip(best, scores, strict=True)]
        if params.use_maxsum:  # a set, listed from the worst to the best
            ranked.sort(key=lambda scored: -scored[1])
        return RankedPhrases(tuple(phrase for phrase, _ in ranked), tuple(score for _, score in ranked))

    def _chosen(self, text: str, phrases: list[str], vector: Any, vectors: Any) -> list[tuple[str, float]]:
        """What KeyBERT chooses among phrases, whose vectors are given."""
        chosen: list[tuple[str, float]] = self.keybert.extract_keywords(
            text,
            vectorizer=_hands_over(phrases),
            doc_embeddings=vector,
            word_embeddings=vectors,
            **self._choice(),
        )
        return chosen

    def _choice(self) -> dict[str, Any]:
        params = self.params
        return {
            "top_n": params.top_n,
            "use_mmr": params.use_mmr,
            "diversity": params.diversity,
            "use_maxsum": params.use_maxsum,
            "nr_candidates": params.nr_candidates,
        }

    def _by_library(self, document: Document) -> RankedPhrases:
        """KeyBERT with its own embeddings, and with its own candidates where those are asked for."""
        import warnings

        options: dict[str, Any] = {
            "keyphrase_ngram_range": self.params.keyphrase_ngram_range,
            "stop_words": self._stop_words,
        }
        if self._select is not None or language_code(self.context.task.language) in UNSEPARATED:
            phrases = sorted(set(self._candidates(document)))
            if not phrases:
                return RankedPhrases((), ())
            options = {"vectorizer": _hands_over(phrases)}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Your stop_words may be inconsistent")
            text = self.context.task.text(document)
            chosen = self.keybert.extract_keywords(text, **options, **self._choice())
        if self.params.use_maxsum:
            chosen = sorted(chosen, key=lambda scored: -scored[1])
        return RankedPhrases(tuple(phrase for phrase, _ in chosen), tuple(score for _, score in chosen))


def unit(vectors: Any) -> Any:
    """Vectors (n, dimensions) of length 1, by the sums that scikit-learn's ``normalize`` forms; those of
    length 0 as they are."""
    import numpy as np

    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    lengths[lengths == 0.0] = 1.0
    return vectors / lengths[:, np.newaxis]


def _hands_over(phrases: list[str]) -> Any:
    """A vectoriser with these candidates as they are. KeyBERT would look for them in the text, with a
    tokenizer that knows neither hyphens nor phrases."""
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(analyzer=lambda _: phrases)
