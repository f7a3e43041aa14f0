"""A comparison of two runs, and the gate's decisions, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from readbench.compare.costs import CostChange
from readbench.compare.flips import Flip
from readbench.compare.runs import MethodChange, MetricChange, RunComparison
from readbench.core.units import count_of
from readbench.gate.verdicts import Decision, Verdicts
from readbench.results.cost_table import COST_TABLE

STYLES = {
    "worse": "red",
    "regressed": "red",
    "failed": "red",
    "vanished": "red",
    "better": "green",
    "pass": "green",
    "inconclusive": "yellow",
    "incomparable": "yellow",
}
FLIPS_SHOWN = 10


def render_comparison(comparison: RunComparison) -> RenderableType:
    """Per method what changed, how certain that is, the documents that flipped, and the cost."""
    parts: list[RenderableType] = [heading(comparison)]
    if comparison.incomparable:
        return Group(*parts)
    parts += [Text(""), _metrics(comparison.methods), Text(""), _costs(comparison.methods)]
    for method in comparison.methods:
        if flips := flips_line(method):
            parts.append(Text(flips))
    parts.append(Text(""))
    parts.append(
        Text(
            "change: after minus before, 95 % interval over documents (and seeds). p: Holm over everything "
            "tested here. Detectable: the smallest loss found nine times in ten. Speeds: scaled by the "
            "reference workload of both runs.",
            style="dim",
        )
    )
    return Group(*parts)


def heading(comparison: RunComparison) -> Text:
    before, after = comparison.before.manifest, comparison.after.manifest
    text = Text()
    text.append(after.name, style="bold")
    text.append(" against ")
    text.append(before.name, style="bold")
    text.append(f": {after.suite} on {after.dataset}")
    for reason in comparison.incomparable:
        text.append(f"\nincomparable: {reason}", style="yellow")
    for note in comparison.notes:
        text.append(f"\n{note}", style="dim")
    return text


def _grid(*columns: tuple[str, bool]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name, right in columns:
        grid.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    return grid


def _metrics(methods: Sequence[MethodChange]) -> Table:
    grid = _grid(
        ("method", False),
        ("metric", False),
        ("before", True),
        ("after", True),
        ("change [95 %]", True),
        ("p", True),
        ("verdict", False),
    )
    for method in methods:
        if not method.metrics:
            row = (method.method, "", "", "", "", "", f"{method.state}: {method.why}")
            grid.add_row(*map(Text, row), style=STYLES.get(method.state, ""))
        for place, change in enumerate(method.metrics):
            cells = (
                method.method if place == 0 else "",
                change.metric,
                number(change.before),
                number(change.after),
                show_change(change),
                "–" if change.p is None else f"{change.p:.3f}",
                verdict_of(change),
            )
            grid.add_row(*map(Text, cells), style=STYLES.get(change.verdict, ""))
    return grid


def verdict_of(change: MetricChange) -> str:
    """The verdict with what one should know beside it."""
    if change.why:
        return f"{change.verdict}: {change.why}"
    if change.verdict == "no significant difference" and change.detectable is not None:
        return f"{change.verdict} (detectable: {change.detectable:.3f})"
    return change.verdict


def _costs(methods: Sequence[MethodChange]) -> Table:
    grid = _grid(
        ("method", False), ("cost", False), ("before", True), ("after", True), ("ratio", True), ("", False)
    )
    for method in methods:
        for place, cost in enumerate(shown_costs(method)):
            cells = (
                method.method if place == 0 else "",
                cost.cost,
                cost.definition.show(cost.before),
                cost.definition.show(cost.after),
                ratio_of(cost),
                cost.why,
            )
            grid.add_row(*map(Text, cells))
    return grid


def shown_costs(method: MethodChange) -> list[CostChange]:
    return [change for change in method.costs if change.definition.compared]


def ratio_of(cost: CostChange) -> str:
    return "–" if cost.ratio is None else f"×{cost.ratio:.2f}"


def flips_line(method: MethodChange, shown: int = FLIPS_SHOWN) -> str:
    """``pke.tfidf: 3 documents answered differently, 2 of them with another f1@10: demo-1 0.400→0.000, …``"""
    if not method.flips:
        return ""
    moved = moved_flips(method)
    listed = ", ".join(f"{flip.id} {number(flip.before)}→{number(flip.after)}" for flip in moved[:shown])
    more = f", and {len(moved) - shown:,} more" if len(moved) > shown else ""
    return f"{method.method}: {flips_in_words(method)}{f': {listed}{more}' if moved else ''}"


def moved_flips(method: MethodChange) -> list[Flip]:
    """The documents that were answered differently and score differently."""
    return [flip for flip in method.flips if flip.moved]


def flips_in_words(method: MethodChange) -> str:
    """How many documents were answered differently, and how many of them score differently."""
    words = f"{count_of(len(method.flips), 'document')} answered differently"
    if not method.flip_metric:
        return words
    moved = len(moved_flips(method))
    how_many = "none" if not moved else "all" if moved == len(method.flips) else f"{moved:,}"
    return f"{words}, {how_many} of them with another {method.flip_metric}"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def show_change(change: MetricChange) -> str:
    if change.change is None:
        return "–"
    if change.low is None or change.high is None:
        return f"{change.change:+.3f}"
    return f"{change.change:+.3f} [{change.low:+.3f} {change.high:+.3f}]"


def show_value(name: str, value: float | None) -> str:
    """The value of a metric or a cost."""
    cost = COST_TABLE.get(name)
    return number(value) if cost is None else cost.show(value)


def render_verdicts(verdicts: Verdicts) -> RenderableType:
    """The gate's decisions, what flipped, and the one line that says how it ended."""
    parts: list[RenderableType] = [heading(verdicts.comparison), Text("")]
    if verdicts.decisions:
        parts += [_decisions(verdicts.decisions), Text("")]
    for method in verdicts.comparison.methods:
        if flips := flips_line(method):
            parts.append(Text(flips))
    parts += [Text(remark, style="dim") for remark in verdicts.remarks]
    status = verdicts.exit_status
    style = "green" if status == 0 else "red" if status == 1 else "yellow"
    parts.append(Text(closing(verdicts), style=f"bold {style}"))
    return Group(*parts)


