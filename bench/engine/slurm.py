"""SLURM as the place where cells run: job arrays by submitit, and what squeue and scontrol say of them."""

from __future__ import annotations

import getpass
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from pathlib import Path
from time import sleep

from readbench.core.errors import BenchError
from readbench.engine.batches import Resources, Task
from readbench.engine.elsewhere import ClusterFull, JobState, Told, tail_of

NAME = "slurm"
LOGS = "slurm"
"""The folder, beside a plan, with submitit's scripts and what each job printed."""
MOST_TASKS = 1000
"""Of an array, where SLURM does not say it: one less than its own default for MaxArraySize."""
ANSWER_S = 60.0
"""How long a program of SLURM may take to answer."""
FULL = re.compile(r"Limit|temporarily unable|queue full|try again", re.IGNORECASE)
"""What sbatch says where it would take the same jobs later: limits on the number of jobs of a user, an
account or the whole queue."""
RUNNING = frozenset({"RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING"})


@dataclass
class Slurm:
    """SLURM as it is reached from this machine. ``more`` are further options of sbatch, value by name; True
    for one that takes none.

    Raises BenchError where its programs or submitit are not installed.
    """

    partition: str | None = None
    account: str | None = None
    limit: int | None = None
    gpus_per_cell: int = 0
    more: Mapping[str, str | bool] = field(default_factory=dict)
    job_name: str = "bench"
    name: str = NAME

    def __post_init__(self) -> None:
        for program in ("sbatch", "squeue", "scontrol", "scancel"):
            if shutil.which(program) is None:
                raise BenchError(
                    f"there is no {program} here",
                    where="--executor slurm",
                    todo="start it on a machine of the cluster",
                )
        if importlib.util.find_spec("submitit") is None:
            raise BenchError(
                "needs submitit", where="--executor slurm", todo="pip install 'readbench[slurm]'"
            )

    @cached_property
    def most_tasks(self) -> int:
        told = _ask("scontrol", "show", "config")
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", told or "", re.MULTILINE)
        # Indices go up to one less than that.
        return max(1, int(found[1]) if found else MOST_TASKS)

    def submit(
        self, plan: Path, tasks: Sequence[Task], needs: Resources, after: Collection[str], limit: int | None
    ) -> list[str]:
        import submitit

        folder = plan / LOGS
        with _refusals():
            executor = submitit.SlurmExecutor(folder=folder)
            executor.update_parameters(**self._parameters(needs, after, limit or len(tasks)))
            bench = [sys.executable, "-P", "-m", "readbench", "cell"]
            commands = [[*bench, task.key, "--plan", str(plan)] for task in tasks]
            return [job.job_id for job in executor.map_array(subprocess.check_call, commands)]

    def _parameters(self, needs: Resources, after: Collection[str], limit: int) -> dict[str, object]:
        return {
            "job_name": self.job_name,
            "partition": self.partition,
            "account": self.account,
            "cpus_per_task": needs.cpus,
            "mem": f"{ceil(needs.memory_bytes / 2**20)}M",
            "gpus_per_node": needs.gpus or None,
            "time": ceil(needs.wall_s / 60),
            "array_parallelism": limit,
            # After the end of those jobs, however they ended: a cell says itself what is wrong with them.
            "dependency": f"afterany:{':'.join(after)}" if after else None,
            "stderr_to_stdout": True,
            "use_srun": False,
            "wckey": None,
            # Of a preempted job and of a node that fails SLURM itself starts the job again.
            "additional_parameters": {"requeue": True, **self.more},
        }

    def states(self) -> Mapping[str, JobState] | None:
        told = _ask("squeue", "--noheader", "--array", "--format=%i %T", f"--user={getpass.getuser()}")
        if told is None:
            return None
        found: dict[str, JobState] = {}
        for line in told.splitlines():
            job, _, state = line.strip().partition(" ")
            found[job] = "running" if state in RUNNING else "waiting"
        return found

    def wait(self, seconds: float) -> None:
        sleep(seconds)

    def told(self, job: str, plan: Path) -> Told:
        shown = _ask("scontrol", "--oneliner", "show", "job", job) or ""
        found = re.search(r"\bJobState=(\w+)", shown)
        state = found[1] if found else ""
        if not state and shutil.which("sacct"):
            accounted = _ask("sacct", "-n", "-X", "-P", "--format=State", f"--jobs={job}")
            state = (accounted or "").split(" ")[0].strip()
        return Told(state, tail_of(plan / LOGS / f"{job}_0_log.out"))

    def cancel(self, jobs: Collection[str]) -> None:
        if jobs:
            _ask("scancel", *sorted(jobs))


def _ask(*command: str) -> str | None:
    """What a program of SLURM prints; None where it fails or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


@contextmanager
def _refusals() -> Iterator[None]:
    """Makes ClusterFull and BenchError of what sbatch says."""
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        yield
    except (FailedJobError, FailedSubmissionError, subprocess.CalledProcessError) as error:
        lines = [line.strip() for line in str(error).splitlines() if "error" in line.lower()]
        said = (lines[-1] if lines else str(error).strip()).removeprefix("sbatch: error: ")
        if FULL.search(str(error)):
            raise ClusterFull(said) from error
        raise BenchError(
            f"sbatch refused: {said}",
            where="--executor slurm",
            todo="look at --partition, --account, --memory, --timeout and --gpus-per-cell",
            exit_status=2,
        ) from error
