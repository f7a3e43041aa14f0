"""The time of day as records keep it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """To the millisecond: whether a run measured a cell itself is told by when it began."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
