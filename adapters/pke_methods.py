"""The ten unsupervised methods of pke (Boudin 2016, https://aclanthology.org/C16-2015), on the shared
parse. Parameters default to pke's own.

pke is GPL-3.0 and comes with the extra ``keyphrases``; nothing of it is part of this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from readbench.adapter import (
    Adapter,
    MissingDependency,
    Needs,
    Params,
    PreparationNeed,
    RankedPhrases,
)  # fmt: skip
from readbench.types import Document, Part, Task
from readbench_adapters.candidates import Candidates, CandidatesField, Grammar, parse_candidates
from readbench_adapters.languages import is_english, language_of
from readbench_adapters.parse import INSTALL, Parse
from readbench_adapters.pke_models import DocumentFrequencies, Source, TopicModel, fill
from readbench_adapters.stop_words import StopList, check_stop_list, stop_words

Pos = tuple[str, ...]
NOUNS_AND_ADJECTIVES: Pos = ("NOUN", "PROPN", "ADJ")
Normalized = Field(False, description="divide a phrase's score by its number of words")
Window = Field(10, ge=2, description="words within which two words are connected")


class PkeParams(Params):
    """What all ten have."""

    n_best: int = Field(50, ge=1, description="phrases kept, best first (pke's get_n_best has 10)")
    normalization: Literal["stemming"] | None = Field(
        "stemming", description="what makes two phrases one: their stems, or (none) their words"
    )
    redundancy_removal: bool = Field(False, description="drop phrases that are part of a better one")
    candidates: Candidates = CandidatesField
    stoplist: StopList = Field("pke", description="words that no candidate may have")
    stemming: bool = Field(False, description="phrases as stems instead of words")


class PkeAdapter(Adapter):
    """Selection, weighting and the n best, document by document, as pke's own examples do it.

    The language of the task chooses tokens, stop words and stems. ``selects_by_tags``: the method's own
    candidates are sequences of parts of speech; ``weighs_by_tags``: so is what it weighs them by.
    """

    selects_by_tags: ClassVar[bool] = False
    weighs_by_tags: ClassVar[bool] = False
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    requires: ClassVar[tuple[str, ...]] = ("pke", "rapidfuzz")
    install: ClassVar[str] = INSTALL
    pke_class: ClassVar[str]
    params: Any

    class Params(PkeParams):
        """Parameters of the methods without their own."""

    def needs(self) -> Needs:
        return Needs({"parse": PreparationNeed(self.parse())})

    def parse(self) -> Parse:
        wanted = parse_candidates(self.params.candidates)
        selects = self.selects_by_tags if wanted is None else isinstance(wanted, Grammar)
        return Parse.of(self.context.task.language, tags=selects or self.weighs_by_tags)

    def missing(self) -> None:
        super().missing()
        self.check_language()

    def check_language(self) -> None:
        """Raises MissingDependency where the method has only English to offer for other texts."""
        check_stop_list(self.params.stoplist, self.context.task.language)

    def load(self) -> None:
        self.check_language()
        self.language = language_of(self.context.task.language)
        self.context.note("words", self.language.described())
        from readbench_adapters import pke_classes

        self.extractor = getattr(pke_classes, self.pke_class)

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        self.before_chunk(chunk)
        return [self._predict(document) for document in chunk]

    def _predict(self, document: Document) -> RankedPhrases:
        extractor = self.extractor()
        params = self.params
        parsed = self.context.preparations["parse"][document.id]
        fill(extractor, parsed, params.normalization, params.stoplist, self.language.code)
        self.select_candidates(extractor)
        # Some weightings divide by a sum over candidates; without any there is nothing to rank.
        if not extractor.candidates:
            return RankedPhrases((), ())
        self.weight(extractor, document)
        best = self.n_best(extractor)
        phrases = tuple(self.language.written(phrase) for phrase, _ in best)
        return RankedPhrases(phrases, tuple(float(score) for _, score in best))

    def select_candidates(self, extractor: Any) -> None:
        """The method's own candidates, or the kind that was asked for."""
        wanted = parse_candidates(self.params.candidates, self.language.noun_phrases)
        if wanted is None:
            self.select(extractor)
        else:
            extractor.select_as(wanted)

    def before_chunk(self, chunk: Sequence[Document]) -> None:
        """For work that is cheaper for many documents at once."""

    def select(self, extractor: Any) -> None:
        raise NotImplementedError

    def weight(self, extractor: Any, document: Document) -> None:
        raise NotImplementedError

    def n_best(self, extractor: Any) -> list[tuple[str, float]]:
        best: list[tuple[str, float]] = extractor.get_n_best(
            n=self.params.n_best, redundancy_removal=self.params.redundancy_removal,
            stemming=self.params.stemming,
        )  # fmt: skip
        return best


