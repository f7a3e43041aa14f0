"""Carries out a plan: preparations and cells as jobs, predictions to scores, outcomes to records."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from readbench.core.clock import now
from readbench.core.errors import BenchError
from readbench.core.files import UNWRITABLE, cannot_write, write_json
from readbench.engine.accounts import Accounts
from readbench.engine.chunks import predicted_columns
from readbench.engine.desk import SCRATCH
from readbench.engine.exchange import TARGETS
from readbench.engine.forecast import spec_of, start_s
from readbench.engine.handover import Handover
from readbench.engine.inputs import PREDICTED_BY_MEMBERS, Inputs, label_of, needs_libraries
from readbench.engine.job import JOB, CellJob
from readbench.engine.local import LocalExecutor
from readbench.engine.outcome import OUTCOME, ChildFailure, PreparationFigures
from readbench.engine.parts import Parts
from readbench.engine.phrase_vectors import add_vector_metrics
from readbench.engine.progress import PROGRESS
from readbench.engine.records import failure_of, goes_on, new_record, repriced
from readbench.engine.reporter import Reporter
from readbench.engine.scheduled import Ending, ScheduledJob
from readbench.engine.scoring import Scoring
from readbench.engine.unfinished import Unfinished
from readbench.machine.machine import machine
from readbench.machine.versions import versions_of
from readbench.planning.ensembles import ON_VALIDATION, failed_member
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.results.cost_table import join_members
from readbench.results.estimates import Estimates
from readbench.results.record import Failure, PreparationCost, Record
from readbench.results.score_files import SCORES
from readbench.results.store import PREPARATION, RECORD, Store
from readbench.results.tables import PREDICTIONS, predictions_digest, read_columns, write_columns
from readbench.tasks import get_task
from readbench.text.languages import language_code
from readbench.text.normalise import version_in


@dataclass
class Runner:
    """Runs what a plan says is to run. ``records`` fills up, by cell key, as cells end: what is in it when an
    interruption comes is on disk. ``digests``: the SHA-256 of the files of these records.
    ``charges_imports``: what importing libraries costs is measured. ``elsewhere``: cells run on other
    machines. ``working_s``: how long cells and preparations ran and imports were measured, by the clock.
    ``mark``: the same for all that carry out this plan, see ``Unfinished``."""

    plan: Plan
    store: Store
    reporter: Reporter
    records: dict[str, Record] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    reference_workload_s: float | None = None
    charges_imports: bool = True
    elsewhere: Handover | None = None
    working_s: float = 0.0
    mark: str = field(default_factory=lambda: secrets.token_hex(6))
    _has_scored: bool = False
    _started: dict[str, str] = field(default_factory=dict)
    _failed_preparations: dict[str, Ending] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._scoring = Scoring(self.plan.dataset)
        self._accounts = Accounts(self.plan, self.store, self.charges_imports)
        self._unfinished = Unfinished(self.store, self.mark)
        self._inputs = Inputs(self.plan, self.store, self._accounts, self._unfinished)
        self._estimates = Estimates(self.store.root)

    def run(self) -> None:
        """Raises BenchError where results cannot be written; a cell that fails is a record."""
        with self._writing():
            try:
                self._run()
            finally:
                self._estimates.keep()
                self.store.settle()
            add_vector_metrics(self.plan, self.store, self.reporter, self._scoring, self.records, self._keep)
            self.store.settle()

    def learn_start(self, wall_s: float) -> None:
        """Keeps what a run of ``wall_s`` seconds took beside cells and imports, for the next plan."""
        self._estimates.learn_start(start_s(self.plan, self.store, wall_s - self.working_s))
        self._estimates.keep()

    def run_cell(self, cell: PlannedCell, failed: Mapping[str, Ending]) -> Record:
        """Carries out one cell whose preparations and members have ended; ``failed`` are the endings of the
        preparations that did not end ok. Raises BenchError as ``run`` does."""
        self._failed_preparations.update(failed)
        with self._writing():
            self._inputs.write_documents()
            for key in cell.stands_on_cells:
                if (member := self.store.record(key)) is not None:
                    self._take(member)
            if failed.keys() & {*self.plan.stands_on(cell)}:
                self._keep(self._record(cell, *self._blamed(cell)), None)
            elif not self._skipped(cell):
                self._carry_out([cell])
            self._estimates.keep()
            self.store.settle()
        return self.records[cell.key]

    def run_preparation(self, planned: PlannedPreparation) -> Ending | None:
        """Builds one preparation; returns how its process ended where that is not ok. Raises BenchError as
        ``run`` does."""
        with self._writing():
            self._inputs.write_documents()
            self._carry_out([planned])
        return self._failed_preparations.get(planned.key)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            raise cannot_write(self.store.root, error) from error

    def _run(self) -> None:
        self.store.sweep()
        self._inputs.write_documents()
        for cell in self.plan.all_cells:
            if cell.state == "stored" and cell.stored is not None:
                self._take(self._rescored(cell, self._repriced(cell, cell.stored)))
            elif cell.state == "missing":
                if self._said_so(cell):
                    continue
                failure = Failure(type="MissingDependency", message=cell.why)
                self._keep(self._record(cell, Ending("missing_dependency"), failure), None)
            elif cell.state == "refused":
                failure = Failure(type="DoesNotFit", message=cell.why)
                self._keep(self._record(cell, Ending("out_of_memory"), failure), None)
        cells = [cell for cell in self.plan.to_run() if not self._skipped(cell)]
        if cells:
            items: list[PlannedPreparation | PlannedCell] = [*self.plan.needed_preparations(), *cells]
            if self.elsewhere is None:
                self._carry_out(items)
            else:
                self.elsewhere.carry_out(
                    self.plan, self.store, items, self._on_start_elsewhere, self._on_end_elsewhere
                )

    def _carry_out(self, items: Sequence[PlannedPreparation | PlannedCell]) -> None:
        workers, threads = self.plan.options.workers, self.plan.suite.limits.threads
        with LocalExecutor(workers=workers, threads=threads) as executor:
            self.reporter.doing("importing libraries")
            if any(needs_libraries(item) for item in items):
                executor.preload(
                    {module for item in items for module in item.modules}, map(_language_of, items)
                )
            # After the server's own imports: the files are in memory and compiled, as they will be for
            # whoever uses the method a second time.
            began = monotonic()
            self._accounts.measure_imports(items, self.reporter.doing)
            by_id: dict[str, tuple[PlannedPreparation | PlannedCell, Parts]] = {}
            building: dict[str, list[str]] = {}
            for item in items:
                parts = Parts(self._inputs.schedule(item, building))
                building[item.key] = [job.id for job in parts.jobs]
                by_id |= {job.id: (item, parts) for job in parts.jobs}
            jobs = [job for item in items for job in by_id[building[item.key][0]][1].jobs]
            try:
                executor.run(
                    jobs,
                    on_start=lambda job: self._on_start(*by_id[job.id], job),
                    on_progress=lambda job, *state: self._on_progress(by_id[job.id][1], job, *state),
                    on_end=lambda job, ending: self._on_end(*by_id[job.id], job, ending),
                )
            finally:
                self.working_s += monotonic() - began
                for job in jobs:
                    shutil.rmtree(job.folder, ignore_errors=True)
                    if isinstance(job.job, CellJob):
                        self._unfinished.leave(job.job.predicted)

    def _skipped(self, cell: PlannedCell) -> bool:
        """Leaves a record where a member is known not to be there, so that no process starts."""
        failure = self._failed_member(cell)
        if failure is None:
            return False
        record = self._record(cell, Ending("skipped"), failure)
        self.reporter.end(cell.label, self._keep(record, None))
        return True

    def _said_so(self, cell: PlannedCell) -> bool:
        """Whether the stored record of a cell that cannot run here says just that already."""
        stored = cell.stored
        if stored is None or stored.failure is None or stored.status != "missing_dependency":
            return False
        if (stored.failure.message, stored.machine) != (cell.why, machine()):
            return False
        self._take(stored)
        return True

    # -- during ------------------------------------------------------------------------------------

    def _on_start(self, item: PlannedPreparation | PlannedCell, parts: Parts, job: ScheduledJob) -> None:
        if parts.start():
            self._started[item.key] = now()
            self.reporter.start(job.label)

    def _on_progress(self, parts: Parts, job: ScheduledJob, phase: str, done: int, total: int) -> None:
        self.reporter.progress(job.label, phase, *parts.progress(job, phase, done, total))

    def _on_end(
        self, item: PlannedPreparation | PlannedCell, parts: Parts, job: ScheduledJob, ending: Ending
    ) -> str:
        whole = parts.end(job, ending)
        if whole is None:
            return "ok"  # the last part says how the cell ended: whoever waits for it waits for all of them
        if isinstance(item, PlannedPreparation):
            self._end_preparation(item, job, whole)
            return whole.status
        record = self._end_cell(item, parts, whole)
        self.reporter.end(job.label, record)
        return record.status

    def _on_start_elsewhere(self, item: PlannedPreparation | PlannedCell) -> None:
        self.reporter.start(label_of(item))

    def _on_end_elsewhere(self, item: PlannedPreparation | PlannedCell, lost: Ending | None) -> None:
        """``lost``: how it ended where it left nothing itself."""
        label = label_of(item)
        if isinstance(item, PlannedPreparation):
            cost = self.store.preparation_cost(item.key)
            if lost is not None:
                self._failed_preparations[item.key] = lost
            elif cost is not None:
                self.reporter.prepared(label, cost.build_s)
            return
        record = self.store.record(item.key) if lost is None else None
        if record is not None:
            self._take(record)
        else:
            damaged = ChildFailure(type="JobLost", message="its record is damaged")
            ending = lost or Ending("failed", failure=damaged)
            record = self._keep(self._record(item, ending, failure_of(ending)), None)
        self.reporter.end(label, record)

    def _end_preparation(self, item: PlannedPreparation, job: ScheduledJob, ending: Ending) -> None:
        figures = ending.outcome.figures if ending.outcome is not None else None
        if ending.status != "ok" or not isinstance(figures, PreparationFigures):
            self._failed_preparations[item.key] = ending
            return
        threads = self.plan.suite.limits.threads
        cost = PreparationCost(
            name=item.preparation.name,
            setup_s=figures.setup_s,
            build_s=figures.build_s,
            documents=figures.documents,
            peak_memory_bytes=self._accounts.peak_bytes(item.key, ending),
            machine=machine()["fingerprint"],
            contended=self.plan.options.workers > 1,
            beside_other_work=ending.load is not None and ending.load.disturbs(threads),
            versions=versions_of(item.modules),
            notes=ending.outcome.notes if ending.outcome is not None else {},
        )
        _remove_working_files(job.folder)
        self._estimates.learn_preparation(spec_of(item), cost)
        write_json(job.folder / PREPARATION, cost)
        self.store.publish(job.folder, self.store.preparation(item.key), replace=True)
        self.reporter.prepared(job.label, cost.build_s)

    def _end_cell(self, cell: PlannedCell, parts: Parts, ending: Ending) -> Record:
        folder = parts.jobs[0].folder
        if ending.status == "skipped":
            ending, failure = self._blamed(cell)
            return self._keep(self._record(cell, ending, failure), folder)
        record = self._record(cell, ending, failure_of(ending))
        loaded = ending.outcome.modules if ending.outcome is not None else {}
        if record.status == "ok" and (edited := cell.sources.edited(loaded)):
            why = f"{edited} was edited while it ran; run it again with --retry"
            _fail(record, Failure(type="SourceEdited", message=why))
        if record.status == "ok":
            record.more_sources = cell.sources.uncovered(loaded)
            began = monotonic()
            self._score(cell, record, parts.files, folder)
        if record.status == "ok":
            self._estimates.learn(record, self._scoring_s(monotonic() - began))
            self._charge_members(cell, record)
        kept = self._keep(record, folder)
        if not goes_on(ending):
            self._unfinished.finish(parts.files)
        return kept

    def _scoring_s(self, seconds: float) -> float:
        """What scoring a cell takes. The first time it also imports libraries: that is of the run, not of the
        cell."""
        first, self._has_scored = not self._has_scored, True
        if first:
            self.working_s -= seconds
        return 0.0 if first else seconds

    def _charge_members(self, cell: PlannedCell, record: Record) -> None:
        members = [self.records[key] for key in cell.members]
        learned = [self.records[key] for key in cell.learns_from]
        record.costs = join_members(
            record.costs, [one.costs for one in members], [one.costs for one in learned]
        )
        disturbed = any(one.beside_other_work for one in (*members, *learned))
        if record.processor is not None and disturbed:
            record.processor.beside_other_work = True
        record.member_predictions = {one.method: one.predictions_digest for one in members}
        record.learned_predictions = {one.method: one.predictions_digest for one in learned}

    def _failed_member(self, cell: PlannedCell) -> Failure | None:
        members = [self.records.get(key) for key in cell.members]
        learned = [self.records.get(key) for key in cell.learns_from]
        return failed_member(members) or failed_member(learned, ON_VALIDATION)

    def _score(self, cell: PlannedCell, record: Record, predicted: Sequence[Path], folder: Path) -> None:
        """Fills in the metrics. Predictions that cannot be scored are the cell's failure, whatever is wrong
        with them; a full disk is the run's."""
        try:
            columns = predicted_columns(*predicted)
            write_columns(columns, folder / PREDICTIONS)
            record.predictions_digest = predictions_digest(columns)
            self._scoring.score(cell, columns, record, folder)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in UNWRITABLE:
                raise
            known = isinstance(error, OSError | ValueError | KeyError | BenchError)
            trace = "" if known else "".join(traceback.format_exception(error))
            failure = Failure(type=type(error).__name__, message=f"scoring: {error}", traceback=trace)
            _fail(record, failure)

    def _blamed(self, cell: PlannedCell) -> tuple[Ending, Failure]:
        """Why a cell could not start: a member makes it skipped, a preparation what that one is."""
        if failure := self._failed_member(cell):
            return Ending("skipped"), failure
        queue = list(cell.preparations.values())
        while queue:
            planned = self.plan.preparations[queue.pop()]
            ending = self._failed_preparations.get(planned.key)
            failure = failure_of(ending) if ending is not None and ending.status != "skipped" else None
            if ending is not None and failure is not None:
                failure.message = (
                    f"its preparation {planned.preparation.name} ended {ending.status}: {failure.message}"
                )
                return Ending(ending.status), failure
            queue.extend(planned.inputs.values())
        return Ending("skipped"), Failure(type="Skipped", message="a preparation did not end ok")

    # -- after -------------------------------------------------------------------------------------

    def _record(self, cell: PlannedCell, ending: Ending, failure: Failure | None) -> Record:
        started_at = self._started.get(cell.key, now())
        return new_record(self.plan, self._accounts, cell, ending, failure, started_at)

    def _keep(self, record: Record, workspace: Path | None) -> Record:
        if workspace is None or not workspace.is_dir():  # a method can remove its own
            workspace = self.store.workspace("cells", record.key)
        _remove_working_files(workspace)
        content = f"{record.model_dump_json(indent=1)}\n".encode()
        (workspace / RECORD).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        self.store.publish(workspace, self.store.cell(record.key), replace=True, settle=False)
        self.records[record.key], self.digests[record.key] = record, digest
        return record

    def _take(self, record: Record) -> None:
        """A record that is on disk already."""
        self.records[record.key] = record
        digest = self.store.facts_with_digest(record.key)[1]
        if digest is not None:
            self.digests[record.key] = digest

    def _repriced(self, cell: PlannedCell, record: Record) -> Record:
        """A stored record as it is, or with another price where the suite's table has changed since."""
        found = repriced(self.plan, record)
        if found is record:
            return record
        workspace = self.store.workspace("cells", cell.key)
        shutil.copytree(self.store.cell(cell.key), workspace, dirs_exist_ok=True)
        return self._keep(found, workspace)

    def _rescored(self, cell: PlannedCell, record: Record) -> Record:
        """A stored record as it is, or with new scores where the metrics have changed since."""
        if record.status != "ok":
            return record
        language = cell.task_spec.language
        current = {m.id: version_in(m.version, language) for m in get_task(cell.task).metrics}
        known = {name: value.version for name, value in record.metrics.items()}
        if known == current and SCORES not in self.store.damaged_in_cell(cell.key):
            return record
        folder = self.store.cell(cell.key)
        workspace = self.store.workspace("cells", cell.key)
        shutil.copy2(folder / PREDICTIONS, workspace / PREDICTIONS)
        self._scoring.score(cell, read_columns(folder / PREDICTIONS), record, workspace)
        return self._keep(record, workspace)


def _language_of(item: PlannedPreparation | PlannedCell) -> str:
    """The code of the language of its texts."""
    return language_code((item.task_spec if isinstance(item, PlannedCell) else item.task).language)


def _fail(record: Record, failure: Failure) -> None:
    record.status, record.failure = "failed", failure


def _remove_working_files(folder: Path) -> None:
    for name in (JOB, OUTCOME, PROGRESS, TARGETS):
        (folder / name).unlink(missing_ok=True)
    for path in folder.glob(PREDICTED_BY_MEMBERS):
        path.unlink()
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
