"""How long a cell will take here and how much memory, from what the same method took before: on this machine,
or else on another one that worked in the same results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

from readbench.core.damage import stored_json
from readbench.core.files import write_json
from readbench.machine.machine import machine
from readbench.results.record import PreparationCost, Record

START = "the start of a run"


@dataclass(frozen=True)
class Estimate:
    """``memory_bytes``: the most that was held the last time, however many documents there were; None where
    it was not measured. ``machine``: in words, where it was another one than this."""

    seconds: float
    memory_bytes: int | None = None
    machine: str | None = None


class _Learned(BaseModel):
    """What was measured last. ``fixed_s`` does not depend on the number of documents; ``per_document_s`` is
    for one that is predicted (or prepared) and scored, ``per_trained_s`` for one that was learned from."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    fixed_s: float
    per_document_s: float = 0.0
    per_trained_s: float = 0.0
    memory_bytes: int | None = None
    machine: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_a_pair(cls, data: Any) -> Any:
        """Older versions kept two numbers."""
        if isinstance(data, list | tuple):
            fixed_s, per_document_s = data
            return {"fixed_s": fixed_s, "per_document_s": per_document_s}
        return data


_READER = TypeAdapter(dict[str, _Learned])


class Estimates:
    """Kept in ``estimates.json`` of the results folder, by machine and method."""

    def __init__(self, root: Path) -> None:
        self.path = root / "estimates.json"
        self._known = self._stored()
        self._learned: dict[str, _Learned] = {}

    def _stored(self) -> dict[str, _Learned]:
        return stored_json(self.path, _READER.validate_python) or {}

    def learn(self, record: Record, scoring_s: float = 0.0) -> None:
        """Takes in what a cell took, and what scoring its documents took; ``keep`` writes it."""
        costs = record.costs
        n = record.counts.get("test", 0)
        if costs.predict_s is None or not n:
            return
        trained = record.counts.get("train", 0)
        fit_s = costs.fit_s or 0.0
        # The rest of the time by the clock is starting and ending the process, and reading what it works on.
        known = (costs.load_s or 0.0) + (costs.warmup_s or 0.0)
        rest = 0.0 if costs.wall_s is None else costs.wall_s - fit_s - costs.predict_s
        self._learn(
            record.method,
            record.machine,
            fixed_s=max(known, rest) + (0.0 if trained else fit_s),
            per_document_s=(costs.predict_s + scoring_s) / n,
            per_trained_s=fit_s / trained if trained else 0.0,
            memory_bytes=costs.peak_memory_bytes,
        )

    def learn_preparation(self, spec: str, cost: PreparationCost) -> None:
        """Takes in what building a preparation took on this machine; ``spec`` is its name with its
        parameters."""
        self._learn(
            _prepared(spec),
            machine(),
            fixed_s=cost.setup_s if cost.documents else cost.build_s,
            per_document_s=cost.seconds_per_document or 0.0,
            memory_bytes=cost.peak_memory_bytes,
        )

    def learn_start(self, seconds: float) -> None:
        """Takes in what a run took beside its cells, its preparations and importing libraries."""
        self._learn(START, machine(), fixed_s=max(0.0, seconds))

    def _learn(self, name: str, on: dict[str, Any], **figures: Any) -> None:
        words = f"{on.get('cpu', 'unknown')}, {on.get('cores', 'unknown')} cores"
        self._learned[f"{on['fingerprint']}/{name}"] = _Learned(machine=words, **figures)

    def keep(self) -> None:
        """Adds what was learned to what another run may have written meanwhile. Raises BenchError where the
        file cannot be written."""
        if self._learned:
            before = {name: one for name, one in self._stored().items() if name not in self._learned}
            self._known = before | self._learned
            write_json(self.path, {name: one.model_dump() for name, one in self._known.items()})

    def of_cell(self, method: str, documents: int, trained: int = 0) -> Estimate | None:
        """For a method's cell that predicts ``documents`` and learns from ``trained``, without its
        preparations and imports; None where the method never ran."""
        return self._find(method, documents, trained)

    def of_preparation(self, spec: str, documents: int) -> Estimate | None:
        return self._find(_prepared(spec), documents)

    def of_start(self) -> Estimate | None:
        return self._find(START, 0)

    def _find(self, name: str, documents: int, trained: int = 0) -> Estimate | None:
        here = self._known.get(f"{machine()['fingerprint']}/{name}")
        # What was learned last stands last.
        others = [one for key, one in self._known.items() if key.partition("/")[2] == name]
        found = here or (others[-1] if others else None)
        if found is None:
            return None
        seconds = found.fixed_s + found.per_document_s * documents + found.per_trained_s * trained
        elsewhere = None if found is here else found.machine or "another machine"
        return Estimate(seconds, found.memory_bytes, elsewhere)


def _prepared(spec: str) -> str:
    return f"prepare {spec}"
