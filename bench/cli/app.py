"""What the files of the command line share: the application that verbs register with, and usual options."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import readbench

VERBS = (
    "ls",
    "run",
    "plan",
    "leaderboard",
    "show",
    "audit",
    "check",
    "doctor",
    "init",
    "new-method",
    "compare",
    "baseline",
    "gate",
    "export",
    "fit",
    "predict",
    "submit",
)


class InOrder(TyperGroup):
    """Lists the verbs as somebody meets them, not by which file registers first."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=VERBS.index)


app = typer.Typer(
    cls=InOrder,
    name="bench",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run many methods for reading scientific papers on the same splits; quality and cost side by side.",
    epilog="Errors are one line; --debug before or after any command shows the traceback.",
)


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
) -> None: ...


Output = Annotated[Path, typer.Option("--output-path", help="The results folder.", envvar="BENCH_RESULTS")]
Include = Annotated[
    list[Path] | None, typer.Option("--include-path", help="A file or folder with adapters of your own.")
]


def console() -> Any:
    from rich.console import Console

    # Not a terminal and no width given: lines of a log may be longer than 80 columns.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    return Console(width=width)
