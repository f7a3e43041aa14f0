"""Carries out a stored plan on other machines: hands its cells to a cluster, waits for what they leave in the
results folder, and starts again what was lost."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple, Protocol

from readbench.core.damage import stored_json
from readbench.core.files import make_folder, write_json
from readbench.engine.batches import Batch, Resources, Task, batches, shares
from readbench.engine.handover import OnEnd, OnStart
from readbench.engine.inputs import label_of, waits_for
from readbench.engine.single import FAILED, Failed, failed_preparation, keep_failed
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.planning.stored_plan import cell_is_done, preparation_is_done, read_plan
from readbench.results.record import Failure, Status, StoredModel
from readbench.results.store import Store

MOST_TRIES = 3
"""How often a cell is started that ends without leaving anything."""
GRACE_S = 5.0
"""How long a job may be unknown to the cluster before it counts as ended: it may have ended just now, and a
network file system shows what it wrote a moment later."""
FASTEST_S, SLOWEST_S = 0.3, 10.0
"""The pause between two looks: short after something has happened."""
LOG_KEPT = 16_384
"""Bytes of what a job printed."""
FULL_S = 30.0
"""The pause after which a cluster is asked again that takes no more jobs."""
SUBMISSIONS = "submissions"
"""The folder of the results folder with a file for each cell that waits in a cluster or runs there."""

JobState = Literal["waiting", "running"]
FINAL: Mapping[str, Status] = {"TIMEOUT": "timeout", "DEADLINE": "timeout", "OUT_OF_MEMORY": "out_of_memory"}
"""Ends of jobs that another try would not change, as the status of a cell."""


class Told(NamedTuple):
    """What a cluster says of a job that has ended: its state, empty where nobody knows, and what it
    printed."""

    state: str
    log: str


class ClusterFull(Exception):
    """The cluster takes no more jobs at present."""


class Cluster(Protocol):
    """Starts ``bench cell`` on other machines. ``most_tasks``: of one submission. ``limit``: how many may run
    at a time; None: as many as there is room for."""

    name: str
    limit: int | None
    gpus_per_cell: int

    @property
    def most_tasks(self) -> int: ...

    def submit(
        self, plan: Path, tasks: Sequence[Task], needs: Resources, after: Collection[str], limit: int | None
    ) -> list[str]:
        """The job of each task, which starts when all jobs ``after`` have ended, at most ``limit`` at a time.

        Raises ClusterFull, and BenchError where the cluster refuses such jobs for good.
        """

    def states(self) -> Mapping[str, JobState] | None:
        """The jobs of this user that have not ended; None where the cluster does not answer."""

    def wait(self, seconds: float) -> None:
        """Returns after that time, or as soon as the cluster says that a job has ended."""

    def told(self, job: str, plan: Path) -> Told: ...
    def cancel(self, jobs: Collection[str]) -> None: ...


class Submission(StoredModel):
    """A cell or preparation that was given to a cluster. ``plan`` is the folder of its plan, from the results
    folder."""

    cluster: str
    job: str
    plan: str


MORE_MEMORY = 2**30
"""Bytes that a job asks for beyond the limit of its cell: what measures, scores and writes its record."""
MORE_TIME_S = 900.0
"""The same in seconds: it also measures what imports cost, and loads the dataset."""


@dataclass
class Elsewhere:
    """The plan in ``folder`` on a cluster. ``detach``: nothing is waited for. ``watches``: nothing is
    submitted. ``left`` is what has not ended after ``carry_out``, and ``refused`` how many of these the
    cluster did not take yet."""

    cluster: Cluster
    folder: Path
    detach: bool = False
    watches: bool = False
    say: Callable[[str], None] = lambda line: None  # noqa: ARG005
    left: dict[str, Task] = field(default_factory=dict)
    submitted: int = 0
    refused: int = 0
    _jobs: dict[str, str] = field(default_factory=dict)
    _plans: dict[str, Path] = field(default_factory=dict)
    _tries: dict[str, int] = field(default_factory=dict)
    _started: set[str] = field(default_factory=set)
    _unseen: dict[str, float] = field(default_factory=dict)
    _full_until: float = 0.0

    def carry_out(
        self,
        plan: Plan,
        store: Store,
        items: Sequence[PlannedPreparation | PlannedCell],
        on_start: OnStart,
        on_end: OnEnd,
    ) -> None:
        """Carries out items of the plan. Raises BenchError where the cluster refuses a job. Whatever
        interrupts the waiting ends the jobs."""
        self.folder, self.store = self.folder.resolve(), store
        stored = read_plan(self.folder)
        self._cells = {cell.key: cell for cell in stored.cells}
        self._preparations = {one.key: one for one in stored.preparations}
        self._items, self._on_start, self._on_end = {item.key: item for item in items}, on_start, on_end
        self.left = {item.key: self._task(plan, item) for item in items}
        if not self.watches:
            shutil.rmtree(self.folder / FAILED, ignore_errors=True)
        self._adopt()
        try:
            self._submit()
            while self.left and not self.detach:
                self._wait()
                if self.watches and not self.left.keys() & self._jobs.keys():
                    return
        except BaseException:
            if not self.watches:
                self.cluster.cancel([job for key, job in self._jobs.items() if key in self.left])
            raise

    def _task(self, plan: Plan, item: PlannedPreparation | PlannedCell) -> Task:
        needs = Resources(
            cpus=plan.suite.limits.threads,
            memory_bytes=plan.memory_bytes + MORE_MEMORY,
            gpus=self.cluster.gpus_per_cell if item.device == "cuda" else 0,
            wall_s=plan.timeout_s + MORE_TIME_S,
        )
        return Task(item.key, label_of(item), needs, waits_for(item) & self._items.keys())

    # -- submitting --------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Takes over the jobs that an earlier run left in the cluster."""
        known = {key: found for key in self.left if (found := self._submission(key)) is not None}
        alive = self.cluster.states() if known else {}
        for key, found in known.items():
            # Of a cluster that does not answer nothing is lost: it is asked again.
            if found.cluster == self.cluster.name and (alive is None or found.job in alive):
                self._jobs[key] = found.job
                self._plans[key] = (self.store.root / found.plan).resolve()

    def _submission(self, key: str) -> Submission | None:
        return stored_json(self._place(key), Submission.model_validate)

    def _place(self, key: str) -> Path:
        return self.store.root / SUBMISSIONS / f"{key}.json"

    def _submit(self) -> None:
        """Gives the cluster what it does not have, as far as it takes it."""
        tasks = [task for task in self.left.values() if task.key not in self._jobs and not self._done(task)]
        if self.watches or not tasks or monotonic() < self._full_until:
            return
        found = batches(tasks, self._jobs, self.left, self.cluster.most_tasks)
        limits = shares([len(batch.tasks) for batch in found], self.cluster.limit)
        bases: list[set[str]] = []
        try:
            for number, batch in enumerate(found):
                after = {base for place in batch.after for base in bases[place]} | batch.jobs
                if self.cluster.limit is not None and number >= self.cluster.limit:
                    after |= bases[number - self.cluster.limit]
                bases.append(self._hand_over(batch, after, limits[number]))
        except ClusterFull:
            self.refused = sum(key not in self._jobs for key in self.left)
            self._full_until = monotonic() + FULL_S
        finally:
            jobs = sorted({base for some in bases for base in some})
            if jobs:
                self.say(f"{self.cluster.name}: submitted {self.submitted} jobs: {', '.join(jobs)}")

    def _hand_over(self, batch: Batch, after: Collection[str], limit: int | None) -> set[str]:
        """Submits a batch, in parts where the cluster does not take all of it at once. Returns the jobs."""
        bases: set[str] = set()
        tasks, size = list(batch.tasks), len(batch.tasks)
        while tasks:
            part = tasks[:size]
            try:
                jobs = self.cluster.submit(self.folder, part, batch.needs, sorted(after), limit)
            except ClusterFull:
                if size == 1:
                    raise
                size = (size + 1) // 2
                continue
            for task, job in zip(part, jobs, strict=True):
                self._keep(task.key, job)
                bases.add(base_of(job))
            self.submitted += len(part)
            tasks = tasks[size:]
        return bases

    def _keep(self, key: str, job: str) -> None:
        self._jobs[key], self._plans[key] = job, self.folder
        self._unseen.pop(key, None)
        path = self._place(key)
        make_folder(path.parent)
        plan = self.folder.relative_to(self.store.root.resolve()).as_posix()
        write_json(path, Submission(cluster=self.cluster.name, job=job, plan=plan))

    # -- waiting -----------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Looks until something has happened."""
        pause = FASTEST_S
        while not self._look():
            self.cluster.wait(pause)
            pause = min(SLOWEST_S, pause * 1.3)

    def _look(self) -> bool:
        """Whether something has happened since the last look."""
        alive = self.cluster.states() if self.left.keys() & self._jobs.keys() else {}
        before = len(self.left), len(self._jobs), len(self._started)
        for key, task in list(self.left.items()):
            job = self._jobs.get(key)
            if alive is not None and job is not None and job in alive:
                self._unseen.pop(key, None)
                if alive[job] == "running" and key not in self._started:
                    self._started.add(key)
                    self._on_start(self._items[key])
            elif self._done(task):
                self._end(key, None)
            elif failed := failed_preparation(self._plans.get(key, self.folder), key):
                self._end(key, failed)
            elif alive is not None and job is not None and self._is_over(key):
                self._lose(task, job)
        self._submit()
        return before != (len(self.left), len(self._jobs), len(self._started)) or not self.left

    def _is_over(self, key: str) -> bool:
        return monotonic() - self._unseen.setdefault(key, monotonic()) > GRACE_S

    def _done(self, task: Task) -> bool:
        if (cell := self._cells.get(task.key)) is not None:
            return cell_is_done(cell, self.store)
        return preparation_is_done(self._preparations[task.key], self.store)

    def _end(self, key: str, lost: Failed | None) -> None:
        del self.left[key]
        with contextlib.suppress(OSError):
            self._place(key).unlink(missing_ok=True)
        self._on_end(self._items[key], None if lost is None else lost.ending())

    def _lose(self, task: Task, job: str) -> None:
        """A job has ended, and nothing is there: it is started again, unless that was tried often enough."""
        told = self.cluster.told(job, self._plans[task.key])
        del self._jobs[task.key]
        self._unseen.pop(task.key, None)
        self._started.discard(task.key)
        if self.watches:
            return
        if task.after.isdisjoint(self.left):
            # Otherwise it could not start, because what it stands on was lost as well.
            self._tries[task.key] = self._tries.get(task.key, 0) + 1
        tries, state = self._tries.get(task.key, 0), told.state
        if tries < MOST_TRIES and state not in FINAL:
            self.say(f"{task.label}: job {job} ended{f' {state}' if state else ''}; it is started again")
            return
        times = f", {tries} times" if tries > 1 else ""
        ended = f"{self.cluster.name} job {job} ended {state or 'for no known reason'}"
        failure = Failure(type="JobLost", message=f"{ended} and left nothing{times}", output=told.log)
        lost = Failed(status=FINAL.get(state, "failed"), failure=failure)
        if task.key in self._preparations:
            for plan in {self.folder, *self._plans.values()}:
                keep_failed(plan, task.key, lost)
        self._end(task.key, lost)


def base_of(job: str) -> str:
    """The number of the array that a job belongs to."""
    return job.partition("_")[0]


def tail_of(log: Path) -> str:
    """The end of what a job printed; empty where there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LOG_KEPT))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
