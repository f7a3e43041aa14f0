"""What a run's ``statistics.json`` must hold for a board to use it. The room of statistics writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from readbench.core.damage import stored_json
from readbench.results.record import Value

STATISTICS = "statistics.json"


class TaskStatistics(BaseModel):
    """Of one task: how its methods, in the order of ``names``, compare by the primary metric. ``p``: of each
    against each, corrected, null where nothing can be told. ``one_seed``: stochastic methods that ran with
    one. ``joint``: the metrics of methods that have several cells. ``detectable``: how large a difference
    must be for nine of ten such runs to find it; null where that is not known."""

    model_config = ConfigDict(extra="allow")

    names: list[str]
    rank_ranges: list[tuple[int, int]]
    p: list[list[float | None]]
    test: str = "not tested"
    one_seed: list[str] = []
    joint: dict[str, dict[str, Value]] = {}
    detectable: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        lengths = {len(self.rank_ranges), len(self.p), *map(len, self.p)}
        if lengths - {len(self.names)}:
            raise ValueError(f"tables of {sorted(lengths)} rows for {len(self.names)} methods")
        return self


_READER = TypeAdapter(dict[str, TaskStatistics])


def read_statistics(folder: Path) -> dict[str, dict[str, Any]]:
    """By task; nothing where the file of a run's folder is absent or damaged."""
    known = stored_json(folder / STATISTICS, _READER.validate_python)
    return {task: of_task.model_dump() for task, of_task in (known or {}).items()}
