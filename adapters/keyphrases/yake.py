"""YAKE as its authors publish it, the package yake 0.7 (Campos et al. 2020, Information Sciences 509,
https://doi.org/10.1016/j.ins.2019.09.013). Parameters default to the package's, save ``top``.

yake is copyleft (its licence file is the AGPL-3.0's) and comes with the extra ``keyphrases``; nothing
of it is part of this file. ``pke.yake`` is another implementation of the same paper.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from readbench.adapter import Adapter, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench_adapters.words.languages import refuse_unseparated
from readbench_adapters.words.parse import INSTALL

Feature = Literal["wcase", "wfreq", "wpos", "wrel", "wspread"]


class Yake(Adapter):
    """Reads raw text with a tokenizer of its own; the language of the task chooses the stop words."""

    name: ClassVar[str] = "yake"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Campos et al. 2020, the authors' package; lower scores are better"
    requires: ClassVar[tuple[str, ...]] = ("yake",)
    install: ClassVar[str] = INSTALL

    class Params(Base):
        n: int = Field(3, ge=1, le=3, description="longest n-gram; beyond 3 words scores turn negative")
        dedup_lim: float = Field(
            0.9,
            ge=0,
            le=1,
            description="similarity to a better phrase above which one is dropped; 1: none is",
        )
        dedup_func: Literal["seqm", "jaro", "levs"] = Field("seqm", description="how similarity is measured")
        window_size: int = Field(1, ge=1, description="words to the left that a word co-occurs with")
        top: int = Field(50, ge=1, description="phrases kept, best first (yake's default is 20)")
        features: tuple[Feature, ...] | None = Field(None, description="features of a word; none: all five")

    params: Params

    def missing(self) -> None:
        super().missing()
        # To its tokenizer a word of fewer than three letters is also a stop word.
        refuse_unseparated("yake", self.context.task.language)

    def load(self) -> None:
        refuse_unseparated("yake", self.context.task.language)
        import yake

        params, language = self.params, self.context.task.language
        # yake takes any keyword and drops those that it does not know (`dedupLim` is one of them), so
        # that a parameter misspelt here would go unnoticed.
        self.extractor = yake.KeywordExtractor(
            lan=language,
            n=params.n,
            dedup_lim=params.dedup_lim,
            dedup_func=params.dedup_func,
            window_size=params.window_size,
            top=params.top,
            features=None if params.features is None else list(params.features),
        )
        lists = Path(yake.__file__).parent / "core" / "StopwordsList"
        if not (lists / f"stopwords_{language[:2].lower()}.txt").is_file():
            self.context.note("stop_words", f"yake has none for {language}: it used those of no language")
        self._failures = _Failures()
        logger = logging.getLogger("yake.core.yake")
        for earlier in [handler for handler in logger.handlers if isinstance(handler, _Failures)]:
            logger.removeHandler(earlier)
        logger.addHandler(self._failures)

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        predictions = [self._predict(document) for document in chunk]
        if self._failures.count:
            self.context.note("documents_given_up", self._failures.count)
        return predictions

    def _predict(self, document: Document) -> RankedPhrases:
        best = self.extractor.extract_keywords(self.context.task.text(document))
        return RankedPhrases(tuple(phrase for phrase, _ in best), tuple(float(score) for _, score in best))


class _Failures(logging.Handler):
    """Counts the exceptions that yake turns into an empty answer and a line in its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Exception"):
            self.count += 1
