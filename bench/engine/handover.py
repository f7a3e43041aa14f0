"""Who carries out the cells of a run where this machine does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from readbench.engine.scheduled import Ending
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.results.store import Store

OnStart = Callable[[PlannedPreparation | PlannedCell], None]
OnEnd = Callable[[PlannedPreparation | PlannedCell, Ending | None], None]
"""Is given how something ended that left nothing itself, or None."""


class Handover(Protocol):
    """Carries out cells and preparations on other machines, each after those that it stands on."""

    def carry_out(
        self,
        plan: Plan,
        store: Store,
        items: Sequence[PlannedPreparation | PlannedCell],
        on_start: OnStart,
        on_end: OnEnd,
    ) -> None:
        """The callbacks run in the caller's thread. Raises BenchError where nothing can be started there."""
