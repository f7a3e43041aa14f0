"""The views of ``bench query``: what ``views.sql`` says, with the files of one results folder put in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from readbench.results.cost_table import COST_TABLE

PARQUET = {
    "predictions": "cells/*/predictions.parquet",
    "scores": "cells/*/scores.parquet",
    "documents": "datasets/*/documents.parquet",
    "targets": "datasets/*/targets.parquet",
}
"""Which files a view of Parquet files reads, in the results folder."""

JSON = {
    "raw_records": ("cells/*/record.json",),
    "raw_runs": ("runs/*/run.json",),
    "unreadable": ("cells/*/record.json", "runs/*/run.json"),
}
"""The same of JSON files. DuckDB refuses a list with a pattern that no file has."""

READS = {
    "runs": ("raw_runs",),
    "run_cells": ("raw_runs",),
    "records": ("raw_records",),
    "metrics": ("raw_records",),
    "costs": ("raw_records",),
    "phrases": ("predictions",),
}
"""The views that a view reads."""

_BLOCK = re.compile(
    r"^--- (?P<name>(?:empty )?\w+)(?:: (?P<summary>[^\n]*))?\n(?P<sql>.*?)(?=^--- |\Z)", re.M | re.S
)


@dataclass(frozen=True)
class View:
    """``summary`` says what one row is; ``empty`` is the SELECT of its columns where no file is there."""

    name: str
    summary: str
    sql: str
    empty: str = ""


def read_views() -> dict[str, View]:
    """All views by name, each after those that it reads."""
    text = files("readbench.report.query").joinpath("views.sql").read_text(encoding="utf-8")
    blocks = {found["name"]: found for found in _BLOCK.finditer(text)}
    return {
        name: View(name, block["summary"] or "", block["sql"].strip(), _sql(blocks.get(f"empty {name}")))
        for name, block in blocks.items()
        if not name.startswith("empty ")
    }


def _sql(block: re.Match[str] | None) -> str:
    return "" if block is None else block["sql"].strip()


def words_of(sql: str) -> set[str]:
    """Every word of a statement, in lower case: whatever view it reads is among them."""
    return set(re.findall(r"\w+", sql.lower()))


def tables_of(tree: object) -> set[str] | None:
    """The tables that a statement reads, in lower case, from what ``json_serialize_sql`` of DuckDB makes of
    it; None where it reads a table whose name is computed."""
    found: set[str] = set()
    todo = [tree]
    while todo:
        match todo.pop():
            case {"function_name": "query" | "query_table"}:
                return None
            case dict() as node:
                name = node.get("table_name")
                found |= {name.lower()} if isinstance(name, str) else set()
                todo += node.values()
            case list() as nodes:
                todo += nodes
    return found


def needed(words: set[str], views: Mapping[str, View]) -> list[str]:
    """The views among the words, and those that these read. Opening the files of ten thousand cells takes
    seconds, so that nothing else is made."""
    found: dict[str, None] = {}
    for name in views:
        if name in words:
            found.update(dict.fromkeys((*READS.get(name, ()), name)))
    return [name for name in views if name in found]


def create_statements(view: View, root: Path, sources: Iterable[Path]) -> list[str]:
    """The statements that make a view over a results folder. ``sources``: the files that it may read, or
    patterns of theirs below ``root``; of a view that reads others, none."""
    listed = [f"'{_quoted(_as_glob(root, path))}'" for path in sources]
    empty = [f"CREATE TEMP VIEW empty_{view.name} AS {view.empty}"] if "empty_" in view.sql else []
    if view.empty and not listed:
        return [*empty, f"CREATE TEMP VIEW {view.name} AS {view.empty}"]
    kind = "TABLE" if has_wildcards(root) else "VIEW"
    sql = view.sql.replace("{files}", f"[{', '.join(listed)}]").replace("{root}", _quoted(str(root)))
    return [*empty, f"CREATE TEMP {kind} {view.name} AS {sql.replace('{cost_types}', _cost_types())}"]


def one_cell(sql: str, root: Path) -> list[str]:
    """What makes ``predictions_of('CELL')``, where a statement names it: the predictions of one cell from its
    own file. The view ``predictions`` opens the files of all cells."""
    if not re.search(r"\bpredictions_of\b", sql, re.I):
        return []
    source = f"read_parquet('{_quoted(str(root))}/cells/' || key || '/predictions.parquet')"
    if has_wildcards(root):
        source = "predictions WHERE cell = key"
    columns = "*" if has_wildcards(root) else "key AS cell, *"
    return [f"CREATE TEMP MACRO predictions_of(key) AS TABLE SELECT {columns} FROM {source}"]


def has_wildcards(root: Path) -> bool:
    """Whether a path has characters that DuckDB takes for wildcards. It opens such files where they are
    escaped, and later, when only the results folder is allowed, refuses the escaped path."""
    return re.search(r"[\[*?]", str(root)) is not None


def _as_glob(root: Path, path: Path) -> str:
    """A path below ``root`` as DuckDB reads it: ``[``, ``*`` and ``?`` in the name of ``root`` are no
    wildcards."""
    escaped = re.sub(r"[\[*?]", lambda found: f"[{found[0]}]", str(root))
    return f"{escaped}/{path.relative_to(root)}"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _cost_types() -> str:
    """The costs as DuckDB's JSON reader wants them: every cost of the table, in its order."""
    types = {name: "BIGINT" if cost.unit == "bytes" else "DOUBLE" for name, cost in COST_TABLE.items()}
    return "{" + ", ".join(f'"{name}": "{kind}"' for name, kind in types.items()) + "}"
