"""The leaderboard as Markdown, CSV and JSON, and as the data frame that Python callers get."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from readbench.report.words import closing_sentence, statistical_notes, tuned_lines
from readbench.results.cost_table import COST_TABLE
from readbench.results.leaderboard import Leaderboard, Table
from readbench.results.record import Value

if TYPE_CHECKING:
    import pandas as pd


def as_json(board: Leaderboard) -> str:
    """An object with the run's facts and ``rows``; a row carries ``method``, ``status``, ``metrics``
    (name to value, low, high, n) and ``costs``."""
    manifest = board.manifest
    value = {
        "run": manifest.name,
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
        "rows": [row.as_json() for table in board.tables for row in table.rows],
    }
    return json.dumps(value, indent=1, ensure_ascii=False)


def as_csv(board: Leaderboard) -> str:
    rows = flat_rows(board)
    names = list(dict.fromkeys(name for row in rows for name in row))
    sink = io.StringIO()
    writer = csv.DictWriter(sink, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()


def as_markdown(board: Leaderboard) -> str:
    lines = []
    for table in board.tables:
        lines += [
            f"**{board.manifest.suite}** on {board.manifest.dataset}, {table.task}, "
            f"{table.settings.tested} test documents",
            "",
            *_warned(table),
            *_markdown_table(table),
            "",
            closing_sentence(table),
            "",
            *(
                text
                for note in (*_as_list(tuned_lines(table)), *statistical_notes(table))
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
    return [lines[0], "\n".join(f"* {line.strip()}" for line in lines[1:])]


def _warned(table: Table) -> list[str]:
    return [text for line in table.settings.warnings for text in (f"> **Warning**: {line}", "")]


def _markdown_table(table: Table) -> list[str]:
    metrics = [table.primary, *table.settings.board]
    speed, memory = COST_TABLE["documents_per_s_marginal"], COST_TABLE["peak_memory_bytes"]
    of_costs = [speed.heading, f"peak {memory.heading}"]
    head = ["rank", "method", f"{table.primary} (95 %)", *metrics[1:], *of_costs]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * 2}{' ---: |' * (len(head) - 2)}"]
    for row in table.rows:
        cells = [
            "–" if row.ranks is None else "–".join(dict.fromkeys(map(str, row.ranks))),
            f"`{row.method}`".replace("|", "\\|") + (" (tuned)" if row.chosen else ""),
        ]
        for metric in metrics:
            value = row.metrics.get(metric) if row.status == "ok" else None
            cells.append("–" if value is None or value.value is None else f"{value.value:.3f}")
            if metric == table.primary and value is not None and value.value is not None:
                cells[-1] += _interval(value)
        if row.status != "ok":
            cells[2] = f"{row.status}: {row.problem.splitlines()[0] if row.problem else ''}".replace(
                "|", "\\|"
            )
        cells += [cost.show(getattr(row.costs, cost.name)) for cost in (speed, memory)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


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


def as_frame(board: Leaderboard) -> pd.DataFrame:
    """A data frame of ``flat_rows``; ``attrs["run"]`` is the run's folder."""
    import pandas as pd

    frame = pd.DataFrame(flat_rows(board))
    frame.attrs["run"] = str(board.folder)
    return frame
