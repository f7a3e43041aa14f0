"""What classifiers have in common: labelled documents to learn from, and probabilities as predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from readbench.adapter import BenchError
from readbench.core.types import Dataset, Document, PredictedLabel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Labelled:
    """Documents and the label of each, in the order of the split; documents without a label are left out."""

    documents: tuple[Document, ...]
    labels: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.labels)))

    def only(self, indices: Iterable[int]) -> Labelled:
        chosen = list(indices)
        return Labelled(
            tuple(self.documents[index] for index in chosen), tuple(self.labels[index] for index in chosen)
        )


def labelled(part: Dataset) -> Labelled:
    """The documents of one part of a split that have a label."""
    known = part.targets.get("classification", {})
    pairs = [(document, label) for document in part.documents if (label := known.get(document.id))]
    return Labelled(tuple(document for document, _ in pairs), tuple(str(label) for _, label in pairs))


def learnable(train: Dataset, method: str, *, classes: int = 2) -> Labelled:
    """The labelled documents of a training part.

    Raises BenchError where there is none, or where they have fewer different labels than ``classes``.
    """
    learn = labelled(train)
    if not learn.labels:
        raise BenchError(
            f"{method} learns from labelled documents, and the training part has none",
            todo='give the suite a [split] of kind = "holdout", or "given" where the corpus has parts',
        )
    if len(learn.classes) < classes:
        raise BenchError(
            f"all {len(learn.labels)} documents of the training part have the label {learn.classes[0]!r}, "
            f"and {method} needs at least {classes} labels",
            todo="use more documents, or check the label column",
        )
    return learn


def carve(labels: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices of what stays for training and of a seeded stratified sample for validation. Of each label
    about ``share`` is taken, and one document at least stays; both lists are in order."""
    generator = Random(f"carve:{seed}")
    taken: list[int] = []
    counts = Counter(labels)
    for label in sorted(counts):
        members = [index for index, other in enumerate(labels) if other == label]
        generator.shuffle(members)
        taken += members[: min(round(share * len(members)), len(members) - 1)]
    chosen = set(taken)
    return [index for index in range(len(labels)) if index not in chosen], sorted(taken)


def most_probable(
    probabilities: NDArray[np.floating], classes: Sequence[str], labels: Sequence[str]
) -> list[PredictedLabel]:
    """Predictions from ``probabilities`` (documents, classes), whose rows sum to 1. The scores go over all
    ``labels``; one that was not learned has 0. Of equals the first class wins."""
    known = [*dict.fromkeys((*labels, *classes))]
    predictions = []
    for row in probabilities:
        scores = dict.fromkeys(known, 0.0) | {
            label: float(value) for label, value in zip(classes, row, strict=True)
        }
        predictions.append(PredictedLabel(classes[int(row.argmax())], scores))
    return predictions
