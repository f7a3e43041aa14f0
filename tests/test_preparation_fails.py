"""A preparation that fails is blamed by name, however far below the method it lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_runs import run_toy

CHAIN = """
from readbench.adapter import Adapter, Needs, Params, Preparation, PreparationNeed, RankedPhrases


class Base(Preparation):
    name = "base"

    class Params(Params):
        pass

    def build(self, documents, folder, context):
        BASE

    def open(self, folder):
        return folder


class Upper(Base):
    name = "upper"

    def needs(self):
        return {"base": PreparationNeed(Base(), parts=())}

    def build(self, documents, folder, context):
        UPPER


class Chained(Adapter):
    name = "toy.chained"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        pass

    def needs(self):
        return Needs({"upper": PreparationNeed(Upper())})

    def predict(self, chunk):
        return [RankedPhrases((), ()) for _ in chunk]
"""


@pytest.mark.parametrize(
    ("base", "upper", "name", "status"),
    [
        ("raise ValueError('no table')", "pass", "base", "failed"),
        ("pass", "raise ValueError('no table')", "upper", "failed"),
        ("raise MemoryError('no table')", "pass", "base", "out_of_memory"),
    ],
)
def test_the_one_that_failed_is_named(tmp_path: Path, base: str, upper: str, name: str, status: str) -> None:
    source = CHAIN.replace("BASE", base).replace("UPPER", upper)
    plan, runner = run_toy(source, tmp_path, "toy.chained")
    record = runner.records[plan.cells[0].key]
    assert record.status == status
    assert record.failure is not None
    assert record.failure.message == f"its preparation {name} ended {status}: no table"
    assert record.costs.prepare_s is None or name == "upper"


def test_a_chain_that_holds_is_charged(tmp_path: Path) -> None:
    source = CHAIN.replace("BASE", "import time; time.sleep(0.2)").replace("UPPER", "pass")
    plan, runner = run_toy(source, tmp_path, "toy.chained")
    record = runner.records[plan.cells[0].key]
    assert record.status == "ok", record.failure
    assert record.costs.prepare_s is not None
    assert record.costs.prepare_s >= 0.2
    assert {charge.name for charge in record.preparations} == {"base", "upper"}
