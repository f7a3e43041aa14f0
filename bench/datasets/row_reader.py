"""Readers of files that are rows already: each says how its file is opened, the rest is common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from readbench.core.errors import MissingDependency
from readbench.core.types import Dataset, Decision
from readbench.datasets.collect import Collector
from readbench.datasets.lines import extension
from readbench.datasets.options import ReadOptions
from readbench.datasets.reader import is_file, is_of_kind

Placed = Iterator[tuple[str, Mapping[str, object]]]
"""Rows by column name, each with its place in the file: ``row 3``."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The rows of a file, read as they are asked for, and what was decided about the file."""

    rows: Placed
    decisions: tuple[Decision, ...] = ()


class RowReader:
    """Reads one kind of file of rows, known by its extension or, where that says nothing, by its first bytes.

    ``open`` raises BenchError for whatever is wrong with a file, at once or while the rows are taken.
    """

    annotates = False

    def __init__(
        self,
        extensions: Collection[str],
        looks: Callable[[bytes], bool],
        open: Callable[[Path, ReadOptions], Opened],
    ) -> None:
        self._extensions, self._looks, self.open = extensions, looks, open

    def matches(self, path: Path) -> bool:
        return (is_file(path) and extension(path) in self._extensions) or is_of_kind(
            path, self._extensions, self._looks
        )

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Raises BenchError; which ones, ``open`` and Collector say."""
        opened = self.open(path, options)
        collector = Collector(path, options, decided=opened.decisions)
        for place, row in opened.rows:
            collector.add(row, place)
        return collector.dataset()


def needed(library: str, path: Path) -> MissingDependency:
    """What is said where the library that reads a kind of file is not installed."""
    return MissingDependency(
        f"needs the library {library}", where=str(path), todo="pip install 'readbench[exports]'"
    )
