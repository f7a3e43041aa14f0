"""A keyphrase method in one file: frequent runs of words first; words of known keyphrases count double."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter, Context, RankedPhrases
from readbench.types import Dataset, Document, Task

WORD = re.compile(r"[a-z][a-z-]+")
COMMON_WORDS = """
a an and are as at by for from in is it of on or that the this to was we were with
"""
COMMON = frozenset(COMMON_WORDS.split())


class Frequent(Adapter):
    """Counts runs of words; a run counts double for each word that was part of a keyphrase in training."""

    name = "example.frequent"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary = "frequent runs of words; words of known keyphrases count double"

    class Params(Adapter.Params):
        longest: int = Field(2, ge=1, le=4, description="words in the longest phrase")
        n_best: int = Field(20, ge=1, description="phrases kept, best first")

    params: Params

    def __init__(self, params: Adapter.Params, context: Context) -> None:
        super().__init__(params, context)
        self.known: set[str] = set()

    def fit(self, train: Dataset, validation: Dataset) -> None:
        """Keeps every word of a keyphrase of the training documents."""
        del validation
        for phrases in train.targets["keyphrases"].values():
            assert isinstance(phrases, tuple), "the gold of a keyphrase task"
            for phrase in phrases:
                self.known |= set(WORD.findall(phrase.lower()))

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return [self.ranked(document) for document in chunk]

    def ranked(self, document: Document) -> RankedPhrases:
        counts: Counter[str] = Counter()
        for text in document.fields.values():
            words = WORD.findall(text.lower())
            for n in range(1, self.params.longest + 1):
                for start in range(len(words) - n + 1):
                    phrase = words[start : start + n]
                    if phrase[0] not in COMMON and phrase[-1] not in COMMON:
                        counts[" ".join(phrase)] += n
        scores = {
            phrase: float(count * (1 + sum(word in self.known for word in phrase.split())))
            for phrase, count in counts.items()
        }
        best = sorted(scores, key=lambda phrase: (-scores[phrase], phrase))[: self.params.n_best]
        return RankedPhrases(tuple(best), tuple(scores[phrase] for phrase in best))

    def save(self, folder: Path) -> None:
        (folder / "known.json").write_text(json.dumps(sorted(self.known)), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        self.known = set(json.loads((folder / "known.json").read_text(encoding="utf-8")))
