"""The console script: runs a verb and turns its end into an exit status."""

from __future__ import annotations

import logging
import re
import signal
import sys
import time
import warnings
from contextlib import ExitStack
from functools import partial
from typing import Any, NoReturn

import typer

from readbench.cli import app, logs, streams
from readbench.core.errors import BenchError, Note
from readbench.core.escape import for_terminal, one_line
from readbench.core.names import suggestion

INTERRUPTED = 130

logger = logging.getLogger("readbench")
of_libraries = logging.getLogger("py.warnings")
"""The name that ``logging.captureWarnings`` gives it."""


def main(arguments: list[str] | None = None) -> None:
    """The console script. Every expected error is one line; the exit status says which kind it was."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    streams.make_safe()
    with ExitStack() as stack:
        try:
            options, rest = logs.common(given)
            stack.enter_context(logs.logging_to(options, given))
        except BenchError as error:
            _fail(str(error), error.exit_status)
        app.said.quiet = options.quiet
        _run(rest or ["--help"], options)


def _run(arguments: list[str], options: logs.Common) -> None:
    """Runs a verb. Ends with SystemExit in any case, but that --debug lets errors through."""
    if arguments[0] == "help":
        arguments = [*arguments[1:2], "--help"]
    # Their verbs register themselves.
    from readbench.cli import boards, cluster, compare, look, new, query, report, results, run, trained  # noqa: F401

    app.evaluate_annotations()
    command = typer.main.get_command(app.app)
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, options)
        try:
            # What a scheduler and a closed terminal send ends a run as Ctrl-C does: children end, the
            # manifest says interrupted. One that ignores SIGHUP (nohup) goes on ignoring it.
            for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
                if signal.getsignal(name) is not signal.SIG_IGN:
                    signal.signal(name, signal.default_int_handler)
            status = command.main(args=arguments, prog_name="bench", standalone_mode=False)
            if status == INTERRUPTED:  # typer's answer to Ctrl-C
                raise KeyboardInterrupt
            streams.flush()
            logger.info("exit status %s after %.1f s", status or 0, time.monotonic() - began)
        except KeyboardInterrupt:
            _fail("interrupted; finished cells are kept, and the same command continues the run", INTERRUPTED)
        except BenchError as error:
            logger.debug("raised here", exc_info=error)
            if options.debug:
                raise
            _fail(str(error), error.exit_status)
        except Exception as error:
            if hasattr(error, "format_message"):  # click's own errors: wrong options and the like
                _fail(_of_usage(error), 2)
            logger.error("internal error", exc_info=error)
            if options.debug:
                raise
            _fail(f"internal error: {type(error).__name__}: {error}; --debug shows where", 3)
    sys.exit(status if isinstance(status, int) else 0)


OF_DEVELOPERS = (DeprecationWarning, FutureWarning, PendingDeprecationWarning)
"""What a library tells those who write programs with it. It goes to the log alone."""


def _show_warning(
    options: logs.Common,
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    *_: Any,
) -> None:
    """A note is one line; warnings of libraries are shown as ever, but for those that are not for users."""
    if isinstance(message, Note):
        logger.warning("%s", message)
        if not options.quiet:
            sys.stderr.write(f"bench: {one_line(for_terminal(str(message)))}\n")
        return
    of_libraries.warning("%s, line %d: %s: %s", filename, lineno, category.__name__, message)
    if not options.quiet and not options.verbose and not issubclass(category, OF_DEVELOPERS):
        sys.stderr.write(for_terminal(warnings.formatwarning(message, category, filename, lineno, "")))


_IN_PLAIN_WORDS = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "it should be a whole number",
    "Input should be a valid number, unable to parse string as a number": "it should be a number",
}
_ALLOWED = re.compile(r"'(?P<given>[^']*)' is not one of (?P<known>'.*')")


def _of_usage(error: Any) -> str:
    """An error of the command line itself: an option that there is not, a value that it does not take."""
    told = str(error.format_message())
    for theirs, ours in _IN_PLAIN_WORDS.items():
        told = told.replace(theirs, ours)
    if found := _ALLOWED.search(told):
        near = suggestion(found["given"], re.findall(r"'([^']*)'", found["known"]), "-")
        told = told if near == "-" else f"{told.rstrip('.')}; {near}"
    context = getattr(error, "ctx", None)
    return f"{told} ({context.command_path if context else 'bench'} --help)"


def _fail(message: str, status: int) -> NoReturn:
    logger.error("%s; exit status %d", message, status)
    sys.stderr.write(f"bench: {one_line(for_terminal(message))}\n")
    sys.exit(status)
