"""A run on a cluster: what is submitted, what becomes of what is lost, and who finds it again. The cluster is
one of this process: a job runs while somebody asks for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bench_process import records, write_suite
from toy_methods import TWO

from readbench.core.errors import BenchError
from readbench.engine import elsewhere
from readbench.engine.batches import Resources, Task, batches, shares
from readbench.engine.elsewhere import ClusterFull, JobState, Told
from readbench.engine.reporter import Silent
from readbench.engine.single import carry_out
from readbench.planning.plan import Options
from readbench.results.housekeeping import unused
from readbench.results.manifest import Manifest
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.places import Place, Submitted
from readbench.runs.running import Finished, run_suite, run_suite_at
from readbench.runs.watching import watch

NEEDS = Resources(cpus=1, memory_bytes=1, gpus=0, wall_s=60.0)


@dataclass
class Job:
    key: str
    plan: Path
    after: frozenset[str]
    state: str = "PENDING"


@dataclass
class FakeCluster:
    """Runs one job at each look. ``faults``: by key, the states in which its next jobs end without running.
    ``room``: how many jobs it holds."""

    limit: int | None = None
    gpus_per_cell: int = 0
    room: int = 1000
    name: str = "fake"
    most_tasks: int = 1000
    jobs: dict[str, Job] = field(default_factory=dict)
    arrays: list[tuple[int, int | None, frozenset[str]]] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    answers: bool = True
    on_look: Callable[[], None] = lambda: None

    def submit(
        self, plan: Path, tasks: Sequence[Task], needs: Resources, after: Collection[str], limit: int | None
    ) -> list[str]:
        assert needs.wall_s > 60
        if len(self.open()) + len(tasks) > self.room:
            raise ClusterFull
        number = len(self.arrays)
        self.arrays.append((len(tasks), limit, frozenset(after)))
        names = [f"{number}_{place}" for place in range(len(tasks))]
        for name, task in zip(names, tasks, strict=True):
            self.jobs[name] = Job(task.key, plan, frozenset(after))
        return names

    def open(self) -> dict[str, Job]:
        return {name: job for name, job in self.jobs.items() if job.state in ("PENDING", "RUNNING")}

    def step(self) -> None:
        """Carries out the first job that may start."""
        waiting = self.open()
        bases = {name.partition("_")[0] for name in waiting}
        for job in waiting.values():
            if job.after.isdisjoint(bases):
                if self.faults.get(job.key):
                    job.state = self.faults[job.key].pop(0)
                    return
                job.state = "COMPLETED"
                try:
                    carry_out(job.key, job.plan, Silent())
                except BenchError:
                    job.state = "FAILED"
                return

    def states(self) -> Mapping[str, JobState] | None:
        self.on_look()
        if not self.answers:
            return None
        self.step()
        return dict.fromkeys(self.open(), "waiting")

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def told(self, job: str, plan: Path) -> Told:
        return Told(self.jobs[job].state, f"log of {job} in {plan.name}")

    def cancel(self, jobs: Collection[str]) -> None:
        self.cancelled += jobs
        for name in jobs:
            self.jobs[name].state = "CANCELLED"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause is a matter of time here."""
    for name in ("GRACE_S", "FASTEST_S", "SLOWEST_S", "FULL_S"):
        monkeypatch.setattr(elsewhere, name, 0.0)


