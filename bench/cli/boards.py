"""The verbs that show a run: ``bench leaderboard`` and ``bench show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from readbench.cli import completion
from readbench.cli.app import Output, app, console, emit, said, say
from readbench.cli.options import AnswerFormat, BoardFormat
from readbench.results.places import RESULTS

if TYPE_CHECKING:
    from readbench.results.leaderboard import Leaderboard
    from readbench.results.store import Store


@app.command()
def leaderboard(
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN|SUITE]", help="A run, or a suite's newest run.", autocompletion=completion.runs
        ),
    ] = None,
    sort: Annotated[
        str | None, typer.Option(help="A metric or a cost to sort by.", autocompletion=completion.metrics)
    ] = None,
    pairs: Annotated[
        bool,
        typer.Option("--pairs", help="Show the differences between methods, not the board."),
    ] = False,
    format: Annotated[BoardFormat, typer.Option(help="How to print it.")] = BoardFormat.rich,
    output_path: Output = RESULTS,
) -> None:
    """Show a run's board: rank ranges, intervals, quality, cost and failures."""
    import gc

    from readbench.results.leaderboard import build_leaderboard, find_run, open_store

    store = open_store(reference, output_path)
    board = build_leaderboard(find_run(reference, store), store, sort)
    if pairs:
        print_pairs(board, store, format)
        return
    # All of it is needed until the end: nobody has to look through it for garbage meanwhile.
    gc.freeze()
    if format is BoardFormat.rich:
        from readbench.report.terminal import print_board

        print_board(board, console())
        if others := _other_runs(board, store.runs(), reference):
            say(others)
    else:
        emit(in_format(board, format))


def print_pairs(board: Leaderboard, store: Store, format: BoardFormat) -> None:
    """Every two methods of a board."""
    from readbench.report.pairs import compared, in_markup, render_pairs

    found = compared(board, store)
    if format is BoardFormat.rich:
        console().print(render_pairs(found))
    else:
        emit(in_markup(found, format.value))


def _other_runs(board: Leaderboard, runs: list[str], reference: str | None) -> str:
    """That a suite has other runs, where nobody said which one to show: the newest may have fewer methods."""
    name, suite = board.manifest.name, board.manifest.suite
    # A run is called SUITE-DAY-TIME-RANDOM: no manifest need be read.
    of_suite = [run for run in runs if run.rsplit("-", 3)[0] == suite]
    if reference not in (None, suite) or len(of_suite) < 2:
        return ""
    return f"\n{name}, the newest of {len(of_suite)} runs of {suite}; the others: bench ls runs {suite}"


def show_finished(board: Leaderboard, format: BoardFormat) -> None:
    """The board of a run that has just ended, and its folder."""
    screen = console(stderr=format is not BoardFormat.rich)
    if format is BoardFormat.rich:
        from readbench.report.terminal import print_board

        if not said.quiet:
            screen.print()
        print_board(board, screen)
    else:
        emit(in_format(board, format))
    screen.print(str(board.folder), highlight=False, markup=False, soft_wrap=True)


def in_format(board: Leaderboard, format: BoardFormat) -> str:
    """A board for programs and documents."""
    from readbench.report import markup

    show = {"md": markup.as_markdown, "csv": markup.as_csv, "json": markup.as_json}[format]
    return show(board).removesuffix("\n")


@app.command()
def show(
    reference: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run, or a suite's newest run.", autocompletion=completion.runs),
    ],
    method: Annotated[
        str,
        typer.Argument(help="The name, as on the board.", autocompletion=completion.methods_of_run),
    ],
    document: Annotated[
        str | None, typer.Option(help="One document by its id; by default the first few are shown.")
    ] = None,
    format: Annotated[
        AnswerFormat, typer.Option(help="How to print it; json has every document.")
    ] = AnswerFormat.rich,
    output_path: Output = RESULTS,
) -> None:
    """Show predictions beside gold: what matches, what nearly matches and why, what is not in the text."""
    from readbench.report import answers
    from readbench.report.show import render_predictions
    from readbench.report.shown import shown
    from readbench.results.leaderboard import find_run, open_store

    store = open_store(reference, output_path)
    run = find_run(reference, store)
    if format is AnswerFormat.json:
        emit(answers.as_json(shown(store, run, method, document)))
    else:
        console().print(render_predictions(store, run, method, document))
