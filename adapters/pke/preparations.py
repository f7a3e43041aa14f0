"""Document frequencies and topic models for pke, as arrays: those that pke ships, or made from the training
part of a fold.

As memory-mapped arrays both open in milliseconds.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from readbench.adapter import Context, Preparation, PreparationNeed
from readbench.adapter import Params as Base
from readbench.core.types import Document
from readbench_adapters.pke import shipped
from readbench_adapters.pke.arrays import (
    NUMBER_OF_DOCUMENTS,
    Frequencies,
    Source,
    Topics,
    open_topics,
    write_frequencies,
    write_topics,
)
from readbench_adapters.pke.filling import fill
from readbench_adapters.words.parse import INSTALL, Parse
from readbench_adapters.words.stop_words import StopList, stop_words


class DocumentFrequencies(Preparation):
    """In how many documents of a collection an n-gram occurs."""

    name: ClassVar[str] = "document-frequencies"
    requires: ClassVar[tuple[str, ...]] = ("pke",)
    install: ClassVar[str] = INSTALL

    class Params(Base):
        source: Source = Field("shipped", description="pke's SemEval-2010 counts, or the training part")
        n: int = Field(3, ge=1, description="longest n-gram counted (pke's default), for source=train")
        stoplist: StopList = Field("pke", description="n-grams with these words are not counted")
        language: str = Field("en", description="of the training part; the shipped counts are English")

    params: Params

    def needs(self) -> Mapping[str, PreparationNeed]:
        if self.params.source == "shipped":
            return {}
        return {"parse": PreparationNeed(Parse.of(self.params.language, tags=False), ("train",))}

    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:
        if self.params.source == "shipped":
            context.note("table", shipped.frequencies_into(folder))
        else:
            write_frequencies(self._count(documents, context), folder)

    def _count(self, documents: Sequence[Document], context: Context) -> dict[str, int]:
        """What ``pke.utils.compute_document_frequency`` counts, from the shared parse."""
        from readbench_adapters.pke.extractors import TfIdf

        parse = context.preparations["parse"]
        counts: dict[str, int] = {NUMBER_OF_DOCUMENTS: len(documents)}
        context.progress(0, len(documents))
        for done, document in enumerate(documents, start=1):
            extractor = TfIdf()
            fill(extractor, parse[document.id], "stemming", self.params.stoplist, self.params.language)
            extractor.ngram_selection(n=self.params.n)
            extractor.candidate_filtering()
            for ngram in extractor.candidates:
                counts[ngram] = counts.get(ngram, 0) + 1
            context.progress(done, len(documents))
        return counts

    def open(self, folder: Path) -> Frequencies:
        return Frequencies(folder)


class TopicModel(Preparation):
    """A latent Dirichlet allocation: pke's shipped one of 1,000 topics, or one of the training part."""

    name: ClassVar[str] = "topic-model"
    requires: ClassVar[tuple[str, ...]] = ("pke", "sklearn")
    install: ClassVar[str] = INSTALL

    class Params(Base):
        source: Source = Field("shipped", description="pke's SemEval-2010 model, or the training part")
        topics: int = Field(500, ge=2, description="topics for source=train (pke's default)")
        language: str = Field("en", description="of the training part; the shipped topics are English")

    params: Params

    def needs(self) -> Mapping[str, PreparationNeed]:
        if self.params.source == "shipped":
            return {}
        return {"parse": PreparationNeed(Parse.of(self.params.language, tags=True), ("train",))}

    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:
        if self.params.source == "shipped":
            context.note("table", shipped.topics_into(folder))
        else:
            write_topics(*self._learn(documents, context), folder)

    def _learn(self, documents: Sequence[Document], context: Context) -> tuple[list[str], Any]:
        """What ``pke.utils.compute_lda_model`` learns, from the shared parse."""
        from sklearn.decomposition import LatentDirichletAllocation
        from sklearn.feature_extraction.text import CountVectorizer

        parse = context.preparations["parse"]
        texts = [
            " ".join(
                stem
                for sentence in parse[document.id]
                for stem, pos in zip(sentence.stems, sentence.pos, strict=True)
                if pos != "PUNCT" and pos.isalpha()
            )
            for document in documents
        ]
        vectorizer = CountVectorizer(stop_words=sorted(stop_words("pke", self.params.language)))
        with warnings.catch_warnings():
            # scikit-learn warns that it would cut some stop words ("'ve") of the list apart.
            warnings.filterwarnings("ignore", message="Your stop_words may be inconsistent")
            counts = vectorizer.fit_transform(texts)
        model = LatentDirichletAllocation(
            n_components=self.params.topics, random_state=0, learning_method="batch"
        )
        model.fit(counts)
        words = [str(word) for word in vectorizer.get_feature_names_out()]
        return words, model

    def open(self, folder: Path) -> Topics:
        return open_topics(folder)
