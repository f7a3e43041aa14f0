"""Carries out a plan: preparations and cells as jobs, predictions to scores, outcomes to records."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from readbench.core.clock import now
from readbench.core.errors import BenchError
from readbench.core.files import UNWRITABLE, cannot_write, write_json
from readbench.core.types import Task, digest_of_documents
from readbench.engine.accounts import Accounts
from readbench.engine.child import PREDICTIONS, SCRATCH
from readbench.engine.job import BASELINE, JOB, OUTCOME, PROGRESS, Ending, Job
from readbench.engine.local import LocalExecutor
from readbench.engine.phrase_vectors import add_vector_metrics
from readbench.engine.reporter import Reporter
from readbench.engine.scoring import Scoring
from readbench.machine.machine import machine
from readbench.machine.versions import distribution_of, versions_of
from readbench.methods.registry import plain
from readbench.planning.ensembles import failed_member
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.results.cost_table import join_members
from readbench.results.estimates import Estimates
from readbench.results.record import Failure, PreparationCost, Record
from readbench.results.store import Store
from readbench.results.tables import predictions_digest, read_columns, write_documents, write_targets
from readbench.tasks import get_task


@dataclass
class Runner:
    """Runs what a plan says is to run. ``records`` fills up, by cell key, as cells end: what is in it when an
    interruption comes is on disk. ``charges_imports``: what importing libraries costs is measured."""

    plan: Plan
    store: Store
    reporter: Reporter
    records: dict[str, Record] = field(default_factory=dict)
    reference_workload_s: float | None = None
    charges_imports: bool = True
    _started: dict[str, str] = field(default_factory=dict)
    _failed_preparations: dict[str, Ending] = field(default_factory=dict)
    _documents: dict[Task, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._scoring = Scoring(self.plan.dataset)
        self._accounts = Accounts(self.plan, self.store, self.charges_imports)

    def run(self) -> None:
        """Raises BenchError where results cannot be written; a cell that fails is a record."""
        try:
            self._run()
            add_vector_metrics(self.plan, self.store, self.reporter, self._scoring, self.records, self._keep)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            raise cannot_write(self.store.root, error) from error

    def _run(self) -> None:
        self.store.sweep()
        self._write_inputs()
        for cell in self.plan.cells:
            if cell.state == "stored" and cell.stored is not None:
                self.records[cell.key] = self._rescored(cell, cell.stored)
            elif cell.state == "missing":
                if self._said_so(cell):
                    continue
                failure = Failure(type="MissingDependency", message=cell.why)
                self._keep(
                    self._record(cell, "missing_dependency", Ending("missing_dependency"), failure), None
                )
            elif cell.state == "refused":
                failure = Failure(type="DoesNotFit", message=cell.why)
                self._keep(self._record(cell, "out_of_memory", Ending("out_of_memory"), failure), None)
        cells = [cell for cell in self.plan.to_run() if not self._skipped(cell)]
        if not cells:
            return
        preparations = self.plan.needed_preparations()
        workers, threads = self.plan.options.workers, self.plan.suite.limits.threads
        with LocalExecutor(workers=workers, threads=threads) as executor:
            self.reporter.doing("importing libraries")
            items: list[PlannedPreparation | PlannedCell] = [*preparations, *cells]
            # The harness's own modules too: otherwise every cell imports them again, a third of a
            # second and 40 MiB that would look like the method's. Reading Parquet needs the dataset
            # module, and that one pandas.
            harness = {"pyarrow.dataset", "pyarrow.parquet", "readbench.engine.child"}
            executor.preload({m for item in items for m in item.modules} | harness)
            # After the server's own imports: the files are in memory and compiled, as they will be for
            # whoever uses the method a second time.
            self._accounts.measure_imports(items, self.reporter.doing)
            by_id: dict[str, PlannedPreparation | PlannedCell] = {}
            jobs = []
            for item in items:
                job = self._job(item, {one.key for one in items})
                by_id[job.id] = item
                jobs.append(job)
            try:
                executor.run(
                    jobs,
                    on_start=self._on_start,
                    on_progress=lambda job, *state: self.reporter.progress(job.label, *state),
                    on_end=lambda job, ending: self._on_end(by_id[job.id], job, ending),
                )
            finally:
                for job in jobs:
                    shutil.rmtree(job.folder, ignore_errors=True)

    def _skipped(self, cell: PlannedCell) -> bool:
        """Leaves a record where a member is known not to be there, so that no process starts."""
        failure = failed_member(self.records.get(key) for key in cell.members)
        if failure is None:
            return False
        record = self._record(cell, "skipped", Ending("skipped"), failure)
        self.reporter.end(cell.label, self._keep(record, None))
        return True

    def _said_so(self, cell: PlannedCell) -> bool:
        """Whether the stored record of a cell that cannot run here says just that already."""
        stored = cell.stored
        if stored is None or stored.failure is None or stored.status != "missing_dependency":
            return False
        if (stored.failure.message, stored.machine) != (cell.why, machine()):
            return False
        self.records[cell.key] = stored
        return True

    # -- before ------------------------------------------------------------------------------------

    def _write_inputs(self) -> None:
        """Documents once per content: projected ones for the cells, whole ones for the reading side."""
        for task, documents in self.plan.projected.items():
            place = self.store.documents(digest_of_documents(documents))
            if not (place / "documents.parquet").is_file():
                workspace = self.store.workspace("documents", "documents")
                write_documents(documents, workspace / "documents.parquet")
                self.store.publish(workspace, place)
            self._documents[task] = place / "documents.parquet"
        place = self.store.dataset(self.plan.dataset.fingerprint)
        if not place.is_dir():
            workspace = self.store.workspace("datasets", "dataset")
            write_documents(self.plan.dataset.documents, workspace / "documents.parquet")
            write_targets(self.plan.dataset.targets, workspace / "targets.parquet")
            self.store.publish(workspace, place)

    def _job(self, item: PlannedPreparation | PlannedCell, building: set[str]) -> Job:
        """The job's workspace and the files that it reads besides the documents."""
        is_cell = isinstance(item, PlannedCell)
        workspace = self.store.workspace("cells" if is_cell else "preparations", item.key)
        payload = {
            "include_paths": [str(path) for path in self.plan.options.include_paths],
            "threads": self.plan.suite.limits.threads,
            "seed": item.seed if isinstance(item, PlannedCell) else 0,
            "device": item.device,
        }
        if isinstance(item, PlannedCell):
            split = {"train": item.split.train, "validation": item.split.validation, "test": item.split.test}
            write_json(workspace / "split.json", {name: list(ids) for name, ids in split.items()})
            learnable = {*item.split.train, *item.split.validation}
            targets = {
                item.task: {k: v for k, v in self.plan.dataset.targets[item.task].items() if k in learnable}
            }
            write_targets(targets, workspace / "targets.parquet")
            payload |= {
                "kind": "cell",
                "task": item.task_spec.model_dump(mode="json"),
                "method": item.method.spec,
                "documents": str(self._documents[item.task].resolve()),
                "split": str((workspace / "split.json").resolve()),
                "targets": str((workspace / "targets.parquet").resolve()),
                "preparations": self._folders(item.preparations),
                "members": [str((self.store.cell(key) / PREDICTIONS).resolve()) for key in item.members],
            }
            label, after = item.label, {*item.preparations.values(), *item.members}
        else:
            payload |= {
                "kind": "preparation",
                "task": item.task.model_dump(mode="json"),
                "method": item.method,
                "path": list(item.path),
                "documents": str(self._documents[item.task.task].resolve()),
                "ids": None if item.ids is None else list(item.ids),
                "inputs": self._folders(item.inputs),
            }
            label, after = f"prepare {item.preparation.name}", set(item.inputs.values())
        return Job(
            id=item.key,
            label=label,
            folder=workspace.resolve(),
            payload=payload,
            timeout_s=self.plan.timeout_s,
            memory_bytes=self.plan.memory_bytes,
            footprint_bytes=self._accounts.footprint_bytes(item.key),
            after=frozenset(after & building),
        )

    def _folders(self, keys: object) -> dict[str, str]:
        assert hasattr(keys, "items")
        return {name: str((self.store.preparation(key) / "files").resolve()) for name, key in keys.items()}

    # -- during ------------------------------------------------------------------------------------

    def _on_start(self, job: Job) -> None:
        self._started[job.id] = now()
        self.reporter.start(job.label)

    def _on_end(self, item: PlannedPreparation | PlannedCell, job: Job, ending: Ending) -> str:
        if isinstance(item, PlannedPreparation):
            self._end_preparation(item, job, ending)
            return ending.status
        record = self._end_cell(item, job, ending)
        self.reporter.end(job.label, record)
        return record.status

    def _end_preparation(self, item: PlannedPreparation, job: Job, ending: Ending) -> None:
        if ending.status != "ok":
            self._failed_preparations[item.key] = ending
            return
        cost = PreparationCost(
            name=item.preparation.name,
            peak_memory_bytes=self._accounts.peak_bytes(item.key, ending),
            machine=machine()["fingerprint"],
            contended=self.plan.options.workers > 1,
            versions=versions_of(item.modules),
            **{name: ending.outcome[name] for name in ("setup_s", "build_s", "documents", "notes")},
        )
        _remove_working_files(job.folder)
        write_json(job.folder / "preparation.json", cost)
        self.store.publish(job.folder, self.store.preparation(item.key), replace=True)
        self.reporter.prepared(job.label, cost.build_s)

    def _end_cell(self, cell: PlannedCell, job: Job, ending: Ending) -> Record:
        failure = None
        status = ending.status
        if status == "skipped":
            status, failure, ending = self._blame(cell)
        elif status != "ok":
            failure = Failure(
                **{"type": "Unknown", "message": "", **(ending.failure or {})}, output=ending.output
            )
        record = self._record(cell, status, ending, failure)
        loaded = ending.outcome.get("modules", {})
        if status == "ok" and (edited := cell.sources.edited(loaded)):
            record.status = "failed"
            record.failure = Failure(
                type="SourceEdited", message=f"{edited} was edited while it ran; run it again with --retry"
            )
        if record.status == "ok":
            record.more_sources = cell.sources.uncovered(loaded)
            try:
                columns = read_columns(job.folder / PREDICTIONS)
                record.predictions_digest = predictions_digest(columns)
                self._scoring.score(cell, columns, record, job.folder)
            except (OSError, ValueError, KeyError, BenchError) as error:
                if isinstance(error, OSError) and error.errno in UNWRITABLE:
                    raise  # the scores have no room: not the method's doing
                record.status = "failed"
                record.failure = Failure(type=type(error).__name__, message=f"scoring: {error}")
        if record.status == "ok":
            Estimates(self.store.root).learn(record)
            members = [self.records[key] for key in cell.members]
            record.costs = join_members(record.costs, [member.costs for member in members])
            record.member_predictions = {member.method: member.predictions_digest for member in members}
        return self._keep(record, job.folder)

    def _blame(self, cell: PlannedCell) -> tuple[str, Failure, Ending]:
        """What a cell could not start for: a member makes it skipped, a preparation what that one is."""
        if failure := failed_member(self.records.get(key) for key in cell.members):
            return "skipped", failure, Ending("skipped")
        queue = list(cell.preparations.values())
        while queue:
            key = queue.pop()
            planned = self.plan.preparations[key]
            if key in self._failed_preparations and self._failed_preparations[key].status != "skipped":
                ending = self._failed_preparations[key]
                told = ending.failure or {}
                name = planned.preparation.name
                message = f"its preparation {name} ended {ending.status}: {told.get('message', '')}"
                failure = Failure(
                    type=told.get("type", "Unknown"),
                    message=message,
                    traceback=told.get("traceback", ""),
                    output=ending.output,
                )
                return ending.status, failure, Ending(ending.status)
            queue.extend(planned.inputs.values())
        return "skipped", Failure(type="Skipped", message="a preparation did not end ok"), Ending("skipped")

    # -- after -------------------------------------------------------------------------------------

    def _record(self, cell: PlannedCell, status: str, ending: Ending, failure: Failure | None) -> Record:
        preparations = self._accounts.preparations(cell)
        return Record.model_validate(
            {
                "key": cell.key,
                "method": cell.method.spec,
                "params": plain(cell.method.params),
                "task": cell.task_spec.model_dump(mode="json"),
                "dataset": self.plan.dataset.name,
                "fingerprint": self.plan.dataset.fingerprint,
                "split_hash": cell.split.hash,
                "fold": cell.split.fold,
                "repeat": cell.repeat,
                "device": cell.device,
                "seed": cell.seed,
                "stochastic": cell.stochastic,
                "status": status,
                "failure": failure,
                "started_at": self._started.get(cell.key, now()),
                "machine": machine(),
                "versions": dict(cell.versions),
                "threads": self.plan.suite.limits.threads,
                "contended": self.plan.options.workers > 1,
                "timeout_s": self.plan.timeout_s,
                "memory_bytes": self.plan.memory_bytes,
                "costs": self._accounts.costs(cell, ending, preparations),
                "preparations": preparations,
                "members": {self._cell(key).method.spec: key for key in cell.members},
                "weights": {
                    name: distribution_of(name)
                    for name in sorted({module.partition(".")[0] for module in cell.modules})
                },
                "notes": ending.outcome.get("notes", {}) | self._accounts.notes(cell, ending),
                "output_bytes": ending.output_bytes,
            }
        )

    def _cell(self, key: str) -> PlannedCell:
        return next(cell for cell in self.plan.cells if cell.key == key)

    def _keep(self, record: Record, workspace: Path | None) -> Record:
        workspace = workspace or self.store.workspace("cells", record.key)
        _remove_working_files(workspace)
        write_json(workspace / "record.json", record)
        self.store.publish(workspace, self.store.cell(record.key), replace=True)
        self.records[record.key] = record
        return record

    def _rescored(self, cell: PlannedCell, record: Record) -> Record:
        """A stored record as it is, or with new scores where the metrics have changed since."""
        if record.status != "ok":
            return record
        current = {metric.id: metric.version for metric in get_task(cell.task).metrics}
        if {name: value.version for name, value in record.metrics.items()} == current:
            return record
        folder = self.store.cell(cell.key)
        workspace = self.store.workspace("cells", cell.key)
        shutil.copy2(folder / PREDICTIONS, workspace / PREDICTIONS)
        self._scoring.score(cell, read_columns(folder / PREDICTIONS), record, workspace)
        return self._keep(record, workspace)


def _remove_working_files(folder: Path) -> None:
    for name in (BASELINE, JOB, OUTCOME, PROGRESS, "split.json", "targets.parquet"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
