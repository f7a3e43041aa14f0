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
from pathlib import Path
from time import monotonic
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.files import cannot_write
from readbench.engine.job import BASELINE, OUTCOME, UNWRITABLE, Ending, Job, ProgressFile
from readbench.engine.meter import Meter
from readbench.engine.server import MESSAGE

TICK_S = 0.02
KEPT_HEAD = 4_096
KEPT_TAIL = 16_384
GRACE_S = 10.0

OnStart = Callable[[Job], None]
OnProgress = Callable[[Job, str, int, int], None]
OnEnd = Callable[[Job, Ending], str]
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


@dataclass
class _Running:
    job: Job
    output: Output
    progress: ProgressFile
    started: float
    meter: Meter | None = None
    verdict: tuple[str, dict[str, str]] | None = None
    killed_at: float = 0.0
    shown: tuple[str, int, int] = ("", 0, 0)


@dataclass
class LocalExecutor:
    """At most ``workers`` children at a time on this machine.

    Use as a context manager: leaving it ends every child, whatever happened.
    """

    workers: int = 1
    threads: int = 1
    import_problems: dict[str, str] = field(default_factory=dict)
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
        while (message := self._receive()) is None:
            pass
        self.import_problems = message["problems"]

    def run(self, jobs: Sequence[Job], on_start: OnStart, on_progress: OnProgress, on_end: OnEnd) -> None:
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
                    skipped = Ending("skipped", failure={"type": "Skipped", "message": broken[0]})
                    ended[job.id] = on_end(job, skipped)
                elif not missing and len(self._running) < self.workers:
                    waiting.remove(job)
                    on_start(job)
                    self._start(job)
            message = self._receive()
            if message is not None and message["op"] == "started":
                self._running[message["token"]].meter = Meter(message["pid"])
            elif message is not None and message["op"] == "ended":
                running = self._running.pop(message["token"])
                ending = self._ending(running, message["code"], message["cpu_s"])
                ended[running.job.id] = on_end(running.job, ending)
            for running in self._running.values():
                self._watch(running, on_progress)

    def _start(self, job: Job) -> None:
        job.write()
        read_end, write_end = os.pipe()
        self._running[job.id] = _Running(job, Output(read_end), ProgressFile(job.folder), monotonic())
        self._send({"op": "start", "token": job.id, "folder": str(job.folder)}, write_end)
        os.close(write_end)

    def _watch(self, running: _Running, on_progress: OnProgress) -> None:
        if running.meter is None:
            return
        job = running.job
        if running.meter.baseline_bytes is None:
            with contextlib.suppress(OSError, ValueError):
                running.meter.baseline_bytes = int((job.folder / BASELINE).read_text(encoding="utf-8"))
        growth = running.meter.sample()
        state = running.progress.read()
        if state != running.shown:
            running.shown = state
            on_progress(job, *state)
        elapsed = monotonic() - running.started
        if running.verdict is not None:
            # A killed tree can leave a straggler that was forked in the meantime.
            if monotonic() - running.killed_at > 1.0:
                running.meter.kill()
                running.killed_at = monotonic()
        elif growth is not None and growth + job.footprint_bytes > job.memory_bytes:
            message = (
                f"used {(growth + job.footprint_bytes) / 2**20:.0f} MiB, more than its limit of "
                f"{job.memory_bytes / 2**20:.0f} MiB, after {elapsed:.1f} s in {state[0]}"
            )
            self._condemn(running, "out_of_memory", "MemoryLimit", message)
        elif elapsed > job.timeout_s:
            where = f" at document {state[1]} of {state[2]}" if state[0] in ("predict", "prepare") else ""
            message = f"ran longer than its limit of {job.timeout_s:g} s (in {state[0]}{where})"
            self._condemn(running, "timeout", "TimeLimit", message)

    def _condemn(self, running: _Running, status: str, kind: str, message: str) -> None:
        assert running.meter is not None
        running.verdict = (status, {"type": kind, "message": message, "traceback": ""})
        running.meter.kill()
        running.killed_at = monotonic()

    def _ending(self, running: _Running, code: int, cpu_s: float) -> Ending:
        wall = monotonic() - running.started
        if running.meter is not None:
            # Whatever the cell forked and left behind ends with it.
            running.meter.kill()
        # Read once more: it may have come further since the last look.
        phase, number, _ = running.progress.read()
        running.progress.close()
        if phase == UNWRITABLE:
            raise cannot_write(running.job.folder, OSError(number, os.strerror(number)))
        output = running.output.finish()
        outcome = _outcome(running.job.folder)
        failure: dict[str, str] | None
        if running.verdict is not None:
            status, failure = running.verdict
        elif outcome is None:
            status = "failed"
            failure = {"type": "ProcessDied", "message": _how(code, phase), "traceback": ""}
        else:
            status, failure = outcome["status"], outcome.get("failure")
        return Ending(
            status=status,
            outcome=outcome or {},
            failure=failure,
            wall_s=wall,
            cpu_s=cpu_s,
            growth_bytes=running.meter.peak_growth_bytes if running.meter else None,
            vram_bytes=running.meter.gpu.peak_bytes if running.meter else None,
            gpu_utilisation=running.meter.gpu.utilisation if running.meter else None,
            output=output,
            output_bytes=running.output.count,
        )

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
        code = self._server.poll()
        return BenchError(
            f"the fork server ended unexpectedly (exit status {code})",
            todo="run `bench doctor`; results of finished cells are kept",
            exit_status=3,
        )


def _outcome(folder: Path) -> dict[str, Any] | None:
    try:
        outcome: dict[str, Any] = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return outcome


def _how(code: int, phase: str) -> str:
    during = f" during {phase}" if phase else ""
    if code >= 0:
        return f"the process left with exit status {code}{during} and without a result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (the kernel's out-of-memory killer sends this)" if name == "SIGKILL" else ""
    return f"the process was ended by {name}{hint}{during}"
