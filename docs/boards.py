"""A page of a run on the site: made from a board of ``results/reference`` when the site is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import readbench
from readbench.compare.paired import open_side
from readbench.report.page import build_page, read_contents

NAMES = ("keyphrases",)


def on_files(files: Files, config: Any) -> Files:
    """MkDocs calls it once it knows the files of the site: ``boards/NAME.html`` is one more."""
    reference = Path(config.config_file_path).parent / "results" / "reference"
    for name in NAMES:
        contents = read_contents([open_side(str(reference / name), reference)], texts=False)
        page = build_page(contents, readbench.__version__)
        files.append(File.generated(config, f"boards/{name}.html", content=page))
    return files
