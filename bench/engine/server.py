"""The fork server: starts every cell as a fork of itself.

It is a program of its own (``python -m readbench.engine.server FD``) rather than multiprocessing's: that one
imports the caller's main module into every child, which runs a user's script again if it has no ``__main__``
guard. The first server holds only what every cell's process needs; it is small, so its forks start and end
quickly. Cells that stand on libraries are forked from a second one, itself a fork of the first, that has
imported them.

A server only imports. It never computes, opens no CUDA context and starts no thread, so a fork of it is as
good as a fresh interpreter.

Messages are JSON datagrams on a Unix socket. From the parent: ``{"op": "server"}`` with a socket attached,
which the new server serves; ``{"op": "import", "modules": [], "languages": []}``;
``{"op": "start", "token", "folder"}`` with the write end of the child's output pipe attached. To the parent:
``{"op": "imported"}``; ``{"op": "lost", "code"}`` where another server ended by itself;
``{"op": "started", "token", "pid"}``; ``{"op": "ended", "token", "pid", "code", "cpu_s", "wall_s", "at"}``
with ``code`` as in ``os.waitstatus_to_exitcode``, the seconds from the fork to the end, and the end by
``time.monotonic``, which counts alike in all processes of a machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Collection, Iterable
from time import sleep
from typing import Any, NamedTuple

# Before any library is imported that could replace the clocks.
from readbench.engine.clock import monotonic
from readbench.engine.late_patterns import compiled_late
from readbench.machine.processes import children_of

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
MESSAGE = 1 << 20
ENDING_S = 5.0

EVERY_CELL = ("readbench.engine.child", "numpy.random")
"""What every cell's process needs. NumPy is a library of the harness, and has a generator to be seeded."""


class Cell(NamedTuple):
    """A process that this one started, and when."""

    token: str
    started: float


class Server:
    """Serves one parent until the parent closes the socket or dies."""

    def __init__(self, connection: socket.socket) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.wake = (-1, -1)
        self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        """Begins to serve a parent."""
        self.connection = connection
        self.cells: dict[int, Cell] = {}
        self.servers: set[int] = set()
        # What a cell leaves behind comes here instead of escaping to init.
        self._prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.wake = os.pipe()
        for end in self.wake:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.wake[1])
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _leave(self) -> None:
        """Closes what belongs to the server that this fork came from."""
        signal.set_wakeup_fd(-1)
        self.connection.close()
        for end in self.wake:
            os.close(end)

    def serve(self) -> None:
        _import(EVERY_CELL)
        _find_methods()
        self._loop()

    def _loop(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            selector.register(self.wake[0], selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self.connection:
                        if not self._receive():
                            self._end()
                            return
                    else:
                        with contextlib.suppress(BlockingIOError):
                            os.read(self.wake[0], 4096)
                self._reap()

    def _receive(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self.connection, MESSAGE, 1)
        except ConnectionError:
            return False  # the parent went while something that it had not read was on its way
        if not data:
            return False
        message = json.loads(data)
        if message["op"] == "import":
            _import(message["modules"], message["languages"])
            self._send({"op": "imported"})
        elif message["op"] == "server":
            self._fork_server(socket.socket(fileno=descriptors[0]))
        elif message["op"] == "start":
            self._start(message, descriptors[0])
        return True

    def _fork_server(self, connection: socket.socket) -> None:
        first = os.getpid()
        pid = os.fork()
        if pid:
            connection.close()
            self.servers.add(pid)
            return
        try:
            # It ends with the first server, which takes over what its cells leave behind.
            self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            self._leave()
            self._take(connection)
            if os.getppid() == first:
                self._loop()
        except BaseException:
            traceback.print_exc()
            os._exit(70)
        os._exit(0)

    def _start(self, message: dict[str, Any], output: int) -> None:
        started = monotonic()
        pid = os.fork()
        if pid == 0:
            # The fork's exit status is the child's; nothing below may return into the loop above.
            status = 70
            try:
                status = self._become_child(message, output)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(output)
        self.cells[pid] = Cell(message["token"], started)
        self._send({"op": "started", "token": message["token"], "pid": pid})

    def _become_child(self, message: dict[str, Any], output: int) -> int:
        from readbench.engine.child import run

        server = os.getppid()
        os.setsid()
        self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # Orphans of a cell (double forks) stay in its tree, where the meter counts and ends them.
        self._prctl(PR_SET_CHILD_SUBREAPER, 1)
        if os.getppid() != server:
            return 70
        self._leave()
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.close(nothing)
        try:
            return run(message["folder"])
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if pid in self.servers:
                self.servers.discard(pid)
                self._send({"op": "lost", "code": code})
            cell = self.cells.pop(pid, None)
            if cell is not None:
                at = monotonic()
                self._end_orphans()
                self._send(
                    {
                        "op": "ended",
                        "token": cell.token,
                        "pid": pid,
                        "code": code,
                        "cpu_s": usage.ru_utime + usage.ru_stime,
                        "wall_s": at - cell.started,
                        "at": at,
                    }
                )

    def _end(self) -> None:
        for pid in self.cells:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self.cells.clear()
        self._end_servers()
        self._end_orphans()

    def _end_servers(self) -> None:
        """Their parent is gone, and they end their cells. One that has none may be in the middle of an
        import, which can take long."""
        end = monotonic() + ENDING_S
        while self.servers:
            for pid in list(self.servers):
                if monotonic() > end or not children_of(pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    if os.waitpid(pid, os.WNOHANG) == (0, 0):
                        continue
                self.servers.discard(pid)
            sleep(0.002)

    def _end_orphans(self) -> None:
        """Ends what cells left behind. Every cell adopts its own orphans, so a child of this process
        that is no cell and no server belonged to one that is gone. Ending it brings its own children here,
        hence the rounds."""
        end = monotonic() + ENDING_S
        while monotonic() < end and self._has_more_children():
            known = self.cells.keys() | self.servers
            orphans = [pid for pid in children_of(os.getpid()) if pid not in known]
            if not orphans:
                return
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            sleep(0.002)
            for pid in orphans:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _has_more_children(self) -> bool:
        if self.cells or self.servers:
            return True
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return True
        return False

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            self.connection.send(json.dumps(message).encode())

    def _prctl(self, option: int, value: int) -> None:
        # Linux only; elsewhere the parent's own clean-up has to do.
        with contextlib.suppress(AttributeError):
            self.libc.prctl(option, value, 0, 0, 0)


def _import(modules: Iterable[str], languages: Collection[str] = ()) -> None:
    """Imports modules, for texts in these languages."""
    # Nearly all that an import makes stays: looking for garbage meanwhile takes a seventh of the time.
    gc.disable()
    with compiled_late(languages):
        for name in modules:
            # Also SystemExit and the like: the cell that needs it will tell.
            with contextlib.suppress(BaseException):
                importlib.import_module(name)
    gc.enable()
    gc.collect()
    # What is imported stays for good: keep the collector off it, or every fork copies its pages.
    gc.freeze()


def _find_methods() -> None:
    """Every cell's process looks for its method, and inherits what was found here."""
    from readbench.methods.registry import Registry

    Registry()
    gc.freeze()


if __name__ == "__main__":
    # Ctrl-C reaches the whole terminal group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        Server(connection).serve()
