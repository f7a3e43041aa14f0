"""A board as a table in documents of others: LaTeX and HTML."""

from __future__ import annotations

import html

from readbench.core.escape import for_latex, one_line
from readbench.report.markup import shown_table
from readbench.report.words import closing_sentence
from readbench.results.leaderboard import Leaderboard, Table


def as_latex(board: Leaderboard) -> str:
    r"""One ``table`` a task, to be read with ``\input``. The document needs the package booktabs."""
    return "\n".join(_latex(board, table) for table in board.tables)


def _latex(board: Leaderboard, table: Table) -> str:
    shown = shown_table(table)
    columns = "ll" + "r" * (len(shown.head) - 2)
    caption = f"{board.manifest.suite} on {board.manifest.dataset}: {table.task}. {closing_sentence(table)}"
    lines = [
        f"% {one_line(board.manifest.name)}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{for_latex(caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(for_latex, shown.head)) + r" \\",
        r"\midrule",
        *(" & ".join(map(for_latex, row)) + r" \\" for row in shown.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def as_html(board: Leaderboard) -> str:
    """One ``<table>`` a task, without style and script, to be put into a page."""
    return "\n".join(_html(board, table) for table in board.tables)


def _html(board: Leaderboard, table: Table) -> str:
    shown = shown_table(table)
    caption = f"{board.manifest.suite} on {board.manifest.dataset}: {table.task}. {closing_sentence(table)}"
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in shown.head)
    rows = []
    for rank, method, *cells in shown.rows:
        shown_cells = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
        rows.append(
            f'<tr><td>{_text(rank)}</td><th scope="row"><code>{_text(method)}</code></th>{shown_cells}</tr>'
        )
    lines = ["<table>", f"<caption>{_text(caption)}</caption>", f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    return "\n".join([*lines, *rows, "</tbody>", "</table>"]) + "\n"


def _text(text: str) -> str:
    return html.escape(one_line(text))
