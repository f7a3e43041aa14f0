"""What an import costs: measured in a fresh interpreter and kept, but not where something was in its way."""

from __future__ import annotations

from pathlib import Path

import pytest
from gate_methods import write_methods, write_suite
from gate_runs import run

from readbench.engine import imports as measuring
from readbench.engine.imports import ROUNDS, ImportCosts
from readbench.results.store import Store

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


@pytest.mark.alone  # other work beside it would be in its way, as it should
def test_what_keeps_the_processor_busy_is_measured_once_and_kept(costs: ImportCosts) -> None:
    found = costs.of(["busy_module"])
    assert found.seconds is not None
    assert found.seconds >= 0.15
    assert ImportCosts(costs.path.parent).of(["busy_module"]) == found
    assert imports(costs) == ROUNDS


def test_what_mostly_waited_is_measured_again_where_the_machine_is_idle(
    costs: ImportCosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = costs.of(["waiting_module"])
    assert (found.seconds, found.disturbed) == (None, True)
    assert found.footprint_bytes > 0
    assert costs.of(["waiting_module"]) == found  # for the rest of the run
    assert imports(costs) == ROUNDS
    monkeypatch.setattr(measuring, "_is_idle", lambda: False)
    assert ImportCosts(costs.path.parent).of(["waiting_module"]) == found
    assert imports(costs) == ROUNDS
    monkeypatch.setattr(measuring, "_is_idle", lambda: True)
    assert ImportCosts(costs.path.parent).of(["waiting_module"]).disturbed
    assert imports(costs) == 2 * ROUNDS


def test_no_further_round_begins_after_a_while(costs: ImportCosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "PATIENCE_S", 0.1)
    assert costs.of(["waiting_module"]).disturbed
    assert imports(costs) == 1


SHARED = {
    "shared_module.py": BUSY,
    "plain_module.py": "import shared_module\n",
    "lazy_module.py": "from asked_module import something\nsomething()\n",
    "asked_module.py": "def something():\n    import shared_module\n",
}


def test_sets_are_measured_together_and_each_is_charged_all_that_it_needs(
    costs: ImportCosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lazy loader imports for whoever asked it: ``asked_module`` costs nothing by itself."""
    monkeypatch.setattr(measuring, "ROUNDS", 1)
    monkeypatch.setattr(measuring, "DISTURBED", 1e9)
    for name, text in SHARED.items():
        (tmp_path / name).write_text(text)
    sets = [["plain_module"], ["lazy_module"], ["asked_module"], ["busy_module", "plain_module"]]
    said: list[str] = []
    costs.measure(sets, said.append)
    plain, lazy, asked, both = (costs.of(one).seconds or 0.0 for one in sets)
    assert min(plain, lazy) >= 0.15
    assert asked < 0.15
    assert both >= plain + 0.15
    assert imports(costs) == 1  # of busy_module, the one that logs
    assert len(said) == 1
    assert said[0].endswith("costs (4 of 4 left)")


def test_a_module_that_ends_the_interpreter_costs_itself_alone(costs: ImportCosts, tmp_path: Path) -> None:
    (tmp_path / "leaving_module.py").write_text("import os\nos._exit(0)\n")
    costs.measure([["leaving_module"], ["waiting_module"]])
    assert costs.of(["leaving_module"]).seconds is None
    assert not costs.of(["leaving_module"]).disturbed
    assert costs.of(["waiting_module"]).footprint_bytes > 0


def test_what_cannot_be_imported_has_no_cost(costs: ImportCosts) -> None:
    assert costs.of(["no_such_module_at_all"]).seconds is None


@pytest.mark.parametrize("disturbed", [True, False])
def test_an_import_that_was_disturbed_is_in_no_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disturbed: bool
) -> None:
    """Otherwise a run on a busy machine would be compared by how busy it was."""
    measure = measuring._measure
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        measuring,
        "_measure",
        lambda sets, doing: [
            one.model_copy(update={"seconds": 9.0, "disturbed": disturbed}) for one in measure(sets, doing)
        ],
    )
    suite = write_suite(tmp_path / "tested.toml", ("test.steady",))
    run(tmp_path, suite, write_methods(tmp_path / "methods.py"), limit=5)
    (record,) = Store(tmp_path / "results").records()
    costs = record.costs
    assert costs.documents_per_s_marginal is not None
    assert costs.peak_memory_bytes is not None
    if disturbed:
        assert (costs.import_s, costs.documents_per_s) == (None, None)
        assert record.notes["import"] == "disturbed by other work"
    else:
        assert costs.import_s == 9.0
        assert costs.documents_per_s is not None
        assert costs.documents_per_s < 5 / 9
        assert "import" not in record.notes
