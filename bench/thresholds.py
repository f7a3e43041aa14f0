"""How much worse a method may get before the gate fails: ``f1@10:-1pp`` on the command line, and TOML for
a suite and for single methods."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from readbench.errors import BenchError
from readbench.record import Costs
from readbench.units import BYTES, SECONDS

Kind = Literal["points", "relative", "absolute"]

RATES = frozenset({"documents_per_s", "documents_per_s_marginal", "gpu_utilisation"})
"""Costs of which more is better."""

_GRAMMAR = re.compile(
    r"(?P<name>.+):(?P<sign>[+-])(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>pp|%|[A-Za-z]*)"
)
_EXAMPLE = "write it like f1@10:-1pp, documents_per_s:-10% or peak_memory_bytes:+100MiB"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The change of one metric or cost that is still tolerated, in its own unit (``absolute``), as a share
    of the value before (``relative``), or in hundredths of a metric (``points``, kept as a difference: 1 pp
    is 0.01). ``amount`` is never negative; ``sign`` says which direction is guarded."""

    name: str
    sign: Literal[1, -1]
    amount: float
    kind: Kind
    text: str

    @property
    def is_cost(self) -> bool:
        return self.name in Costs.model_fields

    def tolerated(self, before: float) -> float:
        """The largest loss that passes, in the unit of the value, for the value before."""
        return self.amount * abs(before) if self.kind == "relative" else self.amount


def parse_threshold(text: str, where: str = "--fail-on") -> Threshold:
    """``NAME:SIGN NUMBER UNIT``. Raises BenchError for anything else, and for a cost that is guarded in the
    direction in which it improves."""
    found = _GRAMMAR.fullmatch(text.strip())
    if found is None:
        raise BenchError(f"{text!r} is not a threshold", where=where, todo=_EXAMPLE)
    name, unit = found["name"], found["unit"]
    sign: Literal[1, -1] = 1 if found["sign"] == "+" else -1
    number = float(found["number"])
    kind: Kind = "absolute"
    if unit == "pp":
        kind, number = "points", number / 100
    elif unit == "%":
        kind, number = "relative", number / 100
    elif unit:
        number *= _factor(name, unit, text, where)
    if name in Costs.model_fields:
        if kind == "points":
            raise BenchError(f"{name} has no points", where=f"{where} {text}", todo=_EXAMPLE)
        check_direction(name, sign, higher_is_better=name in RATES, where=f"{where} {text}")
    return Threshold(name, sign, number, kind, text.strip())


def check_direction(name: str, sign: int, *, higher_is_better: bool, where: str) -> None:
    """Raises BenchError where a threshold would guard against getting better."""
    if (sign < 0) != higher_is_better:
        better, write = ("higher", "-") if higher_is_better else ("lower", "+")
        raise BenchError(
            f"{name} is better the {better} it is", where=where,
            todo=f"a threshold is how far it may move for the worse: {name}:{write}…",
        )  # fmt: skip


def _factor(name: str, unit: str, text: str, where: str) -> float:
    units: Mapping[str, float] = {}
    if name.endswith("_bytes"):
        units = BYTES
    elif name.endswith("_s") and name not in RATES:
        units = SECONDS
    if unit.lower() not in units:
        raise BenchError(f"{unit!r} is no unit of {name}", where=f"{where} {text}", todo=_EXAMPLE)
    return float(units[unit.lower()])


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    fail_on: tuple[str, ...] = ()


class _OfSuite(_Section):
    methods: dict[str, _Section] = Field(default_factory=dict)


class _File(_OfSuite):
    suites: dict[str, _OfSuite] = Field(default_factory=dict)


@dataclass(frozen=True)
class Thresholds:
    """Thresholds in layers, each given as (what it holds for, the thresholds), the more particular later:
    a name in a later layer replaces the same name in an earlier one."""

    layers: tuple[tuple[str | None, tuple[Threshold, ...]], ...] = ()

    def of(self, method: str) -> dict[str, Threshold]:
        """What holds for a method, by metric or cost. A layer for ``pke.tfidf`` holds for every spelling
        of that adapter; one for ``pke.tfidf[n=2]`` for that spelling alone."""
        adapter = method.partition("[")[0]
        return {
            threshold.name: threshold
            for held_for, thresholds in self.layers
            if held_for is None or held_for in (method, adapter)
            for threshold in thresholds
        }

    @property
    def names(self) -> set[str]:
        return {threshold.name for _, layer in self.layers for threshold in layer}

    @property
    def methods(self) -> set[str]:
        return {held_for for held_for, _ in self.layers if held_for is not None}


def read_thresholds(
    path: Path | None, suite: str, given: Sequence[str] = (), default: Sequence[str] = ()
) -> Thresholds:
    """The thresholds that hold for a suite: ``default``, the file's own ``fail_on``, its
    ``[suites.NAME]``, ``[methods.NAME]``, ``[suites.NAME.methods.NAME]``, then ``given`` on the command line,
    which holds for every method and replaces the others.

    ``default`` counts only where neither a file nor the command line says anything.
    Raises BenchError with the file and the key for anything that is not a threshold.
    """
    layers: list[tuple[str | None, tuple[Threshold, ...]]] = []
    if path is not None:
        file = _load(path)
        of_suite = file.suites.get(suite, _OfSuite())
        layers.append((None, _parsed(file.fail_on, f"{path}: fail_on")))
        layers.append((None, _parsed(of_suite.fail_on, f"{path}: suites.{suite}.fail_on")))
        for prefix, section in (("", file), (f"suites.{suite}.", of_suite)):
            # An adapter before its spellings: the spelling is the more particular.
            for method, of_method in sorted(section.methods.items(), key=lambda item: "[" in item[0]):
                where = f"{path}: {prefix}methods.{method}.fail_on"
                layers.append((method, _parsed(of_method.fail_on, where)))
    layers.append((None, _parsed(given, "--fail-on")))
    if not any(thresholds for _, thresholds in layers):
        layers = [(None, _parsed(default, "the default"))]
    return Thresholds(tuple(layer for layer in layers if layer[1]))


def _load(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"the thresholds cannot be read: {error}", where=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"this is not TOML: {error}", where=str(path)) from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise BenchError(f"{key}: {problem['msg']}", where=str(path)) from None


def _parsed(texts: Iterable[str], where: str) -> tuple[Threshold, ...]:
    return tuple(parse_threshold(text, where) for text in texts)


def check_names(thresholds: Thresholds, known: Iterable[str], methods: Iterable[str]) -> None:
    """Raises BenchError for a metric, a cost or a method that the runs do not have: a threshold with a
    typing error would guard nothing."""
    names = sorted({*known, *Costs.model_fields})
    for name in sorted(thresholds.names - set(names)):
        near = difflib.get_close_matches(name, names, n=2)
        todo = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
        raise BenchError(f"no metric or cost is called {name!r}", where="the thresholds", todo=todo)
    spelled = {*methods, *(method.partition("[")[0] for method in methods)}
    for method in sorted(thresholds.methods - spelled):
        near = difflib.get_close_matches(method, sorted(spelled), n=2)
        todo = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(sorted(spelled))}"
        raise BenchError(f"the runs have no method {method!r}", where="the thresholds", todo=todo)
