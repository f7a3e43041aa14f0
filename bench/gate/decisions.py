"""The decisions on one method: each of its thresholds against what changed, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from readbench.compare.costs import CostChange
from readbench.compare.runs import MethodChange, MetricChange
from readbench.gate.thresholds import Threshold
from readbench.stats.power import Needed, needed, non_inferior

Verdict = Literal["pass", "regressed", "inconclusive", "incomparable", "reported", "new"]
"""What the gate says of one threshold on one method."""

STORED_BAND = 2.0
"""The ratio up to which two single measurements of the same code on one machine differ, scaled by the
reference workload. Of 17,000 pairs 0.3 % lie farther apart by their throughput, and 3.6 % by ``predict_s``
including times below ``MOMENT`` (the runs behind docs/ci/operating-characteristics.md)."""

MEMORY_BAND, MEMORY_APART = 1.10, 8 * 2**20
"""How far apart single measurements of the memory of the same code lie, as a ratio and in bytes: what is
within either of them is no regression yet. Measured on one process and on trees of several, on a busy machine
(docs/ci/memory-noise.md). Where a run repeats cells with other seeds, and they lie farther apart, that
counts."""

FAILED_DOCUMENTS = "failed_documents"
"""What a decision is on where a method raises on more documents than before."""

NO_THRESHOLD = "no threshold holds for it"
"""Why nothing is decided on a method that nobody guards."""

MOMENT = 0.1
"""Seconds. Two stored runs that both took less never show a regression."""


@dataclass(frozen=True)
class Decision:
    """One threshold on one method. ``what`` is the metric or cost; empty where the decision is on the method
    as a whole (it failed). ``limit`` is the largest loss that passes, in the unit of the value. Of a speed
    measured in interleaved rounds ``before`` and ``after`` are geometric means over the rounds.
    ``without_text``: as ``why``, without words of an exception, which may quote a document; empty where
    it has none."""

    task: str
    method: str
    what: str
    verdict: Verdict
    why: str
    before: float | None = None
    after: float | None = None
    threshold: str = ""
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    relative: bool = False
    without_text: str = ""

    @property
    def why_for_everybody(self) -> str:
        """Why, for a comment, a summary or a report that leaves the machine."""
        return self.without_text or self.why

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


def decide(method: MethodChange, thresholds: dict[str, Threshold]) -> list[Decision]:
    """Every decision on one method."""

    def whole(verdict: Verdict, why: str, without_text: str = "") -> list[Decision]:
        return [Decision(method.task, method.method, "", verdict, why, without_text=without_text)]

    why, without_text = method.why, method.why_without_text
    if method.state in ("failed", "vanished"):
        return whole("regressed", why, without_text)
    if method.state == "incomparable":
        return whole("incomparable", why, without_text)
    if method.state == "new":
        return whole("new", why)
    if method.state == "never":
        before = "it was not measured before either"
        return whole("reported", f"{before}: {why}", f"{before}: {without_text}")
    decisions = _failed_documents(method)
    for name, threshold in thresholds.items():
        if threshold.is_cost:
            decisions.append(_of_cost(method, method.cost(name), threshold))
        elif (change := method.metric(name)) is not None:
            decisions.append(_of_metric(method, change, threshold))
    return decisions or whole("reported", NO_THRESHOLD)


def _failed_documents(method: MethodChange) -> list[Decision]:
    """A method that raises on more documents than before has regressed, whatever it scores on the others."""
    before, after = method.failed_before, method.failed_after
    if before is None or after is None or after <= before:
        return []
    why = f"it raises on {after:.1%} of the documents, before on {before:.1%}"
    return [Decision(method.task, method.method, FAILED_DOCUMENTS, "regressed", why, before, after)]


def _of_metric(method: MethodChange, change: MetricChange, threshold: Threshold) -> Decision:
    limit = None if change.before is None else threshold.tolerated(change.before)

    def decided(verdict: Verdict, why: str) -> Decision:
        return Decision(
            method.task,
            method.method,
            change.metric,
            verdict,
            why,
            change.before,
            change.after,
            threshold.text,
            limit,
            change.low,
            change.high,
            change.detectable,
        )

    if change.verdict == "incomparable":
        return decided("incomparable", change.why)
    if change.verdict == "identical":
        return decided("pass", change.why or "identical predictions")
    assert change.change is not None
    assert limit is not None
    gain = change.change if change.higher_is_better else -change.change
    if method.stochastic:
        return _of_noisy(method, change, gain, limit, decided)
    flipped = _counted(len(method.flips), "document") + " answered differently"
    if gain < -limit - _tiny(change):
        return decided("regressed", f"the same documents lose more than the threshold; {flipped}")
    return decided("pass", flipped)


def _of_noisy(
    method: MethodChange, change: MetricChange, gain: float, limit: float, decided: Any
) -> Decision:
    assert change.noise is not None
    verdict = non_inferior(gain, limit + _tiny(change), change.noise)
    basis = f"{_counted(method.documents, 'document')}, {_counted(method.seeds, 'pair')} of seeds"
    if verdict == "inconclusive" and method.noise_is_new and gain < -limit - _tiny(change):
        # Otherwise a method could leave the gate by declaring noise.
        why = "the same documents lose more than the threshold, and the baseline declares no training noise"
        return decided("regressed", why)  # type: ignore[no-any-return]
    if verdict == "inconclusive":
        smallest = "" if change.detectable is None else f"; {change.detectable:.3g} could be detected"
        one_seed = (
            " (one seed each: training noise is unknown; set repeats in the suite)"
            if method.seeds < 2
            else ""
        )
        enough = _enough(needed(gain, limit + _tiny(change), change.noise))
        return decided(verdict, f"{basis} do not decide it{enough}{smallest}{one_seed}")  # type: ignore[no-any-return]
    if verdict == "regressed":
        return decided(verdict, f"a significant loss beyond the threshold; {basis}")  # type: ignore[no-any-return]
    return decided(verdict, f"a loss beyond the threshold is ruled out; {basis}")  # type: ignore[no-any-return]


def _enough(wanted: Needed | None) -> str:
    """How many documents or seeds would decide, rounded up to two digits."""
    if wanted is None:
        return ""
    ways = [
        _counted(_rounded_up(count), what)
        for count, what in ((wanted.documents, "document"), (wanted.seeds, "seed"))
        if count is not None
    ]
    if not ways:
        ways = [f"×{_rounded_up(math.ceil(wanted.times)):,} documents and seeds"]
    return f"; about {' or '.join(ways)} would, if the difference stays"


def _rounded_up(count: int) -> int:
    unit = int(10 ** max(len(str(count)) - 2, 0))
    return -(-count // unit) * unit


def _of_cost(method: MethodChange, change: CostChange | None, threshold: Threshold) -> Decision:
    before, after = (None, None) if change is None else (change.before, change.after)
    limit = None if before is None else threshold.tolerated(before)

    def decided(verdict: Verdict, why: str) -> Decision:
        return Decision(
            method.task,
            method.method,
            threshold.name,
            verdict,
            why,
            before,
            after,
            threshold.text,
            limit,
            relative=bool(before),
        )

    if change is None or (before is None and after is None):
        return decided("reported", "neither run has it")
    if before is None or after is None:
        return decided("inconclusive", change.why or "it was not measured")
    assert limit is not None
    if not change.judged:
        return decided("reported", f"not judged: {change.why}")
    if change.ratio is None:
        if threshold.kind == "relative":
            return decided("inconclusive", "it was 0 before")
        loss, change_shown = (after - before) * threshold.sign, f"{after - before:+.3g}, it was 0 before"
    else:
        loss = before * (change.ratio - 1) * threshold.sign
        plain = after / before
        scaled = "" if abs(change.ratio / plain - 1) < 0.005 else f" (×{plain:.2f} before scaling)"
        change_shown = f"×{change.ratio:.2f}{scaled}"
    if loss <= limit:
        return decided("pass", change_shown)
    change_shown = f"{change_shown}, beyond {threshold.text}"
    if change.definition.is_size:
        return decided(*_of_size(change, after - before, change_shown))
    if _moment(method, change):
        why = f"it took less than {MOMENT:g} s both times"
    elif change.ratio is not None and _within_band(change, change.ratio):
        why = f"single measurements of the same code lie up to ×{STORED_BAND:g} apart"
    else:
        return decided("regressed", change_shown)
    return decided("inconclusive", f"{change_shown}, but {why}: decide it with --speed --against")


def _of_size(change: CostChange, grown: float, shown: str) -> tuple[Verdict, str]:
    """Beyond the threshold: a regression where it is also beyond what measuring again would change."""
    band = max(MEMORY_BAND, change.repeats or 1.0)
    if change.ratio is None or (change.ratio > band and grown > MEMORY_APART):
        return "regressed", shown
    apart = f"up to ×{band:.2f} or {MEMORY_APART >> 20} MiB apart"
    return (
        "inconclusive",
        f"{shown}, but measurements of the same code lie {apart}: decide it with --speed --against",
    )


def _within_band(change: CostChange, ratio: float) -> bool:
    return ratio * STORED_BAND >= 1 if change.definition.higher_is_better else ratio <= STORED_BAND


def _moment(method: MethodChange, change: CostChange) -> bool:
    """Whether so little time was measured on both sides that anything may have doubled it."""
    cost = change.definition
    if not cost.is_speed:
        return False
    seconds = []
    for value in (change.before, change.after):
        if value is None or (cost.is_rate and not (value and method.documents)):
            return False
        seconds.append(method.documents / value if cost.is_rate else value)
    return max(seconds) < MOMENT


def _tiny(change: MetricChange) -> float:
    """Rounding of a mean must not turn a loss of exactly the threshold into more than it."""
    return 1e-9 * max(1.0, abs(change.before or 0.0))


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
