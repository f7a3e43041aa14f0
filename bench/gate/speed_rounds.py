"""Rounds of the speed gate: both revisions run in turn, and what each run took and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from readbench.compare.paired import Side, open_side
from readbench.core.errors import BenchError
from readbench.gate.checkouts import Checkout, moved
from readbench.results.record import Costs
from readbench.results.store import RUN

Floats = NDArray[np.float64]

BASE, HEAD, CONTROL = "base", "head", "control"
ORDERS = (
    (BASE, HEAD, CONTROL),
    (CONTROL, HEAD, BASE),
    (HEAD, BASE, CONTROL),
    (CONTROL, BASE, HEAD),
    (BASE, CONTROL, HEAD),
    (HEAD, CONTROL, BASE),
)
"""Every order once in six rounds: coming first, or early on a machine that gets slower as it gets warmer,
favours none of the three."""

LEAST_ROUNDS = len(ORDERS)
MOST_ROUNDS = 3 * LEAST_ROUNDS
"""The most rounds, run while a verdict is inconclusive. On a machine that is disturbed now and then six
rounds leave one slowdown of 1.5 in four undecided, and up to eighteen rounds two in a thousand (``predict_s``
in docs/ci/operating-characteristics.md)."""

WRONG_USE = 2
"""The exit status of `bench run` that is asked for what it does not know."""


@dataclass(frozen=True)
class SpeedQuestion:
    """What is run on both sides. Paths are as given; those inside the repository are taken from each side."""

    suite: Path
    dataset: str | None = None
    methods: tuple[str, ...] = ()
    limit: int | None = None
    seed: int | None = None
    include_paths: tuple[Path, ...] = ()
    timeout: str | None = None
    memory: str | None = None
    rounds: int = LEAST_ROUNDS
    most_rounds: int = MOST_ROUNDS

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of rounds after which it is decided: the first, then six more each time that something
        is still inconclusive, up to the most."""
        return tuple(range(self.rounds, self.most_rounds + 1, len(ORDERS)))


@dataclass(frozen=True)
class Series:
    """One cost of one method over the rounds: what each of the three took (rounds,), in its own unit."""

    task: str
    method: str
    cost: str
    base: Floats
    head: Floats
    control: Floats


@dataclass
class Rounds:
    question: SpeedQuestion
    top: Path
    folder: Path
    scratch: Path
    code: Mapping[str, Checkout]
    done: int = 0
    taken: dict[tuple[str, str, str], dict[str, list[float]]] = field(default_factory=dict)
    """By task, method and cost what each of the three took in the rounds until now."""
    lost: dict[tuple[str, str], dict[str, dict[int, str]]] = field(default_factory=dict)
    """By task and method the rounds in which one of the three did not end ok, and how it ended."""

    def run(self, who: str) -> Side:
        """One run of the suite with one side's code, everything measured anew.

        Raises BenchError, exit status 3, where it left none.
        """
        results = self.scratch / who
        done = self.code[who].bench(self._arguments(who, results), self.folder)
        lines = done.stdout.strip().splitlines()
        # Python itself ends with 1, too, where the code cannot be imported.
        if done.returncode in (0, 1) and lines and Path(lines[-1], RUN).is_file():
            return open_side(lines[-1], results)
        said = (done.stderr.strip() or done.stdout.strip() or "nothing was said").splitlines()[-1]
        todo = "ask for what both sides have, with --suite and --method"
        raise BenchError(
            f"the run did not take place: {said.removeprefix('bench: ')}",
            where=self.code[who].label,
            exit_status=3,
            todo=todo if done.returncode == WRONG_USE else "",
        )

    def _arguments(self, who: str, results: Path) -> list[str]:
        question = self.question
        arguments = ["run", str(question.suite), "--fresh", "--output-path", str(results)]
        for flag, value in (
            ("--dataset", question.dataset),
            ("--limit", question.limit),
            ("--seed", question.seed),
            ("--timeout", question.timeout),
            ("--memory", question.memory),
        ):
            arguments += [] if value is None else [flag, str(value)]
        for method in question.methods:
            arguments += ["--method", method]
        for path in question.include_paths:
            arguments += ["--include-path", str(moved(path, self.top, self.code[who]))]
        return arguments

    def until(self, rounds: int, say: Callable[[str], None]) -> list[Series]:
        """Runs until so many rounds are done. Returns every cost of every method that all three measured in
        each round."""
        for number in range(self.done, rounds):
            order = ORDERS[number % len(ORDERS)]
            say(f"round {number + 1} of {rounds}: {', '.join(order)}")
            for who in order:
                self._note(who, number)
        self.done = rounds
        return [
            Series(*key, *(np.array(values[who]) for who in (BASE, HEAD, CONTROL)))
            for key, values in self.taken.items()
            if all(len(values.get(who, ())) == rounds for who in (BASE, HEAD, CONTROL))
        ]

    def _note(self, who: str, number: int) -> None:
        for row in (row for table in self.run(who).board.tables for row in table.rows):
            if row.status != "ok":
                self.lost.setdefault((row.task, row.method), {}).setdefault(who, {})[number] = row.status
                continue
            for cost in Costs.model_fields:
                if value := getattr(row.costs, cost):
                    values = self.taken.setdefault((row.task, row.method, cost), {})
                    values.setdefault(who, []).append(float(value))
