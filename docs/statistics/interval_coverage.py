"""How often the 95 % intervals of metrics hold the true value.

    python docs/statistics/interval_coverage.py > docs/statistics/interval-coverage.md

Each population is drawn from many times; its true values are those of 200,000 documents. ``percentile`` are
intervals of the percentile bootstrap, which boards had before.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from readbench.machine.machine import machine
from readbench.stats.intervals import intervals_of
from readbench.stats.resampling import bootstrap, percentile_intervals
from readbench.tasks.classification_scores import ClassificationScores, Labelled
from readbench.tasks.extraction_scores import COUNTED, Counts, ExtractionScores
from readbench.tasks.metric import Metric, Scores, f1_of_means

Floats = NDArray[np.float64]
Draw = Callable[[int, np.random.Generator], Scores]
DOCUMENTS = (30, 100, 500)
OF_TRUTH = 200_000


def two_classes(prevalence: float, distance: float) -> Draw:
    """Scores of the classes are normal, ``distance`` apart; probabilities are calibrated."""

    def draw(n: int, generator: np.random.Generator) -> Scores:
        gold = (generator.random(n) < prevalence).astype(np.int64)
        seen = generator.normal(size=n) + distance * gold
        odds = distance * seen - distance**2 / 2 + np.log(prevalence / (1 - prevalence))
        p = 1 / (1 + np.exp(-odds))
        predicted = (p > min(0.5, 2 * prevalence)).astype(np.int64)
        labelled = Labelled(("0", "1"), 1, gold, predicted, np.column_stack([1 - p, p]))
        return ClassificationScores.of_arrays(tuple(map(str, range(n))), labelled, {})

    return draw


def four_classes(shares: Sequence[float], distance: float) -> Draw:
    def draw(n: int, generator: np.random.Generator) -> Scores:
        gold = generator.choice(4, n, p=shares)
        seen = generator.normal(size=(n, 4))
        seen[np.arange(n), gold] += distance
        odds = distance * seen + np.log(shares)
        p = np.exp(odds - odds.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        labelled = Labelled(tuple("abcd"), None, gold, p.argmax(axis=1), p)
        return ClassificationScores.of_arrays(tuple(map(str, range(n))), labelled, {})

    return draw


def phrases(hit: float) -> Draw:
    """Five to twelve gold phrases a document, ten predicted, of which each document finds its own share."""
    k = 10
    p, r = Metric("precision@10", True, "", ""), Metric("recall@10", True, "", "")
    metrics = (
        p,
        r,
        Metric("f1@10", True, "", ""),
        Metric("map@10", True, "", ""),
        Metric("f1 of means", True, "", "", f1_of_means("precision@10", "recall@10")),
    )

    def draw(n: int, generator: np.random.Generator) -> Scores:
        gold = generator.integers(5, 13, size=n)
        share = generator.beta(2 * hit, 2 * (1 - hit), size=n)
        found = generator.random((n, k)) < share[:, None] * np.linspace(1.0, 0.3, k)
        found &= np.cumsum(found, axis=1) <= gold[:, None]
        hits = found.sum(axis=1)
        precise = (found * np.cumsum(found, axis=1) / np.arange(1, k + 1)).sum(axis=1) / np.minimum(gold, k)
        columns = [hits / k, hits / gold, 2 * hits / (k + gold), precise, 2 * hits / (k + gold)]
        return Scores(metrics, tuple(map(str, range(n))), np.column_stack(columns))

    return draw


def absent_phrases(hit: float) -> Draw:
    """One to four gold phrases a document that do not stand in its text, and that are hardly ever found."""
    metrics = (Metric("absent.recall@10", True, "", ""),)

    def draw(n: int, generator: np.random.Generator) -> Scores:
        gold = generator.integers(1, 5, size=n)
        values = generator.binomial(gold, hit) / gold
        # A fifth of the documents have no such phrase and do not count.
        values[generator.random(n) < 0.2] = np.nan
        return Scores(metrics, tuple(map(str, range(n))), values[:, None])

    return draw


def yes_or_no(*shares: float) -> Draw:
    metrics = tuple(Metric(f"share {share:g}", True, "", "") for share in shares)

    def draw(n: int, generator: np.random.Generator) -> Scores:
        return Scores(
            metrics, tuple(map(str, range(n))), (generator.random((n, len(shares))) < shares).astype(float)
        )

    return draw


def facts(hit: float, labels: float) -> Draw:
    """Documents with one to eight facts, and some that ask for a label."""

    def draw(n: int, generator: np.random.Generator) -> Scores:
        asks_label = generator.random(n) < labels
        gold = np.where(asks_label, 0, generator.integers(1, 9, size=n))
        share = generator.beta(3 * hit, 3 * (1 - hit), size=n)
        right = generator.binomial(gold, share)
        predicted = right + np.where(asks_label, 0, generator.poisson(2.0, size=n))
        columns: dict[str, NDArray[Any]] = dict.fromkeys(COUNTED, np.ones(n, dtype=np.int64))
        columns |= {"asks_facts": ~asks_label, "asks_label": asks_label, "gold": gold, "right": right}
        columns |= {"predicted": predicted, "untyped_gold": gold, "untyped_predicted": predicted}
        columns |= {"untyped_right": np.minimum(gold, right + generator.binomial(gold - right, 0.3))}
        columns |= {"label_right": asks_label & (generator.random(n) < 0.8)}
        columns |= {"readable": generator.random(n) < 0.93}
        counts = Counts(**{name: np.asarray(columns[name], dtype=np.int64) for name in COUNTED})
        return ExtractionScores.of(tuple(map(str, range(n))), counts)

    return draw


POPULATIONS: dict[str, Draw] = {
    "two classes, half and half": two_classes(0.5, 1.5),
    "two classes, 30 %, well told apart": two_classes(0.3, 3.0),
    "two classes, 10 %": two_classes(0.1, 1.5),
    "two classes, 10 %, well told apart": two_classes(0.1, 2.5),
    "four classes, even": four_classes((0.3, 0.25, 0.25, 0.2), 1.5),
    "four classes, 10 to 50 %": four_classes((0.5, 0.25, 0.15, 0.1), 2.0),
    "phrases, many found": phrases(0.5),
    "phrases, few found": phrases(0.1),
    "phrases that do not stand in the text": absent_phrases(0.1),
    "right or wrong": yes_or_no(0.5, 0.7, 0.8, 0.9, 0.95),
    "facts": facts(0.6, 0.3),
}


@dataclass
class Tally:
    """Of the intervals of one metric: how many there were, covered the truth, and had no width."""

    samples: int = 0
    shown: int = 0
    covered: int = 0
    narrow: int = 0
    values: list[float] = field(default_factory=list)

    def add(self, value: float, low: float | None, high: float | None, truth: float) -> None:
        self.samples += 1
        self.values.append(value)
        if low is not None and high is not None and not np.isnan(low):
            self.shown += 1
            self.covered += low - 1e-12 <= truth <= high + 1e-12
            self.narrow += high - low < 1e-12

    @property
    def coverage(self) -> float:
        return self.covered / self.shown if self.shown else float("nan")


@cache
def truth_of(population: str) -> dict[str, float]:
    scores = POPULATIONS[population](OF_TRUTH, np.random.default_rng(1))
    return dict(zip([m.id for m in scores.metrics], map(float, scores.aggregates()), strict=True))


def measure(
    population: str, n: int, samples: int, seed: int, *, percentile: bool = False
) -> dict[str, Tally]:
    """Draws ``samples`` samples of ``n`` documents. A metric without a value there is left out."""
    truth = truth_of(population)
    found = {name: Tally() for name, value in truth.items() if not np.isnan(value)}
    for place in range(samples):
        scores = POPULATIONS[population](n, np.random.default_rng([seed, n, place]))
        numbers = scores.aggregates()
        for metric, value, (low, high) in zip(
            scores.metrics, numbers, _both(scores, place, percentile=percentile), strict=True
        ):
            if metric.id in found and not np.isnan(value):
                found[metric.id].add(float(value), low, high, truth[metric.id])
    return found


def _both(scores: Scores, seed: int, *, percentile: bool) -> Iterator[tuple[float | None, float | None]]:
    if not percentile:
        yield from ((interval.low, interval.high) for interval in intervals_of([scores]))
        return
    replicates = bootstrap(len(scores.ids), scores.resampled, resamples=500, seed=seed)
    yield from ((float(low), float(high)) for low, high in percentile_intervals(replicates))


def main(samples: int = 1000) -> None:
    """Writes the table, by population, metric and number of documents."""
    print(HEAD.format(samples=samples, measured=measured_with()))
    print("| population | metric | " + " | ".join(f"n = {n}" for n in DOCUMENTS) + " |")
    print("| --- | --- |" + " ---: |" * len(DOCUMENTS))
    for population in POPULATIONS:
        now = [measure(population, n, samples, 2) for n in DOCUMENTS]
        before = [measure(population, n, samples // 5, 3, percentile=True) for n in DOCUMENTS]
        for metric in now[0]:
            cells = [_cell(a[metric], b[metric]) for a, b in zip(now, before, strict=True)]
            print(f"| {population} | {metric} | " + " | ".join(cells) + " |", flush=True)


def _cell(now: Tally, before: Tally) -> str:
    old = f"{100 * before.coverage:.0f} →"
    if now.shown < 0.05 * now.samples:
        return f"{old} none"
    share = now.shown / now.samples
    shown = f" ({100 * share:.0f} % shown)" if share < 0.995 else ""
    return f"{old} {100 * now.coverage:.1f}{shown}"


def measured_with() -> str:
    """Versions and machine, as the tables name them."""
    found = machine()
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
    return f"{versions}; {found['cores']} cores of an {found['cpu']}."


HEAD = """# Coverage of the intervals

How often an interval of 95 % holds the true value, in per cent: before (percentile bootstrap) → now. Written
by `interval_coverage.py`, with {samples} samples of n documents for each number of now and a fifth of that
for each of before. "none": no interval is shown, because fewer than twelve documents are of the rarest class,
there are fewer than 50 (`roc_auc`) or 200 (`average_precision`), or
because none is known to hold (`ece`). Of few documents of two kinds no interval holds 95 % exactly: counts
are whole numbers. {measured}
"""

if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
