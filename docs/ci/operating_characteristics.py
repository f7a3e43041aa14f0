"""How often the gate raises a false alarm and how often it misses a loss: from resampled pairs of real scores
and times.

    bench run quick --output-path R
    bench run docs/ci/noisy.toml --output-path R
    python docs/ci/collect_timings.py docs/ci/timings.csv
    python docs/ci/operating_characteristics.py R docs/ci/timings.csv > docs/ci/operating-characteristics.md

Every pair is decided by the gate's own functions. Bounds are exact one-sided 95 % bounds of a share
(Clopper & Pearson 1934). Resampling documents stands for other corpora of the same kind, resampling rounds
for other days on the same machine.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from readbench.compare.costs import CostChange
from readbench.compare.paired import Side, open_side
from readbench.compare.runs import MethodChange, MetricChange
from readbench.gate.speed_gate import judge_series
from readbench.gate.speed_rounds import (
    BASE,
    CONTROL,
    HEAD,
    LEAST_ROUNDS,
    MOST_ROUNDS,
    ORDERS,
    Series,
    SpeedQuestion,
)
from readbench.gate.thresholds import parse_threshold
from readbench.gate.verdicts import RESAMPLES, decide
from readbench.results.samples import Sample, load_sample
from readbench.stats.power import detectable, noise
from readbench.stats.resampling import bootstrap
from readbench.tasks import get_task
from readbench.tasks.metric import Scores
from readbench.tasks.spec import TaskSpec

Floats = NDArray[np.float64]
PAIRS = int(os.environ.get("PAIRS", "2000"))
LOST, SLOWER, LARGER = 0.03, 1.5, 1.3
STORED = 4
"""How many times as slow a stored run is made: beyond what single measurements leave undecided."""


@dataclass(frozen=True)
class Outcome:
    """How many of how many pairs were called regressed, and how many inconclusive."""

    what: str
    regressed: int
    inconclusive: int
    pairs: int

    def row(self, *, alarm: bool) -> str:
        found = binomtest(self.regressed, self.pairs).proportion_ci(0.90, "exact")
        bound = f"≤ {found.high:.2%}" if alarm else f"≥ {found.low:.2%}"
        kept = (found.high <= 0.05) if alarm else (found.low >= 0.90)
        undecided = f"{self.inconclusive / self.pairs:.1%}"
        share = f"{self.regressed / self.pairs:.2%}"
        return f"| {self.what} | {share} | {bound} | {undecided} | {'yes' if kept else 'no'} |"


def repeated(what: str, one: Callable[[], str], pairs: int = PAIRS) -> Outcome:
    verdicts = [one() for _ in range(pairs)]
    return Outcome(what, verdicts.count("regressed"), verdicts.count("inconclusive"), pairs)


def table(title: str, outcomes: list[Outcome], *, alarm: bool) -> Iterator[str]:
    share = "called regressed" if alarm else "found"
    yield f"\n**{title}**\n"
    yield f"| pairs | {share} | 95 % bound | inconclusive | {'≤ 5 %' if alarm else '≥ 90 %'} |"
    yield "| --- | ---: | ---: | ---: | --- |"
    yield from (outcome.row(alarm=alarm) for outcome in outcomes)


# -- deterministic methods -----------------------------------------------------------------------------


def deterministic(samples: dict[str, Sample], metric: str) -> Iterator[str]:
    """Real scores per document of every method of the run; one is drawn for each pair."""
    generator = np.random.default_rng(1)
    columns = {name: sample.values(metric) for name, sample in samples.items()}
    # A method that hardly answers anything has no three points to lose.
    columns = {name: values for name, values in columns.items() if np.nanmean(values) > 2 * LOST}
    names = list(columns)
    threshold = parse_threshold(f"{metric}:-1pp")

    def judged(before: Floats, after: Floats) -> str:
        same = bool((before == after).all())
        change = MetricChange(
            metric, True, float(before.mean()), float(after.mean()), "identical" if same else "not tested"
        )
        state = "identical" if same else "compared"
        found = MethodChange("keyphrases", "m", state, metrics=(change,), documents=len(before))  # type: ignore[arg-type]
        return decide(found, {metric: threshold})[0].verdict

    def drawn() -> tuple[Floats, Floats]:
        name, other = generator.choice(names, 2, replace=False)
        n = len(columns[name])
        rows = generator.integers(0, n, n)
        return columns[name][rows], columns[other][rows]

    def unchanged() -> str:
        before, _ = drawn()
        return judged(before, before)

    def neutral(share: float) -> Callable[[], str]:
        """Some documents are answered differently, as another method would, and none gains by it on
        average: the differences between two real methods, with random signs."""

        def one() -> str:
            before, other = drawn()
            flipped = generator.random(len(before)) < share
            signs = generator.choice([-1.0, 1.0], len(before))
            return judged(before, before + flipped * signs * (other - before))

        return one

    def injured() -> str:
        """Documents lose their answer, one after the other, until three points are lost."""
        before, _ = drawn()
        after, order = before.copy(), generator.permutation(len(before))
        lost = np.cumsum(before[order])
        after[order[: int(np.searchsorted(lost, LOST * len(before))) + 1]] = 0.0
        return judged(before, after)

    n = len(next(iter(columns.values())))
    alarms = [repeated("the same code", unchanged)]
    alarms += [
        repeated(f"{share:.0%} of the documents answered otherwise, no better or worse", neutral(share))
        for share in (0.01, 0.02, 0.05)
    ]
    yield (
        f"\n## Methods without training noise\n\nScores per document ({metric}) of {len(names)} methods of "
        f"the suite quick, {n} documents resampled; threshold {threshold.text}."
    )
    yield from table("Nothing got worse", alarms, alarm=True)
    yield from table("3 points of F1 lost", [repeated("answers lost", injured)], alarm=False)


# -- methods with training noise ------------------------------------------------------------------------


def noisy(sample: Sample, spec: TaskSpec, metric: str) -> Iterator[str]:
    """Real predictions of one method with many seeds. Both sides draw different ones of them."""
    generator = np.random.default_rng(2)
    task = get_task(spec.task)
    # The judged metric needs no probabilities; those that do take most of the time, and are null without.
    columns = [
        {name: values for name, values in scores.to_columns().items() if name in ("id", "gold", "predicted")}
        for scores in sample.repeats
    ]
    place = next(i for i, known in enumerate(sample.metrics) if known.id == metric)
    threshold = parse_threshold(f"{metric}:-1pp")
    documents = len(sample.ids)

    def scores_of(seed: int, rows: NDArray[np.int64], lost: NDArray[np.bool_]) -> Scores:
        picked: dict[str, list[Any]] = {
            name: [values[row] for row in rows] for name, values in columns[seed].items() if name != "id"
        }
        picked["id"] = list(range(len(rows)))
        for row in np.flatnonzero(lost):
            picked["predicted"][row] = wrong(picked["gold"][row])
        return task.scores_from_columns(spec, picked)

    def wrong(label: str) -> str:
        return next(other for other in spec.labels if other != label)

    right = np.array(
        [[a == b for a, b in zip(of["predicted"], of["gold"], strict=True)] for of in columns], dtype=float
    )

    def pair(n: int, seeds: int, loss: float, *, shared: bool) -> str:
        chosen = generator.permutation(len(columns))[: 2 * seeds]
        others = chosen[:seeds] if shared else chosen[seeds:]
        rows = generator.integers(0, documents, n)
        lost = np.zeros(n, dtype=bool)
        before = Sample("m", tuple(scores_of(seed, rows, lost) for seed in chosen[:seeds]))
        if loss:
            # Documents come out wrong whatever the seed, one after the other until three points are lost.
            order = generator.permutation(n)
            gone = np.cumsum(right[others][:, rows[order]].mean(axis=0))
            lost[order[: int(np.searchsorted(gone, loss * n)) + 1]] = True
        after = Sample("m", tuple(scores_of(seed, rows, lost) for seed in others))
        return judged(before, after)

    def judged(before: Sample, after: Sample) -> str:
        n, seed = len(before.ids), int(generator.integers(1 << 31))
        drawn = bootstrap(
            n,
            lambda w: (after.resampled(w) - before.resampled(w))[:, [place]],
            resamples=RESAMPLES // 10,
            seed=seed,
        )
        per_seed = [
            float(b.aggregates()[place] - a.aggregates()[place])
            for a, b in zip(before.repeats, after.repeats, strict=True)
        ]
        found = noise(float(np.nanstd(drawn, ddof=1)), n, per_seed)
        old, new = float(before.numbers()[place]), float(after.numbers()[place])
        change = MetricChange(metric, True, old, new, "not tested", noise=found)
        method = MethodChange(
            spec.task, "m", "compared", stochastic=True, seeds=len(per_seed), metrics=(change,), documents=n
        )
        return decide(method, {metric: threshold})[0].verdict

    yield (
        f"\n## Methods with training noise\n\nPredictions of {sample.method} with {len(columns)} seeds, "
        f"{documents} documents resampled; {metric}, threshold {threshold.text}. Other seeds on each side "
        "are the worst case: a change that leaves the training as it was meets the same seeds on both."
    )
    real = ((documents, 3), (documents, 5), (documents, 10))
    more = (*real, (500, 10), (1_000, 10))

    def lines(loss: float, shared: bool, sizes: Sequence[tuple[int, int]] = real) -> list[Outcome]:
        word = "the same" if shared else "other"
        return [
            repeated(
                f"{n:,} documents, {word} {seeds} seeds a side",
                lambda n=n, seeds=seeds: pair(n, seeds, loss, shared=shared),  # type: ignore[misc]
            )
            for n, seeds in sizes
        ]

    yield from table("The same code", lines(0.0, False), alarm=True)
    yield from table("3 points of F1 lost", [*lines(LOST, True), *lines(LOST, False, more)], alarm=False)
    yield from effects(sample, place, metric)


def effects(sample: Sample, place: int, metric: str) -> Iterator[str]:
    """The table of detectable effects, from the noise of the same predictions."""
    repeats = sample.repeats
    half = len(repeats) // 2
    before, after = Sample("m", repeats[:half]), Sample("m", repeats[half : 2 * half])
    one = Sample("m", repeats[:1]), Sample("m", repeats[half : half + 1])
    n = len(sample.ids)

    def documents_se(pair: tuple[Sample, Sample]) -> float:
        drawn = bootstrap(
            n, lambda w: (pair[1].resampled(w) - pair[0].resampled(w))[:, [place]], resamples=1_000, seed=1
        )
        return float(np.nanstd(drawn, ddof=1))

    per_seed = np.array(
        [
            b.aggregates()[place] - a.aggregates()[place]
            for a, b in zip(before.repeats, after.repeats, strict=True)
        ]
    )
    single, spread = documents_se(one), float(np.std(per_seed, ddof=1))
    yield f"\n**The smallest loss of {metric} found nine times in ten (points), at a threshold of 1 point**\n"
    seeds = (2, 3, 5, 10)
    yield f"| documents | {' | '.join(f'{s} seeds' for s in seeds)} |"
    yield f"| ---: |{' ---: |' * len(seeds)}"
    for size in (60, 120, 240, 500, 1_000, 2_000, 5_000):
        row = []
        for count in seeds:
            # What a seed changes falls with the documents as well: it changes some answers and not others.
            scale = np.sqrt(n / size)
            values = np.linspace(-1, 1, count)
            values = values / np.std(values, ddof=1) * spread * scale
            found = noise(single * scale / np.sqrt(count), size, values)
            row.append(f"{100 * detectable(found, 0.01):.1f}")
        yield f"| {size:,} | {' | '.join(row)} |"


# -- speed and memory -----------------------------------------------------------------------------------


def speed(path: Path) -> Iterator[str]:
    generator = np.random.default_rng(3)
    rows = list(csv.DictReader(path.open()))
    methods = sorted({row["method"] for row in rows})
    costs = ("predict_s", "documents_per_s_marginal", "peak_memory_bytes")
    series = {
        (method, cost): np.array([float(row[cost]) for row in rows if row["method"] == method])
        for method in methods
        for cost in costs
    }
    reference = np.array([float(r["reference_workload_s"]) for r in rows if r["method"] == methods[0]])
    runs = len(reference)

    def interleaved(cost: str, tolerance: str, factor: float, most: int) -> Callable[[], str]:
        threshold = parse_threshold(f"{cost}:{tolerance}")
        looks = SpeedQuestion(Path(), most_rounds=most).looks

        def one() -> str:
            """Each round is three runs that really followed each other, in the order of the gate."""
            values = series[str(generator.choice(methods)), cost]
            taken: dict[str, list[float]] = {BASE: [], HEAD: [], CONTROL: []}
            verdict = "inconclusive"
            for number in range(most):
                start = int(generator.integers(0, runs - 2))
                for step, who in enumerate(ORDERS[number % len(ORDERS)]):
                    taken[who].append(values[start + step] * (factor if who == HEAD else 1.0))
                if number + 1 in looks and verdict == "inconclusive":
                    found = (np.array(taken[who]) for who in (BASE, HEAD, CONTROL))
                    verdict = judge_series(Series("t", "m", cost, *found), threshold).verdict
            return verdict

        return one

    def stored(cost: str, tolerance: str, factor: float) -> Callable[[], str]:
        """Two runs of different times, held against each other by the reference workload."""
        threshold = parse_threshold(f"{cost}:{tolerance}")

        def one() -> str:
            values = series[str(generator.choice(methods)), cost]
            a, b = generator.choice(runs, 2, replace=False)
            before, after = float(values[a]), float(values[b]) * factor
            pace = reference[b] / reference[a]
            slowed = {"predict_s": 1 / pace, "documents_per_s_marginal": pace}.get(cost, 1.0)
            change = CostChange(cost, before, after, after / before * slowed, True)
            method = MethodChange("t", "m", "compared", costs=(change,))
            return decide(method, {cost: threshold})[0].verdict

        return one

    yield (
        f"\n## Speed and memory\n\n{runs} runs of {', '.join(methods)} one after the other, each in "
        "processes of its own; a round is three that followed each other."
    )

    def rounds(most: int) -> str:
        return f"{most} rounds" if most == LEAST_ROUNDS else f"{LEAST_ROUNDS} to {most} rounds"

    rate = "documents_per_s_marginal"
    both = ((rate, "-10%", 1 / SLOWER), ("predict_s", "+10%", SLOWER))
    counts = (LEAST_ROUNDS, MOST_ROUNDS)
    alarms = [
        repeated(f"{cost}, {tolerance}, {rounds(count)}", interleaved(cost, tolerance, 1.0, count))
        for cost, tolerance, _ in both
        for count in counts
    ]
    alarms.append(repeated("peak_memory_bytes, +10%, stored", stored("peak_memory_bytes", "+10%", 1.0)))
    yield from table("The same code", alarms, alarm=True)
    found = [
        repeated(f"{cost}, {tolerance}, {rounds(count)}", interleaved(cost, tolerance, factor, count))
        for cost, tolerance, factor in both
        for count in counts
    ]
    found.append(repeated("peak_memory_bytes, +10%, stored", stored("peak_memory_bytes", "+10%", LARGER)))
    yield from table("1.5 times as slow, 30 % more memory", found, alarm=False)
    kept = [
        repeated(f"{cost}, {tolerance}, stored", stored(cost, tolerance, 1.0)) for cost, tolerance, _ in both
    ]
    yield from table(
        "Speeds of two stored runs, scaled by the reference workload: the same code", kept, alarm=True
    )
    found = [
        repeated(
            f"{cost}, {tolerance}, stored", stored(cost, tolerance, STORED if factor > 1 else 1 / STORED)
        )
        for cost, tolerance, factor in both
    ]
    yield from table(f"{STORED} times as slow", found, alarm=False)


def samples_of(side: Side, task: str) -> tuple[dict[str, Sample], TaskSpec]:
    spec = TaskSpec.model_validate(side.manifest.tasks[task].spec)
    names = [row.method for t in side.board.tables if t.task == task for row in t.rows if row.status == "ok"]
    return {name: load_sample(side.store, spec, side.cells(task, name)) for name in names}, spec


def main() -> None:
    results, timings = Path(sys.argv[1]), Path(sys.argv[2])
    print("# Operating characteristics of the gate\n")
    print(f"{PAIRS:,} pairs a line, decided by the gate's own functions (`operating_characteristics.py`).")
    samples, _ = samples_of(open_side("quick", results), "keyphrases")
    for line in deterministic(samples, "f1@10"):
        print(line, flush=True)
    for line in speed(timings):
        print(line, flush=True)
    samples, spec = samples_of(open_side("noisy", results), "classification")
    (sample,) = samples.values()
    for line in noisy(sample, spec, "macro_f1"):
        print(line, flush=True)


if __name__ == "__main__":
    main()
