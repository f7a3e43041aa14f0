"""The verbs for more than one machine: ``bench cell``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from readbench.cli.app import app, console


@app.command()
def cell(
    key: Annotated[str, typer.Argument(help="The key of a cell or of a preparation.")],
    plan: Annotated[
        Path, typer.Option("--plan", help="The folder of the run that stored the plan: RESULTS/runs/NAME.")
    ],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Carry it out though it is done since the plan was made.")
    ] = False,
) -> None:
    """Carry out one cell of a stored plan, in a process of its own with limits and clocks as in a run.

    Every executor starts this. Its record goes to the results folder. Exit status: 0 ok, 1 the cell failed, 2
    wrong use, or another program than the one that was planned, 75 something that it stands on has not ended.
    """
    from readbench.engine.single import carry_out
    from readbench.report.progress import PlainReporter

    did = carry_out(key, plan, PlainReporter(console(stderr=True)), fresh=fresh)
    if did == "already":
        typer.echo("it is done already; --fresh carries it out again", err=True)
    raise typer.Exit(1 if did == "failed" else 0)
