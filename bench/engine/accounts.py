"""What cells are charged: their own seconds and bytes, and the imports and preparations that they stand on,
each in full though the run paid once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from readbench.engine.imports import ImportCosts
from readbench.engine.job import Ending
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.results.record import Charged, Costs
from readbench.results.store import Store

IMPORT, DISTURBED = "import", "disturbed by other work"
"""The note of a record that has neither ``import_s`` nor ``documents_per_s`` for that reason."""


@dataclass
class Accounts:
    """The accounts of one plan. ``charges_imports``: what importing libraries costs is measured."""

    plan: Plan
    store: Store
    charges_imports: bool = True
    _footprints: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._imports = ImportCosts(self.store.root)

    def measure_imports(
        self, items: Iterable[PlannedCell | PlannedPreparation], doing: Callable[[str], None]
    ) -> None:
        """Small sets first: a bigger one is often no more than what a smaller one brings along."""
        if not self.charges_imports:
            return
        for item in sorted(items, key=lambda item: len(item.modules)):
            if self._imports.known(item.modules) is None:
                doing(f"measuring what importing {', '.join(item.modules) or 'nothing'} costs")
            self._footprints[item.key] = self._imports.of(item.modules).footprint_bytes

    def footprint_bytes(self, key: str) -> int:
        """What the libraries of a cell or preparation hold; 0 where nothing of it was to run."""
        return self._footprints.get(key, 0)

    def peak_bytes(self, key: str, ending: Ending) -> int | None:
        # The child's own last word covers a cell that ended before the first sample.
        measured = [ending.growth_bytes, ending.outcome.get("private_bytes")]
        growth = [value for value in measured if value is not None]
        return max(growth) + self.footprint_bytes(key) if growth else None

    def notes(self, cell: PlannedCell, ending: Ending) -> dict[str, str]:
        """Why a cost that a record should have is not there."""
        known = self._imports.known(cell.modules) if ending.wall_s else None
        return {IMPORT: DISTURBED} if known is not None and known.disturbed else {}

    def preparations(self, cell: PlannedCell) -> list[Charged]:
        """Everything that a cell stands on and that is there, each once."""
        order: dict[str, None] = {}
        queue = list(cell.preparations.values())
        while queue:
            key = queue.pop(0)
            order.setdefault(key, None)
            queue.extend(self.plan.preparations[key].inputs.values())
        return [charge for key in order if (charge := self._charge(key, cell)) is not None]

    def costs(self, cell: PlannedCell, ending: Ending, preparations: list[Charged]) -> Costs:
        measured = ending.outcome.get("costs", {})
        costs = Costs(
            **measured,
            wall_s=ending.wall_s or None,
            peak_vram_process_bytes=ending.vram_bytes,
            gpu_utilisation=ending.gpu_utilisation,
        )
        if self.charges_imports and cell.state != "missing" and ending.wall_s:
            costs.import_s = self._imports.of(cell.modules).seconds
        costs.prepare_s = sum(c.seconds for c in preparations) if preparations else None
        peaks = [self.peak_bytes(cell.key, ending), *(c.peak_memory_bytes for c in preparations)]
        costs.peak_memory_bytes = max((peak for peak in peaks if peak is not None), default=None)
        n = len(cell.split.test)
        if costs.predict_s is not None and costs.predict_s > 0 and n:
            fresh = [
                c.seconds
                for c in preparations
                if self._of_test(c.key, cell) or self.plan.preparations[c.key].ids is None
            ]
            if costs.import_s is not None:
                start = costs.import_s + (costs.load_s or 0) + sum(fresh)
                costs.documents_per_s = n / (start + costs.predict_s)
            per_document = sum(c.seconds_per_document or 0 for c in preparations)
            costs.documents_per_s_marginal = n / (per_document * n + costs.predict_s)
        return costs

    def _charge(self, key: str, cell: PlannedCell) -> Charged | None:
        cost = self.store.preparation_cost(key)
        if cost is None:
            return None
        per_document = cost.seconds_per_document if self._of_test(key, cell) else None
        return Charged(
            name=cost.name,
            key=key,
            seconds=cost.build_s,
            seconds_per_document=per_document,
            peak_memory_bytes=cost.peak_memory_bytes,
            notes=cost.notes,
        )

    def _of_test(self, key: str, cell: PlannedCell) -> bool:
        ids = self.plan.preparations[key].ids
        return ids is not None and set(cell.split.test) <= set(ids)
