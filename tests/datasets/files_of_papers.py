"""The types of the fixtures that write files of papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

Write = Callable[[str, str | bytes], Path]
WriteCsv = Callable[[str, Sequence[Sequence[str]]], Path]
Refused = Callable[..., str]
