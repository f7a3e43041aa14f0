"""The jobs of a plan and the files that they read: documents for all cells of a task, and for each cell the
gold that its method may learn from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from readbench.core.types import Split, Task, digest_of_documents
from readbench.engine.accounts import Accounts
from readbench.engine.exchange import DOCUMENTS, TARGETS, prediction_line, target_lines, write_document_lines
from readbench.engine.job import KEEP_TRAINED_S, CellJob, PreparationJob
from readbench.engine.scheduled import ScheduledJob
from readbench.engine.unfinished import Unfinished
from readbench.machine.machine import machine
from readbench.methods.registry import included_file
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.results.store import Store, damaged_files
from readbench.results.tables import PREDICTIONS, read_columns, write_documents, write_targets


def needs_libraries(item: PlannedPreparation | PlannedCell) -> bool:
    """Whether a process stands on libraries, or reads what was made with them."""
    built_from = item.preparations if isinstance(item, PlannedCell) else item.inputs
    return bool(item.modules or built_from)


def label_of(item: PlannedPreparation | PlannedCell) -> str:
    """What a person calls it."""
    return item.label if isinstance(item, PlannedCell) else f"prepare {item.preparation.name}"


def waits_for(item: PlannedPreparation | PlannedCell) -> frozenset[str]:
    """The keys of all that must have ended before it can start."""
    if isinstance(item, PlannedCell):
        return frozenset({*item.preparations.values(), *item.stands_on_cells})
    return frozenset(item.inputs.values())


PREDICTED_BY_MEMBERS = "member-*.jsonl"
"""What the members of an ensemble predicted, in its working folder."""


def _of_members(cell: PlannedCell) -> dict[str, str]:
    """The files of what the members of a cell predicted, each with the key of the member's cell."""
    parts = {"test": cell.members, "validation": cell.learns_from}
    return {
        PREDICTED_BY_MEMBERS.replace("*", f"{part}-{number}"): key
        for part, keys in parts.items()
        for number, key in enumerate(keys)
    }


@dataclass
class Inputs:
    """Makes the jobs of one plan. ``write_documents`` comes first."""

    plan: Plan
    store: Store
    accounts: Accounts
    unfinished: Unfinished
    _documents: dict[Task, Path] = field(default_factory=dict)
    _last_fold: tuple[Task, Split] | None = None
    _last_targets: bytes = b""

    def write_documents(self) -> None:
        """Documents once per content: projected ones for the cells, whole ones for the reading side."""
        for task, documents in self.plan.projected.items():
            place = self.store.documents(digest_of_documents(documents))
            # An older version kept them as Parquet.
            if not (place / DOCUMENTS).is_file() or damaged_files(place):
                workspace = self.store.workspace("documents", "documents")
                write_document_lines(documents, workspace / DOCUMENTS)
                self.store.publish(workspace, place, replace=True)
            self._documents[task] = (place / DOCUMENTS).resolve()
        place = self.store.dataset(self.plan.fingerprint)
        if not place.is_dir() or damaged_files(place):
            workspace = self.store.workspace("datasets", "dataset")
            write_documents(self.plan.dataset.documents, workspace / "documents.parquet")
            write_targets(self.plan.dataset.targets, workspace / "targets.parquet")
            self.store.publish(workspace, place)

    def schedule(
        self, item: PlannedPreparation | PlannedCell, building: Mapping[str, Collection[str]]
    ) -> list[ScheduledJob]:
        """An item as a job in a working folder of its own, or as one for each part of a cell. ``building``
        are the ids of the jobs of the items before it in the run, by key: what is not among them is there
        already, and need not be waited for."""
        parts = item.shards if isinstance(item, PlannedCell) else 1
        return [self._job(item, building, part, parts) for part in range(parts)]

    def _job(
        self,
        item: PlannedPreparation | PlannedCell,
        building: Mapping[str, Collection[str]],
        part: int,
        parts: int,
    ) -> ScheduledJob:
        files: Callable[[], Mapping[str, bytes]] = dict
        if isinstance(item, PlannedCell):
            workspace = self.store.workspace_name("cells", item.key).resolve()
            of_cell = self._cell(item, workspace, part, parts)
            job: CellJob | PreparationJob = of_cell
            files = partial(self._files, item, of_cell.predicted)
        else:
            workspace = self.store.workspace_name("preparations", item.key).resolve()
            job = self._preparation(item)
        return ScheduledJob(
            id=item.key if parts == 1 else f"{item.key}-{part}",
            label=label_of(item),
            folder=workspace,
            job=job,
            timeout_s=self.plan.timeout_s,
            memory_bytes=self.plan.memory_bytes,
            footprint_bytes=self.accounts.footprint_bytes(item.key),
            after=frozenset(id_ for key in waits_for(item) for id_ in building.get(key, ())),
            libraries=needs_libraries(item),
            files=files,
        )

    def _cell(self, cell: PlannedCell, workspace: Path, part: int, parts: int) -> CellJob:
        of_members = tuple(workspace / name for name in _of_members(cell))
        return CellJob(
            task=cell.task_spec,
            method=cell.method.spec,
            device=cell.device,
            seed=cell.seed,
            threads=self.plan.suite.limits.threads,
            include_paths=included_file(cell.method.adapter),
            documents=self._documents[cell.task],
            train=tuple(cell.split.train),
            validation=tuple(cell.split.validation),
            test=tuple(cell.split.test),
            targets=workspace / TARGETS,
            preparations=self._folders(cell.preparations),
            members=of_members[: len(cell.members)],
            learns_from=of_members[len(cell.members) :],
            predicted=self.unfinished.file(cell.key, part, parts),
            keep_trained_s=KEEP_TRAINED_S,
            machine=machine()["fingerprint"],
            contended=self.plan.options.workers > 1,
            strict=self.plan.options.strict,
            part=part,
            parts=parts,
            kept=self.store.kept(cell.method.adapter.name).resolve(),
            prices=dict(self.plan.suite.prices),
            weights=dict(cell.weights),
        )

    def _files(self, cell: PlannedCell, predicted: Path) -> dict[str, bytes]:
        """The gold that a cell learns from, and what its members predicted. What it had predicted itself is
        put into place."""
        self.unfinished.take_over(predicted, fresh=self.plan.options.fresh)
        files = {TARGETS: self._targets(cell)}
        for name, key in _of_members(cell).items():
            files[name] = prediction_line(read_columns(self.store.cell(key) / PREDICTIONS))
        return files

    def _targets(self, cell: PlannedCell) -> bytes:
        """Made once for all methods of a fold, which run one after the other."""
        fold = (cell.task, cell.split)
        if fold != self._last_fold:
            learnable = {*cell.split.train, *cell.split.validation}
            gold = self.plan.dataset.targets[cell.task]
            learned = {id_: target for id_, target in gold.items() if id_ in learnable}
            self._last_fold, self._last_targets = fold, target_lines({cell.task: learned})
        return self._last_targets

    def _preparation(self, item: PlannedPreparation) -> PreparationJob:
        return PreparationJob(
            task=item.task,
            method=item.method,
            device=item.device,
            threads=self.plan.suite.limits.threads,
            include_paths=item.include_paths,
            documents=self._documents[item.task.task],
            path=item.path,
            ids=item.ids,
            inputs=self._folders(item.inputs),
        )

    def _folders(self, keys: Mapping[str, str]) -> dict[str, Path]:
        return {name: (self.store.preparation(key) / "files").resolve() for name, key in keys.items()}
