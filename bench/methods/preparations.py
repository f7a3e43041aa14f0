"""Finds a preparation of a method."""

from __future__ import annotations

from collections.abc import Sequence

from readbench.adapter import Adapter, Preparation


def find_preparation(adapter: Adapter, path: Sequence[str]) -> Preparation:
    """The preparation that a method reaches by these names, through preparations of preparations."""
    need = adapter.needs().preparations[path[0]]
    for name in path[1:]:
        need = need.preparation.needs()[name]
    return need.preparation
