"""The sentence below a board: who is best, who is not significantly worse, and at what cost."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from readbench.adapter import OWN_CODE
from readbench.report.words import closing_sentence, own_code_lines
from readbench.results.leaderboard import Row, Table
from readbench.results.manifest import RunTask
from readbench.results.record import Costs, Value

METRIC = "f1@10"


def row(method: str, value: float | None, speed: float = 10.0, status: str = "ok") -> Row:
    ranks = (1, 2) if status == "ok" else None
    metrics = {} if value is None else {METRIC: Value(value=value, n=9, version="")}
    costs = Costs(documents_per_s_marginal=speed)
    return Row("keyphrases", method, status, (), None, ranks, metrics, costs)


def table_of(rows: list[Row], statistics: dict[str, Any]) -> Table:
    settings = RunTask(
        spec={"task": "keyphrases"},
        split={},
        split_hash="",
        documents={"test": 9},
        tested=9,
        primary=METRIC,
        board=[METRIC],
    )
    return Table("keyphrases", settings, tuple(rows), statistics)


def sentence(rows: list[Row], p: dict[tuple[str, str], float | None]) -> str:
    names = [one.method for one in rows if one.status == "ok"]
    table: list[list[float | None]] = [
        [p.get((first, second), p.get((second, first), 1.0)) for second in names] for first in names
    ]
    return closing_sentence(table_of(rows, {"names": names, "p": table}))


def test_the_cheapest_of_those_that_are_alike_is_named() -> None:
    rows = [row("slow", 0.5, 10), row("quick", 0.49, 100), row("other", 0.48, 20), row("worse", 0.1, 1000)]
    told = sentence(rows, {("slow", "worse"): 0.01})
    assert told == (
        "slow is best by f1@10, but not significantly better than quick (a tenth of the cost per document) "
        "and 1 other."
    )


@pytest.mark.parametrize(
    ("speed", "words"),
    [
        (20, " (half the cost per document)"),
        (30, " (a third of the cost per document)"),
        (40, " (a quarter of the cost per document)"),
        (14, " (71% of the cost per document)"),
        (10_000, " (under 1% of the cost per document)"),
        # A little less is not worth a word, and more is not either.
        (12, ""),
        (5, ""),
    ],
)
def test_what_it_costs_beside_the_best(speed: float, words: str) -> None:
    told = sentence([row("best", 0.5, 10), row("alike", 0.49, speed)], {("best", "alike"): 0.3})
    assert told == f"best is best by f1@10, but not significantly better than alike{words}."


@pytest.mark.parametrize(("p", "alike"), [(0.051, True), (0.05, False), (0.01, False), (None, True)])
def test_who_is_alike(p: float | None, alike: bool) -> None:
    """Null is what cannot be told, as where a method that varies with its seed ran once."""
    told = sentence([row("best", 0.5), row("next", 0.4)], {("best", "next"): p})
    assert ("not significantly better than next" in told) is alike
    assert ("every other method is significantly worse" in told) is not alike


def test_those_that_did_not_finish_are_counted() -> None:
    told = sentence([row("best", 0.5), row("broken", None, status="failed")], {})
    assert told == "Only one method ran: best, f1@10 0.500. 1 of 2 methods did not finish."
    told = sentence([row("best", 0.5), row("absent", None, status="missing_dependency")], {})
    assert told == "Only one method ran: best, f1@10 0.500. 1 of 2 methods cannot run here."
    assert sentence([row("broken", None, status="failed")], {}) == "No method was measured on keyphrases."


def test_methods_that_are_computed_here_are_named() -> None:
    def noted(method: str, library: object = None, status: str = "ok") -> Row:
        record: Any = SimpleNamespace(notes={} if library is None else {OWN_CODE: library})
        return replace(row(method, 0.5, status=status), record=record)

    rows = [noted(f"m{i}", "pke") for i in range(5)]
    rows += [noted("other", "KeyBERT"), noted("plain"), noted("odd", 3)]
    rows += [noted("broken", "pke", "failed"), row("nothing", None)]
    assert own_code_lines(table_of(rows, {})) == [
        "m0, m1, m2 and 2 more: computed by code of this project, which gives the same output as pke; "
        "implementation=library runs pke itself.",
        "other: computed by code of this project, which gives the same output as KeyBERT; "
        "implementation=library runs KeyBERT itself.",
    ]
