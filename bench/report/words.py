"""What a board says, in words."""

from __future__ import annotations

from collections.abc import Sequence

from readbench.adapter import OWN_CODE
from readbench.results.leaderboard import Row, Table, in_order

ALIKE = 0.05
"""Above this Holm-adjusted p two methods cannot be told apart."""
FEW = 100
"""With fewer documents, skewed differences make the sign-flip test err in more than 5 % of cases."""
SIGN_FLIP = "paired sign-flip test"


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
        return f"Only one method ran: {best.method}, {table.primary} {_score(best, table)}.{failed}"
    alike = [row for row in ranked[1:] if row.ranks and _alike(best, row, table)]
    if not alike:
        return f"{best.method} is best by {table.primary}; every other method is significantly worse.{failed}"
    cheapest = min(alike, key=_seconds_per_document)
    words = f"{best.method} is best by {table.primary}, but cannot be told apart from {cheapest.method}"
    ratio = _seconds_per_document(cheapest) / max(_seconds_per_document(best), 1e-12)
    words += f" ({_share(ratio)} the cost per document)" if ratio < 0.8 else ""
    others = len(alike) - 1
    if others:
        words += f" and {others} other{'s' if others > 1 else ''}"
    return f"{words}.{failed}"


def _alike(best: Row, other: Row, table: Table) -> bool:
    names = table.statistics.get("names", [])
    p = table.statistics.get("p", [])
    if best.method not in names or other.method not in names:
        return False
    adjusted = p[names.index(best.method)][names.index(other.method)]
    # Null: it cannot be told, as where a method that varies with its seed ran once.
    return adjusted is None or adjusted > ALIKE


def statistical_notes(table: Table) -> list[str]:
    """What the intervals and verdicts are of, and what they leave out: a short sentence each."""
    ok = [row for row in table.rows if row.status == "ok"]
    shown = list(dict.fromkeys((table.primary, *table.settings.board)))
    notes = []
    if any(row.metrics[name].low is not None for row in ok for name in shown if name in row.metrics):
        notes.append("95 % intervals: Wilson score intervals over the test documents.")
    notes += _missing(ok, shown)
    once = [row.method for row in ok if row.method in table.statistics.get("one_seed", [])]
    if once:
        whose = "its training varies" if len(once) == 1 else "their training varies"
        notes.append(
            f"{_named(once)} ran with one seed, and {whose} with the seed: nothing tells whether other seeds "
            "would rank otherwise, so no difference is claimed, and intervals are of these models alone. "
            "Set repeats in [split]."
        )
    if table.settings.folds > 1:
        notes.append(
            "Folds share training documents: ranks allow for what others would change (Nadeau & Bengio), "
            "intervals are of the models trained here."
        )
    if table.statistics.get("test") == SIGN_FLIP and table.settings.tested < FEW:
        notes.append(
            "The sign-flip test asks whether differences are symmetric: with few documents and skewed "
            "differences it errs in 7 %, not 5 %."
        )
    return notes


def tuned_lines(table: Table) -> list[str]:
    """How the parameters of tuned methods were chosen: a line for each row, ties and edges included."""
    tuned = [row for row in table.rows if row.chosen]
    if not tuned:
        return []
    lines = ["Parameters chosen on validation and frozen before the test:"]
    return lines + [f"  {row.method}: {row.chosen.words}." for row in tuned if row.chosen]


def own_code_lines(table: Table) -> list[str]:
    """Which methods are computed by code of this project in place of a library's, a line for each library."""
    found: dict[str, list[str]] = {}
    for row in table.rows:
        library = row.record.notes.get(OWN_CODE) if row.status == "ok" and row.record is not None else None
        if isinstance(library, str):
            found.setdefault(library, []).append(row.method)
    return [
        f"{_named(methods)}: computed by this project's own code, with the output of {library}; "
        f"implementation=library runs {library} itself."
        for library, methods in found.items()
    ]


def _missing(rows: Sequence[Row], metrics: Sequence[str]) -> list[str]:
    """Which values and which intervals are not shown, and why; who they are of where not of everybody."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for metric in metrics:
        for row in rows:
            value = row.metrics.get(metric)
            if value is not None and value.reason:
                what = "value" if value.value is None else "interval"
                found.setdefault((what, value.reason), {}).setdefault(metric, []).append(row.method)
    notes = []
    for (what, reason), of_metrics in found.items():
        who = list(dict.fromkeys(method for methods in of_metrics.values() for method in methods))
        whose = f" for {_named(who)}" if len(who) < len(rows) else ""
        notes.append(f"No {what} of {', '.join(of_metrics)}{whose}: {reason}.")
    return notes


def _named(methods: Sequence[str]) -> str:
    """The first three, and how many more."""
    more = f" and {len(methods) - 3} more" if len(methods) > 3 else ""
    return ", ".join(methods[:3]) + more


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
