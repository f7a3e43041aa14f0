"""The verbs for more than one machine, ``bench cell`` and ``bench watch``, and what ``bench run`` needs to
run cells elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from readbench.cli import completion
from readbench.cli.app import Output, app, console, interface, say
from readbench.cli.boards import show_finished
from readbench.cli.options import BoardFormat, Executor
from readbench.core.errors import BenchError
from readbench.results.places import RESULTS

if TYPE_CHECKING:
    from readbench.runs.places import Place, Submitted


@app.command()
def cell(
    key: Annotated[str, typer.Argument(help="The key of a cell or of a preparation.")],
    plan: Annotated[
        Path, typer.Option("--plan", help="The folder of the run that stored the plan: RESULTS/runs/NAME.")
    ],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run it again, even if it has a result already.")
    ] = False,
) -> None:
    """Run one cell of a stored plan, in a separate process, with the limits and the timing of a run.

    Executors start this command. The record goes to the results folder. Exit status: 0 ok, 1 the cell failed,
    2 wrong use, or the code differs from the planned one, 75 what it needs has not ended.
    """
    from readbench.engine.single import carry_out
    from readbench.report.progress import PlainReporter

    did = carry_out(key, plan, PlainReporter(console(stderr=True)), fresh=fresh)
    if did == "already":
        say("it has a result already; --fresh runs it again", err=True)
    raise typer.Exit(1 if did == "failed" else 0)


@app.command()
def watch(
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN|SUITE]", help="A run, or a suite's newest run.", autocompletion=completion.runs
        ),
    ] = None,
    output_path: Output = RESULTS,
    format: Annotated[BoardFormat, typer.Option(help="How to print the board.")] = BoardFormat.rich,
) -> None:
    """Wait for a run that was submitted with --detach, then compare its methods and print the board.

    It submits nothing. It names lost cells; the same `bench run` submits them again. Exit status: as
    `bench run`; 1 where cells are missing.
    """
    from readbench.engine.slurm import Slurm
    from readbench.results.store import Store
    from readbench.runs.watching import watch

    speaks = interface(stderr=format is not BoardFormat.rich)
    finished = watch(reference, Store(output_path), speaks, Slurm)
    show_finished(finished.board, format)
    raise typer.Exit(finished.exit_status)


@dataclass(frozen=True)
class PlaceOptions:
    """The options of ``bench run`` for places other than this machine, by their names."""

    partition: str | None = None
    account: str | None = None
    array_limit: int | None = None
    gpus_per_cell: int = 0
    sbatch: tuple[str, ...] = ()
    detach: bool = False
    address: str | None = None


OF_BOTH = ("array_limit", "gpus_per_cell")
OF_EXECUTOR = {
    Executor.slurm: ("partition", "account", "sbatch", "detach", *OF_BOTH),
    Executor.ray: ("address", *OF_BOTH),
}


def place_at(executor: Executor, given: PlaceOptions) -> Place | None:
    """Where cells run, if not on this machine. Raises BenchError for an option of another executor, and where
    that cluster or what it needs is not there."""
    for name, value in asdict(given).items():
        executors = [one.value for one, names in OF_EXECUTOR.items() if name in names]
        if value and executor.value not in executors:
            raise BenchError(
                f"--{name.replace('_', '-')} is for --executor {' and '.join(executors)}",
                todo="write both, or neither",
            )
    if executor is Executor.local:
        return None
    from readbench.runs.places import Place

    if executor is Executor.ray:
        from readbench.engine.ray import Ray

        ray = Ray(address=given.address, limit=given.array_limit, gpus_per_cell=given.gpus_per_cell)
        return Place(ray)
    from readbench.engine.slurm import Slurm

    options = (option.removeprefix("--").partition("=") for option in given.sbatch)
    slurm = Slurm(
        partition=given.partition,
        account=given.account,
        limit=given.array_limit,
        gpus_per_cell=given.gpus_per_cell,
        more={name: value if equals else True for name, equals, value in options},
    )
    return Place(slurm, given.detach)


def say_submitted(run: Submitted) -> None:
    """What a person does next."""
    say(f"{run.name}: {run.jobs} cells and preparations wait in the cluster")
    if run.refused:
        say(f"it does not take {run.refused} of them yet: the same command submits them later")
    say(f"bench watch {run.name} waits for them and prints the board")
