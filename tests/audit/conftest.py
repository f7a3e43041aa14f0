"""Datasets for the tests of the audit."""

from __future__ import annotations

import pytest
from audit_papers import Papers, by_label, made_up

from readbench.core.types import Dataset


@pytest.fixture(scope="session")
def papers() -> Papers:
    return made_up


@pytest.fixture
def planted() -> Dataset:
    return made_up(1, separator=by_label)
