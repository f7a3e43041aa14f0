"""What all methods of pke have in common: parameters, the shared parse, candidates, language."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from readbench.adapter import (
    OWN_CODE,
    Adapter,
    MissingDependency,
    Needs,
    Params,
    PreparationNeed,
    RankedPhrases,
)
from readbench.core.types import Document, Task
from readbench_adapters.pke.filling import fill
from readbench_adapters.words.candidates import Candidates, CandidatesField, Grammar, parse_candidates
from readbench_adapters.words.languages import is_english, language_of
from readbench_adapters.words.parse import INSTALL, Parse
from readbench_adapters.words.stop_words import StopList, check_stop_list

Pos = tuple[str, ...]
NOUNS_AND_ADJECTIVES: Pos = ("NOUN", "PROPN", "ADJ")


class PkeParams(Params):
    """What every method of pke has."""

    n_best: int = Field(50, ge=1, description="phrases kept, best first (pke's get_n_best has 10)")
    normalization: Literal["stemming"] | None = Field(
        "stemming", description="what makes two phrases one: their stems, or (none) their words"
    )
    redundancy_removal: bool = Field(False, description="drop phrases that are part of a better one")
    candidates: Candidates = CandidatesField
    stoplist: StopList = Field("pke", description="words that no candidate may have")
    stemming: bool = Field(False, description="phrases as stems instead of words")
    implementation: Literal["own", "library"] = Field(
        "own", description="library: pke's own code selects and weighs, with the same output"
    )


class PkeAdapter(Adapter):
    """Selection, weighting and the n best, document by document, as pke's own examples do it.

    The language of the task chooses tokens, stop words and stems. ``selects_by_tags``: the method selects its
    own candidates by parts of speech. ``weighs_by_tags``: its weights depend on parts of speech.
    ``pke_class`` is the name of the method's class in ``extractors`` and in pke.
    """

    selects_by_tags: ClassVar[bool] = False
    weighs_by_tags: ClassVar[bool] = False
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    requires: ClassVar[tuple[str, ...]] = ("pke", "rapidfuzz")
    install: ClassVar[str] = INSTALL
    pke_class: ClassVar[str]

    class Params(PkeParams):
        """Parameters of the methods without their own."""

    params: PkeParams

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
        language = self.context.task.language
        if self.params.implementation == "library" and language_of(language).shortest_word == 1:
            raise MissingDependency(
                f"pke itself drops words of one character, the texts are {language!r}",
                todo="leave implementation out",
            )

    def load(self) -> None:
        self.check_language()
        self.language = language_of(self.context.task.language)
        self.context.note("words", self.language.described())
        if self.params.implementation == "own":
            self.context.note(OWN_CODE, "pke")
        from readbench_adapters.pke import extractors

        self.extractor = extractors.extractor(self.pke_class, library=self.params.implementation == "library")

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

    @abstractmethod
    def select(self, extractor: Any) -> None:
        """Selects the method's own candidates."""

    @abstractmethod
    def weight(self, extractor: Any, document: Document) -> None:
        """Gives every candidate its score."""

    def n_best(self, extractor: Any) -> list[tuple[str, float]]:
        """Phrases with their scores, best first."""
        best: list[tuple[str, float]] = extractor.get_n_best(
            n=self.params.n_best,
            redundancy_removal=self.params.redundancy_removal,
            stemming=self.params.stemming,
        )
        return best


def refuse_shipped(what: str, spec: str, language: str) -> None:
    """Raises MissingDependency where the texts are not English, as what pke ships is."""
    if not is_english(language):
        raise MissingDependency(
            f"pke's shipped {what} are English, the texts are {language!r}",
            todo=f"take {spec} and a [split] that has a training part",
        )
