"""Parameters that are chosen on the validation part: every combination of the values that a suite lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Task
from readbench.datasets.splits import SplitSpec
from readbench.methods.registry import Method, Registry
from readbench.methods.spec import format_spec, parse_spec
from readbench.planning.ensembles import with_members
from readbench.planning.suite import Tuned


@dataclass(frozen=True)
class Grid:
    """A method as the suite writes it, and every combination of its parameters that is tried, each once and
    in the order in which the values are written."""

    method: str
    candidates: tuple[Method, ...]
    numbers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Of each parameter for which three or more numbers are tried, the least and the largest."""

    def edges(self, best: Sequence[Method]) -> tuple[str, ...]:
        """The parameters of which the equally good best combinations all have the least value that was tried,
        or all the largest."""
        values = {name: {getattr(method.params, name, None) for method in best} for name in self.numbers}
        return tuple(
            name for name, of_best in values.items() if len(of_best) == 1 and of_best <= {*self.numbers[name]}
        )


def combinations(tuned: Tuned) -> list[str]:
    """Every combination of the listed values as a spec. The last parameter changes fastest.

    Raises BenchError where a parameter has both a value and a list.
    """
    name, fixed = parse_spec(tuned.method)
    names = list(tuned.params)
    both = [key for key in names if key in fixed]
    if both:
        raise BenchError(
            f"{both[0]} has a value in {tuned.method} and a list in params", todo="leave one of them out"
        )
    return [
        format_spec(name, fixed | dict(zip(names, values, strict=True)))
        for values in product(*(tuned.params[key] for key in names))
    ]


def read_grids(sections: Iterable[Tuned], task: Task, registry: Registry, where: str) -> tuple[Grid, ...]:
    """Raises BenchError for a method or a parameter that does not exist, for a value of the wrong kind and
    for a method of another task."""
    return tuple(_grid(tuned, task, registry, f"{where}, tuned {tuned.method}") for tuned in sections)


def _grid(tuned: Tuned, task: Task, registry: Registry, where: str) -> Grid:
    found: dict[str, Method] = {}
    try:
        for spec in combinations(tuned):
            method = registry.method(spec)
            if task not in method.adapter.tasks:
                does = ", ".join(sorted(method.adapter.tasks))
                raise BenchError(f"{method.adapter.name} does {does}, not {task}")
            found.setdefault(method.spec, method)
        with_members(found.values(), task, registry)
    except BenchError as error:
        raise BenchError(error.what, where=where, todo=error.todo) from None
    return Grid(tuned.method, tuple(found.values()), _numbers(tuned))


def _numbers(tuned: Tuned) -> dict[str, tuple[float, float]]:
    found = {}
    for name, values in tuned.params.items():
        numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        if len(numbers) == len(values) and len(set(numbers)) >= FEWEST_NUMBERS:
            found[name] = (min(numbers), max(numbers))
    return found


FEWEST_NUMBERS = 3
"""Of two numbers each is at an edge, and says nothing."""


def check_validation_part(split: SplitSpec, dataset: Dataset, where: str) -> None:
    """Raises BenchError where a split leaves no documents to choose parameters on."""
    if split.kind == "kfold":
        raise BenchError(
            "parameters are chosen once, and the validation part of one fold is tested in another fold",
            where=where,
            todo='set kind = "holdout" in its [split], or leave out what is tuned',
        )
    parts = dataset.parts.values()
    there = "validation" in parts if split.kind == "given" else split.validation > 0
    if split.kind == "all" or not there:
        raise BenchError(
            "parameters are to be chosen, and the split has no validation part",
            where=where,
            todo="set validation in its [split]"
            + (' of kind = "holdout"' if split.kind in ("all", "given") else ""),
        )
