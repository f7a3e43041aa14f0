"""The leaderboard in a terminal: readable at 80 columns, fuller where there is room."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from readbench.leaderboard import Leaderboard, Row, Table, closing_sentence
from readbench.record import Value
from readbench.units import show_rate, show_seconds, show_size

WIDE = 120


def render(board: Leaderboard, width: int) -> RenderableType:
    """The whole board: what was run, a table a task, and the closing sentences."""
    parts: list[RenderableType] = [_heading(board)]
    for table in board.tables:
        parts.append(_table(table, width))
        parts.extend(_problems(table))
        parts.append(_footnotes(table))
    parts.append(Text(""))
    for table in board.tables:
        parts.append(Text(closing_sentence(table), style="bold"))
    return Group(*parts)


def print_board(board: Leaderboard, console: Console) -> None:
    console.print(render(board, console.width))


def _heading(board: Leaderboard) -> Text:
    manifest = board.manifest
    n = manifest.documents
    text = Text()
    text.append(f"{manifest.suite}", style="bold")
    text.append(f" on {manifest.dataset}: {n['test']} test documents")
    if n.get("train"):
        text.append(f", {n['train']} for training")
    if n.get("validation"):
        text.append(f", {n['validation']} for validation")
    if manifest.limit:
        text.append(f" (a sample, --limit {manifest.limit})")
    if manifest.demo:
        text.append("\nDemo corpus written for this project: its scores say nothing about real papers.", "yellow")
    left_out = ", ".join(f"{count} {name.removeprefix('skipped: ')}" for name, count in _left_out(board).items())
    if left_out:
        text.append(f"\nLeft out by the reader: {left_out}.", "yellow")
    if manifest.status != "finished":
        text.append(f"\nThis run is {manifest.status}: what is missing was not measured.", "yellow")
    return text


def _left_out(board: Leaderboard) -> dict[str, int]:
    return {name: n for name, n in board.manifest.dataset_counts.items() if name.startswith("skipped") and n}


def _table(table: Table, width: int) -> RichTable:
    wide = width >= WIDE
    metrics = [table.primary, *table.settings.board] if wide else [table.primary, *table.settings.board[:1]]
    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), title_justify="left")
    grid.add_column("rank", no_wrap=True)
    grid.add_column("method", overflow="fold", min_width=18)
    grid.add_column(f"{metrics[0]} [95 %]", justify="right", no_wrap=True)
    for metric in metrics[1:]:
        grid.add_column(metric, justify="right", no_wrap=True)
    grid.add_column("docs/s", justify="right", no_wrap=True)
    if wide:
        for name in ("ms/doc", "import", "load", "prepare", "fit"):
            grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("memory", justify="right", no_wrap=True)
    for row in table.rows:
        grid.add_row(*_cells(row, metrics, wide), style="" if row.status == "ok" else "red")
    return grid


def _cells(row: Row, metrics: Sequence[str], wide: bool) -> list[str | Text]:
    costs = row.record.costs if row.record else None
    rank = "–" if row.ranks is None else _range(*row.ranks)
    first = f"{row.status}" if row.status != "ok" else _with_interval(_value(row, metrics[0]))
    cells: list[str | Text] = [rank, row.method, first]
    cells += [_plain(_value(row, metric)) for metric in metrics[1:]]
    rate = costs.documents_per_s_marginal if costs else None
    cells.append(show_rate(rate))
    if wide:
        cells.append("–" if not rate else f"{1000 / rate:.3g}")
        for name in ("import_s", "load_s", "prepare_s", "fit_s"):
            cells.append(show_seconds(getattr(costs, name) if costs else None))
    cells.append(show_size(costs.peak_memory_bytes if costs else None))
    return cells


def _value(row: Row, metric: str) -> Value | None:
    return row.record.metrics.get(metric) if row.record and row.status == "ok" else None


def _range(best: int, worst: int) -> str:
    return f"{best}" if best == worst else f"{best}–{worst}"


def _with_interval(value: Value | None) -> str:
    if value is None or value.value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.value:.3f}"
    return f"{value.value:.3f} [{_short(value.low)} {_short(value.high)}]"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _plain(value: Value | None) -> str:
    return "–" if value is None or value.value is None else f"{value.value:.3f}"


def _problems(table: Table) -> list[Text]:
    """One line for each way in which methods did not finish: ten methods that lack the same package
    are one line."""
    said: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        if row.status != "ok":
            said.setdefault((row.status, row.problem.splitlines()[0] if row.problem else ""), []).append(row.method)
    lines = []
    for (status, problem), methods in said.items():
        who = methods[0] if len(methods) == 1 else f"{len(methods)} methods ({methods[0]}, …)"
        lines.append(Text(f"{status}: {who}: {problem}", style="red"))
    return lines


def _footnotes(table: Table) -> Text:
    ok = [row.record for row in table.rows if row.record is not None and row.status == "ok"]
    lines = []
    without = max((record.counts.get("without_gold", 0) for record in ok), default=0)
    if without:
        lines.append(f"{without} documents without gold are left out of the means.")
    weights = {name: owner for record in ok for name, owner in record.weights.items()}
    if weights:
        lines.append("Ran with " + ", ".join(f"{name} ({owner})" for name, owner in sorted(weights.items())) + ".")
    if any(record.contended for record in ok):
        lines.append("Measured beside other cells (--workers): speeds are not comparable with a run alone.")
    if len(ok) > 1:
        lines.append(
            "rank: from 1 + the methods significantly better to the methods not significantly worse "
            "(paired sign-flip test, Holm, 5 %). docs/s: marginal, everything loaded."
        )
    return Text("\n".join(lines), style="dim")
