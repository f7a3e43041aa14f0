"""How long a cell will take here, from what the same method took before on this machine."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from readbench.core.damage import stored_json
from readbench.core.files import write_json
from readbench.machine.machine import machine
from readbench.results.record import Record

_READER = TypeAdapter(dict[str, tuple[float, float]])


class Estimates:
    """Kept in ``estimates.json`` of the results folder: per method, the seconds that do not depend on
    the number of documents and those per document, as last measured."""

    def __init__(self, root: Path) -> None:
        self.path = root / "estimates.json"
        self._known = self._stored()
        self._learned: dict[str, tuple[float, float]] = {}

    def _stored(self) -> dict[str, tuple[float, float]]:
        return stored_json(self.path, _READER.validate_python) or {}

    def learn(self, record: Record) -> None:
        """Takes in how long a cell took; ``keep`` writes it."""
        costs = record.costs
        n = record.counts.get("test", 0)
        if costs.predict_s is None or not n:
            return
        fixed = (costs.load_s or 0) + (costs.fit_s or 0) + (costs.warmup_s or 0)
        self._learned[self._name(record.method)] = (fixed, costs.predict_s / n)

    def keep(self) -> None:
        """Adds what was learned to what another run may have written meanwhile. Raises BenchError where the
        file cannot be written."""
        if self._learned:
            self._known = self._stored() | self._learned
            write_json(self.path, dict(self._known))

    def seconds(self, method: str, documents: int) -> float | None:
        """Seconds for a method's cell without its preparations, or None where it never ran here."""
        known = self._known.get(self._name(method))
        return None if known is None else known[0] + known[1] * documents

    @staticmethod
    def _name(method: str) -> str:
        return f"{machine()['fingerprint']}/{method}"
