"""Writes the pages of the reference that are made from the code: ``make reference``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import command_page
import metrics_page
import suite_page

HERE = Path(__file__).parent

PAGES: Mapping[str, Callable[[], str]] = {
    "suite.md": suite_page.page,
    "command-line.md": command_page.page,
    "metrics.md": metrics_page.page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
