"""How busy the processors are, and how much of that is other work than that of this process and of all that
descends from it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from readbench.machine.processes import children_of, processor_ticks

WINDOW_S = 1.0
"""The kernel counts in hundredths of a second: over less than this a share says little."""
SHARE = 0.25
"""Of the processors that a measurement leaves free: what other work may take of them before it counts as
disturbed. How it was chosen: docs/architecture.md, "Load"."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """While something was measured, and in the second before. ``others``: how many processors other work kept
    busy on average. ``stolen``: how many the machine's host gave to somebody else. ``processors``: how many
    there are for this process. ``before`` and ``after`` are load averages over a minute."""

    others: float
    stolen: float
    processors: int
    before: float
    after: float

    def disturbs(self, threads: int) -> bool:
        """Whether what runs with so many threads was measured beside other work."""
        free = max(1, self.processors - threads)
        return self.others + self.stolen > SHARE * free


@dataclass(frozen=True)
class Moment:
    """Seconds: by ``time.monotonic``, and of all processors together since the machine started."""

    at: float
    busy_s: float
    stolen_s: float
    own_s: float
    load_average: float


@dataclass
class LoadWatch:
    """Looks at the processors about once a second."""

    _moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._look()

    def tick(self) -> None:
        """Looks if the last look is long enough ago."""
        if monotonic() - self._moments[-1].at >= WINDOW_S:
            self._look()

    def begin(self) -> Moment:
        """From where the load of something that starts now is counted: a second ago, or when this watch
        began."""
        now = monotonic()
        return next((m for m in reversed(self._moments) if m.at <= now - WINDOW_S), self._moments[0])

    def end(self, begun: Moment) -> Load | None:
        """The load since then; None where the kernel does not tell."""
        now = self._look()
        seconds = now.at - begun.at
        if not now.busy_s or seconds <= 0:
            return None
        others = (now.busy_s - begun.busy_s) - (now.own_s - begun.own_s)
        return Load(
            others=max(0.0, others) / seconds,
            stolen=max(0.0, now.stolen_s - begun.stolen_s) / seconds,
            processors=len(os.sched_getaffinity(0)),
            before=begun.load_average,
            after=now.load_average,
        )

    def _look(self) -> Moment:
        busy, stolen = _processors()
        last = self._moments[-1] if self._moments else None
        own = _own_ticks() / _TICKS
        # Who ends while the tree is looked through is in none of the sums, and in the next one again.
        own = own if last is None else max(own, last.own_s)
        moment = Moment(monotonic(), busy, stolen, own, os.getloadavg()[0])
        recent = [m for m in self._moments if m.at >= moment.at - 3 * WINDOW_S]
        self._moments = [*(recent or self._moments[-1:]), moment]
        return moment


def _processors() -> tuple[float, float]:
    """Seconds that the processors of this process were busy, and that they were stolen; zeros where the
    kernel does not tell. https://www.kernel.org/doc/html/latest/filesystems/proc.html, 1.7."""
    mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    busy = stolen = 0
    try:
        for line in Path("/proc/stat").read_text().splitlines():
            name, *counts = line.split()
            if name in mine:
                user, nice, system, _, _, irq, softirq, steal = map(int, counts[:8])
                busy += user + nice + system + irq + softirq
                stolen += steal
    except (OSError, ValueError):
        return 0.0, 0.0
    return busy / _TICKS, stolen / _TICKS


def _own_ticks() -> int:
    """Processor time of this process and of all that descend from it, also of those that have ended."""
    queue, ticks = [os.getpid()], 0
    # Parents first: a child that ends meanwhile is in its parent's sum only afterwards.
    for pid in queue:
        ticks += processor_ticks(pid)
        queue += [child for child in children_of(pid) if child not in queue]
    return ticks
