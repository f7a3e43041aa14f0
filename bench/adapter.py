"""The interface that every method sits behind, and that of the preparations that methods share."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict

from readbench.core.errors import BenchError, MissingDependency
from readbench.core.types import Dataset, Document, Part, PredictedLabel, Prediction, RankedPhrases, Task
from readbench.core.usage import Price, Usage
from readbench.core.vectors import Vectors
from readbench.tasks.spec import TaskSpec

__all__ = [
    "OWN_CODE",
    "Adapter",
    "BenchError",
    "Combination",
    "Context",
    "Ensemble",
    "LearnedEnsemble",
    "MissingDependency",
    "Needs",
    "Params",
    "PhraseEncoder",
    "PredictedLabel",
    "Preparation",
    "PreparationNeed",
    "Price",
    "RankedPhrases",
    "TaskSpec",
    "Usage",
    "Vectors",
    "require",
]


OWN_CODE = "own_code_of"
"""A note of a method that is computed by code of its own in place of a library's: the library whose output it
has. The board says so."""
UNANSWERED = "unanswered"
"""A note of a method that ended before it had answered about every document, such as by a budget: a mapping
with ``documents`` (how many have no answer), ``of`` and ``why``. The board says so."""


class Params(BaseModel):
    """Base of every method's parameters: typed, documented, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnyParams: TypeAlias = Params
"""The same class, under a name that a nested ``Params`` does not hide."""


@dataclass(frozen=True)
class Context:
    """What a running method may know besides its documents.

    ``preparations`` holds, by the name under which the method asked for it, what each preparation's
    ``open`` returned. ``scratch`` is an empty folder that vanishes with the process. ``progress``
    takes (done, total) of a long step; ``note`` puts a small fact into the record. ``kept`` is a folder of
    this method in the results, which outlives the process and may not exist yet; None outside of a run.
    ``prices`` are the suite's, by model. ``weights`` is what ``Adapter.weights`` said when the cell was
    planned, empty outside of a run.
    """

    task: TaskSpec
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    preparations: Mapping[str, Any] = field(default_factory=dict)
    scratch: Path = Path()
    kept: Path | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[int, int], None] = lambda done, total: None  # noqa: ARG005
    note: Callable[[str, Any], None] = lambda name, value: None  # noqa: ARG005


class Preparation(ABC):
    """Work that several methods share (a parse, document frequencies), kept as files.

    It is built once, in a process of its own, and its cost is charged to each method that uses it.
    ``needs`` names the preparations that this one is built from. One with parameters declares
    ``params: Params`` below its own class ``Params``, so that type checkers know them.
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    uses_gpu: ClassVar[bool] = False
    params: AnyParams

    class Params(Params):
        """No parameters."""

    def __init__(self, **params: object) -> None:
        self.params = self.Params.model_validate(params)

    def needs(self) -> Mapping[str, PreparationNeed]:
        return {}

    def modules(self) -> tuple[str, ...]:
        """Import names that it uses: preloaded, and their versions are part of its key."""
        return self.requires

    def missing(self) -> None:
        """Raises MissingDependency where this preparation cannot be built here."""
        require(self.requires, self.install)

    @abstractmethod
    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:
        """Writes the result into ``folder``. ``documents`` is empty for a preparation that depends
        on no document (a shipped model turned into arrays)."""

    @abstractmethod
    def open(self, folder: Path) -> Any:
        """Opens the result, memory-mapped and read-only."""


class PhraseEncoder(Preparation):
    """A preparation that embeds phrases. The harness builds one by itself where a suite has metrics that
    compare embeddings (``semantic.*``); methods may need one like any other preparation.

    A package provides it under the entry-point group ``bench.phrase_encoders``, by the name of the model
    whose embeddings it makes. Each phrase is a document: the phrase is its id and its only field, ``text``.
    ``build`` notes which weights ran, ``context.note("weights", {"sha256": ...})``. Other weights than those
    that the metric names are refused.
    """

    @classmethod
    @abstractmethod
    def of(cls, model: str) -> PhraseEncoder:
        """The encoder with the weights that the name of a model stands for on this machine."""

    @abstractmethod
    def open(self, folder: Path) -> Vectors:
        """The vectors of the phrases that were built, memory-mapped and read-only."""


@dataclass(frozen=True)
class PreparationNeed:
    """A preparation over the documents of some parts of the split.

    ``parts`` ("test",): per document, charged for the documents predicted. ("train",): made from the
    training part of the fold alone, so that nothing of a test document leaks. (): of no document.
    """

    preparation: Preparation
    parts: tuple[Part, ...] = ("test",)


@dataclass(frozen=True)
class Needs:
    """What a cell of this method needs. ``memory_bytes`` (of the machine) and ``gpu_memory_bytes`` (of a GPU,
    where it runs on one) are lower bounds: what cannot fit is refused before anything is loaded.
    ``members`` are specs of the methods that an ``Ensemble`` is made of."""

    preparations: Mapping[str, PreparationNeed] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    memory_bytes: int = 0
    gpu_memory_bytes: int = 0


class Adapter(ABC):
    """One method, wrapped. The harness owns data, splits, seeds, clocks and scores; an adapter only
    learns and predicts.

    Heavy libraries are imported inside ``load``, never at the top of the file: listing methods must stay
    instant. ``requires`` names them (import names), ``install`` is the line that brings them. ``stochastic``:
    its training depends on the seed, so that a suite may repeat it with several. ``uses_gpu``:
    ``context.device`` is "cuda" where there is one. ``checks_weights``: what ``save`` wrote is all that
    ``restore`` reads, or ``restore`` itself refuses other weights than those that were trained on.
    ``depends_on_order``: what it predicts of a document depends on the documents that it predicted before.
    Then a cell that was ended begins anew, and one document on which it raises fails the cell.

    A method with parameters has a class ``Params`` of its own, and below it ``params: Params``, so that type
    checkers know what ``self.params`` holds.
    """

    name: ClassVar[str]
    tasks: ClassVar[frozenset[Task]]
    summary: ClassVar[str] = ""
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    chunk_size: ClassVar[int] = 64
    stochastic: ClassVar[bool] = False
    uses_gpu: ClassVar[bool] = False
    checks_weights: ClassVar[bool] = False
    depends_on_order: ClassVar[bool] = False
    params: AnyParams

    class Params(Params):
        """No parameters."""

    def __init__(self, params: AnyParams, context: Context) -> None:
        self.params = params
        self.context = context

    def needs(self) -> Needs:
        return Needs()

    def peak_bytes(self, documents: Sequence[Document]) -> int:  # noqa: ARG002 - for methods that can tell
        """About the most memory that it takes, on the device where it runs, when it learns from and predicts
        these documents; 0: not known. A plan shows it, and refuses nothing for it. Loads nothing."""
        return 0

    def modules(self) -> tuple[str, ...]:
        """Import names that it uses: preloaded, and their versions are part of its key."""
        return self.requires

    def weights(self) -> Mapping[str, str]:
        """What stands for the weights that it will load (a SHA-256), by a name of its own: part of its key.
        Weights that a preparation reads are part of that one's."""
        return {}

    def missing(self) -> None:
        """Raises MissingDependency where this method cannot run here; imports nothing."""
        require(self.requires, self.install)
        for need in self.needs().preparations.values():
            need.preparation.missing()

    def load(self) -> None:  # noqa: B027 - optional by design: a method may have nothing to load
        """Imports libraries and loads weights; has its own clock."""

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: B027 - unsupervised methods learn nothing
        """Learns from the training part; choices are made on validation. Either may be empty."""

    @abstractmethod
    def predict(self, chunk: Sequence[Document]) -> Sequence[Prediction]:
        """One prediction a document, same length, same order."""

    def usage(self) -> Usage | None:
        """What was used of a model behind an API since the last call; None for all other methods."""
        return None

    def save(self, folder: Path) -> None:  # noqa: B027 - a method that learns nothing has nothing to save
        """Writes what ``fit`` learned."""

    def restore(self, folder: Path) -> None:  # noqa: B027
        """Reads what ``save`` wrote, in place of ``fit``; called after ``load``."""


