"""How often a board of methods that are equal by construction claims a difference.

    python docs/statistics/boards.py > docs/statistics/boards.md

Every board is judged by ``compare_all``, which judges those of runs. ``before``: the noise of training was
not in the tests.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from readbench.machine.machine import machine
from readbench.stats.intervals import intervals_of
from readbench.stats.of_run import shared_training
from readbench.stats.ranking import compare_all
from readbench.tasks.metric import Metric, Scores

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Learner = Callable[[Floats, Ints, Floats], Ints]
Board = Callable[[np.random.Generator], dict[str, Floats]]
PERMUTATIONS = 2_000
ALPHA = 0.05


def equal_methods(methods: int, documents: int, *, whole: bool) -> Board:
    """Deterministic methods that are right (``whole``), or have a share right, on documents of shared
    difficulty."""

    def draw(generator: np.random.Generator) -> dict[str, Floats]:
        easy = generator.beta(2, 1, size=documents)
        size = (methods, documents)
        values = generator.random(size) < easy if whole else generator.binomial(10, easy, size) / 10
        return {str(i): row.astype(np.float64) for i, row in enumerate(values)}

    return draw


def network(generator: np.random.Generator, documents: int, seeds: int, spread: float, copies: int) -> Floats:
    """Right answers (copies, seeds, documents) of one network, whose accuracy is about 0.85 and varies from
    seed to seed by a standard deviation of ``spread``."""
    easy = generator.normal(2.2, 1.8, size=documents)
    # The slope of the accuracy in the shift is about 0.1 here.
    shift = generator.normal(0.0, spread / SLOPE, size=(copies, seeds, 1))
    chance = 1 / (1 + np.exp(-(easy + shift)))
    # Seeds share most of what a document is answered by.
    own = generator.random((copies, seeds, documents))
    shared = generator.random(documents)
    drawn = np.where(generator.random((copies, seeds, documents)) < 0.8, shared, own)
    return (drawn < chance).astype(np.float64)


SLOPE = 0.105
"""How much the mean accuracy of ``network`` grows with the shift."""


def of_folds(
    generator: np.random.Generator, documents: int, learn: Learner, signal: Floats, folds: int = 3
) -> Floats:
    """Right answers (2, documents) of one algorithm that sees one half of the features or the other: both
    halves say as much (``signal`` of each feature), so that the algorithms are equal before training."""
    gold = generator.integers(0, 2, size=documents)
    features = len(signal)
    table = generator.normal(size=(documents, 2 * features)) + np.tile(signal, 2) * (2 * gold - 1)[:, None]
    fold = generator.permutation(documents) % folds
    right = np.zeros((2, documents))
    for number in range(folds):
        train, test = fold != number, fold == number
        for half in range(2):
            seen = table[:, half * features : (half + 1) * features]
            right[half, test] = learn(seen[train], gold[train], seen[test]) == gold[test]
    return right


def nearest_mean(table: Floats, gold: Ints, asked: Floats) -> Ints:
    away = [((asked - table[gold == label].mean(axis=0)) ** 2).sum(axis=1) for label in (0, 1)]
    return np.asarray(away[1] < away[0], dtype=np.int64)


def nearest_document(table: Floats, gold: Ints, asked: Floats) -> Ints:
    squares = (asked**2).sum(axis=1)[:, None] + (table**2).sum(axis=1) - 2 * asked @ table.T
    return np.asarray(gold[squares.argmin(axis=1)])


def best_feature(table: Floats, gold: Ints, asked: Floats) -> Ints:
    """Takes the one feature whose means are farthest apart: with few documents often a wrong one."""
    means = [table[gold == label].mean(axis=0) for label in (0, 1)]
    gap = means[1] - means[0]
    place = int(np.argmax(np.abs(gap)))
    above = asked[:, place] > (means[0][place] + means[1][place]) / 2
    return np.asarray(above == (gap[place] > 0), dtype=np.int64)


LEARNERS: dict[str, tuple[Learner, Floats]] = {
    "nearest mean": (nearest_mean, np.full(10, 0.35)),
    "nearest document": (nearest_document, np.full(10, 0.35)),
    "best of 10 features": (best_feature, np.linspace(0, 0.8, 10)),
    "best of 41 features": (best_feature, np.r_[np.zeros(40), 0.6]),
}


@dataclass
class Claims:
    """Of boards: how many claimed some difference, and of their pairs how many were told apart."""

    boards: int = 0
    wrong: int = 0
    pairs: int = 0
    apart: int = 0

    def add(self, p: Floats) -> None:
        adjusted = p[np.triu_indices(len(p), 1)]
        self.boards += 1
        self.wrong += bool((adjusted <= ALPHA).any())
        self.pairs += len(adjusted)
        self.apart += int((adjusted <= ALPHA).sum())

    def __str__(self) -> str:
        return f"{100 * self.wrong / self.boards:.1f} %"


def of_equal(board: Board, boards: int, seed: int) -> Claims:
    claims = Claims()
    for number in range(boards):
        values = board(np.random.default_rng([seed, number]))
        claims.add(compare_all(values, True, number, permutations=PERMUTATIONS).p)
    return claims


def of_seeds(
    documents: int, seeds: int, spread: float, copies: int, boards: int, seed: int
) -> tuple[Claims, Claims]:
    """Boards of copies of one network with other seeds: before, and with the noise of seeds in the test."""
    before, now = Claims(), Claims()
    for number in range(boards):
        answers = network(np.random.default_rng([seed, number]), documents, seeds, spread, copies)
        values = {str(i): one.mean(axis=0) for i, one in enumerate(answers)}
        per_seed = {str(i): one.mean(axis=1) for i, one in enumerate(answers)}
        before.add(compare_all(values, True, number, permutations=PERMUTATIONS).p)
        now.add(compare_all(values, True, number, permutations=PERMUTATIONS, seeds=per_seed).p)
    return before, now


def over_folds(name: str, documents: int, boards: int, seed: int) -> tuple[Claims, Claims, float]:
    """Boards of two equal algorithms on three folds, before and with the overlap of training documents in
    the test, and how often the interval of the first holds what it reaches on average over training."""
    learn, signal = LEARNERS[name]
    before, now, found, reached = Claims(), Claims(), [], []
    metric = (Metric("accuracy", True, "", ""),)
    ids = tuple(map(str, range(documents)))
    overlap = shared_training(3, {"train": 2, "test": 1})
    for number in range(boards):
        right = of_folds(np.random.default_rng([seed, number]), documents, learn, signal)
        values = dict(zip("ab", right, strict=True))
        before.add(compare_all(values, True, number).p)
        now.add(compare_all(values, True, number, overlap=overlap).p)
        found.append(intervals_of([Scores(metric, ids, right[0][:, None])])[0])
        reached.append(right[0].mean())
    expected = float(np.mean(reached))
    held = [i.low <= expected <= i.high for i in found if i.low is not None and i.high is not None]
    return before, now, float(np.mean(held))


def main(boards: int = 1000) -> None:
    print(HEAD.format(boards=boards, measured=measured_with()))
    for line in _lines(boards):
        print(line, flush=True)


def _lines(boards: int) -> Iterator[str]:
    yield "## Deterministic methods, equal in truth\n"
    yield "| methods | values of a document | documents | boards with a false difference |"
    yield "| ---: | --- | ---: | ---: |"
    for documents in (30, 100, 500):
        for whole, words in ((True, "right or wrong"), (False, "a share right")):
            found = of_equal(equal_methods(10, documents, whole=whole), boards, 1)
            yield f"| 10 | {words} | {documents} | {found} |"
    yield "\n## One network against itself, other seeds\n"
    yield "Six copies, 1,483 test documents. `cannot tell`: with one seed no verdict is given.\n"
    yield "| deviation of a seed | seeds | pairs called different, before | boards, before | boards, now |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for seeds in (1, 3, 5):
        for spread in (0.006, 0.014, 0.022):
            before, now = of_seeds(1_483, seeds, spread, 6, boards // 4, 2)
            said = "0.0 % (cannot tell)" if seeds == 1 else str(now)
            pairs = f"{100 * before.apart / before.pairs:.1f} %"
            yield f"| {100 * spread:.1f} points | {seeds} | {pairs} | {before} | {said} |"
    yield "\n## Two equal algorithms on three folds\n"
    head = "| algorithm | documents | boards, before | boards, now | interval holds the expected accuracy |"
    yield head
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name in LEARNERS:
        for documents in (60, 240):
            before, now, held = over_folds(name, documents, 2 * boards, 3)
            yield f"| {name} | {documents} | {before} | {now} | {100 * held:.1f} % |"


def measured_with() -> str:
    """Versions and machine, as the tables name them."""
    found = machine()
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    return f"{versions}; {found['cores']} cores of an {found['cpu']}."


HEAD = """# False differences of boards

How many boards of methods that are equal by construction claim a difference, in per cent of {boards} boards
(a quarter of that for networks, twice that for folds). The bound is 5 %. Written by `boards.py` with
{measured}
"""

if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
