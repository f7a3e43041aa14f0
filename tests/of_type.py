"""Values whose type a test knows and the interface leaves open: phrases, labels or facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Kind = TypeVar("Kind")


def of_type(kind: type[Kind], value: object) -> Kind:
    """The value, which is of this type."""
    assert isinstance(value, kind), value
    return value


def all_of_type(kind: type[Kind], values: Iterable[object]) -> list[Kind]:
    """The values, each of which is of this type."""
    return [of_type(kind, value) for value in values]
