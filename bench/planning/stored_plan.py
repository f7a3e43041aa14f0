"""A plan as a file, ``plan.json`` in the folder of the run: any process that sees the results folder can
carry out a part of it. Documents and gold are those of ``datasets/`` in the results folder."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from readbench.adapter import Context
from readbench.core.damage import in_words
from readbench.core.errors import BenchError
from readbench.core.files import regular, write_json
from readbench.core.types import Dataset, Decision, OtherLanguage, Split, Task
from readbench.machine.sources import Sources
from readbench.methods.preparations import find_preparation
from readbench.methods.registry import Registry, included_file
from readbench.planning.plan import NearDuplicates, Options, Plan, PlannedCell, PlannedPreparation, State
from readbench.planning.suite import Suite
from readbench.results.record import StoredModel
from readbench.results.store import Store, damaged_files
from readbench.results.tables import read_documents, read_targets
from readbench.tasks.spec import TaskSpec

PLAN = "plan.json"
PLAN_VERSION = 1


class StoredDataset(StoredModel):
    """What a run knows of its dataset besides documents and targets."""

    name: str
    fingerprint: str
    source: str
    demo: bool
    parts: dict[str, str]
    slices: dict[str, tuple[str, ...]]
    remarks: dict[str, int]
    left_out: dict[str, int]
    other_languages: tuple[OtherLanguage, ...]
    decisions: tuple[Decision, ...]
    columns: tuple[str, ...]
    hidden: dict[str, str]


class StoredPreparation(StoredModel):
    """``before``: the SHA-256 of what says its cost, as it stood when the plan was made; None where nothing
    did. ``stored``: it can be used as it was then."""

    key: str
    method: str
    path: tuple[str, ...]
    task: Task
    ids: tuple[str, ...] | None
    inputs: dict[str, str]
    modules: tuple[str, ...]
    device: str
    stored: bool
    before: str | None
    include_paths: tuple[Path, ...]


class StoredCell(StoredModel):
    """``sources`` is a key of the plan's. ``before``: the SHA-256 of its record's file when the plan was
    made; another one was written since. The other fields are those of ``PlannedCell``."""

    key: str
    method: str
    task: Task
    fold: int
    repeat: int
    seed: int
    preparations: dict[str, str]
    modules: tuple[str, ...]
    versions: dict[str, str]
    weights: dict[str, str]
    sources: str
    device: str
    stochastic: bool
    members: tuple[str, ...]
    learns_from: tuple[str, ...] = ()
    on_validation: bool = False
    needed_bytes: int
    peak_bytes: int
    state: State
    why: str
    before: str | None
    include_paths: tuple[Path, ...]


class StoredPlan(StoredModel):
    """``results`` is the way from the plan's folder to the results folder; ``directory`` the working
    directory, from which relative paths of a suite count."""

    schema_version: int = PLAN_VERSION
    results: str
    directory: Path
    suite: Suite
    options: Options
    dataset: StoredDataset
    specs: dict[Task, TaskSpec]
    splits: dict[Task, tuple[Split, ...]]
    near_duplicates: dict[Task, NearDuplicates]
    seed: int
    timeout_s: float
    memory_bytes: int
    sources: dict[str, Sources]
    preparations: list[StoredPreparation]
    cells: list[StoredCell] = Field(default_factory=list)


def store_plan(plan: Plan, store: Store, folder: Path, *, goes_on: bool = False) -> StoredPlan:
    """Writes a plan into a folder. With ``goes_on`` what has been done since the plan was made that stands
    there counts as done, where the same was asked for. Raises BenchError where a plan cannot be read or
    written."""
    before = _before(read_plan(folder), plan.options) if goes_on else {}
    stored = StoredPlan(
        results=os.path.relpath(store.root.resolve(), folder.resolve()),
        directory=Path.cwd(),
        suite=plan.suite,
        options=plan.options,
        dataset=_dataset(plan.dataset),
        specs=dict(plan.specs),
        splits=dict(plan.splits),
        near_duplicates=dict(plan.near_duplicates),
        seed=plan.seed,
        timeout_s=plan.timeout_s,
        memory_bytes=plan.memory_bytes,
        sources={cell.sources.digest: cell.sources for cell in plan.all_cells},
        preparations=[_preparation(one, store, before) for one in plan.preparations.values()],
        cells=[_cell(cell, store, before) for cell in plan.all_cells],
    )
    # Not pydantic's own JSON: a path may hold bytes that are no UTF-8, and those it cannot write.
    plain = json.loads(json.dumps(stored.model_dump(), default=_plain))
    write_json(folder / PLAN, plain)
    return stored


def _before(earlier: StoredPlan, options: Options) -> dict[str, str | None]:
    """What stood there when an earlier plan was made, by key, where that one repeats the same things."""
    if (earlier.options.fresh, earlier.options.retry) != (options.fresh, options.retry):
        return {}
    items: list[StoredCell | StoredPreparation] = [*earlier.cells, *earlier.preparations]
    return {one.key: one.before for one in items}


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def _dataset(dataset: Dataset) -> StoredDataset:
    return StoredDataset(
        name=dataset.name,
        fingerprint=dataset.fingerprint,
        source=dataset.source,
        demo=dataset.demo,
        parts=dict(dataset.parts),
        slices=dict(dataset.slices),
        remarks=dict(dataset.remarks),
        left_out=dict(dataset.left_out),
        other_languages=dataset.other_languages,
        decisions=dataset.decisions,
        columns=dataset.columns,
        hidden=dict(dataset.hidden),
    )


def _preparation(
    planned: PlannedPreparation, store: Store, before: Mapping[str, str | None]
) -> StoredPreparation:
    return StoredPreparation(
        key=planned.key,
        method=planned.method,
        path=planned.path,
        task=planned.task.task,
        ids=planned.ids,
        inputs=dict(planned.inputs),
        modules=planned.modules,
        device=planned.device,
        stored=planned.stored,
        before=before.get(planned.key, store.preparation_digest(planned.key)),
        include_paths=planned.include_paths,
    )


def _cell(cell: PlannedCell, store: Store, before: Mapping[str, str | None]) -> StoredCell:
    return StoredCell(
        key=cell.key,
        method=cell.method.spec,
        task=cell.task,
        fold=cell.split.fold,
        repeat=cell.repeat,
        seed=cell.seed,
        preparations=dict(cell.preparations),
        modules=cell.modules,
        versions=dict(cell.versions),
        weights=dict(cell.weights) if cell.state == "run" else {},
        sources=cell.sources.digest,
        device=cell.device,
        stochastic=cell.stochastic,
        members=cell.members,
        learns_from=cell.learns_from,
        on_validation=cell.on_validation,
        needed_bytes=cell.needed_bytes,
        peak_bytes=cell.peak_bytes,
        state=cell.state,
        why=cell.why,
        before=before.get(cell.key, store.facts_with_digest(cell.key)[1]),
        include_paths=included_file(cell.method.adapter),
    )


def read_plan(folder: Path) -> StoredPlan:
    """The plan of a folder as it was written. Raises BenchError where there is none that can be read."""
    path = folder / PLAN
    try:
        data = json.loads(regular(path).read_bytes())
        if isinstance(data, dict) and data.get("schema_version") != PLAN_VERSION:
            raise BenchError(
                f"the plan has version {data.get('schema_version')!r}; this program reads {PLAN_VERSION}",
                where=str(path),
                todo="run the suite again",
            )
        return StoredPlan.model_validate(data)
    except (FileNotFoundError, NotADirectoryError):
        raise BenchError(
            "there is no plan", where=str(path), todo="give the folder of a run: RESULTS/runs/NAME"
        ) from None
    except (OSError, ValueError, ValidationError, RecursionError) as error:
        raise BenchError(f"cannot be read as a plan: {in_words(error)}", where=str(path)) from error


def results_of(stored: StoredPlan, folder: Path) -> Store:
    """The results folder that a plan belongs to."""
    return Store((folder / stored.results).resolve())


def cell_is_done(cell: StoredCell, store: Store) -> bool:
    """Whether a record was written since the plan was made."""
    return store.facts_with_digest(cell.key)[1] not in (None, cell.before)


def preparation_is_done(planned: StoredPreparation, store: Store) -> bool:
    """Whether a preparation can be used: as it stood when the plan was made, or built since."""
    now = store.preparation_digest(planned.key)
    return now is not None and (planned.stored or now != planned.before)


def load_plan(stored: StoredPlan, store: Store, only: Collection[str] | None = None) -> Plan:
    """The plan as a value. The state of its cells is that at the time when it was made; a preparation that
    has been built since counts as stored. With ``only``, the cells and preparations with these keys alone,
    and what they stand on.

    Raises BenchError for methods that are not to be found any more, and where the dataset is gone or damaged.
    """
    cells = [cell for cell in stored.cells if only is None or cell.key in only]
    documents, targets = _read_dataset(stored.dataset.fingerprint, store)
    about = stored.dataset.model_dump(exclude={"fingerprint"}, round_trip=True)
    about |= {"other_languages": stored.dataset.other_languages, "decisions": stored.dataset.decisions}
    dataset = Dataset(documents=documents, targets=targets, **about)
    if dataset.fingerprint != stored.dataset.fingerprint:
        where = str(store.dataset(stored.dataset.fingerprint))
        raise BenchError("it holds other documents than the plan says", where=where, todo="run again")
    preparations = {one.key: one for one in stored.preparations}
    loader = _Loader(stored, store)
    return Plan(
        suite=stored.suite,
        options=stored.options,
        dataset=dataset,
        specs=stored.specs,
        splits=stored.splits,
        near_duplicates=stored.near_duplicates,
        seed=stored.seed,
        timeout_s=stored.timeout_s,
        memory_bytes=stored.memory_bytes,
        cells=tuple(loader.cell(cell) for cell in cells if not cell.on_validation),
        helpers=tuple(loader.cell(cell) for cell in cells if cell.on_validation),
        preparations={
            key: loader.preparation(preparations[key]) for key in _reached(cells, preparations, only)
        },
        projected={
            task: tuple(spec.project(document) for document in documents)
            for task, spec in stored.specs.items()
        },
    )


def _reached(
    cells: Iterable[StoredCell], preparations: dict[str, StoredPreparation], only: Collection[str] | None
) -> dict[str, None]:
    """The keys of the preparations that are named, and of what cells and these stand on."""
    found: dict[str, None] = {}
    queue = [key for cell in cells for key in cell.preparations.values()]
    queue += [key for key in only or () if key in preparations]
    while queue:
        key = queue.pop()
        if key not in found:
            found[key] = None
            queue.extend(preparations[key].inputs.values())
    return found


def _read_dataset(fingerprint: str, store: Store) -> tuple[Any, Any]:
    place = store.dataset(fingerprint)
    if not place.is_dir() or damaged_files(place):
        raise BenchError("the dataset of the plan is gone or damaged", where=str(place), todo="run again")
    return tuple(read_documents(place / "documents.parquet")), read_targets(place / "targets.parquet")


class _Loader:
    """Makes planned items of stored ones."""

    def __init__(self, stored: StoredPlan, store: Store) -> None:
        self.stored, self.store = stored, store
        self.registry = Registry()
        self.splits = {(task, split.fold): split for task, found in stored.splits.items() for split in found}

    def cell(self, cell: StoredCell) -> PlannedCell:
        self.registry.include(cell.include_paths)
        record = None if cell.state == "run" else self.store.record(cell.key)
        split = self.splits[cell.task, cell.fold]
        state: State = "run" if cell.state == "stored" and record is None else cell.state
        return PlannedCell(
            key=cell.key,
            method=self.registry.method(cell.method),
            task_spec=self.stored.specs[cell.task],
            split=split.on_validation() if cell.on_validation else split,
            seed=cell.seed,
            preparations=cell.preparations,
            modules=cell.modules,
            versions=cell.versions,
            sources=self.stored.sources[cell.sources],
            state=state,
            stochastic=cell.stochastic,
            repeat=cell.repeat,
            members=cell.members,
            learns_from=cell.learns_from,
            on_validation=cell.on_validation,
            weights=cell.weights,
            device=cell.device,
            needed_bytes=cell.needed_bytes,
            peak_bytes=cell.peak_bytes,
            why=cell.why,
            stored=record,
        )

    def preparation(self, planned: StoredPreparation) -> PlannedPreparation:
        self.registry.include(planned.include_paths)
        spec, method = self.stored.specs[planned.task], self.registry.method(planned.method)
        context = Context(task=spec, threads=self.stored.suite.limits.threads, device=planned.device)
        return PlannedPreparation(
            key=planned.key,
            preparation=find_preparation(method.create(context), planned.path),
            method=planned.method,
            path=planned.path,
            task=spec,
            ids=planned.ids,
            inputs=planned.inputs,
            modules=planned.modules,
            device=planned.device,
            stored=preparation_is_done(planned, self.store),
            include_paths=planned.include_paths,
        )
