"""Durations and sizes as people write them: ``10m``, ``8GiB``, and back."""

from __future__ import annotations

import re

from readbench.core.errors import BenchError

SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
BYTES = {"": 1, "b": 1} | {
    f"{letter}{suffix}": (1024 if "i" in suffix else 1000) ** power
    for power, letter in enumerate("kmgt", start=1)
    for suffix in ("b", "ib")
}


MOST_SECONDS = 1000 * 366 * 24 * 3600.0
MOST_BYTES = 2**60
"""Above these a number has a digit too many. Far above, it would be infinite."""


def seconds(text: str | float) -> float:
    """``"90s"``, ``"10m"``, ``"1.5h"`` in seconds. Raises BenchError on anything else."""
    return _parse(str(text), SECONDS, "a duration", "10m", MOST_SECONDS, "a thousand years")


def size(text: str | float) -> int:
    """``"8GiB"``, ``"500MB"`` in bytes. Raises BenchError on anything else."""
    return round(_parse(str(text), BYTES, "a size", "8GiB", MOST_BYTES, "a million TiB"))


LEAST_MEMORY = 2**20
"""No process lives in less: a limit below this is a number whose unit is missing."""


def memory_limit(value: str | float) -> int:
    """A limit of memory in bytes. Raises BenchError for what is no size, and for one that holds no process:
    ``8`` is meant to be ``8GiB``."""
    found = size(value)
    if found < LEAST_MEMORY:
        number = str(value).strip().rstrip("bB ")
        raise BenchError(
            f"{show_size(found)} of memory are too little for a process", todo=f"did you mean {number}GiB?"
        )
    return found


def _parse(
    text: str, units: dict[str, float] | dict[str, int], kind: str, example: str, most: float, in_words: str
) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    if match is None or match[2].lower() not in units or float(match[1]) <= 0:
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
        raise BenchError(f"{shown!r} is not {kind}", todo=f"write it like {example}")
    found = float(match[1]) * units[match[2].lower()]
    if found > most:
        raise BenchError(f"{text[:LONGEST_SHOWN]}… is more than {in_words}", todo=f"write it like {example}")
    return found


LONGEST_SHOWN = 40


def count_of(number: int, noun: str) -> str:
    """
    >>> count_of(1, "cell"), count_of(1200, "cell")
    ('1 cell', '1,200 cells')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def show_seconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 0.001:
        return "<1 ms"
    if value < 0.0995:
        return f"{value * 1000:.2g} ms" if value < 0.00995 else f"{value * 1000:.0f} ms"
    if value < 0.995:
        return f"{value:.2g} s"
    if value < 9.95:
        return f"{value:.1f} s"
    if value < 99.5:
        return f"{value:.0f} s"
    if value < 5940:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


def show_size(value: float | None) -> str:
    if value is None:
        return "–"
    for unit in ("B", "KiB", "MiB"):
        if value < 999.5:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def show_share(value: float | None) -> str:
    """Between 0 and 1, three places."""
    return "–" if value is None else f"{value:.3f}"


def show_count(value: float | None) -> str:
    """
    >>> show_count(12345.0), show_count(2.5)
    ('12,345', '2.5')
    """
    return "–" if value is None else f"{value:,.1f}".removesuffix(".0")


def show_money(value: float | None) -> str:
    """Three figures, in a currency that stands elsewhere.

    >>> show_money(0.01234), show_money(1234.4), show_money(0.0)
    ('0.0123', '1,234', '0')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.3g}"


def show_rate(value: float | None) -> str:
    """Documents a second, three figures."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"
