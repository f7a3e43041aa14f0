"""The methods of pke that rank a graph of words, candidates or topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from readbench.adapter import Needs, PreparationNeed
from readbench.core.types import Document, Part
from readbench_adapters.pke.adapter import NOUNS_AND_ADJECTIVES, PkeAdapter, PkeParams, Pos, refuse_shipped
from readbench_adapters.pke.arrays import Source
from readbench_adapters.pke.preparations import TopicModel
from readbench_adapters.words.stop_words import stop_words

Normalized = Field(False, description="divide a phrase's score by its number of words")
Window = Field(10, ge=2, description="words within which two words are connected")


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

    params: Params

    pke_class = "TextRank"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(pos=set(self.params.pos))

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(
            window=self.params.window,
            pos=set(self.params.pos),
            top_percent=self.params.top_percent,
            normalized=self.params.normalized,
        )


class SingleRank(PkeAdapter):
    selects_by_tags = weighs_by_tags = True
    name = "pke.singlerank"
    summary = "Wan and Xiao 2008: PageRank weighted by co-occurrence"

    class Params(PkeParams):
        pos: Pos = Field(NOUNS_AND_ADJECTIVES, description="parts of speech of the words of the graph")
        window: int = Window
        normalized: bool = Normalized

    params: Params

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

    params: Params

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

    params: Params

    def needs(self) -> Needs:
        shipped = self.params.lda == "shipped"
        parts: tuple[Part, ...] = () if shipped else ("train",)
        topics = TopicModel(source=self.params.lda, language="en" if shipped else self.context.task.language)
        return Needs({"parse": PreparationNeed(self.parse()), "topics": PreparationNeed(topics, parts)})

    def check_language(self) -> None:
        super().check_language()
        if self.params.lda == "shipped":
            refuse_shipped("topics", f"{self.name}[lda=train]", self.context.task.language)

    def load(self) -> None:
        super().load()
        from readbench_adapters.pke.extractors import TopicReader

        stoplist = stop_words(self.params.stoplist, self.language.code)
        self.reader = TopicReader(self.context.preparations["topics"], stoplist)

    pke_class = "TopicalPageRank"

    def before_chunk(self, chunk: Sequence[Document]) -> None:
        if self.params.implementation == "library":
            return
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
        if self.params.implementation == "library":
            topics: tuple[Any, ...] = ()
            of_library = {"lda_model": self.reader.of_library}
        else:
            topics, of_library = (self.reader, self.topics_of[document.id]), {}
        extractor.candidate_weighting(
            *topics,
            **of_library,
            window=self.params.window,
            pos=set(self.params.pos),
            normalized=self.params.normalized,
        )


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

    params: Params

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

    params: Params

    pke_class = "MultipartiteRank"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(pos=set(self.params.pos))

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(
            threshold=self.params.threshold, method=self.params.method, alpha=self.params.alpha
        )
