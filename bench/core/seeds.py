"""Seeds and orders that depend on names alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def seeded_order(ids: Sequence[str], salt: str) -> list[str]:
    return sorted(ids, key=lambda id_: hashlib.sha256(f"{salt}:{id_}".encode()).digest())


def derived_seed(seed: int, *parts: object) -> int:
    """A 32-bit seed from the suite's seed and what it is for, so that adding a method changes no
    other method's result."""
    text = ":".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