class FirstPhrases(PkeAdapter):
    selects_by_tags = True
    name = "pke.firstphrases"
    summary = "phrases in the order in which they occur: the baseline to beat"

    class Params(PkeParams):
        pos: Pos = Field(NOUNS_AND_ADJECTIVES, description="parts of speech of a candidate's words")

    pke_class = "FirstPhrases"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(pos=set(self.params.pos))

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting()


class WithFrequencies(PkeAdapter):
    """A method that weighs by document frequencies."""

    def needs(self) -> Needs:
        params, shipped = self.params, self.params.df == "shipped"
        frequencies = DocumentFrequencies(
            source=params.df, n=params.df_n, stoplist=params.df_stoplist,
            language="en" if shipped else self.context.task.language,
        )  # fmt: skip
        return Needs(
            {
                "parse": PreparationNeed(self.parse()),
                "df": PreparationNeed(frequencies, () if shipped else ("train",)),
            }
        )

    def check_language(self) -> None:
        super().check_language()
        check_stop_list(self.params.df_stoplist, self.context.task.language)
        if self.params.df == "shipped":
            _refuse_shipped("document frequencies", f"{self.name}[df=train]", self.context.task.language)


def _refuse_shipped(what: str, spelling: str, language: str) -> None:
    if not is_english(language):
        raise MissingDependency(
            f"pke's shipped {what} are English, the texts are {language!r}",
            todo=f"take {spelling} and a [split] that has a training part",
        )


class FrequencyParams(PkeParams):
    """Where document frequencies come from."""

    df: Source = Field("shipped", description="frequencies: pke's SemEval-2010, or the training part")
    df_n: int = Field(3, ge=1, description="with df=train: longest n-gram counted")
    df_stoplist: StopList = Field("pke", description="with df=train: words of n-grams not counted")


class TfIdf(WithFrequencies):
    name = "pke.tfidf"
    summary = "n-grams by frequency times inverse document frequency"

    class Params(FrequencyParams):
        n: int = Field(3, ge=1, description="longest n-gram")

    pke_class = "TfIdf"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(n=self.params.n)

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(df=self.context.preparations["df"])


class KpMiner(WithFrequencies):
    name = "pke.kpminer"
    summary = "El-Beltagy and Rafea 2010: repeated early n-grams, boosted by length"

    class Params(FrequencyParams):
        lasf: int = Field(3, ge=1, description="least allowable seen frequency")
        cutoff: int = Field(400, ge=1, description="words after which a candidate is ignored")
        sigma: float = Field(3.0, description="cap of the boost for phrases")
        alpha: float = Field(2.3, gt=0, description="divisor of the boost for phrases")

    pke_class = "KPMiner"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(lasf=self.params.lasf, cutoff=self.params.cutoff)

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(
            df=self.context.preparations["df"], sigma=self.params.sigma, alpha=self.params.alpha
        )


class Yake(PkeAdapter):
    name = "pke.yake"
    summary = "Campos et al. 2020: statistics of words in one document; lower scores are better"

    class Params(PkeParams):
        redundancy_removal: bool = Field(True, description="drop phrases spelt almost like a better one")
        threshold: float = Field(0.8, ge=0, le=1, description="spelling similarity that counts as redundant")
        n: int = Field(3, ge=1, description="longest n-gram")
        window: int = Field(2, ge=1, description="words of context on each side")
        use_stems: bool = Field(False, description="statistics of stems instead of words")

    pke_class = "YAKE"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(n=self.params.n)

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(window=self.params.window, use_stems=self.params.use_stems)

    def n_best(self, extractor: Any) -> list[tuple[str, float]]:
        best: list[tuple[str, float]] = extractor.get_n_best(
            n=self.params.n_best, redundancy_removal=self.params.redundancy_removal,
            stemming=self.params.stemming, threshold=self.params.threshold,
        )  # fmt: skip
        return best


class TextRank(PkeAdapter):
    selects_by_tags = weighs_by_tags = True
    name = "pke.textrank"
    summary = "Mihalcea and Tarau 2004: PageRank over neighbouring words"

    class Params(PkeParams):
        pos: Pos = Field(NOUNS_AND_ADJECTIVES, description="parts of speech of the words of the graph")
        window: int = Field(2, ge=2, description="words within which two words are connected")
        top_percent: float | None = Field(
            None, gt=0, le=1, description="phrases of the top share of words only"
        )
        normalized: bool = Normalized

    pke_class = "TextRank"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(pos=set(self.params.pos))

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(
            window=self.params.window, pos=set(self.params.pos), top_percent=self.params.top_percent,
            normalized=self.params.normalized,
        )  # fmt: skip


