"""The verbs that look and change nothing: ``bench ls``, ``audit``, ``check`` and ``doctor``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from readbench.cli import completion
from readbench.cli.app import Include, Output, app, console, emit, progress_console
from readbench.cli.options import AnswerFormat, Encoding, Format, KeywordSeparator, Language, reading
from readbench.results.places import RESULTS

if TYPE_CHECKING:
    from rich.console import RenderableType


class Kind(StrEnum):
    suites = "suites"
    methods = "methods"
    datasets = "datasets"
    metrics = "metrics"
    runs = "runs"


@app.command()
def ls(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    name: Annotated[
        str | None,
        typer.Argument(
            help="Only this one. For metrics and methods also a task, for runs a suite.",
            autocompletion=completion.listed,
        ),
    ] = None,
    format: Annotated[AnswerFormat, typer.Option(help="How to print it.")] = AnswerFormat.rich,
    include_path: Include = None,
    output_path: Output = RESULTS,
) -> None:
    """List suites, methods, datasets, metrics or runs. For methods also what to install."""
    from readbench.report import answers

    answer, table = _listed(kind, name, include_path or (), output_path)
    if format is AnswerFormat.json:
        emit(answers.as_json(answer))
    else:
        console().print(table())


def _listed(
    kind: Kind, name: str | None, paths: Sequence[Path], results: Path
) -> tuple[Any, Callable[[], RenderableType]]:
    """What a kind has, as a value and as what makes a table of it."""
    from readbench.cli import listing
    from readbench.report import lists
    from readbench.results.store import Store
    from readbench.tasks import task_names

    match kind:
        case Kind.suites:
            suites = listing.suites(name)
            return suites, lambda: lists.suites(suites) if name is None else lists.suite(suites.suites[0])
        case Kind.datasets:
            datasets = listing.datasets(name)
            return datasets, lambda: lists.datasets(datasets, all_of_them=name is None)
        case Kind.metrics:
            metrics = listing.metrics(name)
            return metrics, lambda: lists.metrics(metrics)
        case Kind.runs:
            runs = listing.runs(name, Store(results))
            return runs, lambda: lists.runs(runs)
        case Kind.methods:
            methods = listing.methods(name, paths)
            several = name is None or name in task_names()
            return methods, lambda: lists.methods(methods) if several else lists.method(methods.methods[0])


@app.command()
def audit(
    dataset: Annotated[
        str,
        typer.Argument(help="A name or a path, as for run --dataset.", autocompletion=completion.datasets),
    ],
    labels: Annotated[
        Path | None, typer.Option(help="A second file with id and label, joined by id.")
    ] = None,
    language: Language = None,
    encoding: Encoding = None,
    keyword_separator: KeywordSeparator = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="Read the dataset as this suite does (column names, encoding).",
            autocompletion=completion.suites,
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="A seeded sample of that many documents.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.rich,
) -> None:
    """Can scores on this dataset be trusted? Duplicates, contradictory labels, class balance, shortcuts.

    Exit status: 0 nothing found (notes do not count), 1 findings, 2 wrong use.
    """
    from rich.text import Text

    from readbench.audit import audit_of
    from readbench.report import audit as report

    # Seconds to a minute; seen in a terminal alone.
    with progress_console().status(Text(f"auditing {dataset}")):
        found = audit_of(dataset, labels, suite, limit, reading(language, encoding, keyword_separator))
    if format is Format.rich:
        console().print(report.render(found))
    else:
        show = {Format.md: report.as_markdown, Format.json: report.as_json}[format]
        emit(show(found))
    raise typer.Exit(found.exit_status)


@app.command()
def check(
    method: Annotated[
        str,
        typer.Argument(help="A method, with parameters if you like.", autocompletion=completion.methods),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            help="One of its tasks; otherwise all, one after another.", autocompletion=completion.tasks
        ),
    ] = None,
    timeout: Annotated[str, typer.Option(help="Time limit of one test, such as 10m.")] = "5m",
    format: Annotated[AnswerFormat, typer.Option(help="How to print it.")] = AnswerFormat.rich,
    include_path: Include = None,
) -> None:
    """Run the conformance tests that every built-in method passes, in a separate process."""
    from readbench.authoring.checking import check_apart
    from readbench.core.units import seconds
    from readbench.report import answers

    as_json = format is AnswerFormat.json
    screen = console(stderr=as_json)
    tests: list[answers.Test] = []
    for result in check_apart(method, tuple(include_path or ()), task, test_s=seconds(timeout)):
        tests.append(answers.Test(result.name, result.passed, result.why))
        mark = "[green]pass[/]" if result.passed else "[red]FAIL[/]"
        screen.print(f"{mark}  {result.name}", highlight=False)
        if not result.passed:
            screen.print(f"      {result.why}", style="red", markup=False, highlight=False)
    passed = all(test.passed for test in tests)
    if as_json:
        emit(answers.as_json(answers.Checked(method, passed, tuple(tests))))
    raise typer.Exit(0 if passed else 1)


@app.command()
def doctor(
    format: Annotated[AnswerFormat, typer.Option(help="How to print it.")] = AnswerFormat.rich,
    output_path: Output = RESULTS,
) -> None:
    """Show what this machine has and what is missing."""
    from readbench.cli.doctor import examine
    from readbench.report import answers, lists

    found = examine(output_path)
    if format is AnswerFormat.json:
        emit(answers.as_json(found))
    else:
        console().print(lists.doctor(found))
