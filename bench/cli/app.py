"""What the files of the command line share: the application that verbs register with, and usual options."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperGroup

import readbench
from readbench.core.escape import for_terminal

VERBS = (
    "ls",
    "run",
    "plan",
    "cell",
    "watch",
    "leaderboard",
    "show",
    "report",
    "query",
    "audit",
    "check",
    "doctor",
    "init",
    "new-method",
    "compare",
    "baseline",
    "gate",
    "export",
    "du",
    "rm",
    "prune",
    "fit",
    "predict",
    "submit",
)


OF_EVERY_VERB = "Every verb also has -q, -v, --log-file FILE and --debug: see bench --help."


class InOrder(TyperGroup):
    """Lists the verbs as somebody meets them, not by which file registers first."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=VERBS.index)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb, whose help names the options that every verb has."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            found.epilog = OF_EVERY_VERB
        return found


app = typer.Typer(
    cls=InOrder,
    name="bench",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run many methods for reading scientific papers on the same splits; quality and cost side by side.",
    epilog="These options may come before or after the command. Errors are one line; --debug shows the "
    "traceback. For a bug report: --log-file bench.log.",
)


def evaluate_annotations() -> None:
    """Evaluates the annotations of every verb once. Typer evaluates each of them four times, which is
    a sixth of what ``bench --help`` takes."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback.__annotations__ = get_type_hints(command.callback, include_extras=True)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bench {readbench.__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    # ``logs.common`` reads these, wherever they stand; here they are for the help and for completion.
    _quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only the answer and errors.")] = False,
    _verbose: Annotated[
        bool,
        typer.Option("-v", "--verbose", help="Also print decisions and reasons, on standard error."),
    ] = False,
    _log_file: Annotated[
        Path | None, typer.Option("--log-file", help="Append decisions, warnings and errors to this file.")
    ] = None,
    _debug: Annotated[bool, typer.Option("--debug", help="Errors show their traceback.")] = False,
) -> None: ...


Output = Annotated[Path, typer.Option("--output-path", help="The results folder.", envvar="BENCH_RESULTS")]
Include = Annotated[
    list[Path] | None, typer.Option("--include-path", help="A file or folder with adapters of your own.")
]


@dataclass
class Said:
    """How much this command says: what ``main`` read off its arguments."""

    quiet: bool = False


said = Said()


def console(*, stderr: bool = False) -> Any:
    """What boards and tables are printed on."""
    from readbench.report.screen import screen

    return screen(stderr=stderr)


def progress_console() -> Any:
    """What shows how far a verb is: standard error, or nothing with --quiet."""
    found = console(stderr=True)
    found.quiet = said.quiet
    return found


def interface(*, stderr: bool = False) -> Any:
    """How a run speaks while it goes on: to the log, and unless with --quiet to people."""
    from readbench.report.log import Logged
    from readbench.report.progress import TerminalInterface
    from readbench.runs.interface import Quiet

    return Logged(Quiet() if said.quiet else TerminalInterface(console(stderr=stderr)))


def remark(text: str) -> None:
    """Something that a reader should know and that stops nothing: a line on standard error, not with
    --quiet."""
    logging.getLogger("readbench").warning("%s", text)
    if not said.quiet:
        say(f"bench: {text}", err=True)


def progress(text: str) -> None:
    """How far a verb is: a line on standard error, not with --quiet."""
    logging.getLogger("readbench").info("%s", text)
    if not said.quiet:
        say(text, err=True)


def say(text: str, *, err: bool = False) -> None:
    """Prints a line or more for people. What names, ids and messages contain takes no effect."""
    typer.echo(for_terminal(text), err=err)


def emit(text: str, *, err: bool = False) -> None:
    """Prints what is made for programs: JSON, CSV, Markdown, commands of a CI. It is escaped already."""
    typer.echo(text, err=err)
