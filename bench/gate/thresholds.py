"""How much worse a method may get before the gate fails: ``f1@10:-1pp`` on the command line, and TOML for
a suite and for single methods. Bounds of the value itself stand in the same places: ``f1@10:>=0.15``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from readbench.core.errors import BenchError
from readbench.core.names import suggestion
from readbench.core.toml_files import read_toml
from readbench.gate.bounds import Bound, is_bound, parse_bound, unit_of_cost
from readbench.results.cost_table import COST_TABLE

Kind = Literal["points", "relative", "absolute"]

_GRAMMAR = re.compile(
    r"(?P<name>.+):(?P<sign>[+-])(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>pp|%|[A-Za-z]*)"
)
_EXAMPLE = "write it like f1@10:-1pp, documents_per_s:-10% or peak_memory_bytes:+100MiB"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The change of one metric or cost that is still tolerated, in its own unit (``absolute``), as a share
    of the value before (``relative``), or in hundredths of a metric (``points``, kept as a difference: 1 pp
    is 0.01). ``amount`` is never negative; ``sign`` says which direction is guarded. ``shared``: it stands
    where other suites read it too, and names what this run need not have."""

    name: str
    sign: Literal[1, -1]
    amount: float
    kind: Kind
    text: str
    shared: bool = False

    @property
    def is_cost(self) -> bool:
        return self.name in COST_TABLE

    @property
    def key(self) -> tuple[str, str]:
        """A later threshold of the same key takes the place of an earlier one."""
        return self.name, "change"

    def check_direction(self, *, higher_is_better: bool, where: str) -> None:
        """Raises BenchError where the threshold would guard against getting better."""
        if (self.sign < 0) != higher_is_better:
            better, write = ("higher", "-") if higher_is_better else ("lower", "+")
            raise BenchError(
                f"{self.name} is better the {better} it is",
                where=where,
                todo=f"a threshold is how far it may move for the worse: {self.name}:{write}…",
            )

    def tolerated(self, before: float) -> float:
        """The largest loss that passes, in the unit of the value, for the value before."""
        return self.amount * abs(before) if self.kind == "relative" else self.amount


Guard = Threshold | Bound
"""What the gate can be asked to hold: a largest loss, or a bound of the value itself."""


def parse_threshold(text: str, where: str = "--fail-on", *, shared: bool = False) -> Threshold:
    """``NAME:SIGN NUMBER UNIT``. Raises BenchError for anything else, for a cost that is guarded in the
    direction in which it improves, and for a loss of everything, which guards nothing."""
    parts = _GRAMMAR.fullmatch(text.strip())
    if parts is None:
        raise BenchError(f"{text!r} is not a threshold", where=where, todo=_EXAMPLE)
    name, unit = parts["name"], parts["unit"]
    sign: Literal[1, -1] = 1 if parts["sign"] == "+" else -1
    number = float(parts["number"])
    kind: Kind = "absolute"
    if unit == "pp":
        kind, number = "points", number / 100
    elif unit == "%":
        kind, number = "relative", number / 100
    elif unit:
        number *= unit_of_cost(name, unit, f"{where} {text}", _EXAMPLE)
    cost = COST_TABLE.get(name)
    if cost is not None and kind == "points":
        raise BenchError(f"{name} has no points", where=f"{where} {text}", todo=_EXAMPLE)
    if kind == "relative" and sign < 0 and number >= 1:
        raise BenchError(
            f"{name} may fall to nothing", where=f"{where} {text}", todo=f"write less than 100%: {name}:-10%"
        )
    threshold = Threshold(name, sign, number, kind, text.strip(), shared)
    if cost is not None:
        threshold.check_direction(higher_is_better=cost.higher_is_better, where=f"{where} {text}")
    _check_amount(threshold, f"{where} {text}")
    return threshold


WIDER = {"mcc": 2.0, "brier": 2.0}
"""How far apart the values of metrics can lie that do not reach from 0 to 1."""


