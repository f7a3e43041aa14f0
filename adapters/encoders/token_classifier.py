"""Keyphrases from a token classifier that learned elsewhere, such as yanekyuk/bert-keyword-extractor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench.machine.weights import Weights, find_weights, require_weights
from readbench_adapters.encoders.encoder_classifier import prepare_torch
from readbench_adapters.encoders.encoder_folder import check_encoder
from readbench_adapters.encoders.english import refuse_other_languages
from readbench_adapters.encoders.fine_tuned_encoder import INSTALL
from readbench_adapters.encoders.tagging import ranked_phrases, tagged_spans
from readbench_adapters.encoders.token_tagger import TokenTagger

LIBRARIES = (
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.bert.modeling_bert",
)


class BertKeywordExtractor(Adapter):
    """A word gets the most probable tag of its first word piece. Phrases are cut out of the text, so that no
    word piece shows. A phrase's score is the mean probability of its words' tags."""

    name: ClassVar[str] = "bert-keyword-extractor"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "token classification with yanekyuk/bert-keyword-extractor, or another model"
    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors")
    install: ClassVar[str] = INSTALL
    uses_gpu: ClassVar[bool] = True

    class Params(Base):
        model: str = Field(
            "yanekyuk/bert-keyword-extractor",
            description="a token classifier with B-…, I-… and O: a repository in the cache, or a folder",
        )
        max_length: int = Field(512, ge=8, description="word pieces read at once; a longer text in windows")
        overlap: int = Field(64, ge=0, description="word pieces that two windows share")
        n_best: int = Field(50, ge=1, description="phrases kept, best first")

    params: Params

    def modules(self) -> tuple[str, ...]:
        return LIBRARIES

    def weights(self) -> dict[str, str]:
        weights = self._start_weights()
        return {} if weights is None else {"tagger": weights.key()}

    def missing(self) -> None:
        super().missing()
        refuse_other_languages(self.name, self.params.model, self.context.task.language)
        require_weights(self.params.model, pickled=True)
        if weights := self._start_weights():
            check_encoder(weights)

    def _start_weights(self) -> Weights | None:
        return find_weights(self.params.model, pickled=True)

    def load(self) -> None:
        refuse_other_languages(self.name, self.params.model, self.context.task.language)
        prepare_torch(self.context)
        require_weights(self.params.model, pickled=True)
        weights = self._start_weights()
        assert weights is not None  # require_weights raises where they are absent
        self.context.note("weights", weights.described())
        self.tagger = TokenTagger.pretrained(
            weights.folder, self.context.device, new_head=False, pickled=weights.pickled
        )
        self.tagger.check_length(self.params.max_length, self.params.overlap)

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        texts = [self.context.task.text(document) for document in chunk]
        read = self.tagger.read(
            texts, self.context.task.language, self.params.max_length, self.params.overlap
        )
        return [
            ranked_phrases(text.words, tagged_spans(probabilities), n_best=self.params.n_best)
            for text, probabilities in zip(read, self.tagger.probabilities(read), strict=True)
        ]
