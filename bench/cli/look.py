"""The verbs that look and change nothing: ``bench ls``, ``audit``, ``check`` and ``doctor``."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from readbench.cli.app import RESULTS, Include, Output, app, console
from readbench.cli.options import AuditFormat, Encoding, KeywordSeparator, Language, reading


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
    from readbench.cli import listing

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
    format: Annotated[AuditFormat, typer.Option(help="How to print it.")] = AuditFormat.rich,
) -> None:
    """Can scores on this dataset be trusted? Duplicates, contradictory labels, class balance, shortcuts.

    Exit status: 0 nothing found (notes do not count), 1 findings, 2 wrong use.
    """
    from readbench.audit import audit_of
    from readbench.report import audit as report

    screen = console()
    with screen.status(f"auditing {dataset}"):  # seconds to a minute; seen in a terminal alone
        found = audit_of(dataset, labels, suite, limit, reading(language, encoding, keyword_separator))
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
    from readbench.authoring.conformance import check_method

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
    from readbench.cli.doctor import examine

    console().print(examine(output_path))
