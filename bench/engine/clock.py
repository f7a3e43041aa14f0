"""The clocks of a cell's process, taken from ``time`` before any library or method is imported.

The fork server imports this module first. Whoever replaces ``time.perf_counter`` later, in a library or in a
method, does not change what is bound here.
"""

from __future__ import annotations

from time import monotonic, perf_counter, process_time

from readbench.core.errors import BenchError

__all__ = ["monotonic", "perf_counter", "process_time", "seconds_since"]


def seconds_since(start: float) -> float:
    """Seconds since a reading of ``perf_counter``. Raises BenchError where they are negative: something has
    put another clock here all the same."""
    seconds = perf_counter() - start
    if not seconds >= 0:
        raise BenchError(
            f"the clock of its process ran backwards, by {-seconds:.3f} s",
            todo="a method must not replace time.perf_counter",
        )
    return seconds
