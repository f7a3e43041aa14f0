"""What the files of the command line share: the application that verbs register with, and usual options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import readbench
from readbench.core.escape import for_terminal

VERBS = (
    "ls",
    "run",
    "plan",
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


def console(*, stderr: bool = False) -> Any:
    """What boards and tables are printed on."""
    from readbench.report.screen import screen

    return screen(stderr=stderr)


def say(text: str, *, err: bool = False) -> None:
    """Prints a line or more for people. What names, ids and messages contain takes no effect."""
    typer.echo(for_terminal(text), err=err)


def emit(text: str, *, err: bool = False) -> None:
    """Prints what is made for programs: JSON, CSV, Markdown, commands of a CI. It is escaped already."""
    typer.echo(text, err=err)
