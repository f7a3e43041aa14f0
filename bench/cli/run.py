"""The verbs that plan and run: ``bench run`` and ``bench plan``."""

from __future__ import annotations

from typing import Annotated

import typer

from readbench.cli.app import Include, Output, app, console, emit, interface
from readbench.cli.boards import show_finished
from readbench.cli.cluster import PlaceOptions, place_at, say_submitted
from readbench.cli.options import (
    AnswerFormat,
    BoardFormat,
    DatasetName,
    Encoding,
    Executor,
    Fresh,
    KeywordSeparator,
    Labels,
    Language,
    Limit,
    Memory,
    Methods,
    Positive,
    Retry,
    Seed,
    Shards,
    Strict,
    SuiteName,
    Timeout,
    Workers,
    read_memory,
    read_shards,
    read_timeout,
    reading,
)
from readbench.results.places import RESULTS


@app.command()
def run(
    suite: SuiteName = None,
    dataset: DatasetName = None,
    labels: Labels = None,
    language: Language = None,
    encoding: Encoding = None,
    keyword_separator: KeywordSeparator = None,
    positive: Positive = None,
    method: Methods = None,
    limit: Limit = None,
    seed: Seed = None,
    timeout: Timeout = None,
    memory: Memory = None,
    workers: Workers = 1,
    shards: Shards = "1",
    output_path: Output = RESULTS,
    retry: Retry = False,
    fresh: Fresh = False,
    strict: Strict = False,
    include_path: Include = None,
    executor: Annotated[Executor, typer.Option(help="Where cells run.")] = Executor.local,
    partition: Annotated[str | None, typer.Option(help="SLURM: the partition.")] = None,
    account: Annotated[str | None, typer.Option(help="SLURM: the account.")] = None,
    array_limit: Annotated[
        int | None, typer.Option(min=1, help="SLURM, Ray: most cells at the same time.")
    ] = None,
    gpus_per_cell: Annotated[
        int, typer.Option(min=0, help="SLURM, Ray: GPUs for each cell that can use one.")
    ] = 0,
    sbatch: Annotated[
        list[str] | None,
        typer.Option(help="SLURM: a further option of sbatch, such as 'qos=long' or exclusive; repeat it."),
    ] = None,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="SLURM: submit and exit; then use bench watch."),
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(help="Ray: HOST:PORT of the cluster; without it the one that runs on this machine."),
    ] = None,
    format: Annotated[BoardFormat, typer.Option(help="How to print the board.")] = BoardFormat.rich,
) -> None:
    """Run a suite: plan it, run every method in a separate process, and print the board.

    Exit status: 0 all cells ok, 1 some or all cells failed, 2 wrong use, 3 no method can run here,
    130 interrupted.
    """
    from readbench.planning.plan import Options
    from readbench.results.store import Store
    from readbench.runs.places import Submitted
    from readbench.runs.running import run_suite_at

    place = place_at(
        executor,
        PlaceOptions(
            partition=partition,
            account=account,
            array_limit=array_limit,
            gpus_per_cell=gpus_per_cell,
            sbatch=tuple(sbatch or ()),
            detach=detach,
            address=address,
        ),
    )
    options = Options(
        seed=seed,
        limit=limit,
        methods=tuple(method or ()),
        workers=workers,
        shards=read_shards(shards, workers),
        retry=retry,
        fresh=fresh,
        strict=strict,
        include_paths=tuple(include_path or ()),
        reading=reading(language, encoding, keyword_separator),
        positive=positive,
        timeout_s=read_timeout(timeout),
        memory_bytes=read_memory(memory),
    )
    speaks = interface(stderr=format is not BoardFormat.rich)
    finished = run_suite_at(place, suite, dataset, labels, options, Store(output_path), speaks)
    if isinstance(finished, Submitted):
        say_submitted(finished)
        raise typer.Exit(0)
    show_finished(finished.board, format)
    raise typer.Exit(finished.exit_status)


@app.command()
def plan(
    suite: SuiteName = None,
    dataset: DatasetName = None,
    labels: Labels = None,
    language: Language = None,
    encoding: Encoding = None,
    keyword_separator: KeywordSeparator = None,
    positive: Positive = None,
    method: Methods = None,
    limit: Limit = None,
    seed: Seed = None,
    timeout: Timeout = None,
    memory: Memory = None,
    workers: Workers = 1,
    shards: Shards = "1",
    output_path: Output = RESULTS,
    retry: Retry = False,
    fresh: Fresh = False,
    strict: Strict = False,
    include_path: Include = None,
    format: Annotated[AnswerFormat, typer.Option(help="How to print it.")] = AnswerFormat.rich,
) -> None:
    """Show what a run would do and need, without running it; time and memory as in earlier runs.

    Exit status: 0, 1 some method cannot fit into memory, 2 wrong use, 3 no method can run here.
    """
    from readbench.planning.plan import Options
    from readbench.report import answers
    from readbench.report.log import Logged
    from readbench.report.planned import PlanCollector
    from readbench.report.progress import TerminalInterface
    from readbench.results.store import Store
    from readbench.runs.running import show_plan

    options = Options(
        seed=seed,
        limit=limit,
        methods=tuple(method or ()),
        workers=workers,
        shards=read_shards(shards, workers),
        retry=retry,
        fresh=fresh,
        strict=strict,
        include_paths=tuple(include_path or ()),
        reading=reading(language, encoding, keyword_separator),
        positive=positive,
        timeout_s=read_timeout(timeout),
        memory_bytes=read_memory(memory),
    )
    store = Store(output_path)
    if format is AnswerFormat.json:
        collector = PlanCollector()
        status = show_plan(suite, dataset, labels, options, store, Logged(collector))
        emit(answers.as_json(collector.answer(status)))
    else:
        status = show_plan(suite, dataset, labels, options, store, Logged(TerminalInterface(console())))
    raise typer.Exit(status)
