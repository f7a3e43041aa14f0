"""What a board says, in words."""

from __future__ import annotations

from readbench.results.leaderboard import Row, Table, in_order

ALIKE = 0.05
"""Above this Holm-adjusted p two methods cannot be told apart."""


def closing_sentence(table: Table) -> str:
    """What the board says, in words: who is best, who cannot be told apart from it, at what cost."""
    measured = [row for row in table.rows if row.status == "ok" and row.value(table.primary) is not None]
    if not measured:
        return f"No method was measured on {table.task}."
    ranked = [row for row in measured if row.ranks]
    if not ranked:
        best = in_order(measured, None, table.primary)[0]
        return (
            f"{best.method} has the best {table.primary} so far, {_score(best, table)}; "
            f"whether the difference is more than chance was not tested."
        )
    ranked = in_order(ranked, None, table.primary)
    best = ranked[0]
    broken = [row for row in table.rows if row.status != "ok"]
    failed = f" {len(broken)} of {len(table.rows)} methods did not finish." if broken else ""
    if len(ranked) == 1:
        return f"{best.method} has {table.primary} {_score(best, table)}; nothing stands beside it.{failed}"
    alike = [row for row in ranked[1:] if row.ranks and _alike(best, row, table)]
    if not alike:
        return f"{best.method} is best by {table.primary}; every other method is significantly worse.{failed}"
    cheapest = min(alike, key=_seconds_per_document)
    words = f"{best.method} is best by {table.primary}; {cheapest.method} cannot be told apart"
    ratio = _seconds_per_document(cheapest) / max(_seconds_per_document(best), 1e-12)
    words += f" at {_share(ratio)} the cost per document" if ratio < 0.8 else ""
    others = len(alike) - 1
    if others:
        words += f", nor can {others} other{'s' if others > 1 else ''}"
    return f"{words}.{failed}"


def _alike(best: Row, other: Row, table: Table) -> bool:
    names = table.statistics.get("names", [])
    p = table.statistics.get("p", [])
    if best.method not in names or other.method not in names:
        return False
    adjusted = p[names.index(best.method)][names.index(other.method)]
    return adjusted is None or adjusted > ALIKE


def _score(row: Row, table: Table) -> str:
    value = row.value(table.primary)
    return "–" if value is None else f"{value:.3f}"


def _seconds_per_document(row: Row) -> float:
    rate = row.costs.documents_per_s_marginal
    return 1.0 / rate if rate else float("inf")


def _share(ratio: float) -> str:
    for share, words in ((0.5, "half"), (1 / 3, "a third of"), (0.25, "a quarter of"), (0.1, "a tenth of")):
        if abs(ratio / share - 1) < 0.12:
            return words
    return f"{ratio:.0%} of" if ratio >= 0.01 else "under 1% of"
