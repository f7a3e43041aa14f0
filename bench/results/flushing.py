"""Puts files and folders on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

THREADS = 8


def flush(places: Iterable[Path]) -> None:
    """Puts files and folders on the disk, all at once: a disk takes about as long for several of them as for
    one. Raises OSError where that cannot be done."""
    list(_threads(os.getpid()).map(_flush, places))


@lru_cache(maxsize=1)
def _threads(pid: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a fork has no threads of its parent
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="flush")


def _flush(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
