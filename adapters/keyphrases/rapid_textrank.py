"""TextRank and its kin in Rust, the package rapid-textrank. The names are those of papers and of pke; what it
computes is its own: it gives the same phrases in the same order as pke for hardly any paper. Parameters
default to the package's, save ``top_n``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from readbench.adapter import Adapter, MissingDependency, Needs, PreparationNeed, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench.text.languages import language_code
from readbench_adapters.keyphrases.rake import INSTALL
from readbench_adapters.words.languages import UNSEPARATED
from readbench_adapters.words.parse import Parse, ParsedSentence

Variant = Literal["textrank", "positionrank", "singlerank", "biasedtextrank", "topicrank", "multipartiterank"]
CLASSES = {
    "textrank": "BaseTextRank",
    "positionrank": "PositionRank",
    "singlerank": "SingleRank",
    "biasedtextrank": "BiasedTextRank",
    "multipartiterank": "MultipartiteRank",
}
"""What reads raw text; there is none for TopicRank."""
OF_TOKENS = {
    "textrank": "textrank",
    "positionrank": "position_rank",
    "singlerank": "single_rank",
    "biasedtextrank": "biased_textrank",
    "topicrank": "topic_rank",
    "multipartiterank": "multipartite_rank",
}
LANGUAGES = frozenset(
    ["ar", "da", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pl", "pt", "ru", "sv", "tr"]
)
"""What the package has stop words for; any other code gets the English ones."""
CALLED = {"nb": "no"}


class RapidTextRank(Adapter):
    """Six variants. ``tokens=own`` reads raw text with the package's tokenizer and its guess at parts of
    speech; ``tokens=parse`` hands it the shared parse, whose cost is charged. ``biasedtextrank`` is biased
    towards the words of the task's first field, the title. The package's seventh, TopicalPageRank, needs
    weights of words that it does not bring."""

    name: ClassVar[str] = "rapid-textrank"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "six graph methods in Rust, the package rapid-textrank"
    requires: ClassVar[tuple[str, ...]] = ("rapid_textrank",)
    install: ClassVar[str] = INSTALL

    class Params(Base):
        variant: Variant = Field("textrank", description="which ranking")
        tokens: Literal["own", "parse"] | None = Field(
            None,
            description="the package's own words, or the shared parse; none: own, for topicrank the parse",
        )
        window_size: int = Field(3, ge=2, description="words within which two are connected")
        max_phrase_length: int = Field(4, ge=1, description="words of a phrase, at most")
        bias_weight: float = Field(5.0, gt=0, description="biasedtextrank: how much the title's words gain")
        top_n: int = Field(50, ge=1, description="phrases kept, best first (the package's default is 10)")

        @model_validator(mode="after")
        def _agree(self) -> RapidTextRank.Params:
            if self.variant == "topicrank" and self.tokens == "own":
                raise ValueError("the package has topicrank for given tokens alone: leave tokens out")
            return self

        @property
        def parsed(self) -> bool:
            return self.tokens == "parse" or self.variant == "topicrank"

    params: Params

    def needs(self) -> Needs:
        if not self.params.parsed:
            return Needs()
        return Needs({"parse": PreparationNeed(Parse.of(self.context.task.language, tags=True))})

    def missing(self) -> None:
        super().missing()
        self._code()

    def _code(self) -> str:
        """The package's code of the task's language. Raises MissingDependency where it has none."""
        language = self.context.task.language
        code = language_code(language)
        code = CALLED.get(code, code)
        if code in UNSEPARATED or code not in LANGUAGES:
            raise MissingDependency(
                f"the package rapid-textrank has no stop words, or no words, for {language!r}",
                todo="take pke.singlerank or pke.topicrank",
            )
        return code

    def load(self) -> None:
        code, params = self._code(), self.params
        import rapid_textrank

        self._extract: Callable[[Document], list[tuple[str, float]]]
        if params.parsed:
            self._json = rapid_textrank.extract_from_json
            self._extract = self._of_tokens
            return
        config = rapid_textrank.TextRankConfig(
            window_size=params.window_size,
            max_phrase_length=params.max_phrase_length,
            top_n=params.top_n,
            language=code,
        )
        more = {"bias_weight": params.bias_weight} if params.variant == "biasedtextrank" else {}
        self._extractor = getattr(rapid_textrank, CLASSES[params.variant])(config=config, **more)
        self._extract = self._of_text

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        predictions = []
        for document in chunk:
            best = self._extract(document)
            predictions.append(RankedPhrases(tuple(p for p, _ in best), tuple(float(s) for _, s in best)))
        return predictions

    def _of_text(self, document: Document) -> list[tuple[str, float]]:
        text = self.context.task.text(document)
        if self.params.variant != "biasedtextrank":
            return list(self._extractor.extract_keywords(text).as_tuples())
        found = self._extractor.extract_keywords(text, focus_terms=self._focus(document))
        return list(found.as_tuples())

    def _of_tokens(self, document: Document) -> list[tuple[str, float]]:
        params = self.params
        config: dict[str, Any] = {
            "window_size": params.window_size,
            "max_phrase_length": params.max_phrase_length,
            "top_n": params.top_n,
            "language": self._code(),
        }
        if params.variant == "biasedtextrank":
            config |= {"focus_terms": self._focus(document), "bias_weight": params.bias_weight}
        tokens = _tokens(self.context.preparations["parse"][document.id])
        asked = {"tokens": tokens, "variant": OF_TOKENS[params.variant], "config": config}
        found = json.loads(self._json(json.dumps(asked)))
        return [(phrase["text"], phrase["score"]) for phrase in found["phrases"]]

    def _focus(self, document: Document) -> list[str]:
        return document.fields.get(self.context.task.fields[0], "").lower().split()


def _tokens(sentences: Sequence[ParsedSentence]) -> list[dict[str, Any]]:
    """A parse in the package's form. Whether a token is a stop word the package decides by its list."""
    tokens: list[dict[str, Any]] = []
    for number, sentence in enumerate(sentences):
        for word, lemma, pos, offset in zip(
            sentence.words, sentence.lemmas, sentence.pos, sentence.offsets, strict=True
        ):
            tokens.append(
                {
                    "text": word,
                    "lemma": lemma,
                    "pos": pos,
                    "start": offset,
                    "end": offset + len(word),
                    "sentence_idx": number,
                    "token_idx": len(tokens),
                    "is_stopword": False,
                }
            )
    return tokens