AMBIGUOUS = 0.1
"""A bare number of a metric from here on is refused: 0.5 may be meant as half a point or as fifty."""


def _check_amount(threshold: Threshold, where: str) -> None:
    """Raises BenchError where a metric may lose half of all that it can lose, and for a bare number that may
    be meant as points: ``f1@10:-1``, ``mcc:-0.5``."""
    if threshold.is_cost or threshold.kind == "relative":
        return
    name, sign = threshold.name, "+" if threshold.sign > 0 else "-"
    if threshold.kind == "absolute" and threshold.amount >= AMBIGUOUS:
        number = f"{threshold.amount:g}" if threshold.amount < 50 * WIDER.get(name, 1.0) else "1"
        raise BenchError(
            f"{threshold.amount:g} of {name} may be points or a difference of the value",
            where=where,
            todo=f"points are hundredths: {name}:{sign}{number}pp",
        )
    if threshold.amount >= WIDER.get(name, 1.0) / 2:
        raise BenchError(
            f"{name} may lose half of all that it can lose",
            where=where,
            todo=f"a threshold is a few points: {name}:{sign}1pp",
        )


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    fail_on: tuple[str, ...] = ()


class _OfSuite(_Section):
    methods: dict[str, _Section] = Field(default_factory=dict)


class _File(_OfSuite):
    suites: dict[str, _OfSuite] = Field(default_factory=dict)


@dataclass(frozen=True)
class Thresholds:
    """Thresholds in layers, each given as (method, thresholds) with None for every method. A threshold
    replaces one of the same name in an earlier layer, and so does a bound."""

    layers: tuple[tuple[str | None, tuple[Guard, ...]], ...] = ()

    def of(self, method: str) -> dict[str, Threshold]:
        """The thresholds of a method, by metric or cost. A layer for ``pke.tfidf`` holds for every spec
        of that adapter, a layer for ``pke.tfidf[n=2]`` for that spec alone."""
        return {guard.name: guard for guard in self._of(method) if isinstance(guard, Threshold)}

    def bounds_of(self, method: str) -> list[Bound]:
        """The bounds of a method, found in the layers as its thresholds are."""
        return [guard for guard in self._of(method) if isinstance(guard, Bound)]

    def _of(self, method: str) -> list[Guard]:
        adapter = method.partition("[")[0]
        of_key = {
            guard.key: guard
            for held_for, layer in self.layers
            if held_for is None or held_for in (method, adapter)
            for guard in layer
        }
        return list(of_key.values())


def read_thresholds(
    path: Path | None,
    suite: str,
    given: Sequence[str] = (),
    default: Sequence[str] = (),
    methods: Iterable[str] | None = None,
) -> Thresholds:
    """The thresholds that hold for a suite: ``default``, the file's own ``fail_on``, its
    ``[suites.NAME]``, ``[methods.NAME]``, ``[suites.NAME.methods.NAME]``, then ``given`` on the command line,
    which holds for every method and replaces the others.

    ``default`` counts only where neither a file nor the command line says anything. ``methods``: every name
    that a method has, where those in the file are to be checked.
    Raises BenchError with the file and the key for anything that is not a threshold, and for a suite, metric
    or method that does not exist.
    """
    layers: list[tuple[str | None, tuple[Guard, ...]]] = []
    if path is not None:
        file = _load(path)
        _check_suites(file.suites, suite, path)
        for name in sorted(file.suites.keys() - {suite}):
            _layers(file.suites[name], f"{path}: suites.{name}.", methods, shared=True)
        of_file = _layers(file, f"{path}: ", methods, shared=True)
        of_suite = _layers(
            file.suites.get(suite, _OfSuite()), f"{path}: suites.{suite}.", methods, shared=False
        )
        layers = [of_file[0], of_suite[0], *of_file[1:], *of_suite[1:]]
    layers.append((None, parse_guards(given, "--fail-on")))
    if not any(thresholds for _, thresholds in layers):
        layers = [(None, parse_guards(default, "the default"))]
    return Thresholds(tuple(layer for layer in layers if layer[1]))


