"""TextRank and two of its kin as components of a spaCy pipeline, the package pytextrank. It ranks noun chunks
and named entities, so the pipeline is the whole model of the language, parser and entity recogniser included.
Parameters default to the package's.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from readbench.adapter import Adapter, MissingDependency, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench.machine.weights import require_spacy_package, spacy_package
from readbench_adapters.keyphrases.rake import INSTALL
from readbench_adapters.words.languages import language_of

LONGEST = 10_000_000
NO_CHUNKS = frozenset({"ro", "ru", "zh"})
"""Languages known here in which spaCy finds no noun chunks."""


class PyTextRank(Adapter):
    """A document's phrases, as the package ranks them; the pipeline's own parse is part of the cost."""

    name: ClassVar[str] = "pytextrank"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "TextRank over noun chunks and entities, the package pytextrank"
    requires: ClassVar[tuple[str, ...]] = ("pytextrank", "spacy")
    install: ClassVar[str] = INSTALL

    class Params(Base):
        variant: Literal["textrank", "positionrank", "topicrank"] = Field(
            "textrank", description="which component"
        )
        token_lookback: int = Field(3, ge=1, description="words to the left that a word is connected with")
        pos_kept: tuple[str, ...] = Field(
            ("ADJ", "NOUN", "PROPN", "VERB"), min_length=1, description="parts of speech of the graph's words"
        )
        n_best: int = Field(50, ge=1, description="phrases kept, best first")

    params: Params

    @property
    def _model(self) -> str:
        return language_of(self.context.task.language).model

    def modules(self) -> tuple[str, ...]:
        package = spacy_package(self._model)
        return self.requires if package is None else (*self.requires, package)

    def missing(self) -> None:
        super().missing()
        language = language_of(self.context.task.language)
        if language.code in NO_CHUNKS:
            raise MissingDependency(
                f"it ranks noun chunks, which spaCy does not find in {language.name}",
                todo="take pke.singlerank",
            )
        require_spacy_package(language.model)

    def load(self) -> None:
        params = self.params
        self.language = language_of(self.context.task.language)
        import pytextrank  # noqa: F401 - registers its components with spaCy

        package = require_spacy_package(self._model)
        self.nlp: Any = importlib.import_module(package).load()
        self.nlp.max_length = LONGEST
        options = {"token_lookback": params.token_lookback, "pos_kept": list(params.pos_kept)}
        self.nlp.add_pipe(params.variant, config=options)

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return [self._predict(document) for document in chunk]

    def _predict(self, document: Document) -> RankedPhrases:
        best = self.nlp(self.context.task.text(document))._.phrases[: self.params.n_best]
        phrases = tuple(self.language.written(phrase.text) for phrase in best)
        return RankedPhrases(phrases, tuple(float(phrase.rank) for phrase in best))
