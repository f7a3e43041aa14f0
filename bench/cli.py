"""The command line: verbs only. Each parses its arguments, calls one function and prints."""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from readbench.cli_app import RESULTS, Include, Output, app, console
from readbench.errors import BenchError

INTERRUPTED = 130


class Format(StrEnum):
    rich = "rich"
    md = "md"
    csv = "csv"
    json = "json"


class AuditFormat(StrEnum):
    rich = "rich"
    md = "md"
    json = "json"


class Kind(StrEnum):
    suites = "suites"
    methods = "methods"
    datasets = "datasets"
    metrics = "metrics"


@app.command()
def ls(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    name: Annotated[str | None, typer.Argument(help="With methods: one method and its parameters.")] = None,
    include_path: Include = None,
) -> None:
    """List what there is; for methods also whether each can run here, and what makes it run."""
    from readbench import listing

    show = {
        Kind.suites: listing.suites,
        Kind.datasets: listing.datasets,
        Kind.metrics: listing.metrics,
    }
    if kind is Kind.methods:
        console().print(
            listing.method(name, include_path or ()) if name else listing.methods(include_path or ())
        )
    else:
        console().print(show[kind]())


SuiteName = Annotated[
    str | None, typer.Argument(help="A suite's name or TOML file; without one the task is inferred.")
]
DatasetName = Annotated[str | None, typer.Option(help="A name or a path; overrides the suite's.")]
Labels = Annotated[Path | None, typer.Option(help="A second file with id and label, joined by id.")]
Methods = Annotated[
    list[str] | None, typer.Option(help="Only this method, e.g. 'pke.tfidf[n=2]'; repeat for several.")
]
Limit = Annotated[
    int | None, typer.Option(help="A seeded sample of that many documents, the same for all methods.")
]
Seed = Annotated[int | None, typer.Option(help="Overrides the suite's.")]
Timeout = Annotated[str | None, typer.Option(help="Time limit of a cell, such as 10m.")]
Memory = Annotated[str | None, typer.Option(help="Memory limit of a cell, such as 8GiB.")]


