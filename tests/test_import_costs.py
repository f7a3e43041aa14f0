"""What an import costs: measured in a fresh interpreter and kept, but not where something was in its way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from readbench.engine.imports import ROUNDS, ImportCosts

BUSY = "import time\nend = time.process_time() + 0.15\nwhile time.process_time() < end: pass\n"
WAITS = "import time\ntime.sleep(0.4)\n"


@pytest.fixture
def costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImportCosts:
    """Costs with a cache of their own, of modules that log each import of them."""
    log = f"open({str(tmp_path / 'log')!r}, 'a').write(__name__ + '\\n')\n"
    (tmp_path / "busy_module.py").write_text(log + BUSY)
    (tmp_path / "waiting_module.py").write_text(log + WAITS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return ImportCosts(tmp_path)


def imports(costs: ImportCosts) -> int:
    return len((costs.path.parents[2] / "log").read_text().splitlines())


def test_what_keeps_the_processor_busy_is_measured_once_and_kept(costs: ImportCosts) -> None:
    found = costs.of(["busy_module"])
    assert found.seconds is not None
    assert found.seconds >= 0.15
    assert ImportCosts(costs.path.parent).of(["busy_module"]) == found
    assert imports(costs) == ROUNDS


def test_what_mostly_waited_is_not_kept(costs: ImportCosts) -> None:
    found = costs.of(["waiting_module"])
    assert found.seconds is not None
    assert found.seconds >= 0.4
    assert costs.of(["waiting_module"]) == found  # for the rest of the run
    assert imports(costs) == ROUNDS
    assert json.loads(costs.path.read_text()) == []
    assert ImportCosts(costs.path.parent).known(["waiting_module"]) is None


def test_what_cannot_be_imported_has_no_cost(costs: ImportCosts) -> None:
    assert costs.of(["no_such_module_at_all"]).seconds is None
