"""Ray as the place where cells run: each cell is a task that asks for what it needs.

Ray decides where a task runs and says when it has ended. What waits for other tasks, or for the limit on how
many may run at a time, is kept here and handed to Ray as others end: so a task whose worker was lost does not
take those with it that wait for it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import secrets
import signal
import socket
import sys
import warnings
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from readbench.core.errors import BenchError, Note
from readbench.core.files import make_folder
from readbench.engine.batches import Resources, Task
from readbench.engine.elsewhere import JobState, Told, tail_of
from readbench.engine.ray_task import start_cell

if TYPE_CHECKING:
    from ray import ObjectRef

NAME = "ray"
LOGS = "ray"
"""The folder, beside a plan, with what each job printed."""
MOST_TASKS = 1000
ANSWER_S = 5.0
"""How long the head of a cluster may take to answer."""
RUNNING_CLUSTER = "auto"
"""Ray's word for the cluster whose node runs on this machine."""


@dataclass
class _Array:
    """Tasks that need the same and wait for the same. ``waiting``: job and key of those that Ray does not
    have yet; ``running``: the jobs that it has."""

    plan: Path
    needs: Resources
    after: frozenset[str]
    limit: int
    waiting: deque[tuple[str, str]] = field(default_factory=deque)
    running: set[str] = field(default_factory=set)

    @property
    def has_ended(self) -> bool:
        return not self.waiting and not self.running


@dataclass
class Ray:
    """The Ray cluster at an address, joined at the first submission. This machine must be one of its nodes.

    Raises BenchError where Ray is not installed, and where nothing listens at the address.
    """

    address: str | None = None
    limit: int | None = None
    gpus_per_cell: int = 0
    name: str = NAME
    most_tasks: int = MOST_TASKS
    _joined: bool = False
    _arrays: dict[str, _Array] = field(default_factory=dict)
    _references: dict[str, ObjectRef[str]] = field(default_factory=dict)
    _ended: dict[str, Told] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise BenchError("needs Ray", where="--executor ray", todo="pip install 'readbench[ray]'")
        _knock(self._address)

    @property
    def _address(self) -> str:
        return self.address or os.environ.get("RAY_ADDRESS") or RUNNING_CLUSTER

    def submit(
        self, plan: Path, tasks: Sequence[Task], needs: Resources, after: Collection[str], limit: int | None
    ) -> list[str]:
        self._join()
        _say_if_too_small(needs)
        make_folder(plan / LOGS)
        number = secrets.token_hex(4)
        jobs = [f"{number}_{place}" for place in range(len(tasks))]
        waiting = deque(zip(jobs, (task.key for task in tasks), strict=True))
        array = _Array(plan, needs, frozenset(after), limit or len(tasks), waiting)
        self._arrays[number] = array
        self._start()
        return jobs

    def states(self) -> Mapping[str, JobState]:
        self._take_ended()
        self._start()
        found: dict[str, JobState] = {}
        for array in self._arrays.values():
            found |= {job: "waiting" for job, _ in array.waiting}
            for job in array.running:
                found[job] = "running" if _log(array.plan, job).exists() else "waiting"
        return found

    def wait(self, seconds: float) -> None:
        """Until a task ends, and no longer than that."""
        if self._references:
            import ray

            ray.wait(list(self._references.values()), timeout=seconds)
        else:
            sleep(seconds)

    def told(self, job: str, plan: Path) -> Told:
        told = self._ended.get(job, Told("", ""))
        return Told(told.state, tail_of(_log(plan, job)) or told.log)

    def cancel(self, jobs: Collection[str]) -> None:
        for array in self._arrays.values():
            array.waiting = deque(one for one in array.waiting if one[0] not in jobs)
        for job in jobs:
            if (reference := self._references.get(job)) is not None:
                import ray

                # It is over already where the cluster is gone.
                with contextlib.suppress(Exception):
                    ray.cancel(reference, force=True)

    def _join(self) -> None:
        """Raises BenchError where no cluster answers."""
        if self._joined:
            return
        address = self._address
        with _own_signals():
            import ray

            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                raise _no_cluster(address, str(error)) from error
        self._joined = True

    def _start(self) -> None:
        """Hands to Ray what waits for nothing any more."""
        for array in self._arrays.values():
            if not all(self._arrays[one].has_ended for one in array.after if one in self._arrays):
                continue
            while array.waiting and len(array.running) < array.limit:
                job, key = array.waiting.popleft()
                array.running.add(job)
                self._references[job] = _hand_over(job, key, array)

    def _take_ended(self) -> None:
        if not self._references:
            return
        import ray

        jobs = {reference: job for job, reference in self._references.items()}
        ended, _ = ray.wait(list(jobs), num_returns=len(jobs), timeout=0)
        for reference in ended:
            job = jobs[reference]
            self._ended[job] = _told(reference)
            del self._references[job]
            self._arrays[job.partition("_")[0]].running.discard(job)


def _hand_over(job: str, key: str, array: _Array) -> ObjectRef[str]:
    import ray

    command = [sys.executable, "-P", "-m", "readbench", "cell", key, "--plan", str(array.plan)]
    options: dict[str, Any] = {
        "name": f"bench cell {key}",
        "num_cpus": array.needs.cpus,
        "num_gpus": array.needs.gpus,
        "memory": array.needs.memory_bytes,
        # What was lost is started again by the run, which says so and counts how often.
        "max_retries": 0,
        # Cells that share a node measure each other.
        "scheduling_strategy": "SPREAD",
    }
    task = ray.remote(start_cell).options(**options)
    return task.remote(command, str(_log(array.plan, job)), array.needs.wall_s)


def _told(reference: ObjectRef[str]) -> Told:
    """How a task ended: what it returned, or what became of its worker."""
    import ray

    try:
        return Told(ray.get(reference), "")
    except Exception as error:  # whatever a task raises, and all of Ray's own
        return Told(type(error).__name__, str(error))


def _log(plan: Path, job: str) -> Path:
    return plan / LOGS / f"{job}.log"


def _say_if_too_small(needs: Resources) -> None:
    """A note where no node has as much as a cell asks for: without an autoscaler it would wait for ever."""
    import ray

    wanted = {"CPU": needs.cpus, "GPU": needs.gpus, "memory": needs.memory_bytes}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        asked = f"{needs.cpus} CPUs, {needs.gpus} GPUs and {needs.memory_bytes / 2**30:.3g} GiB of memory"
        told = f"ray: no node has {asked}; cells that ask for it wait until one joins"
        warnings.warn(Note(told), stacklevel=2)


def _knock(address: str) -> None:
    """Raises BenchError where nothing listens at HOST:PORT. Ray itself says so after a minute."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from error


def _no_cluster(address: str, why: str) -> BenchError:
    here = address == RUNNING_CLUSTER
    what = "no cluster of Ray runs here" if here else f"no cluster of Ray is reached at {address}: {why}"
    todo = "start a node on this machine (ray start), and give the address of its cluster (--address)"
    return BenchError(what, where="--executor ray", todo=todo, exit_status=2)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes over signals when a program joins a cluster; here they mean what they mean everywhere."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
