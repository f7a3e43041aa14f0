"""The verbs that tidy a results folder: ``bench du``, ``rm`` and ``prune``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from readbench.cli import completion
from readbench.cli.app import Output, app, console, emit, say
from readbench.cli.options import AnswerFormat
from readbench.core.errors import BenchError
from readbench.core.units import count_of, show_size
from readbench.results.places import RESULTS

if TYPE_CHECKING:
    from readbench.results.housekeeping import Unused

DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")]


@app.command()
def du(
    format: Annotated[AnswerFormat, typer.Option(help="How to print it.")] = AnswerFormat.rich,
    output_path: Output = RESULTS,
) -> None:
    """Show the size of the results folder, by kind of content."""
    from readbench.report import answers, lists
    from readbench.results.housekeeping import size_of

    if not output_path.is_dir():
        raise BenchError("there is no such folder", where=str(output_path), todo="give --output-path FOLDER")
    parts = sorted(path for path in output_path.iterdir() if not path.name.startswith("."))
    found = answers.Sizes(
        str(output_path),
        tuple(answers.Size(part.name, _entries(part), size_of(part)) for part in parts),
        size_of(output_path),
    )
    if format is AnswerFormat.json:
        emit(answers.as_json(found))
    else:
        console().print(lists.sizes(found))


def _entries(place: Path) -> int:
    return sum(1 for _ in place.iterdir()) if place.is_dir() else 1


@app.command()
def rm(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Runs by name or folder.", autocompletion=completion.run_names),
    ],
    dry_run: DryRun = False,
    output_path: Output = RESULTS,
) -> None:
    """Remove runs. Their measurements stay until `bench prune`, because other runs may use them."""
    from readbench.results.housekeeping import remove_run
    from readbench.results.leaderboard import named_run, open_store

    # Every name first: with a typing error in the second one, the first one stays.
    found = [(store := open_store(name, output_path), named_run(name, store)) for name in runs]
    for store, name in found:
        if not dry_run:
            remove_run(store, name)
        say(f"{'would remove' if dry_run else 'removed'} {store.run(name)}")
    say("their cells stay until: bench prune")


@app.command()
def prune(
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    output_path: Output = RESULTS,
) -> None:
    """Remove cells, preparations and datasets that no run uses. Asks before it removes anything."""
    from readbench.results.housekeeping import remove_unused, unused
    from readbench.results.store import Store

    store = Store(output_path)
    found = unused(store)
    if not found:
        say(f"{output_path}: some run points to everything in it")
        return
    what = _in_words(found)
    if dry_run:
        say(f"would remove {what}")
        return
    if not yes:
        if not sys.stdin.isatty():
            todo = "give --yes, or --dry-run to see what it is"
            raise BenchError("there is no terminal to ask for confirmation", todo=todo)
        typer.confirm(f"Remove {what}?", abort=True)
    remove_unused(store, found)
    say(f"removed {what}")


def _in_words(found: Unused) -> str:
    parts = [
        count_of(len(folders), kind.removesuffix("s")) for kind, folders in found.folders.items() if folders
    ]
    return f"{', '.join(parts)} ({show_size(found.bytes)}) that no run points to"
