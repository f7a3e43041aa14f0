"""What a plan will take, from what its methods and preparations took before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from readbench.engine.imports import ImportCosts
from readbench.methods.registry import plain
from readbench.methods.spec import format_spec
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.results.estimates import Estimate, Estimates
from readbench.results.store import Store


@dataclass(frozen=True)
class Forecast:
    """By key, what each cell and preparation that is to run will take; None: not known, for it never ran.
    ``start_s``: what a run takes beside them; ``imports_s``: importing the libraries once. Both are None
    where they are not known."""

    items: dict[str, Estimate | None]
    cells_s: float
    preparations_s: float
    imports_s: float | None
    start_s: float | None
    workers: int = 1

    @classmethod
    def of(cls, plan: Plan, store: Store) -> Forecast:
        """Measures nothing."""
        estimates = Estimates(store.root)
        cells, preparations = plan.to_run(), plan.needed_preparations()
        found = {one.key: _of_preparation(one, estimates) for one in preparations}
        preparations_s = _seconds(found.values())
        of_cells = {one.key: _of_cell(one, estimates) for one in cells}
        start = estimates.of_start()
        return cls(
            items=found | of_cells,
            cells_s=_seconds(of_cells.values()),
            preparations_s=preparations_s,
            imports_s=imports_s([*preparations, *cells], ImportCosts(store.root)),
            start_s=None if start is None else start.seconds if cells else 0.0,
            workers=plan.options.workers,
        )

    @property
    def unknown(self) -> int:
        """Cells and preparations of which nothing is known."""
        return sum(one is None for one in self.items.values())

    @property
    def total_s(self) -> float | None:
        """All that is known, by the clock; None where no cell and no preparation is known."""
        if self.items and self.unknown == len(self.items):
            return None
        # What workers do at the same time takes at least as long as the longest of it.
        longest = max((one.seconds for one in self.items.values() if one is not None), default=0.0)
        work = max(longest, (self.cells_s + self.preparations_s) / self.workers)
        return work + (self.imports_s or 0.0) + (self.start_s or 0.0)

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that one process of those that are known will hold."""
        known = [one.memory_bytes for one in self.items.values() if one is not None]
        return max((peak for peak in known if peak is not None), default=None)

    @property
    def machines(self) -> list[str]:
        """The other machines that estimates are from."""
        return sorted({one.machine for one in self.items.values() if one is not None and one.machine})


def imports_s(items: Sequence[PlannedCell | PlannedPreparation], costs: ImportCosts) -> float | None:
    """Seconds for importing the libraries of all items in one process: the sum over the sets of libraries
    that are in no other set. None where one was not measured on this machine."""
    sets = {frozenset(item.modules) for item in items if item.modules}
    largest = [one for one in sets if not any(one < other for other in sets)]
    known = [cost.seconds if (cost := costs.known(one)) is not None else None for one in largest]
    return None if None in known else sum(seconds for seconds in known if seconds is not None)


def start_s(plan: Plan, store: Store, beside_s: float) -> float:
    """What a run took beside cells, preparations and imports, of what it took beside the first two."""
    items: list[PlannedCell | PlannedPreparation] = [*plan.needed_preparations(), *plan.to_run()]
    return beside_s - (imports_s(items, ImportCosts(store.root)) or 0.0)


def _of_cell(cell: PlannedCell, estimates: Estimates) -> Estimate | None:
    return estimates.of_cell(cell.method.spec, len(cell.split.test), len(cell.split.train))


def _of_preparation(planned: PlannedPreparation, estimates: Estimates) -> Estimate | None:
    return estimates.of_preparation(spec_of(planned), documents_of(planned))


def spec_of(planned: PlannedPreparation) -> str:
    """A preparation with its parameters: what two of them share whose figures can stand for each other."""
    return format_spec(planned.preparation.name, plain(planned.preparation.params))


def documents_of(planned: PlannedPreparation) -> int:
    """How many documents a preparation reads."""
    return 0 if planned.ids is None else len(planned.ids)


def _seconds(estimates: Iterable[Estimate | None]) -> float:
    return sum(one.seconds for one in estimates if one is not None)
