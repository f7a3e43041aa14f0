"""Runs jobs as child processes of the fork server, with time and memory limits that are enforced."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from readbench.core.errors import BenchError
from readbench.core.files import UNWRITABLE, cannot_write
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
from readbench.engine.scheduled import Ending, ScheduledJob
from readbench.engine.server import MESSAGE
from readbench.results.record import Status

TICK_S = 0.02
KEPT_HEAD = 4_096
KEPT_TAIL = 16_384
GRACE_S = 10.0

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

    def __enter__(self) -> LocalExecutor:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        threads = str(self.threads)
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", "readbench.engine.server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ
            | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
            # Sets of text iterate in an order that depends on this; some libraries let it through.
            | {"PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"},
        )
        theirs.close()
        self._socket.settimeout(TICK_S)
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            if running.meter is not None:
                running.meter.kill()
        self._socket.close()
        try:
            self._server.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()

    def preload(self, modules: Iterable[str]) -> None:
        """Imports libraries in the server, so that no child pays for them."""
        self._send({"op": "import", "modules": sorted(set(modules))})
        while self._receive() is None:
            pass

    def run(
        self, jobs: Sequence[ScheduledJob], on_start: OnStart, on_progress: OnProgress, on_end: OnEnd
    ) -> None:
        """Runs jobs, each after those it waits for; a job whose predecessor did not end ok is skipped.

        The callbacks run in the caller's thread. Raises BenchError if the fork server itself dies.
        """
        waiting = list(jobs)
        ended: dict[str, str] = {}
        while waiting or self._running:
            for job in list(waiting):
                missing = job.after - ended.keys()
                broken = [name for name in job.after & ended.keys() if ended[name] != "ok"]
                if broken:
                    waiting.remove(job)
                    skipped = ChildFailure(type="Skipped", message=broken[0])
                    ended[job.id] = on_end(job, Ending("skipped", failure=skipped))
                elif not missing and len(self._running) < self.workers:
                    waiting.remove(job)
                    on_start(job)
                    self._start(job)
            message = self._receive()
            if message is not None and message["op"] == "started":
                self._running[message["token"]].meter = Meter(message["pid"])
            elif message is not None and message["op"] == "ended":
                running = self._running.pop(message["token"])
                ending = _ending(running, message)
                ended[running.job.id] = on_end(running.job, ending)
            for running in self._running.values():
                self._watch(running, on_progress)

    def _start(self, job: ScheduledJob) -> None:
        job.write()
        read_end, write_end = os.pipe()
        watch = PhaseWatch(started=monotonic())
        self._running[job.id] = _Running(job, Output(read_end), ProgressFile(job.folder), watch)
        self._send({"op": "start", "token": job.id, "folder": str(job.folder)}, write_end)
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

    def _send(self, message: dict[str, Any], descriptor: int | None = None) -> None:
        try:
            socket.send_fds(
                self._socket, [json.dumps(message).encode()], [] if descriptor is None else [descriptor]
            )
        except OSError as error:
            raise self._dead() from error

    def _receive(self) -> dict[str, Any] | None:
        try:
            data = self._socket.recv(MESSAGE)
        except TimeoutError:
            if self._server.poll() is not None:
                raise self._dead() from None
            return None
        except OSError as error:
            raise self._dead() from error
        if not data:
            raise self._dead()
        message: dict[str, Any] = json.loads(data)
        return message

    def _dead(self) -> BenchError:
        # Its socket is closed a moment before it has an exit status.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(timeout=1.0)
        code = self._server.poll()
        return BenchError(
            f"the fork server ended unexpectedly (exit status {code})",
            todo="run `bench doctor`; results of finished cells are kept",
            exit_status=3,
        )


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
