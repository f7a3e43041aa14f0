"""Datasets: an embedded corpus by its name, or a file of papers by its path.

A new kind of file is one file with a ``Reader`` in this folder, and its place in ``READERS``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from readbench.datasets.csv_reader import CsvReader
from readbench.datasets.embedded import SUMMARIES, DatasetInfo, list_embedded, read_embedded
from readbench.datasets.jsonl_reader import JsonLinesReader
from readbench.datasets.options import ReadOptions
from readbench.datasets.reader import Reader, refusal
from readbench.types import Dataset

__all__ = ["READERS", "DatasetInfo", "ReadOptions", "Reader", "list_datasets", "open_dataset"]

READERS: tuple[Reader, ...] = (CsvReader(), JsonLinesReader())
"""Asked in this order; the first that matches reads."""


def open_dataset(reference: str, options: ReadOptions | None = None) -> Dataset:
    """The embedded corpus of this name, or the dataset at this path (``./NAME`` where both exist).

    Raises BenchError where there is neither, and for whatever is wrong with the file.
    """
    options = options or ReadOptions()
    if reference in SUMMARIES:
        return read_embedded(reference, options)
    path = Path(reference)
    for reader in READERS:
        if reader.matches(path):
            return replace(reader.read(path, options), source=reference)
    raise refusal(reference, list(SUMMARIES))


def list_datasets() -> list[DatasetInfo]:
    """The embedded corpora, without reading them."""
    return list_embedded()
