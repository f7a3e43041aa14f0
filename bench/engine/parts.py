"""One cell in several parts, each predicted by a process of its own: what their endings make together.

A part is a run of whole chunks, in the order in which one process would predict them. So every call of
``predict`` gets the documents that it would get otherwise, and the predictions are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from readbench.engine.job import CellJob
from readbench.engine.outcome import (
    CellFigures,
    ChildFailure,
    EarlierFigures,
    FailedDocuments,
    Outcome,
)
from readbench.engine.prediction import MOST_FAILED, is_broken
from readbench.engine.scheduled import Ending, ScheduledJob

Number = TypeVar("Number", int, float)


@dataclass
class Parts:
    """The parts of one cell: a job each, in the order of the documents; of most cells there is one."""

    jobs: Sequence[ScheduledJob]
    _endings: dict[str, Ending] = field(default_factory=dict)
    _progress: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    _started: bool = False

    def start(self) -> bool:
        """Whether this is the first of them."""
        first, self._started = not self._started, True
        return first

    def progress(self, job: ScheduledJob, phase: str, done: int, total: int) -> tuple[int, int]:
        """How far all of them are in a phase, as far as they told."""
        self._progress[job.id, phase] = (done, total)
        known = [told for (_, of), told in self._progress.items() if of == phase]
        return sum(one[0] for one in known), sum(one[1] for one in known)

    def end(self, job: ScheduledJob, ending: Ending) -> Ending | None:
        """How the cell ended, where this is the last of its parts."""
        self._endings[job.id] = ending
        if len(self._endings) < len(self.jobs):
            return None
        return joined([self._endings[one.id] for one in self.jobs])

    @property
    def files(self) -> list[Path]:
        """Where they kept what they predicted, in the order of the parts."""
        return [one.job.predicted for one in self.jobs if isinstance(one.job, CellJob)]


def joined(endings: Sequence[Ending]) -> Ending:
    """How a cell ended whose parts ended so: seconds are sums, memory is the highest. The first part that is
    not ok decides."""
    if len(endings) == 1:
        return endings[0]
    first = next((one for one in endings if one.status != "ok"), endings[0])
    loads = [one.load for one in endings if one.load is not None]
    whole = replace(
        first,
        wall_s=_sum(one.wall_s for one in endings),
        cpu_s=_sum(one.cpu_s for one in endings),
        growth_bytes=_most(one.growth_bytes for one in endings),
        vram_bytes=_most(one.vram_bytes for one in endings),
        gpu_utilisation=_most(one.gpu_utilisation for one in endings),
        load=max(loads, key=lambda load: load.others + load.stolen, default=None),
        output_bytes=sum(one.output_bytes for one in endings),
    )
    outcomes = [one.outcome for one in endings if one.outcome is not None]
    if first.status != "ok":
        return whole
    outcome = _outcome(outcomes)
    failed = outcome.failed_documents
    if failed is not None and is_broken(failed.count, failed.of):
        # No part by itself had so many of them.
        one = failed.first[0]
        return replace(
            whole, status="failed", outcome=None, failure=ChildFailure(type=one.type, message=one.message)
        )
    return replace(whole, outcome=outcome)


def _outcome(outcomes: Sequence[Outcome]) -> Outcome:
    notes = {name: value for one in reversed(outcomes) for name, value in one.notes.items()}
    phases: dict[str, float] = {}
    for one in outcomes:
        for name, seconds in one.phases.items():
            phases[name] = phases.get(name, 0.0) + seconds
    return outcomes[0].model_copy(
        update={
            "figures": _figures([one.figures for one in outcomes if isinstance(one.figures, CellFigures)]),
            "failed_documents": _failed([one.failed_documents for one in outcomes]),
            "phases": phases,
            "modules": {name: file for one in outcomes for name, file in one.modules.items()},
            "notes": notes,
            "private_bytes": max(one.private_bytes for one in outcomes),
        }
    )


def _figures(parts: Sequence[CellFigures]) -> CellFigures:
    earlier = [one.earlier for one in parts if one.earlier is not None]
    return CellFigures(
        load_s=sum(one.load_s for one in parts),
        fit_s=_sum(one.fit_s for one in parts),
        warmup_s=sum(one.warmup_s for one in parts),
        predict_s=sum(one.predict_s for one in parts),
        predict_cpu_s=sum(one.predict_cpu_s for one in parts),
        peak_vram_allocated_bytes=_most(one.peak_vram_allocated_bytes for one in parts),
        earlier=_earlier(earlier) if earlier else None,
    )


def _earlier(parts: Sequence[EarlierFigures]) -> EarlierFigures:
    return EarlierFigures(
        goes=sum(one.goes for one in parts),
        load_s=sum(one.load_s for one in parts),
        fit_s=_sum(one.fit_s for one in parts),
        warmup_s=sum(one.warmup_s for one in parts),
        predict_s=sum(one.predict_s for one in parts),
        predict_cpu_s=sum(one.predict_cpu_s for one in parts),
        wall_s=sum(one.wall_s for one in parts),
        process_s=sum(one.process_s for one in parts),
        grown_bytes=max(one.grown_bytes for one in parts),
        contended=any(one.contended for one in parts),
        vram_bytes=_most(one.vram_bytes for one in parts),
    )


def _failed(parts: Sequence[FailedDocuments | None]) -> FailedDocuments | None:
    """Each part counts its own, and says how many documents the whole cell has."""
    found = [one for one in parts if one is not None]
    if not found:
        return None
    first = tuple(document for one in found for document in one.first)[:MOST_FAILED]
    return FailedDocuments(count=sum(one.count for one in found), of=found[0].of, first=first)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _most(values: Iterable[Number | None]) -> Number | None:
    return max((value for value in values if value is not None), default=None)
