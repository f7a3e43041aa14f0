"""The names under which corpora give the parts of their official split."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from readbench.core.types import Part

PART_NAMES: Mapping[str, Part] = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "validation": "validation",
        "valid": "validation",
        "val": "validation",
        "dev": "validation",
        "development": "validation",
        "test": "test",
        "testing": "test",
    }
)
"""Parts by the names, in lower case, of files, folders and splits."""

PARTS: tuple[Part, ...] = ("train", "validation", "test")


def part_of(name: str) -> Part | None:
    """The part that a file, folder or split of this name is; None where the name says nothing."""
    return PART_NAMES.get(name.lower())
