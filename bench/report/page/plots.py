"""The charts of a page as files of their own: SVG, and PNG and PDF where the converter is installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from readbench.core.files import cannot_write
from readbench.report.page.contents import TaskContents
from readbench.report.page.pictures import Picture

STYLE = """
.axis { fill: #565d69; }
.grid, .leader { stroke: #d5d9e0; opacity: 1; }
.whisker { stroke-width: 1.5; }
.point, .series, .dot { color: #565d69; }
.point .name { color: #1a1c20; }
.point.best { color: #1d5bbf; }
.front, .group { stroke: #1d5bbf; }
.change { stroke: #b3261e; stroke-width: 2; }
.right { fill: #0b6b36; }
.wrong { fill: #b3261e; }
"""
"""The light colours of the page, for a file that no style sheet comes with."""

FONTS = "DejaVu Sans, Liberation Sans, Noto Sans, Noto Sans CJK SC, WenQuanYi Zen Hei, sans-serif"


def standalone(svg: str) -> str:
    """A chart with its colours, on white, in fonts that a converter finds."""
    head, rest = svg.split(">", 1)
    return (
        f'{head} font-family="{FONTS}" color="#1a1c20"><style>{STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{rest}\n'
    )


def write_plots(tasks: Sequence[TaskContents], folder: Path) -> list[Path]:
    """Writes every chart of every task into a folder, in the wide form; returns the files.

    Raises BenchError where they cannot be written.
    """
    written = []
    convert = _converter()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in _named(tasks):
            svg = standalone(picture.wide)
            contents = {"svg": svg.encode("utf-8", "replace")}
            if convert is not None:
                contents |= {"png": convert.svg_to_png(svg, scale=2), "pdf": convert.svg_to_pdf(svg)}
            for kind, content in contents.items():
                path = folder / f"{name}.{kind}"
                path.write_bytes(content)
                written.append(path)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return written


def converts() -> bool:
    """Whether PNG and PDF can be written here (``pip install 'readbench[plots]'``)."""
    return _converter() is not None


def _converter() -> ModuleType | None:
    try:
        import vl_convert
    except ImportError:
        return None
    return vl_convert


def _named(tasks: Sequence[TaskContents]) -> Iterator[tuple[str, Picture]]:
    """Each chart with the name of its file: task and chart, in letters that every file system takes."""
    taken: dict[str, int] = {}
    for task in tasks:
        for picture in task.pictures:
            name = re.sub(r"[^\w@.-]+", "-", f"{task.table.task}-{picture.name}").strip("-.")[:100]
            taken[name] = taken.get(name, 0) + 1
            yield (name if taken[name] == 1 else f"{name}-{taken[name]}"), picture
