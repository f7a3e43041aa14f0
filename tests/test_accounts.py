"""Who is charged what: a plan with preparations of preparations, and every cost computed by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_methods import CHARGED

from readbench.core.files import write_json
from readbench.core.types import Part
from readbench.datasets import open_dataset
from readbench.engine.accounts import DISTURBED, IMPORT, Accounts
from readbench.engine.imports import ImportCost
from readbench.engine.outcome import CellFigures, Outcome
from readbench.engine.scheduled import Ending
from readbench.machine.machine import machine
from readbench.planning.plan import Options, Plan, PlannedCell
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.record import PreparationCost
from readbench.results.store import Store

MIB = 2**20
COSTS = {
    # name: seconds of set-up, seconds in all, documents, peak
    "tables": (4.0, 4.0, 0, 900 * MIB),
    "words": (1.0, 7.0, 12, 300 * MIB),
    "counts": (0.0, 5.0, 20, 200 * MIB),
}
FIGURES = CellFigures(load_s=0.5, fit_s=2.0, warmup_s=0.75, predict_s=3.0, predict_cpu_s=2.5)
IMPORTED = ImportCost(1.5, 100 * MIB)


class Imports:
    """What importing costs, as it was measured before."""

    def __init__(self, cost: ImportCost) -> None:
        self.cost = cost

    def known(self, modules: object) -> ImportCost:  # noqa: ARG002
        return self.cost

    def of(self, modules: object) -> ImportCost:  # noqa: ARG002
        return self.cost

    def measure(self, sets: object, doing: object) -> None:
        """It is known already."""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """12 test documents and 20 to learn from; every preparation is in the store."""
    (tmp_path / "toy.py").write_text(CHARGED, encoding="utf-8")
    corpus = open_dataset("papers-demo")
    ids = [document.id for document in corpus.documents][:32]
    parts: dict[str, Part] = dict.fromkeys(ids[:12], "test")
    parts |= dict.fromkeys(ids[12:], "train")
    data = replace(corpus.only(ids), parts=parts)
    suite = Suite.model_validate(
        {
            "name": "toy",
            "tasks": {"keyphrases": {"methods": ["toy.chained"]}},
            "split": {"kind": "given", "near_duplicates": "ignore"},
        }
    )
    store = Store(tmp_path / "results")
    made = make_plan(suite, data, Options(include_paths=(tmp_path / "toy.py",)), store)
    for key, planned in made.preparations.items():
        setup, build, documents, peak = COSTS[planned.preparation.name]
        folder = store.preparation(key)
        folder.mkdir(parents=True)
        cost = PreparationCost(
            name=planned.preparation.name,
            setup_s=setup,
            build_s=build,
            documents=documents,
            peak_memory_bytes=peak,
            machine=machine()["fingerprint"],
            contended=False,
            versions={},
        )
        write_json(folder / "preparation.json", cost)
    return made


def accounts(plan: Plan, tmp_path: Path, imported: ImportCost = IMPORTED, **more: Any) -> Accounts:
    made = Accounts(plan, Store(tmp_path / "results"), **more)
    made._imports = Imports(imported)  # type: ignore[assignment]
    made.measure_imports([*plan.cells, *plan.preparations.values()], lambda what: None)  # noqa: ARG005
    return made


def ended(growth: int | None = 50 * MIB, private: int = 20 * MIB, **figures: Any) -> Ending:
    outcome = Outcome(status="ok", figures=FIGURES.model_copy(update=figures), private_bytes=private)
    return Ending("ok", outcome=outcome, wall_s=9.0, cpu_s=8.0, growth_bytes=growth)


def charged(plan: Plan, tmp_path: Path, ending: Ending | None = None, **more: Any) -> tuple[PlannedCell, Any]:
    (cell,) = plan.cells
    books = accounts(plan, tmp_path, **more)
    preparations = books.preparations(cell)
    return cell, books.costs(cell, ending or ended(), preparations)


def test_everything_that_a_cell_stands_on_is_charged_once(plan: Plan, tmp_path: Path) -> None:
    (cell,) = plan.cells
    found = {charge.name: charge for charge in accounts(plan, tmp_path).preparations(cell)}
    assert sorted(found) == ["counts", "tables", "words"]
    assert {name: charge.seconds for name, charge in found.items()} == {"counts": 5, "tables": 4, "words": 7}
    # (7 - 1) / 12 a test document; what is made of other documents, or of none, costs none of them.
    assert {name: charge.seconds_per_document for name, charge in found.items()} == {
        "counts": None,
        "tables": None,
        "words": 0.5,
    }
    assert {name: charge.peak_memory_bytes for name, charge in found.items()} == {
        name: cost[3] for name, cost in COSTS.items()
    }


def test_seconds(plan: Plan, tmp_path: Path) -> None:
    _, costs = charged(plan, tmp_path)
    assert costs.import_s == 1.5
    assert costs.load_s == 0.5
    assert costs.fit_s == 2.0
    assert costs.warmup_s == 0.75
    assert costs.predict_s == 3.0
    assert costs.wall_s == 9.0
    assert costs.prepare_s == 5 + 4 + 7


def test_speeds(plan: Plan, tmp_path: Path) -> None:
    _, costs = charged(plan, tmp_path)
    # Per document: half a second of preparing, a quarter of predicting.
    assert costs.documents_per_s_marginal == pytest.approx(1 / (0.5 + 3.0 / 12))
    # From nothing: import, load, what the first document took longer (0.75 - 3/12), the preparations of test
    # documents and of none; not that of training documents, which is training.
    assert costs.documents_per_s == pytest.approx(12 / (1.5 + 0.5 + 0.5 + (7 + 4) + 3.0))


def test_the_first_document_is_never_a_credit(plan: Plan, tmp_path: Path) -> None:
    _, costs = charged(plan, tmp_path, ended(warmup_s=0.1))
    assert costs.documents_per_s == pytest.approx(12 / (1.5 + 0.5 + 11 + 3.0))


@pytest.mark.parametrize(
    ("growth", "private", "own"),
    [(50 * MIB, 20 * MIB, 150 * MIB), (50 * MIB, 70 * MIB, 170 * MIB), (None, 70 * MIB, 170 * MIB)],
)
def test_memory_is_the_growth_and_the_libraries(
    plan: Plan, tmp_path: Path, growth: int | None, private: int, own: int
) -> None:
    (cell,) = plan.cells
    books = accounts(plan, tmp_path)
    ending = ended(growth, private)
    assert books.peak_bytes(cell.key, ending) == own
    # The highest of the cell's own peak and those of what it stands on.
    assert books.costs(cell, ending, books.preparations(cell)).peak_memory_bytes == 900 * MIB
    assert books.costs(cell, ending, []).peak_memory_bytes == own


def test_what_is_the_methods_own_is_told_from_its_libraries(plan: Plan, tmp_path: Path) -> None:
    _, costs = charged(plan, tmp_path, ended(growth=70 * MIB, private=20 * MIB))
    assert costs.own_memory_bytes == 70 * MIB
    assert costs.library_memory_bytes == 100 * MIB
    # The tables needed more, and every method that stands on them shows that.
    assert costs.peak_memory_bytes == 900 * MIB
    _, costs = charged(plan, tmp_path, ended(growth=None, private=30 * MIB))
    assert costs.own_memory_bytes == 30 * MIB
    _, costs = charged(plan, tmp_path, ended(), charges_imports=False)
    assert costs.library_memory_bytes is None


def test_processor_time_stands_beside_the_seconds(plan: Plan, tmp_path: Path) -> None:
    _, costs = charged(plan, tmp_path)
    assert (costs.predict_s, costs.cpu_s) == (3.0, 2.5)


def test_a_disturbed_import_leaves_a_note_and_no_speed(plan: Plan, tmp_path: Path) -> None:
    cell, costs = charged(plan, tmp_path, imported=ImportCost(None, 100 * MIB, disturbed=True))
    assert costs.import_s is None
    assert costs.documents_per_s is None
    assert costs.documents_per_s_marginal is not None
    disturbed = accounts(plan, tmp_path, ImportCost(None, 100 * MIB, disturbed=True))
    assert disturbed.notes(cell, ended()) == {IMPORT: DISTURBED}
    assert accounts(plan, tmp_path).notes(cell, ended()) == {}


def test_imports_that_nobody_asks_for_are_not_measured(plan: Plan, tmp_path: Path) -> None:
    _, costs = charged(plan, tmp_path, charges_imports=False)
    assert costs.import_s is None
    assert costs.documents_per_s is None


def test_what_did_not_run_costs_nothing(plan: Plan, tmp_path: Path) -> None:
    (cell,) = plan.cells
    costs = accounts(plan, tmp_path).costs(cell, Ending("missing_dependency"), [])
    assert {name: value for name, value in costs if value is not None} == {}
