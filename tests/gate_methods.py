"""Small keyphrase methods that can be injured in known ways, written to a file for ``--include-path``."""

from __future__ import annotations

import json
from pathlib import Path

METHODS = '''
"""Words of the title and the first sentence, longest first: enough to score, quick to run."""
import hashlib
import time

from readbench.adapter import Adapter, RankedPhrases

LOST = {lost}
SLOWER = {slower}
MEMORY = {memory}
FAILS = {fails}


class Steady(Adapter):
    name = "test.steady"
    tasks = frozenset({{"keyphrases"}})
    held = b""

    class Params(Adapter.Params):
        n_best: int = 10

    def load(self):
        self.held = b"x" * (40 << 20)

    def answer(self, document, generator):
        text = " ".join(document.fields.values()).lower()
        words = [word.strip(".,;:()") for word in text.split()]
        pairs = [" ".join(words[i : i + 2]) for i in range(len(words) - 1)]
        order = sorted(dict.fromkeys(pairs), key=lambda pair: (-pairs.count(pair), pairs.index(pair)))
        return order[: self.params.n_best]

    def predict(self, chunk):
        import random

        if len(self.held) < MEMORY:
            self.held = b"x" * MEMORY
        answers = []
        for document in chunk:
            began = time.perf_counter()
            generator = random.Random(f"{{self.context.seed}}:{{document.id}}")
            phrases = self.answer(document, generator)
            # The work of a method, not the harness around it: 2 ms a document.
            while time.perf_counter() - began < 0.002 * SLOWER:
                pass
            share = int(hashlib.sha256(document.id.encode()).hexdigest()[:8], 16) / 16**8
            if share < LOST:
                phrases = []
            answers.append(RankedPhrases(tuple(phrases), tuple(-float(i) for i in range(len(phrases)))))
        return answers


class Breaks(Steady):
    name = "test.breaks"

    def predict(self, chunk):
        if FAILS:
            raise RuntimeError(f"it broke on {{chunk[0].fields['title']}}")
        return super().predict(chunk)


class Noisy(Steady):
    """Its answers depend on the seed, as those of a trained method do."""

    name = "test.noisy"
    stochastic = True

    def answer(self, document, generator):
        phrases = super().answer(document, generator)
        return [phrase for phrase in phrases if generator.random() < 0.8]
'''


def write_methods(
    path: Path, *, lost: float = 0.0, slower: float = 1.0, memory: int = 0, fails: bool = False
) -> Path:
    """``lost``: the share of documents that are answered with nothing; ``slower``: a factor; ``memory``:
    bytes held more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(METHODS.format(lost=lost, slower=slower, memory=memory, fails=fails), encoding="utf-8")
    return path


def write_suite(
    path: Path,
    methods: tuple[str, ...] = ("test.steady", "test.noisy", "test.breaks"),
    *,
    version: int = 1,
    repeats: int = 3,
    fields: tuple[str, ...] = ("title", "abstract"),
) -> Path:
    """A suite of these methods on the embedded papers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'version = {version}\n[dataset]\nname = "papers-demo"\n[split]\nkind = "all"\nrepeats = {repeats}\n'
        f"[tasks.keyphrases]\nfields = {json.dumps(list(fields))}\nmethods = {json.dumps(list(methods))}\n",
        encoding="utf-8",
    )
    return path
