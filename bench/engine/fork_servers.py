"""The parent's side of the fork servers: one process that starts small cells, and a fork of it, made when it
is needed, that has imported libraries."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from time import monotonic
from typing import Any

from readbench.core.errors import BenchError
from readbench.engine.server import MESSAGE

GRACE_S, STATUS_S = 10.0, 1.0


class ForkServers:
    """Starts cells, each library of theirs with ``threads`` threads. ``close`` ends all of them."""

    def __init__(self, threads: int) -> None:
        self._small, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._with_libraries: socket.socket | None = None
        count = str(threads)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "readbench.engine.server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ
            | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), count)
            # Sets of text iterate in an order that depends on this; some libraries let it through.
            | {"PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"},
        )
        theirs.close()

    def close(self) -> None:
        for connection in self._connections():
            connection.close()
        try:
            self._process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def preload(self, modules: Iterable[str], languages: Iterable[str]) -> None:
        """Imports libraries in the server that has them, for texts in these languages. Raises BenchError
        where a server ended."""
        if self._with_libraries is None:
            self._with_libraries, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._send(self._small, {"op": "server"}, theirs.fileno())
        self._send(
            self._with_libraries,
            {"op": "import", "modules": sorted(set(modules)), "languages": sorted(set(languages))},
        )
        while (told := self.receive(1.0)) is None or told["op"] != "imported":
            pass

    def start(self, token: str, folder: str, output: int, *, libraries: bool) -> None:
        """Starts a cell that does the job in a folder and prints into ``output``. Raises BenchError where its
        server ended."""
        connection = self._small
        if libraries:
            assert self._with_libraries is not None  # preload comes first
            connection = self._with_libraries
        self._send(connection, {"op": "start", "token": token, "folder": folder}, output)

    def receive(self, wait_s: float) -> dict[str, Any] | None:
        """The next message of one of the servers; None where none comes in time. Raises BenchError where a
        server ended."""
        ready = select.select(self._connections(), [], [], wait_s)[0]
        if not ready:
            if self._process.poll() is not None:
                raise self._dead()
            return None
        message = self._read(ready[0])
        if message["op"] == "lost":
            raise _ended(message["code"])
        return message

    def _read(self, connection: socket.socket) -> dict[str, Any]:
        try:
            data = connection.recv(MESSAGE)
        except OSError as error:
            raise self._dead() from error
        if not data:
            raise self._dead()
        message: dict[str, Any] = json.loads(data)
        return message

    def _connections(self) -> list[socket.socket]:
        # The small one first: it knows how the other one ended.
        return [self._small, *([self._with_libraries] if self._with_libraries is not None else [])]

    def _send(
        self, connection: socket.socket, message: dict[str, Any], descriptor: int | None = None
    ) -> None:
        descriptors = [] if descriptor is None else [descriptor]
        try:
            socket.send_fds(connection, [json.dumps(message).encode()], descriptors)
        except OSError as error:
            raise self._dead() from error

    def _dead(self) -> BenchError:
        """How a server ended: its socket is closed a moment before it has an exit status."""
        end = monotonic() + STATUS_S
        while (left := end - monotonic()) > 0 and self._process.poll() is None:
            # The small server tells of the other one.
            with contextlib.suppress(OSError, ValueError):
                if select.select([self._small], [], [], min(left, 0.05))[0]:
                    message = json.loads(self._small.recv(MESSAGE))
                    if message["op"] == "lost":
                        return _ended(message["code"])
        return _ended(self._process.poll())


def _ended(code: int | None) -> BenchError:
    return BenchError(
        f"the fork server ended unexpectedly (exit status {code})",
        todo="run `bench doctor`; results of finished cells are kept",
        exit_status=3,
    )
