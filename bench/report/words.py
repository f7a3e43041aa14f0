"""What a board says, in words."""

from __future__ import annotations

from collections.abc import Sequence

from readbench.adapter import OWN_CODE, UNANSWERED
from readbench.core.units import count_of
from readbench.results.cost_table import Cost
from readbench.results.leaderboard import Row, Table, in_order
from readbench.results.manifest import Manifest
from readbench.results.record import FailedDocument, FailedDocuments, weights_of

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
            "the differences were not tested for significance."
        )
    ranked = in_order(ranked, None, table.primary)
    best = ranked[0]
    failed = _unfinished(table.rows)
    if len(ranked) == 1:
        return f"Only one method ran: {best.method}, {table.primary} {_score(best, table)}.{failed}"
    alike = [row for row in ranked[1:] if row.ranks and _alike(best, row, table)]
    if not alike:
        return f"{best.method} is best by {table.primary}; every other method is significantly worse.{failed}"
    # Seconds that were taken beside other work say nothing of what a method costs.
    comparable = [row for row in alike if not (row.beside_other_work or best.beside_other_work)]
    cheapest = min(comparable, key=_seconds_per_document, default=alike[0])
    words = f"{best.method} is best by {table.primary}, but not significantly better than {cheapest.method}"
    ratio = _seconds_per_document(cheapest) / max(_seconds_per_document(best), 1e-12)
    ratio = ratio if comparable else 1.0
    words += f" ({_share(ratio)} the cost per document)" if ratio < 0.8 else ""
    others = len(alike) - 1
    if others:
        words += f" and {others} other{'s' if others > 1 else ''}"
    return f"{words}.{failed}"


def _unfinished(rows: Sequence[Row]) -> str:
    """How many methods ended otherwise than ok, and how many lack something here; a sentence after others."""
    lacking = sum(row.status == "missing_dependency" for row in rows)
    broken = sum(row.status != "ok" for row in rows) - lacking
    counts = ((broken, "did not finish"), (lacking, "cannot run here"))
    said = [f"{count} of {count_of(len(rows), 'method')} {what}" for count, what in counts if count]
    return f" {', '.join(said)}." if said else ""


def _alike(best: Row, other: Row, table: Table) -> bool:
    names = table.statistics.get("names", [])
    p = table.statistics.get("p", [])
    if best.method not in names or other.method not in names:
        return False
    adjusted = p[names.index(best.method)][names.index(other.method)]
    # Null: it cannot be told, as where a method that varies with its seed ran once.
    return adjusted is None or adjusted > ALIKE


def cautions(manifest: Manifest) -> list[str]:
    """What stands above a board before anybody believes it: a sentence each."""
    lines = []
    if manifest.demo:
        lines.append("Demo corpus written for this project: its scores say nothing about real papers.")
    left_out = ", ".join(f"{count} {reason}" for reason, count in manifest.left_out.items() if count)
    if left_out:
        lines.append(f"Left out by the reader: {left_out}.")
    lines += [f"{other.documents} {other.words}." for other in manifest.other_languages]
    if manifest.status != "finished":
        lines.append(f"This run is {manifest.status}: what is missing was not measured.")
    return lines


def documents_of_parts(table: Table) -> str:
    """The number of documents of each part, and how often a method with training noise was trained."""
    settings = table.settings
    folds = f" in {settings.folds} folds" if settings.folds > 1 else ""
    seeds = max((len(row.records) for row in table.rows), default=0) // max(settings.folds, 1)
    words = [f"{settings.tested} test documents{folds}"]
    words += [
        f"{settings.documents[part]} for {name}{' in each' if folds else ''}"
        for part, name in (("train", "training"), ("validation", "validation"))
        if settings.documents.get(part)
    ]
    words += [f"{seeds} seeds for methods with training noise"] if seeds > 1 else []
    return ", ".join(words)


def footnotes(table: Table) -> list[str]:
    """What stands below a board: what its columns are, what the methods ran with, what to know of them."""
    ok = [row.record for row in table.rows if row.record is not None and row.status == "ok"]
    lines = []
    without = max((record.counts.get("without_gold", 0) for record in ok), default=0)
    if without:
        lines.append(f"{without} documents without gold are left out of the means.")
    settings = table.settings
    if settings.near_duplicates_across:
        lines.append(
            f"{settings.near_duplicates_across} test documents have a near-duplicate in the training part: "
            "scores of methods that learn may be too high."
        )
    elif settings.near_duplicates:
        lines.append(f"{settings.near_duplicates} near-duplicate documents, kept in one part of the split.")
    weights = {name: owner for record in ok for name, owner in record.weights.items()}
    if weights:
        lines.append(
            "Ran with " + ", ".join(f"{name} ({owner})" for name, owner in sorted(weights.items())) + "."
        )
    lines += _weights(table)
    lines += own_code_lines(table)
    lines += tuned_lines(table)
    reference = table.settings.reference
    if reference is not None:
        lines.append(f"{reference.label}: {reference.metric} as published elsewhere, not measured here.")
    if any(len(row.records) > 1 for row in table.rows):
        lines.append(
            "Interval: all test documents together. spread: standard deviation over folds and repeats. "
            "Seconds are a cell's mean, memory the largest."
        )
    changed = [row.method for row in table.rows if row.changed]
    if changed:
        lines.append(f"Measured again or changed after this run: {', '.join(changed)}.")
    lines += failed_document_lines(table)
    lines += load_notes(table)
    lines += price_notes(table)
    if len(ok) > 1:
        lines.append(
            "rank: the best and the worst rank that the tests allow "
            f"({table.statistics.get('test', 'not tested')}, Holm, 5 %). docs/s: documents a second, once "
            "everything is loaded."
        )
    lines += statistical_notes(table)
    return lines


