"""The verb that writes a page: ``bench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from readbench.cli import completion
from readbench.cli.app import Output, app, say
from readbench.results.places import RESULTS


@app.command()
def report(
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="A run, or a suite's newest run. Several runs: the newest, with its history.",
            autocompletion=completion.runs,
        ),
    ],
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    without_texts: Annotated[
        bool, typer.Option("--without-texts", help="Leave out texts and predictions, for licensed data.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option(help="Write the charts into this folder as well: SVG, PNG, PDF.")
    ] = None,
    output_path: Output = RESULTS,
) -> None:
    """Write a run as one HTML file that needs no network: board, charts, documents, how it was measured."""
    import readbench
    from readbench.compare.paired import open_side
    from readbench.report.ci import write_text
    from readbench.report.page import build_page, converts, read_contents, write_plots

    sides = [open_side(reference, output_path) for reference in references]
    contents = read_contents(sides, texts=not without_texts)
    write_text(output, build_page(contents, readbench.__version__))
    say(f"{output}: {output.stat().st_size / 1000:,.0f} KB")
    if plots is not None:
        files = write_plots(contents.tasks, plots)
        say(f"{plots}: {len(files)} files")
        if not converts():
            say("for PNG and PDF as well: pip install 'readbench[plots]'", err=True)
    if open_it:
        import webbrowser

        webbrowser.open(output.resolve().as_uri())
