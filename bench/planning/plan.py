"""What a run will do: cells and the preparations that they share, as a graph with keys, and what of it is
already there. ``planner`` makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from readbench.adapter import Preparation
from readbench.core.types import Dataset, Document, Split, Task
from readbench.machine.sources import Sources
from readbench.methods.registry import Method
from readbench.planning.suite import Suite
from readbench.results.record import Record
from readbench.tasks.spec import TaskSpec


@dataclass(frozen=True)
class Options:
    """What the command line adds to a suite."""

    seed: int | None = None
    limit: int | None = None
    methods: tuple[str, ...] = ()
    timeout_s: float | None = None
    memory_bytes: int | None = None
    workers: int = 1
    retry: bool = False
    fresh: bool = False
    strict: bool = False
    include_paths: tuple[Path, ...] = ()
    reading: Mapping[str, str] = field(default_factory=dict)
    """Reading options by their name in ``[dataset]``; they override the suite's and what a reader finds."""
    positive: str | None = None
    elsewhere: bool = False
    """Cells run on other machines than this one: costs from any machine count, and its memory is no limit."""
    gpus_per_cell: int = 0
    """Elsewhere: how many GPUs a cell is given that can use one."""
    shards: int = 1
    """In how many parts the test documents of a cell are predicted, each in a process of its own, where the
    method allows it."""


State = Literal["run", "stored", "missing", "refused"]
"""``missing``: it lacks a dependency. ``refused``: it cannot fit into memory, and is not even begun."""


@dataclass(frozen=True)
class PlannedPreparation:
    """A preparation over certain documents; ``method``, which one of ``include_paths`` may define, and
    ``path`` say how a child finds its class."""

    key: str
    preparation: Preparation
    method: str
    path: tuple[str, ...]
    task: TaskSpec
    ids: tuple[str, ...] | None
    inputs: Mapping[str, str]
    modules: tuple[str, ...]
    device: str
    stored: bool
    include_paths: tuple[Path, ...] = ()


@dataclass(frozen=True)
class PlannedCell:
    """One method on one fold with one seed. ``why`` says what is missing, or why a stored cell runs again.
    ``stochastic``: whether the method has training noise, of its own or a member's; ``repeat`` counts its
    seeds. ``members`` are keys of the cells that it is made of; ``learns_from`` those of the same methods on
    the validation part, where it learns from what they predict there. ``on_validation``: it is such a cell
    itself, with the validation part in the place of the test part. ``weights`` is what its method said of
    them. It takes ``needed_bytes`` of memory at least,
    and about ``peak_bytes``; 0: not known. ``shards``: in how many parts it is predicted; ``in_one``: why it
    is in one, where more are wanted."""

    key: str
    method: Method
    task_spec: TaskSpec
    split: Split
    seed: int
    preparations: Mapping[str, str]
    modules: tuple[str, ...]
    versions: Mapping[str, str]
    sources: Sources
    state: State
    stochastic: bool = False
    repeat: int = 0
    members: tuple[str, ...] = ()
    learns_from: tuple[str, ...] = ()
    on_validation: bool = False
    weights: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    needed_bytes: int = 0
    peak_bytes: int = 0
    shards: int = 1
    in_one: str = ""
    why: str = ""
    stored: Record | None = None

    @property
    def task(self) -> Task:
        return self.task_spec.task

    @property
    def stands_on_cells(self) -> tuple[str, ...]:
        """The keys of the cells that must have ended before it can start."""
        return (*self.members, *self.learns_from)

    @property
    def label(self) -> str:
        """The method, and what else tells the cell from others of that method."""
        more = [f"fold {self.split.fold + 1}"] if self.split.of_folds > 1 else []
        more += [f"repeat {self.repeat + 1}"] if self.repeat else []
        more += ["validation part"] if self.on_validation else []
        return f"{self.method.spec} ({', '.join(more)})" if more else self.method.spec


@dataclass(frozen=True)
class NearDuplicates:
    """How many documents have a near-duplicate, and how many test documents have one in a part that
    methods learn from, over all folds."""

    documents: int = 0
    across: int = 0

    @classmethod
    def of(cls, groups: Mapping[str, str], folds: Iterable[Split]) -> NearDuplicates:
        across = 0
        for split in folds:
            learned = {groups[id_] for id_ in (*split.train, *split.validation) if id_ in groups}
            across += sum(groups.get(id_) in learned for id_ in split.test)
        return cls(len(groups), across)


@dataclass(frozen=True)
class Plan:
    """Everything that a run will do, before it does it. ``cells`` are those that boards show; ``helpers`` run
    for others of them alone, the members of ensembles on the validation part."""

    suite: Suite
    options: Options
    dataset: Dataset
    specs: Mapping[Task, TaskSpec]
    splits: Mapping[Task, tuple[Split, ...]]
    near_duplicates: Mapping[Task, NearDuplicates]
    seed: int
    timeout_s: float
    memory_bytes: int
    cells: tuple[PlannedCell, ...]
    preparations: Mapping[str, PlannedPreparation]
    projected: Mapping[Task, tuple[Document, ...]] = field(repr=False)
    helpers: tuple[PlannedCell, ...] = ()

    @property
    def all_cells(self) -> tuple[PlannedCell, ...]:
        """Those for others first: a cell stands behind all that it waits for."""
        return (*self.helpers, *self.cells)

    @cached_property
    def fingerprint(self) -> str:
        """The dataset's, which takes a pass over all documents."""
        return self.dataset.fingerprint

    @cached_property
    def specs_by_key(self) -> Mapping[str, str]:
        """The spec of each cell's method, by the cell's key."""
        return {cell.key: cell.method.spec for cell in self.all_cells}

    def to_run(self) -> list[PlannedCell]:
        return [cell for cell in self.all_cells if cell.state == "run"]

    def stands_on(self, cell: PlannedCell) -> list[str]:
        """The keys of the preparations of a cell and of all that these are built from, each once."""
        order: dict[str, None] = {}
        queue = list(cell.preparations.values())
        while queue:
            key = queue.pop(0)
            order.setdefault(key, None)
            queue.extend(self.preparations[key].inputs.values())
        return list(order)

    def needed_preparations(self) -> list[PlannedPreparation]:
        """What the cells to run need and the store lacks, each after what it is built from."""
        order: dict[str, PlannedPreparation] = {}

        def visit(key: str) -> None:
            planned = self.preparations[key]
            if planned.stored:
                return
            for upstream in planned.inputs.values():
                visit(upstream)
            order.setdefault(key, planned)

        for cell in self.to_run():
            for key in cell.preparations.values():
                visit(key)
        return list(order.values())