def _layers(
    section: _OfSuite, where: str, methods: Iterable[str] | None, *, shared: bool
) -> list[tuple[str | None, tuple[Guard, ...]]]:
    """The thresholds of a section for all methods, then those for each method. Names in a ``shared`` section
    must exist, though not in these runs."""
    layers: list[tuple[str | None, tuple[Guard, ...]]] = [
        (None, parse_guards(section.fail_on, f"{where}fail_on", shared=shared))
    ]
    # An adapter before its specs: the spec is the more particular.
    for method, of_method in sorted(section.methods.items(), key=lambda item: "[" in item[0]):
        key = f"{where}methods.{method}"
        if methods is not None:
            _check_known(method.partition("[")[0], methods, f"no method is called {method!r}", key)
        layers.append((method, parse_guards(of_method.fail_on, f"{key}.fail_on", shared=shared)))
    known = _every_metric() if shared else set()
    for threshold in (threshold for _, of_layer in layers for threshold in of_layer if shared):
        what = f"no metric or cost is called {threshold.name!r}"
        _check_known(threshold.name, known, what, where.rstrip(": ."))
    return layers


def _check_suites(named: Iterable[str], suite: str, path: Path) -> None:
    """A section of a suite that does not exist would hold for nothing."""
    if set(named) <= {suite}:
        return
    from readbench.planning.suite import list_suites

    known = {suite, *list_suites()}
    for name in named:
        _check_known(name, known, f"no suite is called {name!r}", f"{path}: suites.{name}")


def _every_metric() -> set[str]:
    from readbench.tasks import get_task, task_names

    metrics = {metric.id for task in task_names() for metric in get_task(task).metrics}
    return metrics | set(COST_TABLE)


def _check_known(name: str, known: Iterable[str], what: str, where: str) -> None:
    names = {*known}
    if name not in names:
        raise BenchError(what, where=where, todo=suggestion(name, sorted(names)))


def _load(path: Path) -> _File:
    data = read_toml(path, "the file of thresholds")
    try:
        return _File.model_validate(data)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise BenchError(f"{key}: {problem['msg']}", where=str(path)) from None


def parse_guard(text: str, where: str = "--fail-on", *, shared: bool = False) -> Guard:
    """A threshold, ``f1@10:-1pp``, or a bound, ``f1@10:>=0.15``. Raises BenchError for anything else."""
    parse = parse_bound if is_bound(text) else parse_threshold
    return parse(text, where, shared=shared)


def parse_guards(texts: Iterable[str], where: str, *, shared: bool = False) -> tuple[Guard, ...]:
    """Several guards. Raises BenchError for two of one kind and name: the last would silently win."""
    parsed = tuple(parse_guard(text, where, shared=shared) for text in texts)
    first: dict[tuple[str, str], str] = {}
    for guard in parsed:
        if guard.key in first:
            kind = "bounds" if isinstance(guard, Bound) else "thresholds"
            raise BenchError(
                f"{guard.name} has two {kind}, {first[guard.key]} and {guard.text}",
                where=where,
                todo="keep one of them",
            )
        first[guard.key] = guard.text
    return parsed


def check_names(thresholds: Thresholds, known: Iterable[str], methods: Iterable[str]) -> None:
    """Raises BenchError for a metric, a cost or a method that the runs do not have, unless other suites read
    that threshold too: with a typing error it would guard nothing."""
    spelled = {*methods, *(method.partition("[")[0] for method in methods)}
    names = {*known, *COST_TABLE}
    for held_for, layer in thresholds.layers:
        for threshold in layer:
            if threshold.shared:
                continue
            what = f"no metric or cost is called {threshold.name!r}"
            _check_known(threshold.name, names, what, "the thresholds")
            if held_for is not None:
                what = f"the runs have no method {held_for!r}"
                _check_known(held_for, spelled, what, "the thresholds")
