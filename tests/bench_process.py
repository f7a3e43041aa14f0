"""The command line as a real process, and what it leaves behind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from readbench.cli import main

MARK = "READBENCH_TEST_MARK"


@dataclass(frozen=True)
class Bench:
    """``bench`` as a process. Whatever it starts inherits ``mark`` in its environment, by which
    ``survivors`` finds it even when it has left its session and its parents."""

    extension: Path
    mark: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def env(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(self.extension), os.environ.get("PYTHONPATH", "")]))
        return os.environ | {"PYTHONPATH": path, MARK: self.mark}

    def start(
        self,
        *arguments: object,
        limit_files: Callable[[], None] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[str]:
        def prepare() -> None:
            # A shell that started the tests in the background has Ctrl-C ignored for all of them.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if limit_files is not None:
                limit_files()

        return subprocess.Popen(
            [sys.executable, "-m", "readbench.cli", *map(str, arguments)],
            env=self.env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
        )

    def __call__(
        self,
        *arguments: object,
        limit_files: Callable[[], None] | None = None,
        cwd: Path | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, limit_files=limit_files, cwd=cwd)
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def here(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The same within this process, whose imports are done: for tests of what a command says and keeps.
        What it starts are processes all the same."""
        words, status = [str(argument) for argument in arguments], 0
        with (
            contextlib.redirect_stdout(io.StringIO()) as output,
            contextlib.redirect_stderr(io.StringIO()) as errors,
            mock.patch.dict(os.environ, self.env),
            mock.patch.object(sys, "path", [*sys.path, str(self.extension)]),
        ):
            try:
                main(words)
            except SystemExit as ended:
                status = int(ended.code or 0)
        return subprocess.CompletedProcess(words, status, output.getvalue(), errors.getvalue())

    def survivors(self, within_s: float = 2.0) -> list[str]:
        """Command lines of what still lives after that time; none as soon as there is none."""
        end = time.monotonic() + within_s
        while (alive := self.alive()) and time.monotonic() < end:
            time.sleep(0.05)
        return alive

    def alive(self) -> list[str]:
        """Command lines of what lives now."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid}: {' '.join(process.cmdline())}")
            except psutil.Error:
                continue
        return found


def write_suite(
    folder: Path, methods: Sequence[str], *, timeout: str = "60s", memory: str = "2GiB", name: str = "hostile"
) -> Path:
    """A suite of keyphrase methods on the embedded papers."""
    lines = [
        "[dataset]",
        'name = "papers-demo"',
        "[tasks.keyphrases]",
        f"methods = {json.dumps(list(methods))}",
        "[limits]",
        f'timeout = "{timeout}"',
        f'memory = "{memory}"',
    ]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def records(results: Path) -> dict[str, dict[str, Any]]:
    """What is in a results folder: record by the method's spec."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in results.glob("cells/*/record.json")]
    return {record["method"]: record for record in found}


def workspaces(results: Path) -> list[str]:
    """Folders that a run has begun and not finished."""
    return [str(path.relative_to(results)) for path in results.glob("*/.*")]
