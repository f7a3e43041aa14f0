"""The verbs that show a run: ``bench leaderboard`` and ``bench show``."""

from __future__ import annotations

from typing import Annotated

import typer

from readbench.cli.app import Output, app, console, emit
from readbench.cli.options import BoardFormat
from readbench.results.places import RESULTS


@app.command()
def leaderboard(
    reference: Annotated[
        str | None, typer.Argument(metavar="[RUN|SUITE]", help="A run, or a suite's newest run.")
    ] = None,
    sort: Annotated[str | None, typer.Option(help="A metric or a cost to sort by.")] = None,
    format: Annotated[BoardFormat, typer.Option(help="How to print it.")] = BoardFormat.rich,
    output_path: Output = RESULTS,
) -> None:
    """Show a run's board: rank ranges, intervals, quality and cost side by side, failures visible."""
    import gc

    from readbench.results.leaderboard import build_leaderboard, find_run, open_store

    store = open_store(reference, output_path)
    board = build_leaderboard(find_run(reference, store), store, sort)
    # All of it is needed until the end: nobody has to look through it for garbage meanwhile.
    gc.freeze()
    if format is BoardFormat.rich:
        from readbench.report.terminal import print_board

        print_board(board, console())
        return
    from readbench.report import markup

    show = {"md": markup.as_markdown, "csv": markup.as_csv, "json": markup.as_json}[format]
    emit(show(board).removesuffix("\n"))


@app.command()
def show(
    reference: Annotated[str, typer.Argument(metavar="RUN", help="A run, or a suite's newest run.")],
    method: Annotated[str, typer.Argument(help="As the board spells it.")],
    document: Annotated[
        str | None, typer.Option(help="One document by id; without it, the first few.")
    ] = None,
    output_path: Output = RESULTS,
) -> None:
    """Predictions against gold: match, near miss and why, or absent from the text."""
    from readbench.report.show import render_predictions
    from readbench.results.leaderboard import find_run, open_store

    store = open_store(reference, output_path)
    console().print(render_predictions(store, find_run(reference, store), method, document))
