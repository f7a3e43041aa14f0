"""The console script: runs a verb and turns its end into an exit status."""

from __future__ import annotations

import os
import signal
import sys

import typer

from readbench.cli.app import app
from readbench.core.errors import BenchError

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> None:
    """The console script. Every expected error is one line; the exit status says which kind it was."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"] or ["--help"]
    # Their verbs register themselves.
    from readbench.cli import boards, compare, look, new, run, trained  # noqa: F401

    command = typer.main.get_command(app)
    try:
        # A scheduler's SIGTERM ends a run as Ctrl-C does: children end, the manifest says interrupted.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        status = command.main(args=arguments, prog_name="bench", standalone_mode=False)
        if status == INTERRUPTED:  # typer's answer to Ctrl-C
            raise KeyboardInterrupt
        sys.exit(status if isinstance(status, int) else 0)
    except KeyboardInterrupt:
        _fail("interrupted; what had ended is kept, and the same command goes on from there", INTERRUPTED)
    except BenchError as error:
        if debug:
            raise
        _fail(str(error), error.exit_status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own errors: wrong options and the like
            _fail(f"{error.format_message()} (bench --help)", 2)
        if debug:
            raise
        _fail(f"internal error: {type(error).__name__}: {error}; --debug shows where", 3)


def _fail(message: str, status: int) -> None:
    sys.stderr.write(f"bench: {' '.join(message.split())}\n")
    sys.exit(status)
