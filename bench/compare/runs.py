"""Two runs compared: what changed in each method, how certain that is, and what the method costs now."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from readbench.compare.comparable import Difference, differences, differences_of, preconditions
from readbench.compare.costs import CostChange, compare_costs
from readbench.compare.flips import Flip, find_flips
from readbench.compare.paired import (
    Incomparable,
    Pair,
    PairedScores,
    Side,
    check_documents,
    pair_methods,
    paired_scores,
)
from readbench.core.errors import BenchError
from readbench.core.seeds import derived_seed
from readbench.results.leaderboard import Row
from readbench.results.record import Value
from readbench.results.samples import Sample
from readbench.stats.power import Noise, detectable, noise
from readbench.stats.resampling import Floats, bootstrap, bootstrap_p, percentile_intervals
from readbench.stats.significance import BOOTSTRAP, MCNEMAR, SIGN_FLIP, holm, sign_flip_p
from readbench.tasks import get_task
from readbench.tasks.metric import Metric, OfSample, Scale

State = Literal["compared", "identical", "failed", "vanished", "new", "never", "incomparable"]
"""``failed`` and ``vanished``: it was measured before and is not now. ``never``: on neither side."""

Outcome = Literal["better", "worse", "identical", "no significant difference", "incomparable", "not tested"]
"""What a comparison says of one metric of one method."""

SIGNIFICANT = 0.05
SAME = 1e-9
"""How far two values of the same predictions may lie apart: the rounding of a mean."""
SAME_BY_VECTORS = 1e-4
"""The same for a metric that compares embeddings, which another machine computes a little differently."""
RESAMPLES = 10_000
NOT_KEPT = "its scores per document were not kept"
"""Why a difference has no interval: `bench baseline --board-only` keeps those of the board's metrics."""
DRAWS = 40_000_000
"""The most documents times resamples of a comparison; above 4,000 documents there are fewer resamples."""


@dataclass(frozen=True)
class MetricChange:
    """One metric of one method. ``change`` is after minus before, ``low`` and ``high`` its 95 % interval,
    ``p`` adjusted by Holm over all that was tested, ``noise`` what the interval comes from. Null where it
    was not asked for, or where ``why`` says that the values must not be compared."""

    metric: str
    higher_is_better: bool
    before: float | None
    after: float | None
    verdict: Outcome
    low: float | None = None
    high: float | None = None
    p: float | None = None
    test: str = ""
    noise: Noise | None = None
    detectable: float | None = None
    why: str = ""

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class MethodChange:
    """One method in both runs. ``flips`` are the documents that it answers differently, the greatest loss
    first, with their values of ``flip_metric``. ``why_without_text``: as ``why``, without words of an
    exception, for what everybody may read. ``noise_is_new``: it says that it has training noise, and
    said before that it had none. ``failed_before`` and ``failed_after``: the share of the documents on which
    it raised, null where it was not measured."""

    task: str
    method: str
    state: State
    why: str = ""
    stochastic: bool = False
    seeds: int = 0
    documents: int = 0
    metrics: tuple[MetricChange, ...] = ()
    costs: tuple[CostChange, ...] = ()
    flip_metric: str = ""
    flips: tuple[Flip, ...] = ()
    noise_is_new: bool = False
    why_without_text: str = ""
    failed_before: float | None = None
    failed_after: float | None = None

    def metric(self, name: str) -> MetricChange | None:
        return next((change for change in self.metrics if change.metric == name), None)

    def cost(self, name: str) -> CostChange | None:
        return next((change for change in self.costs if change.cost == name), None)


