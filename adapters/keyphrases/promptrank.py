"""PromptRank (Kong et al. 2023, https://doi.org/10.18653/v1/2023.acl-long.545): a candidate is as good as it
is probable behind "This book mainly talks about", after the document.

The paper's model is T5. Here it is any causal language model: the document is the user's turn in its chat
format, and the sentence the beginning of its answer. Both are read once a paper, and all candidates go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, field_validator

from readbench.adapter import Adapter, BenchError, MissingDependency, Needs, PreparationNeed, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench.machine.weights import find_causal, require_causal
from readbench_adapters.keyphrases.samrank import wanted
from readbench_adapters.keyphrases.selected import Candidate, selection
from readbench_adapters.llm.loading import load_causal
from readbench_adapters.llm.memory import least_memory, shape_of
from readbench_adapters.llm.model_folder import check_causal
from readbench_adapters.llm.prompts import Prompter, Template
from readbench_adapters.llm.tuning import TuningConfig
from readbench_adapters.words.candidates import Grammar
from readbench_adapters.words.parse import Parse, text_of_words

LIBRARIES = (
    "safetensors.torch",
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
)


class PromptRank(Adapter):
    """Score: the mean log-probability of a candidate's tokens, with its length to a power in place of the
    length, times a penalty of its position: place / length + position / length^3, where the place is that of
    its first occurrence and the length that of the document, in tokens."""

    name: ClassVar[str] = "promptrank"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Kong et al. 2023: phrases that a language model finds probable after the paper"
    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "peft", "safetensors", "pke")
    install: ClassVar[str] = "pip install 'readbench[llm,keyphrases]'"
    uses_gpu: ClassVar[bool] = True

    class Params(Base):
        model: str = Field(
            "smollm2-135m", description="a known name, a folder, a GGUF file, or a repository in the cache"
        )
        prompt: str = Field('Book: "{document}"', description="the user's turn; {document} is the text")
        begin: str = Field("This book mainly talks about", description="how the answer begins")
        length: float = Field(
            0.6, ge=0, le=2, description="log-probabilities are divided by a candidate's tokens to this power"
        )
        position: float | None = Field(
            1.2e8, ge=0, description="the larger, the less the position counts; none: not at all"
        )
        candidates: str = Field("noun-phrases", description="noun-phrases, ngrams(1,3), or a grammar")
        max_tokens: int = Field(512, ge=32, description="of the prompt; longer papers are cut at the end")
        predict_batch: int = Field(64, ge=1, description="candidates read at a time")
        shared: bool = Field(True, description="read the prompt once a paper; false: once a candidate")
        n_best: int = Field(50, ge=1, description="phrases kept, best first")

        @field_validator("prompt")
        @classmethod
        def _holds_the_document(cls, text: str) -> str:
            if text.count("{document}") != 1:
                raise ValueError("the prompt holds {document} once")
            return text

        @field_validator("candidates")
        @classmethod
        def _known(cls, text: str) -> str:
            wanted(text, "en")
            return text

    params: Params

    def needs(self) -> Needs:
        language = self.context.task.language
        tags = isinstance(wanted(self.params.candidates, language), Grammar)
        parse = {"parse": PreparationNeed(Parse.of(language, tags=tags))}
        weights = find_causal(self.params.model)
        shape = None if weights is None else shape_of(weights)
        if shape is None:
            return Needs(parse)
        needed = least_memory(shape, TuningConfig(None), precision="fp32", quantization=None)
        if self.context.device == "cpu":
            return Needs(parse, memory_bytes=needed)
        return Needs(parse, gpu_memory_bytes=needed)

    def modules(self) -> tuple[str, ...]:
        weights = find_causal(self.params.model)
        return (*LIBRARIES, "pke", *(("gguf",) if weights is not None and weights.file is not None else ()))

    def weights(self) -> Mapping[str, str]:
        weights = find_causal(self.params.model)
        return {} if weights is None else {"model": weights.key()}

    def missing(self) -> None:
        super().missing()
        try:
            check_causal(require_causal(self.params.model))
        except MissingDependency:
            raise
        except BenchError as error:
            raise MissingDependency(error.what, where=error.where, todo=error.todo) from error

    def load(self) -> None:
        params, language = self.params, self.context.task.language
        # Single precision, so that a candidate's score does not depend on those that are read with it.
        self.causal = load_causal(
            params.model, dtype="float32", device=self.context.device, context=self.context
        )
        self.context.note("weights", self.causal.described | {"dtype": "fp32"})
        self.select = selection(wanted(params.candidates, language), language)
        tokenizer = self.causal.tokenizer
        self._begin = tokenizer.encode(params.begin)
        # The field that is cut where a paper is too long.
        template = Template.read(params.prompt.replace("{document}", "{abstract}"), ("abstract",))
        self._prompter = Prompter(template, tokenizer, (), params.max_tokens - len(self._begin))

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        found = [self._predict(document) for document in chunk]
        self.context.note("cuts", self._prompter.cuts.described())
        return found

    def prompt(self, document: Document) -> list[int]:
        """The ids of the document and of the beginning of the answer."""
        text = text_of_words(document, self.context.task)
        return [*self._prompter.ids(Document(document.id, {"abstract": text}), "test"), *self._begin]

    def _predict(self, document: Document) -> RankedPhrases:
        from readbench_adapters.llm.continuations import log_probabilities

        params, tokenizer = self.params, self.causal.tokenizer
        candidates = self.select(self.context.preparations["parse"][document.id])
        rows = [tokenizer.encode(f" {candidate.phrase}") for candidate in candidates]
        prompt = self.prompt(document)
        logs = log_probabilities(
            self.causal.model,
            prompt,
            rows,
            pad=tokenizer.pad_id,
            device=self.context.device,
            together=params.predict_batch,
            shares=params.shared,
        )
        text = text_of_words(document, self.context.task)
        scores = [
            float(log) / len(row) ** params.length * self._penalty(candidate, len(text), len(prompt))
            for candidate, row, log in zip(candidates, rows, logs, strict=True)
        ]
        order = sorted(range(len(candidates)), key=lambda place: -scores[place])[: params.n_best]
        return RankedPhrases(
            tuple(candidates[place].phrase for place in order), tuple(scores[place] for place in order)
        )

    def _penalty(self, candidate: Candidate, characters: int, tokens: int) -> float:
        """What a log-probability is multiplied by: the less, the earlier the candidate stands."""
        if self.params.position is None:
            return 1.0
        return candidate.places[0][0] / characters + self.params.position / tokens**3
