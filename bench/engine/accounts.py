"""What cells are charged: their own seconds and bytes, and the imports and preparations that they stand on,
each in full though the run paid once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from readbench.core.usage import Usage
from readbench.engine.imports import ImportCosts
from readbench.engine.outcome import CellFigures, EarlierFigures
from readbench.engine.scheduled import Ending
from readbench.planning.plan import Plan, PlannedCell, PlannedPreparation
from readbench.results.record import Charged, Costs, Priced
from readbench.results.store import Store

IMPORT, DISTURBED = "import", "disturbed by other work"
"""The note of a record that has neither ``import_s`` nor ``documents_per_s`` for that reason."""


def own_bytes(ending: Ending) -> int | None:
    """What a process tree held beyond its libraries; None where nothing was measured."""
    # The child's own last word covers a cell that ended before the first sample.
    measured = [ending.growth_bytes, ending.outcome.private_bytes if ending.outcome else None]
    figures = ending.outcome.figures if ending.outcome is not None else None
    if isinstance(figures, CellFigures) and figures.earlier is not None:
        measured.append(figures.earlier.grown_bytes)
    return max((value for value in measured if value is not None), default=None)


def _add_earlier(costs: Costs, earlier: EarlierFigures) -> None:
    """What processes took that were ended before the last one, as far as what they did counts."""
    for name in ("load_s", "fit_s", "warmup_s", "predict_s", "wall_s"):
        setattr(costs, name, _sum(getattr(costs, name), getattr(earlier, name)))
    costs.cpu_s = _sum(costs.cpu_s, earlier.predict_cpu_s)
    peaks = [costs.peak_vram_allocated_bytes, earlier.vram_bytes]
    costs.peak_vram_allocated_bytes = max((peak for peak in peaks if peak is not None), default=None)


def _sum(one: float | None, other: float | None) -> float | None:
    return other if one is None else one + (other or 0.0)


def priced(plan: Plan, usage: Usage) -> Priced:
    """What was used, with the price that the suite has for it."""
    return Priced(model=usage.model, documents=usage.documents, price=plan.suite.prices.get(usage.model))


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
        """Finds out what importing the libraries of all items costs. ``doing`` hears of what takes long."""
        if not self.charges_imports:
            return
        items = list(items)
        self._imports.measure([item.modules for item in items], doing)
        for item in items:
            self._footprints[item.key] = self._imports.of(item.modules).footprint_bytes

    def footprint_bytes(self, key: str) -> int:
        """What the libraries of a cell or preparation hold; 0 where nothing of it was to run."""
        return self._footprints.get(key, 0)

    def peak_bytes(self, key: str, ending: Ending) -> int | None:
        """With its libraries; None where nothing was measured."""
        own = own_bytes(ending)
        return None if own is None else own + self.footprint_bytes(key)

    def notes(self, cell: PlannedCell, ending: Ending) -> dict[str, str]:
        """Why a cost that a record should have is not there."""
        known = self._imports.known(cell.modules) if ending.wall_s is not None else None
        return {IMPORT: DISTURBED} if known is not None and known.disturbed else {}

    def preparations(self, cell: PlannedCell) -> list[Charged]:
        """Everything that a cell stands on and that is there, each once."""
        stands_on = self.plan.stands_on(cell)
        return [charge for key in stands_on if (charge := self._charge(key, cell)) is not None]

    def costs(self, cell: PlannedCell, ending: Ending, preparations: list[Charged]) -> Costs:
        """What a cell is charged, as far as its process came."""
        figures = ending.outcome.figures if ending.outcome is not None else None
        costs = Costs(
            wall_s=ending.wall_s,
            peak_vram_process_bytes=ending.vram_bytes,
            gpu_utilisation=ending.gpu_utilisation,
        )
        if isinstance(figures, CellFigures):
            costs.load_s, costs.fit_s = figures.load_s, figures.fit_s
            costs.warmup_s, costs.predict_s = figures.warmup_s, figures.predict_s
            costs.cpu_s = figures.predict_cpu_s
            costs.peak_vram_allocated_bytes = figures.peak_vram_allocated_bytes
            if figures.earlier is not None:
                _add_earlier(costs, figures.earlier)
            self._add_usage(costs, figures.usage)
        if self.charges_imports and cell.state != "missing" and ending.wall_s is not None:
            costs.import_s = self._imports.of(cell.modules).seconds
        costs.prepare_s = sum(c.seconds for c in preparations) if preparations else None
        costs.own_memory_bytes = own_bytes(ending)
        if costs.own_memory_bytes is not None and self.charges_imports:
            costs.library_memory_bytes = self.footprint_bytes(cell.key)
        peaks = [self.peak_bytes(cell.key, ending), *(c.peak_memory_bytes for c in preparations)]
        costs.peak_memory_bytes = max((peak for peak in peaks if peak is not None), default=None)
        if costs.predict_s and cell.split.test:
            earlier = figures.earlier if isinstance(figures, CellFigures) else None
            processes = cell.shards if earlier is None else cell.shards + earlier.goes
            self._add_speeds(costs, costs.predict_s, cell, preparations, processes)
        return costs

    def _add_usage(self, costs: Costs, usage: Usage | None) -> None:
        """What a model behind an API took. Where answers were there from before, the seconds of this process
        are not those of asking: the speed stays unknown."""
        if usage is None:
            return
        costs.input_tokens, costs.output_tokens = usage.input_tokens, usage.output_tokens
        costs.cached_tokens = usage.cached_tokens
        costs.requests, costs.retries = usage.requests, usage.retries
        costs.latency_p50_s, costs.latency_p95_s = usage.latency_s(0.50), usage.latency_s(0.95)
        costs.price_per_1000_documents = priced(self.plan, usage).per_1000_documents(costs)
        if usage.kept:
            costs.predict_s = None

    def _add_speeds(
        self,
        costs: Costs,
        predict_s: float,
        cell: PlannedCell,
        preparations: list[Charged],
        processes: int,
    ) -> None:
        n = len(cell.split.test)
        per_document = sum(c.seconds_per_document or 0 for c in preparations)
        costs.documents_per_s_marginal = n / (per_document * n + predict_s)
        if costs.import_s is None:
            return
        fresh = [
            c.seconds
            for c in preparations
            if self._of_test(c.key, cell) or self.plan.preparations[c.key].ids is None
        ]
        # What the first document took longer than any other was done once: a method may load as late as that.
        # Each process predicted one document beforehand.
        first = max(0.0, (costs.warmup_s or 0.0) - processes * predict_s / n)
        start = costs.import_s + (costs.load_s or 0.0) + first + sum(fresh)
        costs.documents_per_s = n / (start + predict_s)

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
            beside_other_work=cost.beside_other_work,
            notes=cost.notes,
        )

    def _of_test(self, key: str, cell: PlannedCell) -> bool:
        ids = self.plan.preparations[key].ids
        return ids is not None and set(cell.split.test) <= set(ids)
