"""YAKE in Rust, the package yake-rust, another program than the authors' (``yake``) after the same paper. Of
200 papers of Inspec 173 get the same ten phrases in the same order, and of 200 of the xfyun challenge 157.
Parameters default to the package's, save ``top``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter, MissingDependency, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench.text.languages import language_code
from readbench_adapters.keyphrases.rake import INSTALL
from readbench_adapters.words.languages import refuse_unseparated

LANGUAGES = frozenset(
    (
        *(
            "ar",
            "bg",
            "br",
            "cz",
            "da",
            "de",
            "el",
            "en",
            "es",
            "et",
            "fa",
            "fi",
            "fr",
            "hi",
            "hr",
            "hu",
            "hy",
        ),
        *(
            "id",
            "it",
            "ja",
            "lt",
            "lv",
            "nl",
            "no",
            "pl",
            "pt",
            "ro",
            "ru",
            "sk",
            "sl",
            "sv",
            "tr",
            "uk",
            "zh",
        ),
    )
)
"""What the package has stop words for; any other code makes it panic, which is no Exception."""
DIGITS = 9
"""Of a score; see ``in_one_order``."""
_WORD = re.compile(r"\w+")
CALLED = {"cs": "cz", "nb": "no"}
"""Codes under which the package knows a language."""


class YakeRust(Adapter):
    """Reads raw text with a tokenizer of its own; the language of the task chooses the stop words."""

    name: ClassVar[str] = "yake-rust"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Campos et al. 2020 in Rust, the package yake-rust; lower scores are better"
    requires: ClassVar[tuple[str, ...]] = ("yake_rust",)
    install: ClassVar[str] = INSTALL

    class Params(Base):
        n: int = Field(3, ge=1, le=3, description="longest n-gram")
        dedup_lim: float = Field(
            0.9, ge=0, le=1, description="similarity to a better phrase above which one is dropped"
        )
        window_size: int = Field(1, ge=1, description="words to the left that a word co-occurs with")
        minimum_chars: int = Field(3, ge=1, description="a shorter word is none")
        top: int = Field(50, ge=1, description="phrases kept, best first")

    params: Params

    def missing(self) -> None:
        super().missing()
        self._code()

    def _code(self) -> str:
        """The package's code of the task's language. Raises MissingDependency where it has none."""
        language = self.context.task.language
        refuse_unseparated("yake-rust", language)
        code = language_code(language)
        code = CALLED.get(code, code)
        if code not in LANGUAGES:
            raise MissingDependency(
                f"the package yake-rust has no stop words for {language!r}", todo="take yake"
            )
        return code

    def load(self) -> None:
        from yake_rust import Yake

        params = self.params
        self.extractor = Yake(
            language=self._code(),
            ngrams=params.n,
            window_size=params.window_size,
            deduplication_threshold=params.dedup_lim,
            minimum_chars=params.minimum_chars,
        )

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return [self._predict(document) for document in chunk]

    def _predict(self, document: Document) -> RankedPhrases:
        text = self.context.task.text(document)
        best = in_one_order(self.extractor.get_n_best(text, n=self.params.top), text)
        return RankedPhrases(tuple(phrase for phrase, _ in best), tuple(score for _, score in best))


def in_one_order(found: Sequence[tuple[str, float]], text: str) -> list[tuple[str, float]]:
    """The package sums in the order of a hash table, another one each time: the last bits of scores differ
    from call to call, and so does the order of equal ones. Scores keep nine digits, and of equal ones the
    phrase that comes first in the text is first."""
    rounded = [(phrase, float(f"{score:.{DIGITS}g}")) for phrase, score in found]
    words = _words(text)
    return sorted(rounded, key=lambda scored: (scored[1], words.find(_words(scored[0])), scored[0]))


def _words(text: str) -> str:
    """The words alone, with a blank before and after each."""
    return f" {' '.join(_WORD.findall(text.lower()))} "
