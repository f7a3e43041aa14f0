"""Papers from CSV: a header, one row a document."""

from __future__ import annotations

from pathlib import Path

from readbench.core.types import Dataset
from readbench.datasets.collect import Collector
from readbench.datasets.options import ReadOptions
from readbench.datasets.reader import TABLE_EXTENSIONS, is_of_kind
from readbench.datasets.table import open_table

_OTHER_BEGINNINGS = (b"{", b"[", b"<", b"%PDF")


class CsvReader:
    """Reads CSV and TSV, also gzipped."""

    annotates = False

    def matches(self, path: Path) -> bool:
        return is_of_kind(path, TABLE_EXTENSIONS, _looks_like_a_table)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Raises BenchError; which ones, Collector and ``open_table`` say."""
        table = open_table(path, options.encoding)
        collector = Collector(path, options, decided=table.decisions)
        collector.check_columns(table.header)
        for row in table.rows:
            collector.add(dict(zip(table.header, row.cells, strict=True)), row.place)
        return collector.dataset()


def _looks_like_a_table(beginning: bytes) -> bool:
    if b"\0" in beginning or beginning.startswith(_OTHER_BEGINNINGS):
        return False
    header = beginning.partition(b"\n")[0]
    return any(delimiter in header for delimiter in (b",", b"\t", b";", b"|"))
