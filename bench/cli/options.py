"""Options that several verbs have."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from readbench.cli import completion
from readbench.core.errors import BenchError
from readbench.core.units import memory_limit, seconds


def reading(language: str | None, encoding: str | None, keyword_separator: str | None) -> dict[str, str]:
    """The reading options that were given, by their names in a suite's [dataset]."""
    given = {"language": language, "encoding": encoding, "keyphrase_separator": keyword_separator}
    return {name: value for name, value in given.items() if value is not None}


class Format(StrEnum):
    """How a verb prints what it found."""

    rich = "rich"
    md = "md"
    json = "json"


class AnswerFormat(StrEnum):
    """How a verb prints an answer that has no form in Markdown."""

    rich = "rich"
    json = "json"


class BoardFormat(StrEnum):
    """The same of a board, which is a table and can be CSV as well."""

    rich = "rich"
    md = "md"
    csv = "csv"
    json = "json"


class Executor(StrEnum):
    """Where cells run: on this machine, as jobs of SLURM, or as tasks of Ray."""

    local = "local"
    slurm = "slurm"
    ray = "ray"


SuiteName = Annotated[
    str | None,
    typer.Argument(
        help="A suite's name or TOML file; without one the task is inferred.",
        autocompletion=completion.suites,
    ),
]
DatasetName = Annotated[
    str | None,
    typer.Option(help="A name or a path; overrides the suite's.", autocompletion=completion.datasets),
]
Labels = Annotated[Path | None, typer.Option(help="A second file with id and label, joined by id.")]
Methods = Annotated[
    list[str] | None,
    typer.Option(
        help="Only this method, e.g. 'pke.tfidf[n=2]'; repeat for several.", autocompletion=completion.methods
    ),
]
Limit = Annotated[
    int | None, typer.Option(help="Take a random sample of this many documents, the same for all methods.")
]
Language = Annotated[
    str | None, typer.Option(help="Language of documents without one, such as pt; overrides the suite's.")
]
Encoding = Annotated[str | None, typer.Option(help="Text encoding of the file, such as cp1252.")]
KeywordSeparator = Annotated[
    str | None, typer.Option(help="What separates the keyphrases within a cell, such as ',' or '\\t'.")
]
Positive = Annotated[str | None, typer.Option(help="With two labels: the class for precision, recall, f1.")]
Seed = Annotated[int | None, typer.Option(help="Overrides the suite's.")]
Timeout = Annotated[str | None, typer.Option(help="Time limit of a cell, such as 10m.")]
Memory = Annotated[str | None, typer.Option(help="Memory limit of a cell, such as 8GiB.")]
Workers = Annotated[int, typer.Option(help="Cells at the same time; above 1, speeds are marked.")]
Shards = Annotated[
    str,
    typer.Option(
        help="Parts that the documents of a cell are predicted in, each in a process of its own, where the "
        "method learns nothing; auto: as many as --workers."
    ),
]
Retry = Annotated[bool, typer.Option("--retry", help="Run failed and timed-out cells again.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Ignore stored results and measure everything.")]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Count a method as failed if it cannot run here or raises on a document."),
]


MOST_SHARDS = 1024


def read_shards(text: str, automatic: int) -> int:
    """``--shards`` as a number; ``automatic`` is what ``auto`` stands for. Raises BenchError that names the
    option."""
    if text == "auto":
        return max(1, automatic)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_SHARDS:
        return int(text)
    raise BenchError(
        f"{text[:40]!r} is no number of parts", where="--shards", todo=f"write 1 to {MOST_SHARDS}, or auto"
    )


def read_timeout(text: str | None) -> float | None:
    """``--timeout`` in seconds. Raises BenchError that names the option."""
    return _read("--timeout", text, seconds)


def read_memory(text: str | None) -> int | None:
    """``--memory`` in bytes. Raises BenchError that names the option."""
    return _read("--memory", text, memory_limit)


Value = TypeVar("Value")


def _read(option: str, text: str | None, read: Callable[[str], Value]) -> Value | None:
    if text is None:
        return None
    try:
        return read(text)
    except BenchError as error:
        raise BenchError(error.what, where=option, todo=error.todo) from None
