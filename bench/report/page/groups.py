"""Groups of documents: by length, by the number of gold phrases, by language, by label, by fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readbench.core.types import Document, Target
from readbench.report.page.scores import TaskScores

MOST_BINS = 6
FEWEST = 10
"""Documents of a group: the mean of fewer says little."""
MOST_KINDS = 10
"""Languages or labels with a group of their own."""


@dataclass(frozen=True)
class Grouping:
    """``groups`` are the names and ``places`` (documents,) the group of each document, -1 for none.
    ``order``: whether there is one among them."""

    name: str
    heading: str
    about: str
    groups: tuple[str, ...]
    places: NDArray[np.int64]
    order: bool = True

    def means(self, values: NDArray[np.float64]) -> list[float | None]:
        """The mean of each group; None where no document counts."""
        found: list[float | None] = []
        for place in range(len(self.groups)):
            of_group = values[self.places == place]
            known = of_group[~np.isnan(of_group)]
            found.append(float(known.mean()) if len(known) else None)
        return found


def groupings(
    scores: TaskScores, documents: Mapping[str, Document], targets: Mapping[str, Target]
) -> list[Grouping]:
    """Those that make at least two groups. Without documents there is the one by fold."""
    found = [_folds(scores)]
    if all(id_ in documents for id_ in scores.ids):
        texts = [scores.spec.text(documents[id_]) for id_ in scores.ids]
        words = [length_in_words(text) for text in texts]
        found.insert(0, of_numbers("length", "By length of the text", "words of the text", words))
        languages = [documents[id_].language for id_ in scores.ids]
        found.append(_kinds("language", "By language", "language", languages))
    gold = [targets.get(id_) for id_ in scores.ids]
    counts = [len(target) if isinstance(target, tuple) else 0 for target in gold]
    about = "gold phrases of the document"
    found.insert(1, of_numbers("gold", "By the number of gold phrases", about, counts))
    if scores.spec.task == "classification":
        labels = [target if isinstance(target, str) else "" for target in gold]
        found.append(_kinds("label", "By label: the share of each label that is found", "gold label", labels))
    return [grouping for grouping in found if grouping is not None and len(grouping.groups) > 1]


def length_in_words(text: str) -> int:
    """Words between white space; of a text without any (Chinese), its characters."""
    words = len(text.split())
    return words if len(text) < 20 * max(words, 1) else len(text)


def of_numbers(name: str, heading: str, about: str, values: Sequence[int]) -> Grouping | None:
    """Groups of about the same size along a number that each document has; 0 is no number."""
    numbers = np.array(values)
    known = numbers[numbers > 0]
    bins = min(MOST_BINS, len(known) // FEWEST)
    if bins < 2:
        return None
    cuts = np.unique(np.quantile(known, [place / bins for place in range(1, bins)], method="nearest"))
    places = np.where(numbers > 0, np.searchsorted(cuts, numbers, side="left"), -1)
    used = [place for place in range(len(cuts) + 1) if np.any(places == place)]
    names = []
    for place in used:
        of_group = numbers[places == place]
        low, high = int(of_group.min()), int(of_group.max())
        names.append(f"{low}" if low == high else f"{low}–{high}")
    renamed = {place: index for index, place in enumerate(used)}
    indexes = np.array([renamed.get(int(place), -1) for place in places])
    return Grouping(name, heading, f"{about}, groups of about the same size", tuple(names), indexes)


def _kinds(name: str, heading: str, about: str, values: Sequence[str]) -> Grouping | None:
    counts = Counter(value for value in values if value)
    kinds = [kind for kind, count in counts.most_common(MOST_KINDS) if count >= FEWEST]
    if len(kinds) < 2:
        return None
    places = np.array([kinds.index(value) if value in kinds else -1 for value in values])
    return Grouping(name, heading, about, tuple(kinds), places, order=False)


def _folds(scores: TaskScores) -> Grouping | None:
    folds = sorted(set(scores.folds.tolist()))
    if len(folds) < 2:
        return None
    places = np.searchsorted(np.array(folds), scores.folds)
    names = tuple(str(fold + 1) for fold in folds)
    return Grouping("folds", "By fold", "fold", names, places, order=False)
