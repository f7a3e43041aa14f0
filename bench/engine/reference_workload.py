"""A fixed piece of work that every run times before its cells, so that speeds that were stored on the same
machine at another time can be scaled: a machine that does this slower today does everything slower."""

from __future__ import annotations

import hashlib
from time import perf_counter

ROUNDS = 5
SIZE = 40_000
TEXT = b"the same bytes for every machine and every year, " * 2000


def time_reference_workload() -> float:
    """Seconds that the fastest of five rounds took: array arithmetic, hashing and plain Python, of which
    methods are made. The fastest round is the one that was disturbed least. About 0.3 s in all."""
    return min(_timed() for _ in range(ROUNDS))


def _timed() -> float:
    import numpy as np

    numbers = np.random.default_rng(20240).random(SIZE)
    began = perf_counter()
    # No matrix products: how many threads they use depends on the environment of whoever calls.
    for _ in range(6):
        numbers = np.sort(np.tanh(numbers * 3) + numbers[::-1])
    for _ in range(150):
        hashlib.sha256(TEXT).digest()
    counts: dict[str, int] = {}
    for number in range(60_000):
        word = f"w{number % 1009}"
        counts[word] = counts.get(word, 0) + number
    return perf_counter() - began
