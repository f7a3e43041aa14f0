"""Runs jobs as child processes of the fork server, with time and memory limits that are enforced."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, NamedTuple

from readbench.core.files import UNWRITABLE, cannot_write
from readbench.engine.fork_servers import ForkServers
from readbench.engine.meter import Meter
from readbench.engine.outcome import MESSAGE_KEPT, ChildFailure, Outcome, OutcomeInvalid, read_outcome
from readbench.engine.phase_watch import PhaseWatch
from readbench.engine.progress import (
    PREDICT,
    PREPARE,
    RESULTS_UNWRITABLE,
    Progress,
    ProgressFile,
)
from readbench.engine.scheduled import Ending, Queue, ScheduledJob
from readbench.machine.load import LoadWatch, Moment
from readbench.results.record import Status

TICK_S = 0.02
KEPT_HEAD = 4_096
KEPT_TAIL = 16_384
READ_BY_PREPARATIONS = ("pyarrow.dataset", "pyarrow.parquet")
"""What preparations are often written and read with. They bring pandas: a third of a second and 40 MiB that
would look like a method's."""

OnStart = Callable[[ScheduledJob], None]
OnProgress = Callable[[ScheduledJob, str, int, int], None]
OnEnd = Callable[[ScheduledJob, Ending], str]
"""Returns the status that counts for jobs that wait for this one."""


