"""Options that several verbs have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a verb prints what it found."""

    rich = "rich"
    md = "md"
    json = "json"


class BoardFormat(StrEnum):
    """The same of a board, which is a table and can be CSV as well."""

    rich = "rich"
    md = "md"
    csv = "csv"
    json = "json"


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
