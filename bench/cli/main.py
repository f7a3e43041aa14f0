"""The console script: runs a verb and turns its end into an exit status."""

from __future__ import annotations

import re
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from readbench.cli import streams
from readbench.cli.app import app
from readbench.core.errors import BenchError, Note
from readbench.core.escape import for_terminal, one_line
from readbench.core.names import suggestion

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> None:
    """The console script. Every expected error is one line; the exit status says which kind it was."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"] or ["--help"]
    if arguments[0] == "help":
        arguments = [*arguments[1:2], "--help"]
    # Their verbs register themselves.
    from readbench.cli import boards, compare, look, new, query, report, run, trained  # noqa: F401

    command = typer.main.get_command(app)
    streams.make_safe()
    warnings.showwarning = partial(_show_warning, warnings.showwarning)
    try:
        # What a scheduler and a closed terminal send ends a run as Ctrl-C does: children end, the manifest
        # says interrupted. One that ignores SIGHUP (nohup) goes on ignoring it.
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(name) is not signal.SIG_IGN:
                signal.signal(name, signal.default_int_handler)
        status = command.main(args=arguments, prog_name="bench", standalone_mode=False)
        if status == INTERRUPTED:  # typer's answer to Ctrl-C
            raise KeyboardInterrupt
        streams.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except KeyboardInterrupt:
        _fail("interrupted; what had ended is kept, and the same command goes on from there", INTERRUPTED)
    except BenchError as error:
        if debug:
            raise
        _fail(str(error), error.exit_status)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own errors: wrong options and the like
            _fail(_of_usage(error), 2)
        if debug:
            raise
        _fail(f"internal error: {type(error).__name__}: {error}; --debug shows where", 3)


def _show_warning(others: Callable[..., None], message: Warning | str, *rest: Any) -> None:
    """A note is one line; warnings of libraries are shown as ever."""
    if isinstance(message, Note):
        sys.stderr.write(f"bench: {one_line(for_terminal(str(message)))}\n")
    else:
        others(message, *rest)


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


def _fail(message: str, status: int) -> None:
    sys.stderr.write(f"bench: {one_line(for_terminal(message))}\n")
    sys.exit(status)
