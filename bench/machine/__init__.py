"""What a result stands on: the machine, its GPUs, versions, sources and weights.

Nothing here knows a task.
"""

__all__ = [
    "file_sums",
    "gpu",
    "load",
    "machine",
    "memory",
    "processes",
    "sources",
    "user_cache",
    "versions",
    "weights",
]
