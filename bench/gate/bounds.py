"""Bounds that a value itself must keep, whatever it was before: ``f1@10:>=0.15``, ``fit_s:<2m``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from readbench.core.errors import BenchError
from readbench.core.units import BYTES, SECONDS
from readbench.results.cost_table import COST_TABLE
from readbench.tasks.metric import Metric

Comparison = Literal[">=", ">", "<=", "<"]

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_GRAMMAR = re.compile(
    r"(?P<name>.+?):\s*(?P<comparison>>=|<=|>|<)\s*(?P<number>-?(?:\d+(?:\.\d+)?|\.\d+))\s*(?P<unit>%|[A-Za-z]*)"
)
_UNITS: Mapping[str, Mapping[str, float]] = {"bytes": BYTES, "seconds": SECONDS}
"""The units that an amount of a cost may be written in, by the cost's own unit."""

_EXAMPLE = "write it like accuracy:>=0.90, fit_s:<2m or peak_memory_bytes:<=2GiB"


@dataclass(frozen=True, slots=True)
class Bound:
    """The least (``>=``, ``>``) or the largest (``<=``, ``<``) value that a metric or a cost may have, in its
    own unit. ``shared``: it stands where other suites read it too, and may name what this run lacks."""

    name: str
    comparison: Comparison
    value: float
    text: str
    shared: bool = False

    @property
    def is_cost(self) -> bool:
        return self.name in COST_TABLE

    @property
    def key(self) -> tuple[str, str]:
        """A later bound of the same key takes the place of an earlier one."""
        return self.name, "floor" if self.is_floor else "ceiling"

    @property
    def is_floor(self) -> bool:
        return self.comparison in (">=", ">")

    def holds(self, value: float) -> bool:
        return _HOLDS[self.comparison](value, self.value)

    def check_direction(self, *, higher_is_better: bool, where: str) -> None:
        """Raises BenchError for a bound against getting better: ``accuracy:<=0.9``."""
        if self.is_floor != higher_is_better:
            better, write = ("higher", ">=") if higher_is_better else ("lower", "<=")
            raise BenchError(
                f"{self.name} is better the {better} it is",
                where=where,
                todo=f"a bound is what it must reach: {self.name}:{write}{self.value:g}",
            )

    def check_reach(self, metric: Metric, where: str) -> None:
        """Raises BenchError for a bound that no value breaks, or that none can keep: ``accuracy:>=90``."""
        low, high = metric.bounds
        if low < self.value <= high if self.is_floor else low <= self.value < high:
            return
        raise BenchError(
            f"{self.name} lies between {low:g} and {high:g}: {self.value:g} is no bound of it",
            where=where,
            todo=f"write it as a share: {self.name}:{self.comparison}0.9, or {self.comparison}90%",
        )


def is_bound(text: str) -> bool:
    """Whether a guard is meant as a bound: its value begins with a comparison."""
    return text.partition(":")[2].strip()[:1] in (">", "<")


def parse_bound(text: str, where: str = "--fail-on", *, shared: bool = False) -> Bound:
    """``NAME:COMPARISON NUMBER UNIT``; a percentage of a metric is a hundredth of its value.

    Raises BenchError for anything else, for a unit that the cost does not have, and for a cost bounded in the
    direction in which it improves.
    """
    parts = _GRAMMAR.fullmatch(text.strip())
    if parts is None:
        raise BenchError(f"{text!r} is not a bound", where=where, todo=_EXAMPLE)
    name, at = parts["name"], f"{where} {text.strip()}"
    comparison: Comparison = parts["comparison"]  # type: ignore[assignment]
    value = float(parts["number"]) * _factor(name, parts["unit"], at)
    bound = Bound(name, comparison, value, text.strip(), shared)
    cost = COST_TABLE.get(name)
    if cost is not None:
        bound.check_direction(higher_is_better=cost.higher_is_better, where=at)
        if value <= 0:
            raise BenchError(f"{name} is never below 0: {value:g} is no bound of it", where=at, todo=_EXAMPLE)
    return bound


def _factor(name: str, unit: str, where: str) -> float:
    if not unit:
        return 1.0
    if unit == "%" and name not in COST_TABLE:
        return 0.01
    return unit_of_cost(name, unit, where, _EXAMPLE)


def unit_of_cost(name: str, unit: str, where: str, example: str) -> float:
    """What one of a written unit is in the cost's own: 60 for ``m`` of ``fit_s``. Raises BenchError for a
    unit that it does not have, as of every metric, and proposes ``example``."""
    cost = COST_TABLE.get(name)
    units = {} if cost is None else _UNITS.get(cost.unit, {})
    meant = [
        known for known, other in COST_TABLE.items() if name in known and unit in _UNITS.get(other.unit, {})
    ]
    if cost is None and meant:
        raise BenchError(f"no cost is called {name}", where=where, todo=f"did you mean {' or '.join(meant)}?")
    if unit.lower() not in units:
        raise BenchError(f"{unit!r} is no unit of {name}", where=where, todo=example)
    return float(units[unit.lower()])
