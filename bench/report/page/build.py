"""Puts the page together: what it shows, its one style and one script, and the policy that allows no more."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from readbench.core.escape import for_html, for_script
from readbench.report.page.board import BoardView, board_view, without_words
from readbench.report.page.contents import PageContents, TaskContents
from readbench.report.page.packed import pack
from readbench.report.page.pictures import Picture, marks_of
from readbench.report.page.provenance import provenance
from readbench.report.words import cautions, closing_sentence, documents_of_parts, footnotes
from readbench.results.leaderboard import Leaderboard

STYLES = ("page.css",)
SCRIPTS = ("theme.js", "data.js", "table.js", "charts.js", "detail.js", "documents.js", "pairs.js")
"""In the order in which they run; each is a function of its own, so that they share no names but what
``data.js`` begins."""


@dataclass(frozen=True)
class TaskView:
    """What the template shows of one task. ``pictures`` are charts of which the reader chooses one (by their
    kind), and others."""

    contents: TaskContents
    place: int
    heading: str
    closing: str
    documents: str
    board: BoardView
    notes: Sequence[str]
    chosen: Mapping[str, Sequence[Picture]]
    pictures: Sequence[Picture]
    pairs: Markup


def build_page(contents: PageContents, version: str) -> str:
    """The whole page as text; ``version`` is that of the program that made it."""
    style = "\n".join(map(_resource, STYLES))
    script = "\n".join(f"(() => {{\n{_resource(name)}}})();" for name in SCRIPTS)
    manifest = contents.board.manifest
    return _template("page.html").render(
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        manifest=manifest,
        cautions=cautions(manifest),
        tasks=[_task_view(task, place, contents) for place, task in enumerate(contents.tasks)],
        provenance=provenance(contents.board),
        contents=contents,
        documents=None if contents.documents is None else Markup(pack(contents.documents)),
        charts=Markup(pack(_packed_charts(contents))),
        version=version,
    )


def _policy(style: str, script: str) -> str:
    """A content security policy under which the page can load nothing at all."""
    return f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _task_view(task: TaskContents, place: int, contents: PageContents) -> TaskView:
    chosen: dict[str, list[Picture]] = {}
    for picture in task.pictures:
        if picture.choice:
            chosen.setdefault(picture.kind, []).append(picture)
    table = task.table if contents.texts else without_words(task.table)
    return TaskView(
        task,
        place,
        task.table.task,
        closing_sentence(task.table),
        documents_of_parts(task.table),
        board_view(table, task.marks, output=contents.texts),
        footnotes(table),
        chosen,
        [picture for picture in task.pictures if not picture.choice],
        Markup(for_script(task.pairs)),
    )


def _packed_charts(contents: PageContents) -> dict[str, list[str]]:
    """The charts that are not on the page as it opens, wide and narrow: those that are shown when the reader
    chooses them, and the narrow form of all others."""
    placed = [(place, picture) for place, task in enumerate(contents.tasks) for picture in task.pictures]
    placed += enumerate(contents.history)
    return {
        picture.key(place): [picture.wide if picture.choice else "", picture.narrow]
        for place, picture in placed
        if picture.choice or picture.narrow
    }


def _resource(name: str) -> str:
    """A file of the page without what only its authors read: indents, and lines that are a comment."""
    text = files("readbench.report.page").joinpath("files", name).read_text(encoding="utf-8")
    if name.endswith((".js", ".css")):
        lines = (line.strip() for line in text.splitlines())
        return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))
    return text


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markup"] = Markup
    environment.filters["breakable"] = _breakable
    return environment


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


def _shown(value: Any) -> Any:
    """Whatever is no markup already goes through the one escaper of HTML."""
    if isinstance(value, Markup):
        return value
    return Markup(for_html("" if value is None else str(value)))


def _breakable(name: str) -> Markup:
    """The name of a method, which may break after the dot of its family and before its parameters."""
    return Markup(for_html(name).replace(".", ".<wbr>", 1).replace("[", "<wbr>[", 1))


def render_board(board: Leaderboard) -> str:
    """The tables of a board as a part of a page of somebody else: no style, no script."""
    tables = [table for table in board.tables if table.rows]
    views = [board_view(table, marks_of(table, place), output=False) for place, table in enumerate(tables)]
    return _template("notebook.html").render(
        manifest=board.manifest,
        cautions=cautions(board.manifest),
        tables=[(table, closing_sentence(table), view) for table, view in zip(tables, views, strict=True)],
    )
