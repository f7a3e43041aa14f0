"""The jobs of a plan and the files that they read: documents for all cells of a task, and for each cell the
gold that its method may learn from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from readbench.core.types import Task, digest_of_documents
from readbench.engine.accounts import Accounts
from readbench.engine.job import CellJob, PreparationJob
from readbench.engine.scheduled import ScheduledJob
from readbench.methods.registry import included_file
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.results.store import Store, damaged_files
from readbench.results.tables import PREDICTIONS, write_documents, write_targets

TARGETS = "targets.parquet"
"""The gold of the documents that a cell learns from, in its working folder."""


@dataclass
class Inputs:
    """Makes the jobs of one plan. ``write_documents`` comes first."""

    plan: Plan
    store: Store
    accounts: Accounts
    _documents: dict[Task, Path] = field(default_factory=dict)

    def write_documents(self) -> None:
        """Documents once per content: projected ones for the cells, whole ones for the reading side."""
        for task, documents in self.plan.projected.items():
            place = self.store.documents(digest_of_documents(documents))
            if not place.is_dir() or damaged_files(place):
                workspace = self.store.workspace("documents", "documents")
                write_documents(documents, workspace / "documents.parquet")
                self.store.publish(workspace, place)
            self._documents[task] = (place / "documents.parquet").resolve()
        place = self.store.dataset(self.plan.dataset.fingerprint)
        if not place.is_dir() or damaged_files(place):
            workspace = self.store.workspace("datasets", "dataset")
            write_documents(self.plan.dataset.documents, workspace / "documents.parquet")
            write_targets(self.plan.dataset.targets, workspace / TARGETS)
            self.store.publish(workspace, place)

    def schedule(self, item: PlannedPreparation | PlannedCell, building: Collection[str]) -> ScheduledJob:
        """An item as a job in a working folder of its own. ``building`` are the keys of all items of the run:
        what is not among them is there already, and need not be waited for."""
        is_cell = isinstance(item, PlannedCell)
        workspace = self.store.workspace("cells" if is_cell else "preparations", item.key).resolve()
        if isinstance(item, PlannedCell):
            job: CellJob | PreparationJob = self._cell(item, workspace)
            label, after = item.label, {*item.preparations.values(), *item.members}
        else:
            job = self._preparation(item)
            label, after = f"prepare {item.preparation.name}", set(item.inputs.values())
        return ScheduledJob(
            id=item.key,
            label=label,
            folder=workspace,
            job=job,
            timeout_s=self.plan.timeout_s,
            memory_bytes=self.plan.memory_bytes,
            footprint_bytes=self.accounts.footprint_bytes(item.key),
            after=frozenset(after.intersection(building)),
        )

    def _cell(self, cell: PlannedCell, workspace: Path) -> CellJob:
        learnable = {*cell.split.train, *cell.split.validation}
        gold = self.plan.dataset.targets[cell.task]
        learned = {id_: target for id_, target in gold.items() if id_ in learnable}
        write_targets({cell.task: learned}, workspace / TARGETS)
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
            members=tuple((self.store.cell(key) / PREDICTIONS).resolve() for key in cell.members),
        )

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
