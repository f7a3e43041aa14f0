"""The verbs that look and change nothing: ``bench ls``, ``audit``, ``check`` and ``doctor``."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from readbench.cli.app import Include, Output, app, console, emit
from readbench.cli.options import Encoding, Format, KeywordSeparator, Language, reading
from readbench.results.places import RESULTS

if TYPE_CHECKING:
    from rich.console import RenderableType


class Kind(StrEnum):
    suites = "suites"
    methods = "methods"
    datasets = "datasets"
    metrics = "metrics"


@app.command()
def ls(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    name: Annotated[str | None, typer.Argument(help="One of them in full; with metrics also a task.")] = None,
    include_path: Include = None,
) -> None:
    """List what there is; for methods also whether each can run here, and what makes it run."""
    from readbench.cli import listing

    paths = include_path or ()
    show: dict[Kind, Callable[[], RenderableType]] = {
        Kind.suites: lambda: listing.suites(name),
        Kind.datasets: lambda: listing.datasets(name),
        Kind.metrics: lambda: listing.metrics(name),
        Kind.methods: lambda: listing.method(name, paths) if name else listing.methods(paths),
    }
    console().print(show[kind]())


@app.command()
def audit(
    dataset: Annotated[str, typer.Argument(help="A name or a path, as for run --dataset.")],
    labels: Annotated[
        Path | None, typer.Option(help="A second file with id and label, joined by id.")
    ] = None,
    language: Language = None,
    encoding: Encoding = None,
    keyword_separator: KeywordSeparator = None,
    suite: Annotated[
        str | None, typer.Option(help="Read the dataset as this suite does (column names, encoding).")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="A seeded sample of that many documents.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.rich,
) -> None:
    """Can scores on this dataset be trusted? Duplicates, contradictory labels, class balance, shortcuts.

    Exit status: 0 nothing found (notes do not count), 1 findings, 2 wrong use.
    """
    from readbench.audit import audit_of
    from readbench.report import audit as report

    screen = console()
    with screen.status(f"auditing {dataset}"):  # seconds to a minute; seen in a terminal alone
        found = audit_of(dataset, labels, suite, limit, reading(language, encoding, keyword_separator))
    if format is Format.rich:
        screen.print(report.render(found))
    else:
        show = {Format.md: report.as_markdown, Format.json: report.as_json}[format]
        emit(show(found))
    raise typer.Exit(found.exit_status)


@app.command()
def check(
    method: Annotated[str, typer.Argument(help="A method, with parameters if you like.")],
    task: Annotated[
        str | None, typer.Option(help="One of its tasks; otherwise all, one after another.")
    ] = None,
    timeout: Annotated[str, typer.Option(help="Time limit of one test, such as 10m.")] = "5m",
    include_path: Include = None,
) -> None:
    """Run the conformance tests that every built-in method passes, in a process of its own."""
    from readbench.authoring.checking import check_apart
    from readbench.core.units import seconds

    screen = console()
    failed = 0
    for result in check_apart(method, tuple(include_path or ()), task, test_s=seconds(timeout)):
        mark = "[green]pass[/]" if result.passed else "[red]FAIL[/]"
        screen.print(f"{mark}  {result.name}", highlight=False)
        if not result.passed:
            failed += 1
            screen.print(f"      {result.why}", style="red", markup=False, highlight=False)
    raise typer.Exit(1 if failed else 0)


@app.command()
def doctor(output_path: Output = RESULTS) -> None:
    """What this machine has and lacks, in one page."""
    from readbench.cli.doctor import examine

    console().print(examine(output_path))
