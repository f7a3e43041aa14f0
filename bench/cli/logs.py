"""The options that every verb has, before or after its name: how much is said, and the log file for a bug
report."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import readbench
from readbench.core.errors import BenchError
from readbench.core.escape import for_terminal

logger = logging.getLogger("readbench")

_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
"""Who is named in an address, such as that of MLflow's server. It does not belong in a bug report."""


@dataclass(frozen=True)
class Common:
    """``quiet``: the answer and errors alone. ``verbose``: what the log gets goes to standard error as well.
    ``debug``: an error shows its traceback."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    log_file: Path | None = None


FLAGS = {"-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose", "--debug": "debug"}
LOG_FILE = "--log-file"


def common(arguments: Sequence[str]) -> tuple[Common, list[str]]:
    """The options of every verb, and the other arguments.

    Raises BenchError for a log file without a name, and for both of quiet and verbose.
    """
    flags: dict[str, bool] = {}
    file: str | None = None
    others: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if argument == "--":
            others += [argument, *waiting]
        elif argument in FLAGS:
            flags[FLAGS[argument]] = True
        elif name == LOG_FILE:
            file = value if equals else next(waiting, "")
            if not file or file.startswith("-"):
                raise BenchError("it needs a file", where=LOG_FILE, todo=f"write {LOG_FILE} bench.log")
        else:
            others.append(argument)
    if flags.get("quiet") and flags.get("verbose"):
        raise BenchError("-q says less and -v says more", todo="leave out one of them")
    return Common(**flags, log_file=None if file is None else Path(file)), others


class _Plain(logging.Formatter):
    """Lines in which text from data, methods and models takes no effect."""

    def format(self, record: logging.LogRecord) -> str:
        return for_terminal(super().format(record))


class _OnStandardError(logging.Handler):
    """Writes to what standard error is at that moment: bars of progress put a stream of their own there."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{self.format(record)}\n")


@contextmanager
def logging_to(options: Common, arguments: Sequence[str]) -> Iterator[None]:
    """While it lasts, what this program and its libraries log goes where the options say. The log file
    begins with what a bug report needs.

    Raises BenchError, exit status 3, where the file cannot be written.
    """
    root, handlers = logging.getLogger(), list[tuple[logging.Logger, logging.Handler]]()
    # Without a handler, Python would print warnings once more.
    handlers.append((logger, logging.NullHandler()))
    if options.verbose:
        shown = _OnStandardError(logging.INFO)
        shown.setFormatter(_Plain("bench: %(message)s"))
        handlers += [(logger, shown), (logging.getLogger("py.warnings"), shown)]
    if options.log_file is not None:
        file = _opened(options.log_file)
        file.setFormatter(_Plain("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handlers.append((root, file))
    level = logger.level
    logger.setLevel(logging.DEBUG)
    for one, handler in handlers:
        one.addHandler(handler)
    try:
        if options.log_file is not None:
            _introduce(arguments)
        yield
    finally:
        logger.setLevel(level)
        for one, handler in handlers:
            one.removeHandler(handler)
            handler.close()


def _opened(path: Path) -> logging.Handler:
    try:
        return logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        why = f"it cannot be written: {error.strerror or error}"
        raise BenchError(why, where=f"{LOG_FILE} {path}", exit_status=3) from error


def _introduce(arguments: Sequence[str]) -> None:
    """What somebody who reads a bug report asks first."""
    import platform
    import shlex
    import time
    from importlib import metadata

    logger.info("bench %s: %s", readbench.__version__, _PASSWORD.sub("…@", shlex.join(["bench", *arguments])))
    logger.info("%s", time.strftime("%Y-%m-%d %H:%M:%S %z"))
    logger.info("Python %s on %s, %s", platform.python_version(), platform.platform(), sys.executable)
    logger.info("program in %s, working in %s", Path(readbench.__file__).parent, Path.cwd())
    for name in sorted(name for name in os.environ if name.startswith("BENCH_")):
        logger.info("%s=%s", name, os.environ[name])
    try:
        needs = metadata.requires("readbench") or []
    except metadata.PackageNotFoundError:
        needs = []
    names = sorted({re.split(r"[^\w.-]", need, maxsplit=1)[0] for need in needs})
    logger.info("installed: %s", ", ".join(filter(None, map(_version, names))))


def _version(name: str) -> str:
    from importlib import metadata

    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return ""