def _weights(table: Table) -> list[str]:
    """The weights of methods, one line for those that ran with the same."""
    users: dict[str, list[str]] = {}
    for row in table.rows:
        if row.status == "ok" and row.record is not None:
            for weights in weights_of(row.record):
                name, source, sha256 = (weights.get(key, "?") for key in ("name", "source", "sha256"))
                named = f"{name} ({source}, SHA-256 {sha256[:12]})"
                users.setdefault(named, []).append(row.method)
    return [f"Weights of {', '.join(methods)}: {named}." for named, methods in users.items()]


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
            f"{_named(once)} ran with one seed, and {whose} with the seed. Other seeds could change the "
            "ranks, so no difference is reported, and the intervals hold for these models only. "
            "Set repeats in [split] to run several seeds."
        )
    smallest = table.statistics.get("detectable")
    if smallest is not None:
        notes.append(
            f"Smallest detectable difference of {table.primary}: about {smallest:.3f}. Nine of ten such runs "
            "find a true difference of this size; a smaller one needs more documents."
        )
    if table.settings.folds > 1:
        notes.append(
            "Folds share training documents: the ranks are corrected for that (Nadeau & Bengio); the "
            "intervals hold for the models trained here only."
        )
    if table.statistics.get("test") == SIGN_FLIP and table.settings.tested < FEW:
        notes.append(
            "With few documents and skewed differences, the sign-flip test reports a false difference in 7 % "
            "of cases, not 5 %."
        )
    return notes


ERROR_CHARACTERS = 160
FAILED_MARK = "†"
"""After the value of a method that raised on some documents."""


def failed_mark(row: Row) -> str:
    return "" if row.failed_documents is None else f" {FAILED_MARK}"


def failed_document_lines(table: Table) -> list[str]:
    """Which methods raised on some documents, and which went on after they were ended."""
    lines = []
    for row in table.rows:
        if (failed := row.failed_documents) is not None:
            said = failed_in_words(failed)
            lines.append(f"{FAILED_MARK} {row.method}: ok, {said}; scored as empty answers.")
    again = [row for row in table.rows if row.status == "ok" and row.goes > 1]
    if again:
        most = max(row.goes for row in again)
        lines.append(
            "The process was ended and the next one continued (up to "
            f"{most} processes): {_named([row.method for row in again])}. "
            "Seconds are sums over all of them, loading included."
        )
    parted = [row for row in table.rows if row.status == "ok" and row.shards > 1]
    if parted:
        most = max(row.shards for row in parted)
        lines.append(
            f"Predicted in up to {most} parts, each by a process of its own: "
            f"{_named([row.method for row in parted])}. Seconds are sums over them, loading included."
        )
    return lines


def error_in_words(failed: FailedDocument) -> str:
    """In one short line."""
    message = " ".join(failed.message.split())
    cut = message if len(message) <= ERROR_CHARACTERS else f"{message[:ERROR_CHARACTERS]}…"
    return f"{failed.id}: {failed.type}: {cut}"


def failed_in_words(failed: FailedDocuments) -> str:
    """How many documents failed, and the error of the first."""
    first = failed.first[0] if failed.first else None
    why = "" if first is None else f" ({error_in_words(first)})"
    return f"{count_of(failed.count, 'document')} of {failed.of} failed{why}"


MARK = "*"
"""After a speed that was measured beside other work."""


def shown_cost(row: Row, cost: Cost) -> str:
    """A cost of a row as boards show it."""
    value = getattr(row.costs, cost.name)
    return cost.show(value) + (MARK if marked(row, cost) else "")


def marked(row: Row, cost: Cost) -> bool:
    """Whether a cost of a row would be another one without the work that ran beside it."""
    return cost.paced and row.beside_other_work and getattr(row.costs, cost.name) is not None


def price_notes(table: Table) -> list[str]:
    """In which currency prices are, and who ended before all documents had an answer."""
    notes = []
    records = [(row.method, row.record) for row in table.rows if row.status == "ok" and row.record]
    prices = [record.priced.price for _, record in records if record.priced and record.priced.price]
    if prices:
        currencies = " and ".join(sorted({price.currency for price in prices}))
        notes.append(f"Prices are in {currencies} per 1,000 documents, by the suite's price table.")
    for method, record in records:
        told = record.notes.get(UNANSWERED)
        if isinstance(told, dict):
            notes.append(
                f"{method}: {told.get('documents')} of {told.get('of')} documents have no answer, and count "
                f"as such: {told.get('why')}."
            )
    return notes


def load_notes(table: Table) -> list[str]:
    """What the mark means, and how much other work there was."""
    ok = [row for row in table.rows if row.status == "ok" and row.beside_other_work]
    if any(record.contended for row in ok for record in row.records):
        return [f"{MARK} Measured while other cells ran (--workers): real speeds are higher."]
    if not ok:
        return []
    uses = [record.processor for row in ok for record in row.records if record.processor is not None]
    busy = max((use.others or 0.0) + (use.stolen or 0.0) for use in uses)
    processors = max(use.processors or 0 for use in uses)
    took = f"; they took up to {busy:.1f} of {processors} processors" if processors else ""
    who = _named([row.method for row in ok])
    return [
        f"{MARK} Measured while other programs used the machine ({who}{took}): real speeds are higher. "
        "Measure again on an idle machine with --fresh."
    ]


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
        f"{_named(methods)}: computed by code of this project, which gives the same output as {library}; "
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
