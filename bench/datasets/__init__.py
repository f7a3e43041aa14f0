"""Datasets: an embedded corpus by its name, a file or folder of papers by its path, or one of the
Hugging Face hub as ``hub:NAME``.

A new kind of dataset is one file with a ``Reader`` in this folder, and its place in ``opening.READERS``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from readbench.datasets.embedded import DatasetInfo as DatasetInfo
    from readbench.datasets.opening import READERS as READERS
    from readbench.datasets.opening import may_be_dataset as may_be_dataset
    from readbench.datasets.opening import open_dataset as open_dataset
    from readbench.datasets.options import ReadOptions as ReadOptions
    from readbench.datasets.reader import Reader as Reader

__all__ = [
    "READERS",
    "DatasetInfo",
    "ReadOptions",
    "Reader",
    "columns",
    "csv_reader",
    "given_away",
    "jsonl_reader",
    "labels",
    "lines",
    "list_datasets",
    "may_be_dataset",
    "near_duplicates",
    "open_dataset",
    "options",
    "row_kinds",
    "splits",
    "stream",
    "table",
    "token_lists",
]

_PLACES = {
    "DatasetInfo": ("embedded", "DatasetInfo"),
    "READERS": ("opening", "READERS"),
    "ReadOptions": ("options", "ReadOptions"),
    "Reader": ("reader", "Reader"),
    "may_be_dataset": ("opening", "may_be_dataset"),
    "open_dataset": ("opening", "open_dataset"),
}
"""Lazily: a suite is read, and a board shown, without any reader of files."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def list_datasets() -> list[DatasetInfo]:
    """The embedded corpora, without reading them."""
    from readbench.datasets.embedded import list_embedded

    return list_embedded()
