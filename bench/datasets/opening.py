"""Opens a dataset: an embedded corpus by its name, or what the first reader that matches makes of one.

A new kind of dataset is one file with a ``Reader`` in this folder, and its place in ``READERS``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset
from readbench.datasets.csv_reader import CsvReader
from readbench.datasets.embedded import SUMMARIES, read_embedded
from readbench.datasets.gold import with_gold
from readbench.datasets.hub_reader import HubReader
from readbench.datasets.instruction_reader import InstructionReader
from readbench.datasets.jsonl_reader import JsonLinesReader
from readbench.datasets.key_folder_reader import KeyFolderReader
from readbench.datasets.lines import extension
from readbench.datasets.options import ReadOptions
from readbench.datasets.part_folder_reader import PartFolderReader
from readbench.datasets.reader import (
    JSON_LINES_EXTENSIONS,
    OTHER_EXTENSIONS,
    TABLE_EXTENSIONS,
    Reader,
    refusal,
)
from readbench.datasets.row_kinds import ROW_READERS

READERS: tuple[Reader, ...] = (
    InstructionReader(),
    PartFolderReader(),
    KeyFolderReader(),
    *ROW_READERS,
    CsvReader(),
    JsonLinesReader(),
    HubReader(),
)
"""Asked in this order; the first that matches reads."""


def open_dataset(reference: str, options: ReadOptions | None = None) -> Dataset:
    """The embedded corpus of this name, or the dataset at this path (``./NAME`` where both exist).

    Raises BenchError where there is neither, and for whatever is wrong with the file.
    """
    options = options or ReadOptions()
    path = Path(reference)
    if reference in SUMMARIES:
        _refuse_annotation(reference, options)
        dataset = read_embedded(reference, options)
    else:
        reader = next((reader for reader in READERS if reader.matches(path)), None)
        if reader is None:
            raise refusal(reference, list(SUMMARIES))
        if not reader.annotates:
            _refuse_annotation(reference, options)
        dataset = replace(reader.read(path, options), source=reference)
    if options.gold_file is None:
        return dataset
    return with_gold(dataset, (path if path.is_dir() else path.parent) / options.gold_file)


def may_be_dataset(reference: str) -> bool:
    """Whether a reference names a dataset, or would if the file were there: by its ending or its form."""
    path = Path(reference)
    known = reference in SUMMARIES or any(reader.matches(path) for reader in READERS)
    return known or extension(path) in TABLE_EXTENSIONS | JSON_LINES_EXTENSIONS | OTHER_EXTENSIONS | {".json"}


def _refuse_annotation(reference: str, options: ReadOptions) -> None:
    if options.annotation != "none":
        raise BenchError(
            f"comes without {options.annotation} annotation",
            where=reference,
            todo="remove `annotation` from the suite's [dataset], or give a folder with train.jsonl, "
            "test.jsonl and corenlp_train.jsonl, corenlp_test.jsonl",
        )