@app.command()
def run(
    suite: SuiteName = None,
    dataset: DatasetName = None,
    labels: Labels = None,
    method: Methods = None,
    limit: Limit = None,
    seed: Seed = None,
    timeout: Timeout = None,
    memory: Memory = None,
    workers: Annotated[
        int, typer.Option(help="Cells at a time; above 1 their speeds are marked as contended.")
    ] = 1,
    output_path: Output = RESULTS,
    retry: Annotated[bool, typer.Option("--retry", help="Run failed and timed-out cells again.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ignore stored results and measure everything.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="A method that cannot run here counts as failed.")
    ] = False,
    include_path: Include = None,
) -> None:
    """Run a suite: plan and estimate first, then every method in a process of its own, then the board.

    Exit status: 0 all cells ok, 1 some cell failed, 2 wrong use, 3 nothing was measured, 130 interrupted.
    """
    from readbench.plan import Options
    from readbench.progress import TerminalInterface
    from readbench.report.terminal import print_board
    from readbench.running import run_suite
    from readbench.store import Store
    from readbench.units import seconds, size

    options = Options(
        seed=seed,
        limit=limit,
        methods=tuple(method or ()),
        workers=workers,
        retry=retry,
        fresh=fresh,
        strict=strict,
        include_paths=tuple(include_path or ()),
        timeout_s=None if timeout is None else seconds(timeout),
        memory_bytes=None if memory is None else size(memory),
    )
    screen = console()
    finished = run_suite(suite, dataset, labels, options, Store(output_path), TerminalInterface(screen))
    screen.print()
    print_board(finished.board, screen)
    screen.print(str(finished.board.folder), highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(finished.exit_status)


@app.command()
def plan(
    suite: SuiteName = None,
    dataset: DatasetName = None,
    labels: Labels = None,
    method: Methods = None,
    limit: Limit = None,
    seed: Seed = None,
    timeout: Timeout = None,
    memory: Memory = None,
    output_path: Output = RESULTS,
    include_path: Include = None,
) -> None:
    """What a run would do and need, without doing it; exit status 1 where a method cannot fit."""
    from readbench.plan import Options
    from readbench.progress import TerminalInterface
    from readbench.running import plan_suite
    from readbench.store import Store
    from readbench.units import seconds, size

    options = Options(
        seed=seed,
        limit=limit,
        methods=tuple(method or ()),
        include_paths=tuple(include_path or ()),
        timeout_s=None if timeout is None else seconds(timeout),
        memory_bytes=None if memory is None else size(memory),
    )
    store, interface = Store(output_path), TerminalInterface(console())
    raise typer.Exit(plan_suite(suite, dataset, labels, options, store, interface))


@app.command()
def leaderboard(
    reference: Annotated[
        str | None, typer.Argument(metavar="[RUN|SUITE]", help="A run, or a suite's newest run.")
    ] = None,
    sort: Annotated[str | None, typer.Option(help="A metric or a cost to sort by.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.rich,
    output_path: Output = RESULTS,
) -> None:
    """Show a run's board: rank ranges, intervals, quality and cost side by side, failures visible."""
    import gc

    from readbench.board import build_leaderboard, find_run, open_store

    store = open_store(reference, output_path)
    board = build_leaderboard(find_run(reference, store), store, sort)
    # All of it is needed until the end: nobody has to look through it for garbage meanwhile.
    gc.freeze()
    if format is Format.rich:
        from readbench.report.terminal import print_board

        print_board(board, console())
        return
    from readbench.report import markup

    sys.stdout.write({"md": markup.as_markdown, "csv": markup.as_csv, "json": markup.as_json}[format](board))
    sys.stdout.write("" if format is Format.csv else "\n")


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
    from readbench.board import find_run, open_store
    from readbench.report.show import render_predictions

    store = open_store(reference, output_path)
    console().print(render_predictions(store, find_run(reference, store), method, document))


@app.command()
def audit(
    dataset: Annotated[str, typer.Argument(help="A name or a path, as for run --dataset.")],
    labels: Annotated[
        Path | None, typer.Option(help="A second file with id and label, joined by id.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Read the dataset as this suite does (column names, encoding).")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="A seeded sample of that many documents.")] = None,
    format: Annotated[AuditFormat, typer.Option(help="How to print it.")] = AuditFormat.rich,
) -> None:
    """Can scores on this dataset be trusted? Duplicates, contradictory labels, class balance, shortcuts.

    Exit status: 0 nothing found (notes do not count), 1 findings, 2 wrong use.
    """
    from readbench.audit import audit_of
    from readbench.report import audit as report

    screen = console()
    with screen.status(f"auditing {dataset}"):  # seconds to a minute; seen in a terminal alone
        found = audit_of(dataset, labels, suite, limit)
    if format is AuditFormat.rich:
        screen.print(report.render(found))
    else:
        show = {AuditFormat.md: report.as_markdown, AuditFormat.json: report.as_json}[format]
        sys.stdout.write(show(found) + "\n")
    raise typer.Exit(found.exit_status)


@app.command()
def check(
    method: Annotated[str, typer.Argument(help="A method, with parameters if you like.")],
    task: Annotated[
        str | None, typer.Option(help="One of its tasks; otherwise all, one after another.")
    ] = None,
    include_path: Include = None,
) -> None:
    """Run the conformance tests that every built-in method passes."""
    from readbench.conformance import check_method

    screen = console()
    failed = 0
    for result in check_method(method, tuple(include_path or ()), task):
        mark = "[green]pass[/]" if result.passed else "[red]FAIL[/]"
        screen.print(f"{mark}  {result.name}", highlight=False)
        if not result.passed:
            failed += 1
            screen.print(f"      {result.why}", style="red", markup=False, highlight=False)
    raise typer.Exit(1 if failed else 0)


@app.command()
def doctor(output_path: Output = RESULTS) -> None:
    """What this machine has and lacks, in one page."""
    from readbench.doctor import examine

    console().print(examine(output_path))


@app.command()
def init(
    dataset: Annotated[Path, typer.Argument(help="Your file of papers.")],
    output: Annotated[
        Path | None, typer.Option(help="Where to write it; suites/NAME.toml by default.")
    ] = None,
) -> None:
    """Write a commented suite for my file."""
    from readbench.scaffold_suite import write_suite

    path = write_suite(dataset, output)
    typer.echo(f"{path}: read it, then: bench run {path}")


@app.command("new-method")
def new_method(
    name: Annotated[str, typer.Argument(help="The method's name, e.g. my.method.")],
    output: Annotated[Path | None, typer.Option(help="Where to write it; NAME.py by default.")] = None,
) -> None:
    """Write a commented adapter file that runs as it is and passes `bench check`."""
    from readbench.scaffold_method import write_method

    path = write_method(name, output)
    typer.echo(f"{path}: try it with: bench check {name} --include-path {path}")


def main(arguments: list[str] | None = None) -> None:
    """The console script. Every expected error is one line; the exit status says which kind it was."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    from readbench import cli_compare, cli_models  # noqa: F401 - their verbs register themselves

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


if __name__ == "__main__":
    # Run with -m this module is called __main__, and the one that the other verbs register with is another.
    from readbench.cli import main as installed

    installed()
