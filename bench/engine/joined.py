"""A method made of others at work in one process: its members predict, and it combines what they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from readbench.adapter import Adapter, Combination
from readbench.core.types import Dataset, Document, Prediction


class Joined(Adapter):
    """Looks like one adapter. ``members`` are loaded already, in the order of the combination's needs."""

    def __init__(self, combination: Combination, members: Sequence[Adapter]) -> None:
        super().__init__(combination.params, combination.context)
        self.combination, self.members = combination, tuple(members)

    def fit(self, train: Dataset, validation: Dataset) -> None:
        for one in (*self.members, self.combination):
            one.fit(train, validation)

    def predict(self, chunk: Sequence[Document]) -> list[Prediction]:
        of_members = [member.predict(chunk) for member in self.members]
        return [self.combination.combine(predictions) for predictions in zip(*of_members, strict=True)]

    def save(self, folder: Path) -> None:
        for number, one in enumerate((*self.members, self.combination)):
            (folder / str(number)).mkdir()
            one.save(folder / str(number))

    def restore(self, folder: Path) -> None:
        for number, one in enumerate((*self.members, self.combination)):
            one.restore(folder / str(number))
