"""MY_NAME: a method for keyphrases in one file. It runs as it is; make it yours.

    bench check MY_NAME --include-path MY_FILE
    bench run quick --method MY_NAME --include-path MY_FILE
    bench run quick --method 'MY_NAME[longest=2]' --include-path MY_FILE

Repeat --method to have several side by side. The harness owns data, splits, seeds,
clocks and scores. This class only learns (fit) and predicts (predict), in a process of
its own, and never sees the gold phrases of a test document. `bench check` runs the
tests that the built-in methods pass.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter, RankedPhrases
from readbench.types import Dataset, Document, Task

# A phrase holds no such word, no number and no punctuation: a cheap stand-in for nouns.
STOP_WORDS = """
a about after all also among an and any are as at be because been before between both
but by can could did do does during each few for from had has have how however i if in
into is it its may might more most much must no not of on only or other our out over own
same should show shown shows since so some such than that the their them then there
these they this those through thus to under up use used using very was we were what when
where which while who why will with within without would yet you your
"""
STOPS = frozenset(STOP_WORDS.split())
TOKEN = re.compile(r"\w+(?:[-'\u2019]\w+)*|[^\w\s]")
ON_A_PAGE = 100  # words after which a phrase no longer counts as early


class MY_CLASS(Adapter):
    """Runs of words by how often, how early and how rarely elsewhere they occur."""

    # How the command line and the boards call it, and what it does.
    name = "MY_NAME"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary = "runs of words by frequency, rarity and place"

    # Libraries it needs (import names) and the line that brings them. They are looked
    # for, not imported: where they lack, the board says what to install. Import them
    # inside load(), so that listing methods stays instant.
    requires: ClassVar[tuple[str, ...]] = ()
    install = ""

    class Params(Adapter.Params):
        """What can be set: MY_NAME[longest=2, early=0]. Unknown keys are refused."""

        n_best: int = Field(20, ge=1, description="phrases kept, best first")
        longest: int = Field(3, ge=1, description="words in the longest phrase")
        early: float = Field(1.0, ge=0, description="weight of an early place; 0: none")

    params: Params  # for type checkers: the harness sets it, and self.context

    def load(self) -> None:
        """Import libraries and load weights here: it has a clock of its own.

        self.context has the task (fields, language), seed, threads, device and scratch.
        """
        self.documents = 0
        self.document_frequency: Counter[str] = Counter()

    def fit(self, train: Dataset, validation: Dataset) -> None:
        """Learns: here, in how many training documents each word occurs.

        A suite whose split is "all" has no training part: then both datasets are empty.
        Gold phrases, where wanted: train.targets["keyphrases"][document.id]
        """
        del validation  # for choices such as thresholds; this method makes none
        self.documents = len(train.documents)
        for document in train.documents:
            tokens = TOKEN.findall(self.context.task.text(document))
            self.document_frequency.update({token.lower() for token in tokens})

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        """One prediction a document, in order, each from its document alone."""
        return [self._rank(self.context.task.text(document)) for document in chunk]

    def _rank(self, text: str) -> RankedPhrases:
        count: Counter[str] = Counter()
        first: dict[str, int] = {}
        for place, phrase in self._candidates(text):
            count[phrase] += 1
            first.setdefault(phrase, place)
        score = {
            phrase: count[phrase]
            * math.sqrt(sum(self._rarity(word) for word in phrase.split()))
            * (1 + first[phrase] / ON_A_PAGE) ** -self.params.early
            for phrase in count
        }
        # The phrase ends the key: equal scores must not be left to chance.
        best = sorted(score, key=lambda phrase: (-score[phrase], first[phrase], phrase))
        best = best[: self.params.n_best]
        return RankedPhrases(tuple(best), tuple(score[phrase] for phrase in best))

    def _candidates(self, text: str) -> Iterator[tuple[int, str]]:
        """Places and phrases: every run of at most `longest` words."""
        run: list[str] = []
        for place, token in enumerate(TOKEN.findall(text)):
            word = token.lower()
            if word in STOPS or len(word) < 2 or word.isdigit():
                run = []
                continue
            run = [*run, word][-self.params.longest :]
            for length in range(1, len(run) + 1):
                yield place - length + 1, " ".join(run[-length:])

    def _rarity(self, word: str) -> float:
        """Inverse document frequency; 1 for every word where nothing was learned."""
        return 1 + math.log((1 + self.documents) / (1 + self.document_frequency[word]))

    def save(self, folder: Path) -> None:
        """Writes what fit() learned. Prefer JSON, NumPy or safetensors to pickle."""
        learned = {"documents": self.documents, "frequency": self.document_frequency}
        (folder / "learned.json").write_text(json.dumps(learned), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        """Reads what save() wrote, in place of fit(); load() was called before."""
        learned = json.loads((folder / "learned.json").read_text(encoding="utf-8"))
        self.documents = learned["documents"]
        self.document_frequency = Counter(learned["frequency"])