class Ensemble(Adapter):
    """A method made of others. Its members, which ``needs`` names, run as cells of their own, and the cell is
    charged with what they cost. One that fails makes it skipped. Write a ``Combination`` or a
    ``LearnedEnsemble``."""

    @abstractmethod
    def predict_from(
        self, documents: Sequence[Document], predictions: Sequence[Sequence[Prediction]]
    ) -> Sequence[Prediction]:
        """One prediction a document. ``predictions`` holds, for each of the documents, those of all members
        in the order of ``needs``. Pure: the same predictions give the same ones."""

    def predict(self, chunk: Sequence[Document]) -> Sequence[Prediction]:  # noqa: ARG002
        """Raises BenchError: the engine calls ``predict_from`` instead."""
        raise BenchError(
            f"{self.name} is made of what its members predict", todo="run it in a suite: it brings them along"
        )


class Combination(Ensemble):
    """An ensemble that needs no more than what its members predicted for a document."""

    @abstractmethod
    def combine(self, predictions: Sequence[Prediction]) -> Prediction:
        """One prediction of those of all members for one document, in the order of ``needs``. Pure: the
        same predictions give the same one."""

    def predict_from(
        self, documents: Sequence[Document], predictions: Sequence[Sequence[Prediction]]
    ) -> Sequence[Prediction]:
        return [self.combine(of_one) for _, of_one in zip(documents, predictions, strict=True)]


class LearnedEnsemble(Ensemble):
    """An ensemble that learns from what its members predict for the validation part (stacking, re-ranking).
    For that, each member also runs as a cell that learns from the training part alone and predicts the
    validation part, whose gold it is not given. What these cells take is charged as training."""

    @abstractmethod
    def learn(self, documents: Dataset, predictions: Sequence[Sequence[Prediction]]) -> None:
        """Called after ``fit``. ``documents``: the validation part with its gold; ``predictions`` holds, for
        each of its documents, those of all members in the order of ``needs``."""


def require(modules: Sequence[str], install: str) -> None:
    """Checks without importing that modules are installed.

    Raises MissingDependency naming the absent ones and the line that brings them.
    """
    absent = [name for name in modules if importlib.util.find_spec(name.partition(".")[0]) is None]
    if absent:
        raise MissingDependency(
            f"needs {', '.join(absent)}", todo=install or f"pip install {' '.join(absent)}"
        )
