"""What YAKE (Campos et al. 2020, doi:10.1016/j.ins.2019.09.013) knows of the words of a document, for the
method pke.yake: the formulas of the paper's section 3.2, with what pke returns where both differ."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

SHORTEST = 3
"""A word with fewer letters counts as a stop word."""


@dataclass
class Word:
    """One word (or stem) over all its occurrences. ``upper``: occurrences in capitals, ``capital``: those
    with a capital at the beginning elsewhere than at the start of a sentence. ``neighbours`` and
    ``different``: occurrences of other words around it, and how many different ones, on the left and on the
    right."""

    count: int = 0
    upper: int = 0
    capital: int = 0
    sentences: list[int] = field(default_factory=list)
    neighbours: list[int] = field(default_factory=lambda: [0, 0])
    different: list[int] = field(default_factory=lambda: [0, 0])


class Words:
    """The words of a document. ``weights``: the weight of each, lower is better. ``stop``: the words that
    count as stop words."""

    def __init__(
        self,
        sentences: Sequence[Any],
        stop_words: Collection[str],
        *,
        window: int,
        use_stems: bool,
        shortest: int = SHORTEST,
    ) -> None:
        """``sentences`` have ``words`` and ``stems``. ``window``: words of context on each side."""
        self.words: dict[str, Word] = {}
        self.followed: Counter[tuple[str, str]] = Counter()
        """How often the second word stands within the window after the first, in one sentence."""
        for number, sentence in enumerate(sentences):
            keys = sentence.stems if use_stems else [word.lower() for word in sentence.words]
            self._count(keys, sentence.words, number)
            for distance in range(1, window + 1):
                self.followed.update(zip(keys, islice(keys, distance, None), strict=False))
        for (first, second), times in self.followed.items():
            for word, side in ((self.words[second], 0), (self.words[first], 1)):
                word.neighbours[side] += times
                word.different[side] += 1
        self.stop = {word for word in self.words if word in stop_words or len(word) < shortest}
        self.weights = self._weights(len(sentences), stop_words)

    def _count(self, keys: Sequence[str], written: Sequence[str], sentence: int) -> None:
        for place, (key, surface) in enumerate(zip(keys, written, strict=True)):
            word = self.words.get(key)
            if word is None:
                word = self.words[key] = Word()
            word.count += 1
            if not word.sentences or word.sentences[-1] != sentence:
                word.sentences.append(sentence)
            if surface.isupper() and len(key) > 1:
                word.upper += 1
            elif place and surface[0].isupper():
                word.capital += 1

    def _weights(self, sentences: int, stop_words: Collection[str]) -> dict[str, float]:
        """S(t) of the paper's equation 6: relatedness and position, over casing, frequency and spread."""
        counts = [word.count for key, word in self.words.items() if key not in stop_words]
        usual = float(np.mean(counts) + np.std(counts)) if counts else math.nan
        most = max(word.count for word in self.words.values())
        weights = {}
        for key, word in self.words.items():
            casing = max(word.upper, word.capital) / (1.0 + math.log(word.count))
            position = math.log(math.log(3.0 + _median(word.sentences)))
            left, right = (
                different / occurrences if occurrences else 0.0
                for different, occurrences in zip(word.different, word.neighbours, strict=True)
            )
            related = 1 + (right + left) * (word.count / most)
            spread = len(word.sentences) / sentences
            below = casing + (word.count / usual / related) + (spread / related)
            weights[key] = (related * position) / below
        return weights

    def phrase(self, words: Sequence[str], times: int) -> float:
        """The score of a phrase that occurs so many times (equation 7). A stop word within it counts by how
        often it stands between its neighbours."""
        product, total = 1.0, 0.0
        for place, word in enumerate(words):
            if word not in self.stop:
                product *= self.weights[word]
                total += self.weights[word]
                continue
            after = before = 0.0
            if place:
                left = words[place - 1]
                after = self.followed[left, word] / self.words[left].count
            if place + 1 < len(words):
                right = words[place + 1]
                # pke counts how often the right neighbour stands before the stop word.
                before = self.followed[right, word] / self.words[right].count
            together = after * before
            product *= 1 + (1 - together)
            total -= 1 - together
        # Of one stop word alone the sum is -1, and the score would be divided by 0.
        return product / (times * (1 + (-0.99999999999 if total == -1 else total)))


def _median(ascending: Sequence[int]) -> float:
    middle = len(ascending) // 2
    if len(ascending) % 2:
        return float(ascending[middle])
    return (ascending[middle - 1] + ascending[middle]) / 2
