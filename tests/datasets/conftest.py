"""Files of papers for the tests of the readers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from files_of_papers import Refused, Write, WriteCsv

from readbench.core.errors import BenchError
from readbench.datasets import ReadOptions, open_dataset


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and gives its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def write_csv(tmp_path: Path) -> WriteCsv:
    """Writes rows as the csv module does."""

    def write(name: str, rows: Sequence[Sequence[str]]) -> Path:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(rows)
        return path

    return write


@pytest.fixture
def refused() -> Refused:
    """Opens what must not open, and gives the message: one line that ends the program with status 2."""

    def refused(path: Path | str, **options: object) -> str:
        with pytest.raises(BenchError) as caught:
            open_dataset(str(path), ReadOptions.model_validate(options))
        message = str(caught.value)
        assert "\n" not in message
        assert caught.value.exit_status == 2
        return message

    return refused
