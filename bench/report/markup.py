"""The leaderboard as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from readbench.core.escape import for_markdown, for_spreadsheet, json_text, markdown_code, markdown_table
from readbench.report.words import (
    closing_sentence,
    failed_document_lines,
    failed_mark,
    load_notes,
    own_code_lines,
    price_notes,
    shown_cost,
    statistical_notes,
    tuned_lines,
)
from readbench.results.cost_table import COST_TABLE
from readbench.results.leaderboard import Leaderboard, Row, Table
from readbench.results.record import Value


def as_json(board: Leaderboard) -> str:
    """An object with the run's facts and ``rows``; a row carries ``method``, ``status``, ``metrics``
    (name to value, low, high, n) and ``costs``."""
    manifest = board.manifest
    value = {
        "run": manifest.name,
        "folder": str(board.folder),
        "status": manifest.status,
        "suite": manifest.suite,
        "dataset": manifest.dataset,
        "demo": manifest.demo,
        "fingerprint": manifest.fingerprint,
        "tasks": {
            name: settings.model_dump(include={"primary", "documents", "tested", "folds", "split"})
            for name, settings in manifest.tasks.items()
        },
        "machine": manifest.machine,
        "warnings": {table.task: table.settings.warnings for table in board.tables},
        "closing": {table.task: closing_sentence(table) for table in board.tables},
        "statistics": {table.task: statistical_notes(table) for table in board.tables},
        "detectable": {table.task: table.statistics.get("detectable") for table in board.tables},
        "rows": [row.as_json() for table in board.tables for row in table.rows],
    }
    return json_text(value)


def as_csv(board: Leaderboard) -> str:
    """One row a method with the metrics of its board; every metric stands in the JSON and in the run's
    ``results.csv``. A column is there where some row fills it, but for those that say which run it is."""
    columns, rows = _of_the_board(board)
    filled = {name for row in rows for name, value in row.items() if value is not None}
    names = [name for name in columns if name in filled or name in IDENTITY]
    sink = io.StringIO()
    writer = csv.DictWriter(sink, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        shown = {name: row.get(name) for name in names}
        writer.writerow({k: for_spreadsheet(v) if isinstance(v, str) else v for k, v in shown.items()})
    return sink.getvalue()


IDENTITY = ("run", "suite", "dataset", "task", "method", "status")
"""The first columns of a table of rows: what each row is of."""


def _of_the_board(board: Leaderboard) -> tuple[list[str], list[dict[str, Any]]]:
    """The columns and ``flat_rows`` with the run, without the metrics that no board shows: which row it is,
    the metrics in the order of the boards, the costs."""
    manifest = board.manifest
    of_run = {"run": manifest.name, "suite": manifest.suite, "dataset": manifest.dataset}
    rows = [of_run | row for row in flat_rows(board)]
    metrics = {
        name: None
        for table in board.tables
        for name in (table.primary, *table.settings.board, *([table.sort] if table.sort else []))
        if name not in COST_TABLE
    }
    every = {name for table in board.tables for row in table.rows for name in row.metrics}
    of_metrics = {f"{name}{part}" for name in every for part in ("", ".low", ".high", ".spread", ".reason")}
    names = dict.fromkeys(name for row in rows for name in row if name not in of_metrics)
    return [
        *(name for name in names if name not in COST_TABLE),
        *(f"{name}{part}" for name in metrics for part in ("", ".low", ".high", ".spread")),
        *(name for name in names if name in COST_TABLE),
    ], rows


def as_markdown(board: Leaderboard) -> str:
    lines = []
    suite, dataset = for_markdown(board.manifest.suite), for_markdown(board.manifest.dataset)
    for table in board.tables:
        lines += [
            f"**{suite}** on {dataset}, {table.task}, {table.settings.tested} test documents",
            "",
            *_warned(table),
            *_markdown_table(table),
            "",
            for_markdown(closing_sentence(table)),
            "",
            *(
                text
                for note in (
                    *map(for_markdown, own_code_lines(table)),
                    *_as_list(tuned_lines(table)),
                    *map(for_markdown, failed_document_lines(table)),
                    *map(for_markdown, [*load_notes(table), *price_notes(table), *statistical_notes(table)]),
                )
                for text in (note, "")
            ),
        ]
    if board.manifest.demo:
        lines.append("Demo corpus written for this project: its scores say nothing about real papers.\n")
    return "\n".join(lines)


def _as_list(lines: Sequence[str]) -> list[str]:
    """A line and the list below it."""
    if not lines:
        return []
    return [lines[0], "\n".join(f"* {for_markdown(line.strip())}" for line in lines[1:])]


def _warned(table: Table) -> list[str]:
    return [text for line in table.settings.warnings for text in (f"> **Warning**: {for_markdown(line)}", "")]


def _markdown_table(table: Table) -> list[str]:
    shown = shown_table(table)
    rows = [
        [ranks, markdown_code(method) + (" (tuned)" if row.chosen else ""), *map(for_markdown, cells)]
        for row, (ranks, method, *cells) in zip(table.rows, shown.rows, strict=True)
    ]
    return markdown_table(shown.head, rows, right=range(2, len(shown.head)))


@dataclass(frozen=True)
class ShownTable:
    """The columns of a board in documents, as plain text: rank range, method, primary metric with interval,
    the other metrics, speed and memory. ``rows`` are in the board's order."""

    head: list[str]
    rows: list[list[str]]


