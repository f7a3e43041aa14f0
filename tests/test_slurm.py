"""``--executor slurm`` against the programs of SLURM in small; ``test_real_slurm.py`` has the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import fake_slurm
import pytest
from bench_process import Bench, records
from toy_runs import write_two

from readbench.core.errors import BenchError
from readbench.engine.batches import Resources, Task
from readbench.engine.elsewhere import ClusterFull
from readbench.engine.slurm import Slurm

pytest.importorskip("submitit", reason="needs the extra slurm")

NEEDS = Resources(cpus=2, memory_bytes=3 * 2**30, gpus=0, wall_s=1000.0)


@dataclass
class Queue:
    """A SLURM in small, first on PATH."""

    folder: Path

    @property
    def calls(self) -> list[str]:
        return (self.folder / "state" / fake_slurm.CALLS).read_text().splitlines()

    @property
    def scripts(self) -> list[str]:
        return [path.read_text() for path in sorted(self.folder.glob("state/*.sh"))]

    def holds(self, most: int) -> None:
        (self.folder / "state" / fake_slurm.MOST).write_text(str(most))


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    programs = fake_slurm.install(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    yield Queue(tmp_path / "slurm")
    names = subprocess.run(["squeue"], capture_output=True, text=True, check=True).stdout.split()[::2]
    subprocess.run(["scancel", *names], check=True)


def tasks(number: int) -> list[Task]:
    return [Task(f"key{place}", f"method {place}", NEEDS) for place in range(number)]


def sbatch_lines(script: str) -> list[str]:
    return [line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")]


def test_a_run_on_slurm_leaves_what_one_here_leaves(bench: Bench, queue: Queue, tmp_path: Path) -> None:
    suite, include = write_two(tmp_path)
    common = [suite, *include, "--limit", 6]
    here, there = tmp_path / "here", tmp_path / "there"
    assert bench.here("run", *common, "--output-path", here).returncode == 0
    place = ["--executor", "slurm", "--account", "physics", "--array-limit", 2, "--sbatch", "qos=long"]
    detached = bench.here("run", *common, *place, "--detach", "--output-path", there)
    assert detached.returncode == 0, detached.stderr
    (run,) = (there / "runs").iterdir()
    assert f"bench watch {run.name} waits for them" in detached.stdout
    watched = bench.here("watch", "--output-path", there)
    assert watched.returncode == 0, watched.stderr
    assert "toy.first" in watched.stdout
    assert {s: r["predictions_digest"] for s, r in records(here).items()} == {
        s: r["predictions_digest"] for s, r in records(there).items()
    }
    prepared, cells = map(sbatch_lines, queue.scripts)
    assert {"account=physics", "qos=long", "requeue", "cpus-per-task=1", "mem=3072M"} <= {*prepared, *cells}
    assert {"array=0-1%1", "dependency=afterany:1"} <= {*cells}
    assert not any(line.startswith(("array", "dependency", "partition", "wckey")) for line in prepared)


def test_a_full_queue_is_waited_for_and_an_interruption_cancels(
    bench: Bench, queue: Queue, tmp_path: Path
) -> None:
    suite, include = write_two(tmp_path)
    there = tmp_path / "there"
    queue.holds(0)
    common = ["run", suite, *include, "--limit", 6, "--executor", "slurm", "--output-path", there]
    refused = bench.here(*common, "--detach")
    assert "does not take 3 of them yet" in refused.stdout, refused.stderr
    queue.holds(100)
    process = bench.start(*common)
    while not list(there.glob("runs/*/plan.json")):
        time.sleep(0.01)
    while "squeue" not in "\n".join(queue.calls).rpartition("sbatch")[2]:
        time.sleep(0.01)
    assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=30) == 130
    assert any(call.startswith("scancel") for call in queue.calls)


def test_a_limit_on_jobs_is_no_refusal(queue: Queue, tmp_path: Path) -> None:
    queue.holds(1)
    with pytest.raises(ClusterFull):
        Slurm().submit(tmp_path, tasks(2), NEEDS, [], None)
    with pytest.raises(BenchError, match="sbatch refused: invalid partition specified: nowhere"):
        Slurm(partition="nowhere").submit(tmp_path, tasks(1), NEEDS, [], None)


@pytest.mark.usefixtures("queue")
def test_what_a_job_asks_for(tmp_path: Path) -> None:
    slurm = Slurm(partition="gpu", gpus_per_cell=2, more={"exclusive": True, "qos": "long"}, job_name="b")
    assert slurm.most_tasks == 3
    jobs = slurm.submit(tmp_path, tasks(3), replace(NEEDS, gpus=2), ["7", "9"], 2)
    assert jobs == ["1_0", "1_1", "1_2"]
    lines = set(sbatch_lines((tmp_path / "slurm" / "1_submission.sh").read_text()))
    assert lines >= {
        "array=0-2%2",
        "cpus-per-task=2",
        "dependency=afterany:7:9",
        "exclusive",
        "gpus-per-node=2",
        "job-name=b",
        "mem=3072M",
        "partition=gpu",
        "qos=long",
        "requeue",
        "time=17",
    }
    while (states := slurm.states()) and set(states.values()) != {"waiting", "running"}:
        time.sleep(0.05)
    slurm.cancel(jobs)
    assert slurm.states() == {}
    assert slurm.told("1_2", tmp_path).state == "CANCELLED"


@pytest.mark.parametrize("option", [["--partition", "p"], ["--detach"], ["--gpus-per-cell", "1"]])
def test_options_of_slurm_need_slurm(bench: Bench, tmp_path: Path, option: list[str]) -> None:
    suite, include = write_two(tmp_path)
    refused = bench.here("run", suite, *include, *option)
    assert (refused.returncode, f"{option[0]} is for --executor slurm" in refused.stderr) == (2, True)


def test_without_slurm_one_line_says_so(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    suite, include = write_two(tmp_path)
    refused = bench.here("run", suite, *include, "--executor", "slurm")
    assert (refused.returncode, "there is no sbatch here" in refused.stderr) == (2, True)