def _decisions(decisions: Sequence[Decision]) -> Table:
    grid = _grid(
        ("method", False),
        ("threshold", False),
        ("before", True),
        ("after", True),
        ("verdict", False),
        ("why", False),
    )
    last = ""
    for decision in decisions:
        cells = (
            "" if decision.method == last else decision.method,
            decision.threshold,
            show_value(decision.what, decision.before),
            show_value(decision.what, decision.after),
            decision.verdict,
            decision.why,
        )
        last = decision.method
        grid.add_row(*map(Text, cells), style=STYLES.get(decision.verdict, ""))
    return grid


def closing(verdicts: Verdicts) -> str:
    """How it ended, in one line."""
    regressed = verdicts.of("regressed")
    if regressed:
        methods = list(dict.fromkeys(decision.method for decision in regressed))
        what = list(dict.fromkeys(decision.what or "it does not run" for decision in regressed))
        return f"Regression: {', '.join(methods)} ({', '.join(what)})."
    if verdicts.comparison.incomparable:
        return f"Incomparable: {verdicts.comparison.incomparable[0]}."
    broken = verdicts.of("incomparable")
    if broken:
        return f"Incomparable: {broken[0].method}: {broken[0].why_for_everybody}."
    if verdicts.exit_status == 3:
        return "Nothing was measured on either side."
    ends = "No verdict under --strict" if verdicts.exit_status else "Pass"
    undecided = len(verdicts.of("inconclusive"))
    passed = len({decision.method for decision in verdicts.of("pass")})
    if not passed and not undecided:
        return f"{ends}: nothing was judged, no threshold holds for what both sides measured."
    parts = [f"{passed} method{'' if passed == 1 else 's'} did not get worse"] if passed else []
    if undecided:
        fails = "" if verdicts.strict else "; --strict would fail"
        parts.append(f"{undecided} inconclusive: a loss is not ruled out{fails}")
    return f"{ends}: {'. '.join(parts)}."
