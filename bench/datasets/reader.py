"""The interface of readers, and what is said when none of them knows a reference."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from readbench.core.errors import BenchError
from readbench.core.types import Dataset
from readbench.datasets.lines import extension, head, shown
from readbench.datasets.options import ReadOptions

TABLE_EXTENSIONS = frozenset({".csv", ".tsv"})
JSON_LINES_EXTENSIONS = frozenset({".jsonl", ".ndjson"})
OTHER_EXTENSIONS = frozenset(
    {".parquet", ".pq", ".xlsx", ".xlsm", ".ris", ".bib", ".bibtex", ".nbib", ".ciw"}
)
KINDS = "CSV (.csv, .tsv) or JSON Lines (.jsonl, .ndjson)"
OTHER_KINDS = (
    "JSON (.json), Parquet (.parquet), Excel (.xlsx), RIS (.ris), BibTeX (.bib), PubMed (.nbib) or Web of "
    "Science (.ciw)"
)
FOLDERS = "a folder with train.jsonl, test.jsonl, or with docsutf8/*.txt and keys/*.key (also as .zip)"


# One slash is what a path keeps of two.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_HUB_PAGE = re.compile(r"https?:/{1,2}(?:www\.)?(?:huggingface\.co|hf\.co)/datasets/([\w.-]+/[\w.-]+)")


class Reader(Protocol):
    """Reads one kind of dataset. A new kind is a file with one of these, and its place in READERS.

    ``annotates`` says whether it heeds the option ``annotation``; where it does not, asking for one is
    refused.
    """

    annotates: bool

    def matches(self, path: Path) -> bool:
        """Whether ``path`` is there and of this kind, from its name or its first bytes. Never raises."""
        ...

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """The dataset at ``path``. Raises BenchError for whatever is wrong with it, and nothing else."""
        ...


def is_of_kind(path: Path, extensions: Collection[str], looks: Callable[[bytes], bool]) -> bool:
    """Whether a file is there with one of these extensions, or with none that says anything and the
    first bytes look so."""
    if not is_file(path):
        return False
    known = extension(path)
    if known in TABLE_EXTENSIONS | JSON_LINES_EXTENSIONS | OTHER_EXTENSIONS:
        return known in extensions
    return looks(head(path).lstrip())


def is_file(path: Path) -> bool:
    """Whether a regular file is there, as far as one may see."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where a folder may not be entered


def refusal(reference: str, names: Sequence[str]) -> BenchError:
    """What is wrong with a reference that no reader matches; ``names`` are the embedded corpora."""
    path = Path(reference)
    if url := url_refusal(reference):
        return url
    there = f"there is {', '.join(names)}, or give the path of a file: {KINDS}, of {FOLDERS}, or hub:NAME"
    if reference and os.path.isdir(path):  # noqa: PTH112 - as in _is_file
        return BenchError(
            "a folder of a kind that no reader knows",
            where=reference,
            todo=f"give {FOLDERS}, or a file: {KINDS}",
        )
    if is_file(path):
        if not os.access(path, os.R_OK):
            return BenchError("may not be read (permission denied)", where=reference)
        if not head(path, 1):
            return BenchError("is empty", where=reference, todo=f"give a file: {KINDS}")
        return BenchError(
            "of a kind that no reader knows",
            where=reference,
            todo=f"give {KINDS}, or {OTHER_KINDS}, with the extension to tell",
        )
    close = difflib.get_close_matches(reference, [*names, *_beside(path)], n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    if os.path.lexists(path) and reference:
        return BenchError("is no regular file", where=reference, todo=f"give a file: {KINDS}")
    return BenchError(f"no dataset or file {shown(reference, 500)}", todo=f"{hint}{there}")


def url_refusal(reference: str) -> BenchError | None:
    """What is wrong with a reference that is a URL; None for any other."""
    url = _URL.match(reference)
    if url is None:
        return None
    if url[1].lower() == "file":
        return BenchError("is a URL", where=shown(reference, 500), todo="give the path of the file")
    if hub := _HUB_PAGE.match(reference):
        todo = f"give hub:{hub[1]}, or download its files and give their path"
    else:
        todo = "download it, and give the path of the file"
    return BenchError("is a URL, and bench downloads nothing", where=shown(reference, 500), todo=todo)


def _beside(path: Path) -> list[str]:
    """Paths of the files in the same folder, spelled as the reference was."""
    try:
        return [str(path.parent / entry.name) for entry in os.scandir(path.parent) if entry.is_file()]
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return []
