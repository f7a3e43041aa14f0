"""Datasets for the tests of the audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit_papers import Papers, by_label, made_up

from readbench.core.types import Dataset


@pytest.fixture(scope="session")
def papers() -> Papers:
    return made_up


@pytest.fixture
def planted() -> Dataset:
    return made_up(1, separator=by_label)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data beside the repository, which only some machines have."""
    folder = Path(__file__).resolve().parents[2].parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("no shared/data beside the repository: these files may not be copied into it")
    return folder