class SingleRank(PkeAdapter):
    selects_by_tags = weighs_by_tags = True
    name = "pke.singlerank"
    summary = "Wan and Xiao 2008: PageRank weighted by co-occurrence"

    class Params(PkeParams):
        pos: Pos = Field(NOUNS_AND_ADJECTIVES, description="parts of speech of the words of the graph")
        window: int = Window
        normalized: bool = Normalized

    pke_class = "SingleRank"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(pos=set(self.params.pos))

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(
            window=self.params.window, pos=set(self.params.pos), normalized=self.params.normalized
        )


class _TopicParams(PkeParams):
    pos: Pos = Field(NOUNS_AND_ADJECTIVES, description="parts of speech of a candidate's words")
    threshold: float = Field(0.74, ge=0, le=1, description="distance at which topics are cut")
    method: Literal["average", "complete", "single"] = Field("average", description="linkage of the topics")


class TopicRank(PkeAdapter):
    selects_by_tags = True
    name = "pke.topicrank"
    summary = "Bougouin et al. 2013: PageRank over clusters of candidates"

    class Params(_TopicParams):
        heuristic: Literal["frequent"] | None = Field(
            None, description="a topic is named by its most frequent candidate instead of its first"
        )

    pke_class = "TopicRank"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(pos=set(self.params.pos))

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(
            threshold=self.params.threshold, method=self.params.method, heuristic=self.params.heuristic
        )


class TopicalPageRank(PkeAdapter):
    selects_by_tags = weighs_by_tags = True
    name = "pke.topicalpagerank"
    summary = "Sterckx et al. 2015: PageRank biased by a topic model"
    requires = ("pke", "rapidfuzz", "sklearn")

    class Params(PkeParams):
        grammar: str | None = Field(
            None, description="NLTK chunk grammar of the candidates (NP); none: noun-phrases"
        )
        pos: Pos = Field(NOUNS_AND_ADJECTIVES, description="parts of speech of the words of the graph")
        window: int = Window
        lda: Source = Field("shipped", description="topic model: pke's SemEval-2010, or the training part")
        normalized: bool = Normalized

    def needs(self) -> Needs:
        shipped = self.params.lda == "shipped"
        parts: tuple[Part, ...] = () if shipped else ("train",)
        topics = TopicModel(source=self.params.lda, language="en" if shipped else self.context.task.language)
        return Needs({"parse": PreparationNeed(self.parse()), "topics": PreparationNeed(topics, parts)})

    def check_language(self) -> None:
        super().check_language()
        if self.params.lda == "shipped":
            _refuse_shipped("topics", f"{self.name}[lda=train]", self.context.task.language)

    def load(self) -> None:
        super().load()
        from readbench_adapters.pke_classes import TopicReader

        stoplist = stop_words(self.params.stoplist, self.language.code)
        self.reader = TopicReader(self.context.preparations["topics"], stoplist)

    pke_class = "TopicalPageRank"

    def before_chunk(self, chunk: Sequence[Document]) -> None:
        parse = self.context.preparations["parse"]
        stems = [
            [
                stem if self.params.normalization == "stemming" else word.lower()
                for sentence in parse[document.id]
                for word, stem in zip(sentence.words, sentence.stems, strict=True)
            ]
            for document in chunk
        ]
        rows = self.reader.of_documents(stems) if chunk else []
        self.topics_of = {document.id: row for document, row in zip(chunk, rows, strict=True)}

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(grammar=self.params.grammar or self.language.noun_phrases)

    def weight(self, extractor: Any, document: Document) -> None:
        extractor.candidate_weighting(
            self.reader, self.topics_of[document.id], window=self.params.window, pos=set(self.params.pos),
            normalized=self.params.normalized,
        )  # fmt: skip


class PositionRank(PkeAdapter):
    selects_by_tags = weighs_by_tags = True
    name = "pke.positionrank"
    summary = "Florescu and Caragea 2017: PageRank biased towards early words"

    class Params(PkeParams):
        grammar: str | None = Field(
            None, description="NLTK chunk grammar of the candidates (NP); none: noun-phrases"
        )
        maximum_word_number: int = Field(3, ge=1, description="longest phrase")
        pos: Pos = Field(NOUNS_AND_ADJECTIVES, description="parts of speech of the words of the graph")
        window: int = Window
        normalized: bool = Normalized

    pke_class = "PositionRank"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(
            grammar=self.params.grammar or self.language.noun_phrases,
            maximum_word_number=self.params.maximum_word_number,
        )

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(
            window=self.params.window, pos=set(self.params.pos), normalized=self.params.normalized
        )


class MultipartiteRank(PkeAdapter):
    selects_by_tags = True
    name = "pke.multipartiterank"
    summary = "Boudin 2018: candidates of different topics, the first of each topic promoted"

    class Params(_TopicParams):
        alpha: float = Field(1.1, ge=0, description="how much a topic's first candidate gains")

    pke_class = "MultipartiteRank"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(pos=set(self.params.pos))

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(
            threshold=self.params.threshold, method=self.params.method, alpha=self.params.alpha
        )
