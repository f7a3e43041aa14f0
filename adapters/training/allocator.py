"""How the C library keeps memory that a step of training gives back."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of mallopt's parameters (malloc.h of glibc)."""
LARGE = 2**30


def keep_freed_memory() -> bool:
    """Memory that is freed stays with the process for the next step. glibc hands large tensors back to the
    kernel at once, and each step has its pages cleared anew: a fifth of a step's time on a CPU. Whether it is
    so now: only with glibc."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(
        [mallopt(MMAP_THRESHOLD, LARGE) == 1, mallopt(TRIM_THRESHOLD, LARGE) == 1]
    )