def make_ask(folder: Path) -> Ask:
    (folder / "two.py").write_text(TWO, encoding="utf-8")
    return Ask(write_suite(folder, ["toy.first", "toy.last"], name="small"), folder / "two.py")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.chdir(tmp_path)
    return make_ask(tmp_path)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the same suite leaves on this machine."""
    folder = tmp_path_factory.mktemp("here")
    make_ask(folder).here(folder / "results")
    return folder / "results"


@dataclass
class Ask:
    suite: Path
    methods: Path

    def options(self, **more: Any) -> Options:
        return Options(limit=6, include_paths=(self.methods,), memory_bytes=2**31, **more)

    def here(self, results: Path) -> Finished:
        return run_suite(str(self.suite), None, None, self.options(), Store(results), Quiet())

    def on(
        self, cluster: FakeCluster, results: Path, *, detach: bool = False, **more: Any
    ) -> Finished | Submitted:
        place = Place(cluster, detach)
        asked = self.options(**more)
        return run_suite_at(place, str(self.suite), None, None, asked, Store(results), Quiet())


def digests(results: Path) -> dict[str, tuple[str, str]]:
    return {spec: (r["key"], r["predictions_digest"]) for spec, r in records(results).items()}


def manifest(results: Path) -> Manifest:
    store = Store(results)
    return store.manifest(store.runs()[0])


def key_of(results: Path, method: str) -> str:
    plan = json.loads(next(results.glob("runs/*/plan.json")).read_text())
    return str(next(cell["key"] for cell in plan["cells"] if cell["method"] == method))


def test_a_cluster_predicts_what_this_machine_predicts(ask: Ask, tmp_path: Path, here: Path) -> None:
    cluster = FakeCluster()
    finished = ask.on(cluster, tmp_path / "there")
    assert isinstance(finished, Finished)
    assert finished.exit_status == 0
    assert digests(tmp_path / "there") == digests(here)
    # The preparation first, then the cells that wait for it, as one array.
    assert cluster.arrays == [(1, None, frozenset()), (2, None, frozenset({"0"}))]
    assert manifest(tmp_path / "there").status == "finished"
    assert not list((tmp_path / "there" / "submissions").iterdir())
    again = FakeCluster()
    ask.on(again, tmp_path / "there")
    assert not again.jobs, "what is stored is not submitted again"


def test_a_lost_job_is_started_again_and_what_waits_for_it(ask: Ask, tmp_path: Path, here: Path) -> None:
    """A preparation that is lost, and a cell that is lost twice."""
    plan = json.loads(next(here.glob("runs/*/plan.json")).read_text())
    first = next(cell["key"] for cell in plan["cells"] if cell["method"] == "toy.first")
    faults = {plan["preparations"][0]["key"]: ["NODE_FAIL"], first: ["CANCELLED", "NODE_FAIL"]}
    cluster = FakeCluster(faults=faults)
    finished = ask.on(cluster, tmp_path / "there")
    assert isinstance(finished, Finished)
    assert finished.exit_status == 0
    assert digests(tmp_path / "there") == digests(here)


@pytest.mark.parametrize(
    ("states", "status", "said"),
    [
        (["NODE_FAIL"] * 3, "failed", "ended NODE_FAIL and left nothing, 3 times"),
        (["TIMEOUT"], "timeout", "ended TIMEOUT and left nothing"),
        (["OUT_OF_MEMORY"], "out_of_memory", "ended OUT_OF_MEMORY and left nothing"),
    ],
)
def test_what_is_lost_for_good_is_a_failure_with_its_log(
    ask: Ask, tmp_path: Path, here: Path, states: list[str], status: str, said: str
) -> None:
    cluster = FakeCluster(faults={key_of(here, "toy.last"): states})
    finished = ask.on(cluster, tmp_path / "there")
    assert isinstance(finished, Finished)
    assert finished.exit_status == 1
    found = records(tmp_path / "there")
    assert (found["toy.first"]["status"], found["toy.last"]["status"]) == ("ok", status)
    failure = found["toy.last"]["failure"]
    assert (failure["type"], said in failure["message"]) == ("JobLost", True)
    assert failure["output"].startswith("log of ")


def test_a_preparation_that_is_lost_for_good_is_blamed(ask: Ask, tmp_path: Path, here: Path) -> None:
    plan = json.loads(next(here.glob("runs/*/plan.json")).read_text())
    cluster = FakeCluster(faults={plan["preparations"][0]["key"]: ["OUT_OF_MEMORY"]})
    ask.on(cluster, tmp_path / "there")
    for record in records(tmp_path / "there").values():
        assert record["status"] == "out_of_memory"
        assert "its preparation" in record["failure"]["message"]


def test_a_detached_run_is_watched_to_its_end(ask: Ask, tmp_path: Path) -> None:
    results, cluster = tmp_path / "there", FakeCluster()
    submitted = ask.on(cluster, results, detach=True)
    assert isinstance(submitted, Submitted)
    assert (submitted.jobs, submitted.refused, len(cluster.jobs)) == (3, 0, 3)
    assert manifest(results).status == "running"
    with pytest.raises(BenchError, match="wait in a cluster"):
        unused(Store(results))
    watched = watch(None, Store(results), Quiet(), lambda: cluster)
    assert watched.exit_status == 0
    assert [row.method for table in watched.board.tables for row in table.rows]
    found = manifest(results)
    assert (found.name, found.status) == (submitted.name, "finished")
    assert [(cell.status, cell.reused) for cell in found.cells] == [("ok", False)] * 2
    assert watch(None, Store(results), Quiet(), lambda: cluster).board.manifest == found


def test_a_run_takes_over_what_a_detached_one_submitted(ask: Ask, tmp_path: Path) -> None:
    results, cluster = tmp_path / "there", FakeCluster()
    submitted = ask.on(cluster, results, detach=True)
    assert isinstance(submitted, Submitted)
    cluster.step()
    finished = ask.on(cluster, results)
    assert isinstance(finished, Finished)
    assert finished.board.manifest.name == submitted.name
    assert len(cluster.jobs) == 3, "nothing was submitted twice"
    assert len(Store(results).runs()) == 1


def test_the_same_fresh_run_goes_on_with_a_detached_one(ask: Ask, tmp_path: Path) -> None:
    """What it has measured anew is not measured anew once more."""
    results, cluster = tmp_path / "there", FakeCluster()
    ask.here(results)
    ask.on(cluster, results, detach=True, fresh=True)
    for _ in range(2):  # the preparation and a cell
        cluster.step()
    finished = ask.on(cluster, results, fresh=True)
    assert isinstance(finished, Finished)
    assert (finished.exit_status, len(cluster.jobs)) == (0, 3)
    # Nor does one go on with what was submitted without it.
    cluster = FakeCluster()
    ask.on(cluster, tmp_path / "other", detach=True)
    while cluster.open():
        cluster.step()
    ask.on(cluster, tmp_path / "other", fresh=True)
    assert len(cluster.jobs) == 6


def test_watching_names_what_was_lost_and_a_run_submits_it_again(
    ask: Ask, tmp_path: Path, here: Path
) -> None:
    results = tmp_path / "there"
    cluster = FakeCluster(faults={key_of(here, "toy.last"): ["CANCELLED"]})
    ask.on(cluster, results, detach=True)
    watched = watch(None, Store(results), Quiet(), lambda: cluster)
    assert (watched.exit_status, manifest(results).status) == (1, "running")
    before = digests(results)
    finished = ask.on(cluster, results)
    assert isinstance(finished, Finished)
    assert (finished.exit_status, len(cluster.jobs)) == (0, 4)
    assert before.items() <= digests(results).items()


def test_a_cluster_that_is_full_or_does_not_answer_is_asked_again(ask: Ask, tmp_path: Path) -> None:
    cluster = FakeCluster(room=1)
    looks = iter([False, False, True, False])

    def look() -> None:
        cluster.answers = next(looks, True)

    cluster.on_look = look
    finished = ask.on(cluster, tmp_path / "there")
    assert isinstance(finished, Finished)
    assert (finished.exit_status, len(cluster.jobs)) == (0, 3)
    full = ask.on(FakeCluster(room=1), tmp_path / "other", detach=True)
    assert isinstance(full, Submitted)
    assert (full.jobs, full.refused) == (3, 2)


def test_what_interrupts_the_waiting_ends_the_jobs(ask: Ask, tmp_path: Path) -> None:
    cluster = FakeCluster()

    def interrupt() -> None:
        raise KeyboardInterrupt

    cluster.on_look = interrupt
    with pytest.raises(KeyboardInterrupt):
        ask.on(cluster, tmp_path / "there")
    assert sorted(cluster.cancelled) == sorted(cluster.jobs)
    assert manifest(tmp_path / "there").status == "interrupted"


def test_options_without_sense_on_a_cluster_are_refused(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="write --array-limit"):
        ask.on(FakeCluster(), tmp_path / "there", workers=2)
    with ask.suite.open("a") as file:
        file.write('[[tasks.keyphrases.tuned]]\nmethod = "pke.tfidf"\nparams = { n = [2, 3] }\n')
        file.write('[split]\nkind = "holdout"\ntest = 0.4\nvalidation = 0.2\n')
    with pytest.raises(BenchError, match="parameters are chosen first"):
        ask.on(FakeCluster(), tmp_path / "there", detach=True)


def test_batches_wait_for_batches() -> None:
    more = Resources(cpus=1, memory_bytes=1, gpus=1, wall_s=60.0)
    tasks = [
        Task("joined", "", NEEDS, frozenset({"a", "gpu"})),
        Task("prepared", "", NEEDS),
        Task("a", "", NEEDS, frozenset({"prepared"})),
        Task("b", "", NEEDS, frozenset({"prepared", "elsewhere"})),
        Task("gpu", "", more, frozenset({"prepared"})),
        Task("alone", "", NEEDS),
    ]
    found = batches(tasks, {"elsewhere": "77_3"}, {"elsewhere", *(t.key for t in tasks)}, most=9)
    assert [[task.key for task in batch.tasks] for batch in found] == [
        ["prepared", "alone"],
        ["a"],
        ["b"],
        ["gpu"],
        ["joined"],
    ]
    assert [(set(batch.after), set(batch.jobs)) for batch in found] == [
        (set(), set()),
        ({0}, set()),
        ({0}, {"77"}),
        ({0}, set()),
        ({1, 3}, set()),
    ]
    parts = batches([Task(str(n), "", NEEDS) for n in range(5)], {}, [], most=2)
    assert [len(batch.tasks) for batch in parts] == [2, 2, 1]


@pytest.mark.parametrize(
    ("sizes", "limit", "given"),
    [
        ([5, 1], None, [None, None]),
        ([30, 10], 4, [3, 1]),
        ([100, 1, 1], 10, [8, 1, 1]),
        ([4, 4, 4], 2, [1, 1, 1]),
    ],
)
def test_a_limit_holds_for_all_arrays_together(
    sizes: list[int], limit: int | None, given: list[int | None]
) -> None:
    assert shares(sizes, limit) == given
