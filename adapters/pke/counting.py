"""The methods of pke that count words and phrases (Boudin 2016, https://aclanthology.org/C16-2015); those
that rank a graph are in ``graphs``. Parameters default to pke's own.

pke is GPL-3.0 and comes with the extra ``keyphrases``; nothing of it is part of this file.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from readbench.adapter import Needs, PreparationNeed
from readbench.core.types import Document
from readbench_adapters.pke.adapter import NOUNS_AND_ADJECTIVES, PkeAdapter, PkeParams, Pos, refuse_shipped
from readbench_adapters.pke.arrays import Source
from readbench_adapters.pke.preparations import DocumentFrequencies
from readbench_adapters.words.stop_words import StopList, check_stop_list


class FirstPhrases(PkeAdapter):
    selects_by_tags = True
    name = "pke.firstphrases"
    summary = "phrases in the order in which they occur: the baseline to beat"

    class Params(PkeParams):
        pos: Pos = Field(NOUNS_AND_ADJECTIVES, description="parts of speech of a candidate's words")

    params: Params

    pke_class = "FirstPhrases"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(pos=set(self.params.pos))

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting()


class WithFrequencies(PkeAdapter):
    """A method that weighs by document frequencies."""

    params: FrequencyParams

    def needs(self) -> Needs:
        params, shipped = self.params, self.params.df == "shipped"
        frequencies = DocumentFrequencies(
            source=params.df,
            n=params.df_n,
            stoplist=params.df_stoplist,
            language="en" if shipped else self.context.task.language,
        )
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
            refuse_shipped("document frequencies", f"{self.name}[df=train]", self.context.task.language)


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

    params: Params

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

    params: Params

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

    params: Params

    pke_class = "YAKE"

    def select(self, extractor: Any) -> None:
        extractor.candidate_selection(n=self.params.n)

    def weight(self, extractor: Any, document: Document) -> None:  # noqa: ARG002
        extractor.candidate_weighting(window=self.params.window, use_stems=self.params.use_stems)

    def n_best(self, extractor: Any) -> list[tuple[str, float]]:
        best: list[tuple[str, float]] = extractor.get_n_best(
            n=self.params.n_best,
            redundancy_removal=self.params.redundancy_removal,
            stemming=self.params.stemming,
            threshold=self.params.threshold,
        )
        return best