def shown_table(table: Table) -> ShownTable:
    """What Markdown, LaTeX and HTML show of a task. A method that did not end ok has its error in the place
    of the primary metric."""
    metrics = [table.primary, *table.settings.board]
    speed, memory = COST_TABLE["documents_per_s_marginal"], COST_TABLE["peak_memory_bytes"]
    head = [
        "rank",
        "method",
        f"{table.primary} (95 %)",
        *metrics[1:],
        speed.heading,
        f"peak {memory.heading}",
    ]
    rows = []
    for row in table.rows:
        ranks = "–" if row.ranks is None else "–".join(dict.fromkeys(map(str, row.ranks)))
        values = [_value(row, metric) for metric in metrics]
        shown = ["–" if value is None else f"{value.value:.3f}" for value in values]
        if row.status != "ok":
            shown[0] = f"{row.status}: {next(iter(row.problem.splitlines()), '')}"
        elif values[0] is not None:
            shown[0] += _interval(values[0]) + failed_mark(row)
        costs = [shown_cost(row, cost) for cost in (speed, memory)]
        rows.append([ranks, row.method, *shown, *costs])
    return ShownTable(head, rows)


def _value(row: Row, metric: str) -> Value | None:
    """What a row that ended ok has of a metric; None where that is no number."""
    value = row.metrics.get(metric) if row.status == "ok" else None
    return None if value is None or value.value is None else value


def _interval(value: Value) -> str:
    if value.low is None or value.high is None:
        return " (no interval)" if value.reason else ""
    return f" ({value.low:.3f} to {value.high:.3f})"


def flat_rows(board: Leaderboard) -> list[dict[str, Any]]:
    """One row a method: rank range, every metric with its interval, every cost."""
    rows = []
    for table in board.tables:
        for row in table.rows:
            best, worst = row.ranks or (None, None)
            flat: dict[str, Any] = {
                "task": row.task,
                "method": row.method,
                "status": row.status,
                "rank_best": best,
                "rank_worst": worst,
                "chosen": row.chosen.words if row.chosen else None,
                "reference": row.reference,
                "beside_other_work": row.beside_other_work,
                "failed_documents": None if row.failed_documents is None else row.failed_documents.count,
                "goes": row.goes if row.records else None,
                "shards": row.shards if row.records else None,
            }
            for name, value in row.metrics.items():
                flat |= {name: value.value, f"{name}.low": value.low, f"{name}.high": value.high}
                if value.reason is not None:
                    flat[f"{name}.reason"] = value.reason
                if value.spread is not None:
                    flat[f"{name}.spread"] = value.spread
            flat |= row.costs.model_dump()
            rows.append(flat)
    return rows
