"""When a child was in which phase, as the parent saw it, and whether what the child says can be true.

The parent looks now and then. A phase that it first sees at a look began between that look and the one
before: two bounds, however late a look comes. What a child's clock says must lie within them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from readbench.engine.outcome import CellFigures, Outcome, PreparationFigures
from readbench.engine.progress import FINISH, FIT, LOAD, PREDICT, PREPARE, SETUP, WARMUP

SLACK_S = 0.25
"""A child may be held up between two readings of its clock that belong together."""

ORDER: Mapping[str, Sequence[str]] = {
    "cell": (LOAD, FIT, WARMUP, PREDICT, FINISH),
    "preparation": (SETUP, PREPARE, FINISH),
}


@dataclass
class PhaseWatch:
    """Looks at one child. Times are those of ``time.monotonic``, in seconds."""

    started: float
    _began: dict[str, tuple[float, float]] = field(default_factory=dict)
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.started

    def look(self, phase: str, at: float) -> None:
        """Takes down that the child is in a phase at a time."""
        self._began.setdefault(phase, (self._last, at))
        self._last = max(self._last, at)

    def contradiction(self, outcome: Outcome, ended: float) -> str | None:
        """What in an outcome cannot be true, in one line; None where everything can. ``ended``: when the
        process was gone."""
        if outcome.figures is None:
            return None
        wall = ended - self.started
        order = [phase for phase in ORDER[outcome.figures.kind] if phase in outcome.phases or phase == FINISH]
        said = {phase: outcome.phases.get(phase, 0.0) for phase in order}
        if (whole := sum(said.values())) > wall + SLACK_S:
            return _differs("all phases", whole, 0.0, wall)
        seen = [phase for phase in order if phase in self._began]
        for first, after in pairwise(seen):
            seconds = sum(said[phase] for phase in order[order.index(first) : order.index(after)])
            least = self._began[after][0] - self._began[first][1]
            most = self._began[after][1] - self._began[first][0]
            if not least - SLACK_S <= seconds <= most + SLACK_S:
                return _differs(first, seconds, max(0.0, least), most)
        return _beyond_its_phase(outcome.figures, said)


def _beyond_its_phase(figures: CellFigures | PreparationFigures, said: Mapping[str, float]) -> str | None:
    """A figure that is longer than the phase that it is a part of."""
    if isinstance(figures, PreparationFigures):
        parts = {"build_s": (figures.build_s, (SETUP, PREPARE)), "setup_s": (figures.setup_s, (SETUP,))}
    else:
        parts = {
            "load_s": (figures.load_s, (LOAD,)),
            "fit_s": (figures.fit_s or 0.0, (FIT,)),
            "warmup_s": (figures.warmup_s, (WARMUP,)),
            "predict_s": (figures.predict_s, (PREDICT,)),
        }
    for name, (seconds, phases) in parts.items():
        if seconds > (most := sum(said.get(phase, 0.0) for phase in phases)) + SLACK_S:
            return _differs(name, seconds, 0.0, most)
    return None


def _differs(what: str, said: float, least: float, most: float) -> str:
    return (
        f"the clock of its process is wrong: {what} took {said:.2f} s by it, and between {least:.2f} and "
        f"{most:.2f} s by that of the harness; a method must not replace time.perf_counter"
    )
