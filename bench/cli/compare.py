"""The verbs that hold one run against another: compare, baseline, gate, export."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from readbench.cli import completion
from readbench.cli.app import Include, Output, app, console, emit, remark, say
from readbench.cli.options import Format
from readbench.core.errors import BenchError
from readbench.core.escape import json_text
from readbench.results.places import BASELINES, RESULTS

if TYPE_CHECKING:
    from readbench.gate.verdicts import Verdicts
    from readbench.results.leaderboard import Leaderboard


class Target(StrEnum):
    pytest_benchmark = "pytest-benchmark"
    github_action_benchmark = "github-action-benchmark"
    mlflow = "mlflow"
    csv = "csv"
    parquet = "parquet"
    markdown = "markdown"
    latex = "latex"
    html = "html"
    every_eval_ever = "every-eval-ever"
    hf_eval_results = "hf-eval-results"
    wandb_offline = "wandb-offline"


@app.command()
def compare(
    before: Annotated[
        str,
        typer.Argument(
            metavar="RUN_A", help="A run, a suite's newest, a baseline.", autocompletion=completion.sides
        ),
    ],
    after: Annotated[
        str,
        typer.Argument(metavar="RUN_B", help="The other run.", autocompletion=completion.sides),
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this metric; repeat for several. The boards' by default.",
            autocompletion=completion.metrics,
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.rich,
    output_path: Output = RESULTS,
) -> None:
    """Show what changed between two runs: for each method and metric the paired difference, its interval, p
    and a verdict; documents whose answer changed; ratios of speed and memory.

    Exit status: 0, 2 wrong use, 4 where the runs are incomparable.
    """
    from readbench.compare.paired import open_side
    from readbench.compare.runs import Questions, compare_runs, shown_metrics

    sides = open_side(before, output_path), open_side(after, output_path)
    comparison = compare_runs(*sides, Questions(shown_metrics(*sides, metric or ())))
    if format is Format.rich:
        from readbench.report.comparison import render_comparison

        console().print(render_comparison(comparison))
    elif format is Format.md:
        from readbench.report.ci import comparison_markdown

        emit(comparison_markdown(comparison))
    else:
        emit(json_text(comparison.as_json()))
    raise typer.Exit(4 if comparison.incomparable else 0)


@app.command()
def baseline(
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run, or a suite's newest; the newest by default.",
            autocompletion=completion.runs,
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The baseline's name; the suite's by default.")] = None,
    folder: Annotated[Path, typer.Option(help="The folder of baselines.")] = BASELINES,
    board_only: Annotated[
        bool,
        typer.Option(
            "--board-only", help="Scores of the board's metrics alone, no digests: a quarter of the size."
        ),
    ] = False,
    output_path: Output = RESULTS,
) -> None:
    """Keep a run as a baseline for the gate: records, scores per document and digests, but no texts."""
    from readbench.core.units import count_of, show_size
    from readbench.gate.baseline import promote
    from readbench.results.leaderboard import find_run, open_store

    store = open_store(reference, output_path)
    kept = promote(reference or find_run(None, store), output_path, name, folder, board_only=board_only)
    say(f"{kept.folder}: {count_of(kept.cells, 'cell')}, {show_size(kept.size)}")
    if kept.failed:
        say(f"{kept.failed} of them did not end ok: the gate will ask nothing of these methods")
    if kept.reused:
        say(f"{kept.reused} of them were timed in earlier runs: their speeds will not be judged (--fresh)")


@app.command()
def gate(
    context: typer.Context,
    references: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="A stored run; without one the suite is run afresh.",
            autocompletion=completion.runs,
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="A baseline's folder, or a run to compare with.", autocompletion=completion.sides),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="TOML: one verdict over stored runs of several suites.")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            help="Largest loss, f1@10:-1pp, or a limit, fit_s:<2m.",
            autocompletion=completion.thresholds,
        ),
    ] = None,
    thresholds: Annotated[
        Path | None,
        typer.Option(help="TOML, per suite and method; the baseline's own by default."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="An inconclusive verdict does not pass.")] = False,
    speed: Annotated[
        bool, typer.Option("--speed", help="Run the code of --against and the code here alternately.")
    ] = False,
    against: Annotated[str | None, typer.Option(help="With --speed: a git reference.")] = None,
    rounds: Annotated[int | None, typer.Option(help="With --speed: rounds, at least 6 (default).")] = None,
    most_rounds: Annotated[
        int | None,
        typer.Option(help="With --speed: most rounds while inconclusive; 18, or --rounds if higher."),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(help="The suite to run; the baseline's by default.", autocompletion=completion.suites),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Overrides the suite's.", autocompletion=completion.datasets)
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="Only this method; repeat for several.", autocompletion=completion.methods),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="A sample; the baseline's by default.")] = None,
    timeout: Annotated[str | None, typer.Option(help="Time limit of a cell, such as 10m.")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory limit of a cell, such as 8GiB.")] = None,
    include_path: Include = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.rich,
    summary: Annotated[
        Path | None, typer.Option(help="Append Markdown to this file.", envvar="GITHUB_STEP_SUMMARY")
    ] = None,
    comment: Annotated[Path | None, typer.Option(help="Write the same Markdown to this file.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    output_path: Output = RESULTS,
) -> None:
    """Compare with a baseline, and fail where a method got worse or slower.

    Exit status: 0 pass, 1 regression, 2 wrong use, 3 nothing measured or the harness failed, 4 incomparable
    or, under --strict, inconclusive.
    """
    from readbench.cli.gate import (
        Asked,
        Guards,
        check_sides,
        gate_answers,
        gate_speed,
        one_run,
        write_reports,
    )
    from readbench.compare.paired import open_side

    if policy is not None:
        _gate_policy(context, policy, references or (), output_path, format, (summary, comment, junit))
    reference = one_run(references or ())
    keeps = baseline is not None or not _given(context, "output_path")
    asked = Asked(
        suite,
        dataset,
        tuple(method or ()),
        limit,
        timeout,
        memory,
        tuple(include_path or ()),
        rounds,
        most_rounds,
    )
    asked.check(stored=reference is not None, speed=speed)
    guards = Guards(tuple(fail_on or ()), thresholds, baseline, asked.include_paths)
    check_sides(
        speed=speed,
        against=against,
        stored=reference,
        baseline=baseline,
        keeps=keeps,
        bounds_only=guards.bounds_only,
    )
    before = None if baseline is None else open_side(baseline, output_path)
    if against is not None:
        verdicts = gate_speed(against, before, asked, guards, strict=strict)
    else:
        verdicts = gate_answers(before, reference, asked, guards, output_path, strict=strict)
    _tell(verdicts, format)
    problem = write_reports(verdicts, summary, comment, junit)
    if problem is not None:
        # A regression stays one, though nobody can read the report on it.
        if verdicts.exit_status != 1:
            raise problem
        remark(str(problem))
    raise typer.Exit(verdicts.exit_status)


POLICY_OPTIONS = {"references", "policy", "format", "summary", "comment", "junit", "output_path"}
"""What `bench gate --policy` reads; all else stands in the policy."""


def _gate_policy(
    context: typer.Context,
    policy: Path,
    references: Sequence[str],
    output_path: Path,
    format: Format,
    reports: tuple[Path | None, Path | None, Path | None],
) -> NoReturn:
    from readbench.cli.gate import gate_policy, write_files
    from readbench.report.policy import policy_junit, policy_lines, policy_markdown

    unread = [name for name in context.params if name not in POLICY_OPTIONS and _given(context, name)]
    if unread:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in unread)
        raise BenchError("a policy says all by itself", where=str(policy), todo=f"leave out {names}")
    verdicts = gate_policy(policy, references, output_path)
    markdown = policy_markdown(verdicts, policy.name)
    if format is Format.rich:
        for line in policy_lines(verdicts, policy.name):
            say(line)
    else:
        emit(markdown if format is Format.md else json_text(verdicts.as_json()))
    problem = write_files(reports, markdown, policy_junit(verdicts))
    if problem is not None:
        if verdicts.exit_status != 1:
            raise problem
        remark(str(problem))
    raise typer.Exit(verdicts.exit_status)


def _given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line itself."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _tell(verdicts: Verdicts, format: Format) -> None:
    from readbench.report import ci

    if format is Format.rich:
        from readbench.report.comparison import render_verdicts

        console().print(render_verdicts(verdicts))
    elif format is Format.md:
        emit(ci.verdicts_markdown(verdicts))
    else:
        emit(json_text(verdicts.as_json()))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # Not among JSON that a program reads.
        for line in ci.github_annotations(verdicts):
            emit(line, err=format is not Format.rich)


@app.command()
def export(
    reference: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run, or a suite's newest run.", autocompletion=completion.runs),
    ],
    to: Annotated[Target, typer.Option(help="The tool or format.")],
    output: Annotated[
        Path | None,
        typer.Option(help="The file or folder to write; printed by default."),
    ] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="With mlflow: the server or store; MLFLOW_TRACKING_URI by default.")
    ] = None,
    hub_dataset: Annotated[
        str | None, typer.Option(help="With hf-eval-results: OWNER/NAME of the dataset on the Hub.")
    ] = None,
    output_path: Output = RESULTS,
) -> None:
    """Export the numbers of a run for other tools and documents.

    A table: csv, parquet, markdown, latex, html. A tool: pytest-benchmark, github-action-benchmark, mlflow,
    wandb-offline.
    A schema of evaluations, one file a method: every-eval-ever, hf-eval-results.
    """
    from readbench.results.leaderboard import build_leaderboard, find_run, open_store

    store = open_store(reference, output_path)
    board = build_leaderboard(find_run(reference, store), store)
    if to is Target.mlflow:
        from readbench.report import export as exporting

        run_id = exporting.to_mlflow(board, tracking_uri)
        say(f"run {run_id} of MLflow at {exporting.mlflow_place(tracking_uri)}; mlflow ui shows it")
    elif to is Target.wandb_offline:
        from readbench.report.export_wandb import to_wandb

        folders = to_wandb(board, output or Path())
        say(f"{len(folders)} runs below {folders[0].parent}; wandb sync {folders[0].parent}/* sends them")
    elif to is Target.parquet:
        from readbench.report.files import write_board

        if output is None:
            raise BenchError("Parquet is no text to print", todo="name a file: --output FILE")
        write_board(board, output)
        say(str(output))
    elif to in (Target.every_eval_ever, Target.hf_eval_results, Target.github_action_benchmark):
        for path, text in _files(board, to, hub_dataset).items():
            _write(text, None if output is None else output / path)
    else:
        _write(_text(board, to), output)


def _text(board: Leaderboard, to: Target) -> str:
    """What one file holds."""
    from readbench.report import documents, markup
    from readbench.report import export as exporting

    makers: dict[Target, Callable[[], str]] = {
        Target.csv: lambda: markup.as_csv(board),
        Target.markdown: lambda: markup.as_markdown(board),
        Target.latex: lambda: documents.as_latex(board),
        Target.html: lambda: documents.as_html(board),
        Target.pytest_benchmark: lambda: json_text(exporting.pytest_benchmark(board)),
    }
    return makers[to]().removesuffix("\n")


def _files(board: Leaderboard, to: Target, hub_dataset: str | None) -> dict[str, str]:
    """What several files hold, by name."""
    import readbench
    from readbench.report import export as exporting
    from readbench.report import export_schemas as schemas

    if to is Target.hf_eval_results:
        return {
            name: text.removesuffix("\n") for name, text in schemas.hub_results(board, hub_dataset).items()
        }
    if to is Target.every_eval_ever:
        values: Mapping[str, object] = schemas.every_eval_ever(board, readbench.__version__)
    else:
        values = exporting.github_action_benchmark(board)
    return {name: json_text(value) for name, value in values.items()}


def _write(text: str, path: Path | None) -> None:
    from readbench.report.ci import write_text

    if path is None:
        emit(text)
        return
    write_text(path, text + "\n")
    say(str(path))
