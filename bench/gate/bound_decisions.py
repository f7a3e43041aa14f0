"""The decisions on one method's bounds: each value against what it must reach, whatever it was before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from readbench.gate.bounds import Bound
from readbench.gate.decisions import Decision
from readbench.results.cost_table import COST_TABLE
from readbench.results.leaderboard import Row


def decide_bounds(row: Row, bounds: Iterable[Bound]) -> list[Decision]:
    """Every bound on one method of the run that is judged. The measured value decides; the reason says where
    its interval holds the bound, so that another sample could decide otherwise.

    Metrics of another task than the row's are passed over. A method that was not measured keeps no bound: it
    is a regression where it failed, and incomparable where its library is absent or it was skipped.
    """
    decisions = []
    for bound in bounds:
        if bound.is_cost or bound.name in row.metrics:
            decisions.append(_decide(row, bound))
        elif row.status != "ok":
            decisions.append(_unmeasured(row, bound))
    return decisions


def _decide(row: Row, bound: Bound) -> Decision:
    if row.status != "ok":
        return _unmeasured(row, bound)
    value = getattr(row.costs, bound.name) if bound.is_cost else row.value(bound.name)
    low = high = None
    if not bound.is_cost:
        low, high = row.metrics[bound.name].low, row.metrics[bound.name].high

    if value is None:
        return Decision(
            row.task,
            row.method,
            bound.name,
            "inconclusive",
            "it was not measured",
            threshold=bound.text,
            limit=bound.value,
        )
    holds = bound.holds(value)
    why = f"{_shown(bound, value)} {'keeps' if holds else 'breaks'} {bound.text}"
    if low is not None and high is not None and low <= bound.value <= high:
        why += f"; its 95 % interval [{low:.3f} {high:.3f}] holds the bound: more documents make it certain"
    return Decision(
        row.task,
        row.method,
        bound.name,
        "pass" if holds else "regressed",
        why,
        after=value,
        threshold=bound.text,
        limit=bound.value,
        low=low,
        high=high,
    )


def _unmeasured(row: Row, bound: Bound) -> Decision:
    verdict: Literal["incomparable", "regressed"] = (
        "incomparable" if row.status in ("missing_dependency", "skipped", "pending") else "regressed"
    )
    why, without_text = (
        f"{row.status}: {reason}; {bound.text} cannot be judged"
        for reason in (row.problem_line, row.problem_without_text)
    )
    return Decision(
        row.task,
        row.method,
        bound.name,
        verdict,
        why,
        threshold=bound.text,
        limit=bound.value,
        without_text=without_text,
    )


def _shown(bound: Bound, value: float) -> str:
    return COST_TABLE[bound.name].show(value) if bound.is_cost else f"{value:.3f}"