@dataclass(frozen=True)
class RunComparison:
    """Everything that two runs say about each other. ``incomparable``: why they may not be compared at
    all; ``differences``: what else differs between them."""

    before: Side
    after: Side
    incomparable: tuple[str, ...]
    differences: tuple[Difference, ...]
    methods: tuple[MethodChange, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """The differences in words."""
        return tuple(difference.text for difference in self.differences)

    def as_json(self) -> dict[str, Any]:
        sides = {
            name: {"run": side.manifest.name, "suite": side.manifest.suite, "dataset": side.manifest.dataset}
            for name, side in (("before", self.before), ("after", self.after))
        }
        methods = [
            asdict(method) | {"metrics": [asdict(m) | {"change": m.change} for m in method.metrics]}
            for method in self.methods
        ]
        return sides | {
            "incomparable": list(self.incomparable),
            "notes": list(self.notes),
            "methods": methods,
        }


@dataclass(frozen=True)
class Questions:
    """What a comparison shall answer. ``metrics`` names those of a task and method. ``intervals`` says for
    which methods uncertainty is computed: that takes time, and decides nothing for a method without training
    noise on identical documents. ``margin`` is the tolerated loss of a method and metric, for the value
    before."""

    metrics: Callable[[str, str], Collection[str]]
    intervals: Callable[[Pair], bool] = field(default=lambda pair: True)  # noqa: ARG005
    resamples: int = RESAMPLES
    permutations: int = RESAMPLES
    margin: Callable[[str, str, float], float] = field(default=lambda method, metric, before: 0.0)  # noqa: ARG005


def compare_runs(before: Side, after: Side, questions: Questions) -> RunComparison:
    """Compares every method of two runs.

    Raises BenchError where their files cannot be read. The result says what may not be compared.
    """
    reasons = preconditions(before, after)
    if reasons:
        return RunComparison(before, after, tuple(reasons), tuple(differences(before, after)), ())
    pairs = pair_methods(before, after)
    tests = sum(len(questions.metrics(pair.task, pair.method)) for pair in pairs)
    # A p-value is at least 1 / (1 + draws): with fewer, Holm's correction alone would hide every difference.
    draws = math.ceil(4 * tests / SIGNIFICANT)
    questions = replace(
        questions, resamples=max(questions.resamples, draws), permutations=max(questions.permutations, draws)
    )
    methods = [_method(before, after, pair, questions) for pair in pairs]
    of_methods = (difference for pair in pairs for difference in differences_of(pair))
    differing = (*differences(before, after), *of_methods)
    return RunComparison(before, after, (), differing, tuple(_adjusted(methods)))


def _method(before: Side, after: Side, pair: Pair, questions: Questions) -> MethodChange:
    state, why = _state(pair)
    base = MethodChange(
        pair.task,
        pair.method,
        state,
        why,
        pair.stochastic,
        noise_is_new=pair.noise_is_new,
        why_without_text=_state(pair, for_everybody=True)[1],
        failed_before=failed_share(pair.before),
        failed_after=failed_share(pair.after),
    )
    if state != "compared":
        return base
    assert pair.before is not None
    assert pair.after is not None
    costs = compare_costs(before, after, pair.before, pair.after)
    try:
        documents = check_documents(before, after, pair)
        metrics, seeds = _metrics(before, after, pair, questions)
        flips = None if pair.identical else find_flips(before, after, pair)
    except Incomparable as error:
        return replace(base, state="incomparable", why=str(error), costs=costs)
    return replace(
        base,
        state="identical" if pair.identical else "compared",
        seeds=seeds,
        documents=documents,
        metrics=metrics,
        costs=costs,
        flip_metric=flips.metric if flips else "",
        flips=flips.found if flips else (),
    )


def failed_share(row: Row | None) -> float | None:
    """Of the documents of a method those on which it raised; None where it was not measured."""
    if row is None or row.status != "ok":
        return None
    failed = row.failed_documents
    return 0.0 if failed is None else failed.count / failed.of


def _state(pair: Pair, *, for_everybody: bool = False) -> tuple[State, str]:
    before, after = pair.before, pair.after
    measured = before is not None and before.status == "ok"
    if after is None:
        return ("vanished", "it is no longer in the run") if measured else ("never", "it was not measured")
    if after.status != "ok":
        why = f"{after.status}: {after.problem_without_text if for_everybody else after.problem_line}"
        if measured:
            return "failed", why
        # Of a method that nobody has measured before, there is nothing to say but that it failed.
        return ("never", why) if before is not None else ("incomparable", f"new, and {why}")
    return ("compared", "") if measured else ("new", "it was not measured before")


def _metrics(
    before: Side, after: Side, pair: Pair, questions: Questions
) -> tuple[tuple[MetricChange, ...], int]:
    assert pair.before is not None
    assert pair.after is not None
    task = get_task(pair.task)
    known = {metric.id: metric for metric in task.metrics}
    names = [known[name] for name in questions.metrics(pair.task, pair.method) if name in known]
    plain = [_point(metric, pair.before, pair.after, pair.identical) for metric in names]
    testable = [change for change in plain if change.verdict == "not tested"]
    if not testable or not questions.intervals(pair):
        return tuple(plain), 0
    paired = paired_scores(before, after, pair, [change.metric for change in testable])
    seed = derived_seed(after.manifest.seed, "compare", after.manifest.tasks[pair.task].split_hash)
    tested = {
        change.metric: replace(change, verdict="incomparable", why=NOT_KEPT)
        for change in testable
        if not (_is_scored(paired.before, change.metric) and _is_scored(paired.after, change.metric))
    }
    if len(tested) < len(testable):
        scored = [change for change in testable if change.metric not in tested]
        tested |= _tested(paired, scored, pair, questions, seed)
    return tuple(tested.get(change.metric, change) for change in plain), paired.seeds


def _is_scored(sample: Sample, metric: str) -> bool:
    """Whether the scores per document give a value of the metric."""
    (place,) = (place for place, known in enumerate(sample.metrics) if known.id == metric)
    return not np.isnan(sample.numbers()[place])


def _point(metric: Metric, before: Row, after: Row, identical: bool) -> MetricChange:
    old, new = before.metrics.get(metric.id), after.metrics.get(metric.id)
    change = MetricChange(
        metric.id, metric.higher_is_better, _of(old), _of(new), "identical" if identical else "not tested"
    )
    if old is None or new is None:
        side = "before" if old is None else "after"
        return replace(change, verdict="incomparable", why=f"the run {side} does not have it")
    if old.version != new.version:
        return replace(change, verdict="incomparable", why="another version of the metric")
    if old.value is None or new.value is None:
        if old.value is None and new.value is None:
            return replace(change, verdict="identical", why="no document counts for it")
        return replace(change, verdict="incomparable", why="no document counts for it on one side")
    if identical and abs(new.value - old.value) > (SAME_BY_VECTORS if metric.vectors else SAME):
        why = "same predictions, another value: the metric changed"
        return replace(change, verdict="incomparable", why=why)
    return change


def _of(value: Value | None) -> float | None:
    return None if value is None else value.value


def _tested(
    paired: PairedScores, changes: Sequence[MetricChange], pair: Pair, questions: Questions, seed: int
) -> dict[str, MetricChange]:
    """Intervals, p-values and noise. The resamples of documents are the same for all metrics."""
    metrics = paired.before.metrics
    places = [next(i for i, m in enumerate(metrics) if m.id == change.metric) for change in changes]
    n = len(paired.before.ids)
    resamples = min(questions.resamples, max(1_000, DRAWS // max(n, 1)))
    wanted = {change.metric for change in changes}

    def differences(weights: Floats) -> Floats:
        after, before = (of_side.resampled(weights, wanted) for of_side in (paired.after, paired.before))
        return (after - before)[:, places]

    drawn = bootstrap(n, differences, resamples=resamples, seed=seed)
    intervals = percentile_intervals(drawn)
    replicated_p = bootstrap_p(drawn)
    with np.errstate(invalid="ignore"):
        errors = np.nanstd(drawn, axis=0, ddof=1) * paired.shrink
    per_seed = _per_seed(paired)[:, places]
    tested = {}
    for i, change in enumerate(changes):
        assert change.change is not None
        assert change.before is not None
        uncertainty = noise(float(errors[i]), paired.documents, per_seed[:, i])
        low, high = float(intervals[i, 0]), float(intervals[i, 1])
        aggregate = metrics[places[i]].aggregate
        # Resamples of a biased estimate are biased again: their percentiles may not hold the estimate.
        biased = isinstance(aggregate, OfSample) and aggregate.scale is Scale.NONE
        if pair.stochastic or paired.shrink < 1 or biased:
            low, high = uncertainty.interval(change.change)
        p, test = _p(paired, metrics[places[i]], float(replicated_p[i]), questions.permutations, seed)
        tested[change.metric] = replace(
            change,
            low=low,
            high=high,
            p=p,
            test=test,
            noise=uncertainty,
            verdict="no significant difference",
            detectable=detectable(uncertainty, questions.margin(pair.method, change.metric, change.before)),
        )
    return tested


def _per_seed(paired: PairedScores) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Differences (seeds, metrics) of the pairs of seeds."""
    repeats = zip(paired.before.repeats, paired.after.repeats, strict=False)
    return np.array([after.aggregates() - before.aggregates() for before, after in repeats])


def _p(
    paired: PairedScores, metric: Metric, replicated: float, permutations: int, seed: int
) -> tuple[float, str]:
    if isinstance(metric.aggregate, OfSample):
        return replicated, BOOTSTRAP
    gaps = paired.after.values(metric.id) - paired.before.values(metric.id)
    known = gaps[~np.isnan(gaps) & (gaps != 0)]
    right_or_wrong = len(known) > 0 and bool(np.all(np.abs(known) == np.abs(known[0])))
    p = sign_flip_p(gaps[:, None], permutations=permutations, seed=seed)
    return float(p[0]), MCNEMAR if right_or_wrong else SIGN_FLIP


def _adjusted(methods: Sequence[MethodChange]) -> list[MethodChange]:
    """p-values adjusted over everything that was tested, and the verdicts that follow. A method with
    training noise is called better or worse only where its interval, which knows of seeds, agrees."""
    tested = [change.p for method in methods for change in method.metrics if change.p is not None]
    adjusted = iter(holm(tested).tolist())
    done = []
    for method in methods:
        metrics = []
        for change in method.metrics:
            if change.p is None or change.change is None:
                metrics.append(change)
                continue
            p = next(adjusted)
            differs = p <= SIGNIFICANT and change.low is not None and change.high is not None
            if differs and method.stochastic:
                differs = method.seeds > 1 and not change.low <= 0 <= change.high  # type: ignore[operator]
            gained = (change.change > 0) == change.higher_is_better
            verdict: Outcome = ("better" if gained else "worse") if differs else "no significant difference"
            metrics.append(replace(change, p=p, verdict=verdict))
        done.append(replace(method, metrics=tuple(metrics)))
    return done


def shown_metrics(
    before: Side, after: Side, chosen: Collection[str] = ()
) -> Callable[[str, str], Collection[str]]:
    """Which metrics a comparison shows: the chosen ones, or those of the boards of both runs, the primary
    one first.

    Raises BenchError for a metric that no task of the runs has.
    """
    of_task: dict[str, dict[str, None]] = {}
    for side in (before, after):
        for task, settings in side.manifest.tasks.items():
            of_task.setdefault(task, {}).update(dict.fromkeys((settings.primary, *settings.board)))
    if chosen:
        known = {task: {metric.id for metric in get_task(task).metrics} for task in of_task}
        names = sorted(set().union(*known.values()))
        for metric in chosen:
            if metric not in names:
                near = difflib.get_close_matches(metric, names, n=2)
                todo = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
                raise BenchError(f"unknown metric {metric!r}", todo=todo)
        of_task = {task: {name: None for name in chosen if name in known[task]} for task in known}
    return lambda task, method: of_task.get(task, ())  # noqa: ARG005
