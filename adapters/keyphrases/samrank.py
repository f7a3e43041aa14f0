"""SAMRank (Kang and Shin 2023, https://doi.org/10.18653/v1/2023.emnlp-main.630): candidates whose words
receive most attention, in one forward pass of a model that was trained for something else.

Of the paper's two scores this is the global one, the attention that a word receives. The other, the share of
it that a word gives to words that receive much, is left out: with both, F1@10 on Inspec's validation part
falls from 0.395 to 0.386 (all-MiniLM-L6-v2, mean of the heads).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from readbench.adapter import Adapter, BenchError, Needs, PreparationNeed, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench_adapters.encoders.attention import Attention, AttentionReceived
from readbench_adapters.encoders.embeddings import DEFAULT_MODEL, INSTALL
from readbench_adapters.encoders.english import refuse_other_languages
from readbench_adapters.keyphrases.selected import Candidate, noun_phrases, selection
from readbench_adapters.words.candidates import Grammar, Ngrams, parse_candidates
from readbench_adapters.words.parse import Parse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEAD = re.compile(r"\d+-(?:\d+|\*)")


class SamRank(Adapter):
    """A phrase scores the attention received by its word pieces, summed over them and over its occurrences; a
    single word the mean over its occurrences, as in the paper."""

    name: ClassVar[str] = "samrank"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Kang and Shin 2023: phrases whose words receive most attention"
    requires: ClassVar[tuple[str, ...]] = ("pke",)
    install: ClassVar[str] = INSTALL

    class Params(Base):
        model: str = Field(DEFAULT_MODEL, description="a known name, a repository in the cache, or a folder")
        heads: Literal["mean"] | tuple[str, ...] = Field(
            "mean",
            description="all heads, or some, each as layer-head, from 1: [4-10, 5-2]; 6-*: all of layer 6",
        )
        length: float = Field(
            0.0, ge=0, le=2, description="scores are divided by a phrase's words to this power; 1: the mean"
        )
        candidates: str = Field("noun-phrases", description="noun-phrases, ngrams(1,3), or a grammar")
        max_length: int = Field(512, ge=8, description="word pieces read at once; a longer text in windows")
        n_best: int = Field(50, ge=1, description="phrases kept, best first")

        @field_validator("candidates")
        @classmethod
        def _known(cls, text: str) -> str:
            wanted(text, "en")
            return text

        @field_validator("heads")
        @classmethod
        def _named(cls, heads: Literal["mean"] | tuple[str, ...]) -> Literal["mean"] | tuple[str, ...]:
            if heads != "mean" and (not heads or not all(HEAD.fullmatch(head) for head in heads)):
                raise ValueError("heads are mean, or a list such as [4-10, 5-2]: layer and head, from 1")
            return heads

    params: Params

    def needs(self) -> Needs:
        params, language = self.params, self.context.task.language
        tags = isinstance(wanted(params.candidates, language), Grammar)
        return Needs(
            {
                "parse": PreparationNeed(Parse.of(language, tags=tags)),
                "attention": PreparationNeed(Attention.of(params.model, params.max_length)),
            }
        )

    def missing(self) -> None:
        refuse_other_languages(self.name, self.params.model, self.context.task.language)
        super().missing()

    def load(self) -> None:
        params, language = self.params, self.context.task.language
        refuse_other_languages(self.name, params.model, language)
        self.select = selection(wanted(params.candidates, language), language)
        received: AttentionReceived = self.context.preparations["attention"]
        self.rows = rows_of(params.heads, received.layers, received.heads)

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return [self._predict(document) for document in chunk]

    def _predict(self, document: Document) -> RankedPhrases:
        import numpy as np

        candidates = self.select(self.context.preparations["parse"][document.id])
        received, places = self.context.preparations["attention"][document.id]
        # Summed in double precision in one order, so that ties are ties in every run.
        attention = np.asarray(received, dtype=np.float64)[self.rows].mean(axis=0)
        scores = phrase_scores(candidates, attention, places, self.params.length)
        order = sorted(range(len(candidates)), key=lambda place: -scores[place])[: self.params.n_best]
        return RankedPhrases(
            tuple(candidates[place].phrase for place in order), tuple(scores[place] for place in order)
        )


def wanted(candidates: str, language: str) -> Ngrams | Grammar:
    """The candidates that a parameter asks for. Raises ValueError for a text that names none."""
    found = parse_candidates(candidates, noun_phrases(language))
    if found is None:
        raise ValueError("it has no candidates of its own: noun-phrases, ngrams(1,3), or a grammar")
    return found


def rows_of(heads: Literal["mean"] | tuple[str, ...], layers: int, heads_a_layer: int) -> list[int]:
    """The places of heads among all, layer by layer. Raises BenchError for one that the model lacks."""
    if heads == "mean":
        return list(range(layers * heads_a_layer))
    rows = []
    for name in heads:
        layer, _, head = name.partition("-")
        of_layer = range(1, heads_a_layer + 1) if head == "*" else [int(head)]
        if not (1 <= int(layer) <= layers and 1 <= of_layer[0] <= heads_a_layer):
            raise BenchError(
                f"there is no head {name}: the model has {layers} layers of {heads_a_layer} heads",
                todo="heads are written as layer-head, both from 1",
            )
        rows += [(int(layer) - 1) * heads_a_layer + one - 1 for one in of_layer]
    return rows


def phrase_scores(
    candidates: Sequence[Candidate],
    attention: NDArray[np.float64],
    places: NDArray[np.int32],
    length: float,
) -> list[float]:
    """``attention``: of each word piece (pieces,); ``places``: its characters (pieces, 2), in the order of
    the text. A phrase none of whose pieces was read scores 0."""
    import numpy as np

    before = np.concatenate([[0.0], np.cumsum(attention)])
    starts, ends = places[:, 0], places[:, 1]
    scores = []
    for candidate in candidates:
        spans = np.array(candidate.places)
        first = np.searchsorted(ends, spans[:, 0], side="right")
        last = np.searchsorted(starts, spans[:, 1], side="left")
        last = np.maximum(last, first)
        sums = before[last] - before[first]
        total = float(sums.mean() if candidate.words == 1 else sums.sum())
        scores.append(total / candidate.words**length)
    return scores
