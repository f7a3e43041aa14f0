"""A method made of others at work in one process: its members predict, and it joins what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from readbench.adapter import Adapter, Ensemble, LearnedEnsemble
from readbench.core.types import Dataset, Document, Prediction


class Joined(Adapter):
    """Looks like one adapter. ``members`` are loaded already, in the order of the ensemble's needs. ``anew``
    gives the same members, loaded and not trained, with the preparations of the documents that it is given:
    an ensemble that learns from the validation part needs them there."""

    def __init__(
        self,
        ensemble: Ensemble,
        members: Sequence[Adapter],
        anew: Callable[[Sequence[Document]], Sequence[Adapter]],
    ) -> None:
        super().__init__(ensemble.params, ensemble.context)
        self.ensemble, self.members, self.anew = ensemble, tuple(members), anew

    def fit(self, train: Dataset, validation: Dataset) -> None:
        for one in (*self.members, self.ensemble):
            one.fit(train, validation)
        if isinstance(self.ensemble, LearnedEnsemble):
            members = self.anew(validation.documents)
            for one in members:
                one.fit(train, Dataset("", ()))
            self.ensemble.learn(validation, _predicted(members, validation.documents))

    def predict(self, chunk: Sequence[Document]) -> Sequence[Prediction]:
        return self.ensemble.predict_from(chunk, _predicted(self.members, chunk))

    def save(self, folder: Path) -> None:
        for number, one in enumerate((*self.members, self.ensemble)):
            (folder / str(number)).mkdir()
            one.save(folder / str(number))

    def restore(self, folder: Path) -> None:
        for number, one in enumerate((*self.members, self.ensemble)):
            one.restore(folder / str(number))


def _predicted(members: Sequence[Adapter], documents: Sequence[Document]) -> list[Sequence[Prediction]]:
    """For each document what each member predicts."""
    return list(zip(*(member.predict(documents) for member in members), strict=True))
