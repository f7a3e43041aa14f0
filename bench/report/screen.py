"""The console that everything for people is printed on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from readbench.core.escape import for_terminal

WIDTH_OF_A_LOG = 160
"""Columns where the output is no terminal and no width is given: lines of a log may be longer than 80."""


class Screen(Console):
    """A console on which text of data, methods and models cannot act: only the styles of this program reach
    the terminal as control sequences."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control is None:
                yield segment._replace(text=for_terminal(segment.text))
            else:
                yield segment


def screen(*, stderr: bool = False) -> Screen:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _width_of_a_pager() or WIDTH_OF_A_LOG
    return Screen(width=width, stderr=stderr)


def _width_of_a_pager() -> int | None:
    """Columns of the terminal where standard output goes through a pipe (`| less`) and standard error is
    seen; None where nobody looks."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or None
    except (OSError, ValueError):
        return None