class Output:
    """Drains a child's output pipe: keeps its beginning and its end, counts the rest."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.count = 0
        self._head = b""
        self._tail = b""
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        while True:
            try:
                data = os.read(self.descriptor, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self.count += len(data)
            room = KEPT_HEAD - len(self._head)
            if room > 0:
                self._head += data[:room]
                data = data[room:]
            self._tail = (self._tail + data)[-KEPT_TAIL:]

    def finish(self) -> str:
        self._thread.join(timeout=2.0)
        os.close(self.descriptor) if not self._thread.is_alive() else None
        left_out = self.count - len(self._head) - len(self._tail)
        gap = f"\n[… {left_out} bytes left out …]\n".encode() if left_out > 0 else b""
        return (self._head + gap + self._tail).decode("utf-8", errors="replace")


class _Verdict(NamedTuple):
    """What a process ended as, and why."""

    status: Status
    failure: ChildFailure | None

    @classmethod
    def of(cls, status: Status, kind: str, message: str) -> _Verdict:
        return cls(status, ChildFailure(type=kind, message=message[:MESSAGE_KEPT]))


@dataclass
class _Running:
    """A process that runs. ``state`` is the last thing that its progress file said, ``shown`` what of it the
    caller was told."""

    job: ScheduledJob
    output: Output
    progress: ProgressFile
    watch: PhaseWatch
    begun: Moment
    meter: Meter | None = None
    verdict: _Verdict | None = None
    killed_at: float = 0.0
    state: Progress = field(default_factory=Progress)
    shown: tuple[str, int, int] = ("", 0, 0)

    def look(self, at: float | None = None) -> bool:
        """Reads how far the child is; ``at`` is when, if not now. Whether its file holds that at all."""
        found = self.progress.read()
        if found is None:
            return False
        self.state = found
        self.watch.look(found.phase, monotonic() if at is None else at)
        if self.meter is not None and self.meter.baseline_bytes is None and found.baseline_bytes:
            self.meter.set_baseline(found.baseline_bytes)
        return True


@dataclass
class LocalExecutor:
    """At most ``workers`` children at a time on this machine.

    Use as a context manager: leaving it ends every child, whatever happened.
    """

    workers: int = 1
    threads: int = 1
    _running: dict[str, _Running] = field(default_factory=dict)
    _load: LoadWatch = field(default_factory=LoadWatch)

    def __enter__(self) -> LocalExecutor:
        self._servers = ForkServers(self.threads)
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            if running.meter is not None:
                running.meter.kill()
        self._servers.close()

    def preload(self, modules: Iterable[str], languages: Iterable[str] = ()) -> None:
        """Imports the libraries that cells stand on, so that none of them pays for it. ``languages``: the
        codes of those of their texts."""
        self._servers.preload({*modules, *READ_BY_PREPARATIONS}, languages)

    def run(
        self, jobs: Sequence[ScheduledJob], on_start: OnStart, on_progress: OnProgress, on_end: OnEnd
    ) -> None:
        """Runs jobs, each after those it waits for; a job whose predecessor did not end ok is skipped.

        The callbacks run in the caller's thread. Raises BenchError if the fork server itself dies.
        """
        queue = Queue(jobs)
        while queue or self._running:
            while len(self._running) < self.workers and (job := queue.next()) is not None:
                on_start(job)
                self._start(job)
            pauses = [running.meter.pause_s for running in self._running.values() if running.meter]
            message = self._servers.receive(min(pauses, default=TICK_S)) if self._running else None
            if message is not None and message["op"] == "started":
                self._running[message["token"]].meter = Meter(message["pid"])
            elif message is not None and message["op"] == "ended":
                running = self._running.pop(message["token"])
                ending = replace(_ending(running, message), load=self._load.end(running.begun))
                _skip(queue, running.job.id, on_end(running.job, ending) == "ok", on_end)
            for running in self._running.values():
                self._watch(running, on_progress)
            self._load.tick()

    def _start(self, job: ScheduledJob) -> None:
        job.write()
        read_end, write_end = os.pipe()
        watch = PhaseWatch(started=monotonic())
        begun = self._load.begin()
        self._running[job.id] = _Running(job, Output(read_end), ProgressFile(job.folder), watch, begun)
        self._servers.start(job.id, str(job.folder), write_end, libraries=job.libraries)
        os.close(write_end)

    def _watch(self, running: _Running, on_progress: OnProgress) -> None:
        if running.meter is None:
            return
        job = running.job
        running.look()
        growth = running.meter.sample()
        phase, done, total, _ = running.state
        if running.shown != (phase, done, total):
            running.shown = (phase, done, total)
            on_progress(job, phase, done, total)
        elapsed = monotonic() - running.watch.started
        if running.verdict is not None:
            # A killed tree can leave a straggler that was forked in the meantime.
            if monotonic() - running.killed_at > 1.0:
                running.meter.kill()
                running.killed_at = monotonic()
        elif growth is not None and growth + job.footprint_bytes > job.memory_bytes:
            message = (
                f"used {(growth + job.footprint_bytes) / 2**20:.0f} MiB, more than its limit of "
                f"{job.memory_bytes / 2**20:.0f} MiB, after {elapsed:.1f} s in {phase}"
            )
            self._condemn(running, _Verdict.of("out_of_memory", "MemoryLimit", message))
        elif elapsed > job.timeout_s:
            where = f" at document {done} of {total}" if phase in (PREDICT, PREPARE) else ""
            message = f"ran longer than its limit of {job.timeout_s:g} s (in {phase}{where})"
            self._condemn(running, _Verdict.of("timeout", "TimeLimit", message))

    def _condemn(self, running: _Running, verdict: _Verdict) -> None:
        assert running.meter is not None
        running.verdict = verdict
        running.meter.kill()
        running.killed_at = monotonic()


def _skip(queue: Queue, name: str, ok: bool, on_end: OnEnd) -> None:
    """Ends the jobs that wait for one that did not end ok, and those that wait for them."""
    ended = deque([(name, ok)])
    while ended:
        name, ok = ended.popleft()
        for job in queue.end(name, ok):
            skipped = Ending("skipped", failure=ChildFailure(type="Skipped", message=name))
            ended.append((job.id, on_end(job, skipped) == "ok"))


def _ending(running: _Running, message: dict[str, Any]) -> Ending:
    """How a process ended, by what the server saw of it, what it reported, and what was measured.

    Raises BenchError where results cannot be written.
    """
    meter, folder = running.meter, running.job.folder
    if meter is not None:
        # Whatever the cell forked and left behind ends with it.
        meter.kill()
    # Read once more: it may have come further since the last look.
    legible = running.look(message["at"])
    running.progress.close()
    phase, number = running.state.phase, running.state.done
    if phase == RESULTS_UNWRITABLE and (number == 0 or number in UNWRITABLE):
        raise cannot_write(folder, OSError(number, os.strerror(number)))
    outcome: Outcome | None = None
    verdict = running.verdict
    if verdict is None:
        try:
            outcome = read_outcome(folder, running.job.job.kind)
            verdict = _judged(running, outcome, legible, message)
        except OutcomeInvalid as error:
            verdict = _Verdict.of("failed", "OutcomeInvalid", f"what its process reported is wrong: {error}")
    if verdict is None:
        assert outcome is not None  # otherwise it was judged
        verdict = _Verdict(outcome.status, outcome.failure)
    return Ending(
        status=verdict.status,
        outcome=outcome,
        failure=verdict.failure,
        wall_s=message["wall_s"],
        cpu_s=message["cpu_s"],
        growth_bytes=meter.peak_growth_bytes if meter else None,
        vram_bytes=meter.gpu.peak_bytes if meter else None,
        gpu_utilisation=meter.gpu.utilisation if meter else None,
        output=running.output.finish(),
        output_bytes=running.output.count,
    )


def _judged(
    running: _Running, outcome: Outcome | None, legible: bool, message: dict[str, Any]
) -> _Verdict | None:
    """What speaks against what a process reported; None where nothing does."""
    if outcome is None:
        return _Verdict.of("failed", "ProcessDied", _how(message["code"], running))
    if outcome.status != "ok":
        return None
    if not legible:
        return _Verdict.of("failed", "ProgressInvalid", "something else wrote into its progress file")
    known = running.meter.baseline_bytes if running.meter is not None else None
    if outcome.baseline_bytes != running.state.baseline_bytes or known not in (None, outcome.baseline_bytes):
        return _Verdict.of(
            "failed", "BaselineChanged", "the memory that the harness held was changed while it ran"
        )
    wrong = running.watch.contradiction(outcome, message["at"])
    return _Verdict.of("failed", "ClockReplaced", wrong) if wrong is not None else None


def _how(code: int, running: _Running) -> str:
    during = f" during {running.state.phase}"
    if not running.job.folder.is_dir():
        return f"its working folder is gone: something removed it{during}"
    if code >= 0:
        return f"the process left with exit status {code}{during} and without a result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (the kernel's out-of-memory killer sends this)" if name == "SIGKILL" else ""
    return f"the process was ended by {name}{hint}{during}"
