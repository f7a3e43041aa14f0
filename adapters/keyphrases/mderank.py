"""MDERank (Zhang et al. 2022, https://doi.org/10.18653/v1/2022.findings-acl.34): a candidate is the more
important, the more the embedding of the document changes where it is masked.

The paper's models are BERT, and BERT trained on keyphrases; here it is any encoder with a mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, field_validator

from readbench.adapter import Adapter, Needs, PreparationNeed, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench.machine.weights import find_weights
from readbench_adapters.encoders.embeddings import DEFAULT_MODEL, INSTALL, modules_of
from readbench_adapters.encoders.encoder_folder import require_encoder
from readbench_adapters.encoders.english import refuse_other_languages
from readbench_adapters.encoders.masked import MaskedReader, Pooling
from readbench_adapters.keyphrases.samrank import wanted
from readbench_adapters.keyphrases.selected import selection
from readbench_adapters.words.candidates import Grammar
from readbench_adapters.words.parse import Parse, text_of_words


class MdeRank(Adapter):
    """Score: 1 less the cosine of the document's embedding and of that with all occurrences of the candidate
    masked, piece by piece."""

    name: ClassVar[str] = "mderank"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Zhang et al. 2022: phrases without which the document's embedding changes most"
    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors", "pke")
    install: ClassVar[str] = INSTALL
    uses_gpu: ClassVar[bool] = True

    class Params(Base):
        model: str = Field(DEFAULT_MODEL, description="a known name, a repository in the cache, or a folder")
        pooling: Pooling = Field("max", description="of the last layer's states, as in the paper; or mean")
        candidates: str = Field("noun-phrases", description="noun-phrases, ngrams(1,3), or a grammar")
        max_length: int = Field(512, ge=8, description="word pieces read; longer papers are cut at the end")
        predict_batch: int = Field(16, ge=1, description="masked documents read at a time")
        n_best: int = Field(50, ge=1, description="phrases kept, best first")

        @field_validator("candidates")
        @classmethod
        def _known(cls, text: str) -> str:
            wanted(text, "en")
            return text

    params: Params

    def needs(self) -> Needs:
        language = self.context.task.language
        tags = isinstance(wanted(self.params.candidates, language), Grammar)
        return Needs({"parse": PreparationNeed(Parse.of(language, tags=tags))})

    def modules(self) -> tuple[str, ...]:
        return modules_of(self.requires, self.params.model)

    def weights(self) -> Mapping[str, str]:
        weights = find_weights(self.params.model)
        return {} if weights is None else {"model": weights.key()}

    def missing(self) -> None:
        refuse_other_languages(self.name, self.params.model, self.context.task.language)
        super().missing()
        require_encoder(self.params.model)

    def load(self) -> None:
        params, language = self.params, self.context.task.language
        self.reader = MaskedReader(params.model, params.max_length, params.pooling, self.context)
        self.select = selection(wanted(params.candidates, language), language)

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return [self._predict(document) for document in chunk]

    def _predict(self, document: Document) -> RankedPhrases:
        candidates = self.select(self.context.preparations["parse"][document.id])
        if not candidates:
            return RankedPhrases((), ())
        text = text_of_words(document, self.context.task)
        places = [candidate.places for candidate in candidates]
        scores = 1 - self.reader.similarities(text, places, self.params.predict_batch)
        order = sorted(range(len(candidates)), key=lambda place: -scores[place])[: self.params.n_best]
        return RankedPhrases(
            tuple(candidates[place].phrase for place in order), tuple(float(scores[place]) for place in order)
        )
