"""The verbs that write a first file: ``bench init`` and ``bench new-method``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from readbench.cli.app import app, say


@app.command()
def init(
    dataset: Annotated[Path, typer.Argument(help="Your file of papers.")],
    output: Annotated[
        Path | None, typer.Option(help="Where to write it; suites/NAME.toml by default.")
    ] = None,
) -> None:
    """Write a suite with comments for your file."""
    from readbench.authoring.scaffold_suite import write_suite

    path = write_suite(dataset, output)
    say(f"wrote {path}: read it, then start: bench run {path}")


@app.command("new-method")
def new_method(
    name: Annotated[str, typer.Argument(help="The method's name, e.g. my.method.")],
    output: Annotated[Path | None, typer.Option(help="Where to write it; NAME.py by default.")] = None,
) -> None:
    """Write a method with comments: it runs without changes and passes `bench check`."""
    from readbench.authoring.scaffold_method import write_method

    path = write_method(name, output)
    say(f"wrote {path}: try it with: bench check {name} --include-path {path}")
