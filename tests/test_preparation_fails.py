"""A preparation that fails is blamed by name, however far below the method it lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_methods import chain
from toy_runs import run_toy


@pytest.mark.parametrize(
    ("base", "upper", "name", "status"),
    [
        ("raise ValueError('no table')", "pass", "base", "failed"),
        ("pass", "raise ValueError('no table')", "upper", "failed"),
        ("raise MemoryError('no table')", "pass", "base", "out_of_memory"),
    ],
)
def test_the_one_that_failed_is_named(tmp_path: Path, base: str, upper: str, name: str, status: str) -> None:
    plan, runner = run_toy(chain(base, upper), tmp_path, "toy.chained")
    record = runner.records[plan.cells[0].key]
    assert record.status == status
    assert record.failure is not None
    assert record.failure.message == f"its preparation {name} ended {status}: no table"
    assert record.costs.prepare_s is None or name == "upper"


def test_a_chain_that_holds_is_charged(tmp_path: Path) -> None:
    plan, runner = run_toy(chain("import time; time.sleep(0.2)", "pass"), tmp_path, "toy.chained")
    record = runner.records[plan.cells[0].key]
    assert record.status == "ok", record.failure
    assert record.costs.prepare_s is not None
    assert record.costs.prepare_s >= 0.2
    assert {charge.name for charge in record.preparations} == {"base", "upper"}
