"""What a cell is said to cost is what it costs, whatever ran before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records, write_suite

pytestmark = pytest.mark.alone

ALLOCATES = "hostile.allocates[mib=500]"
BURNS = "hostile.burns[seconds=2.0]"
TRIES = 3


def costs(bench: Bench, folder: Path, methods: list[str], near: Callable[[dict[str, Any]], bool]) -> Any:
    """Costs by method, of the first run that satisfies ``near``, of the last one otherwise: a busy
    machine may disturb a measurement, but it cannot make a wrong one right."""
    suite = write_suite(folder, methods)
    found: dict[str, Any] = {}
    for _ in range(TRIES):
        done = bench("run", suite, "--limit", "12", "--fresh", "--output-path", folder / "results")
        assert done.returncode == 0, done.stderr
        found = {method: record["costs"] for method, record in records(folder / "results").items()}
        if near(found):
            break
    return found


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([], id="alone"),
        pytest.param(["hostile.allocates[mib=700]", "hostile.forks"], id="after-bigger-and-forking-ones"),
    ],
)
def test_costs_are_what_was_spent(bench: Bench, tmp_path: Path, before: list[str]) -> None:
    peak, seconds = pytest.approx(500 * 2**20, rel=0.1), pytest.approx(2.0, rel=0.1)

    def near(found: dict[str, Any]) -> bool:
        return bool(found[ALLOCATES]["peak_memory_bytes"] == peak and found[BURNS]["predict_s"] == seconds)

    found = costs(bench, tmp_path, [*before, ALLOCATES, BURNS], near)
    assert found[ALLOCATES]["peak_memory_bytes"] == peak
    assert found[BURNS]["predict_s"] == seconds
    # Half a second of holding is loading, not predicting; and no peak is inherited from a neighbour.
    assert found[ALLOCATES]["load_s"] >= 0.5
    assert found[ALLOCATES]["predict_s"] < 0.25
    assert found[BURNS]["peak_memory_bytes"] < 60 * 2**20
    assert found[BURNS]["warmup_s"] < 0.5


def test_what_was_not_measured_is_null(bench: Bench, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, ["hostile.good", "hostile.leaves", "hostile.missing"])
    bench("run", suite, "--limit", "12", "--output-path", tmp_path / "results")
    found = records(tmp_path / "results")
    good, left, missing = (found[f"hostile.{name}"]["costs"] for name in ("good", "leaves", "missing"))
    assert good["fit_s"] is None  # there was no document to learn from
    assert good["prepare_s"] is None
    assert good["peak_vram_allocated_bytes"] is None
    assert left["predict_s"] is None
    assert left["documents_per_s"] is None
    assert left["wall_s"] > 0
    assert set(missing.values()) == {None}


HEAVY = """
import time
from readbench.adapter import Adapter, Params, RankedPhrases

{top}


class Mine(Adapter):
    \"\"\"Predicts one phrase.\"\"\"

    name = "my.{name}"
    tasks = frozenset({{"keyphrases"}})

    class Params(Params):
        \"\"\"No parameters.\"\"\"

    def predict(self, documents):
        return [RankedPhrases(("graph theory",), (1.0,)) for _ in documents]
"""


def test_work_at_the_top_of_a_file_is_charged_to_its_method_alone(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "methods"
    folder.mkdir()
    top = "time.sleep(0.5)\nBALLAST = b'x' * (300 * 2**20)"
    (folder / "heavy.py").write_text(HEAVY.format(top=top, name="heavy"))
    (folder / "light.py").write_text(HEAVY.format(top="", name="light"))
    suite = write_suite(tmp_path, ["my.heavy", "my.light"])
    results = tmp_path / "results"
    done = bench("run", suite, "--include-path", folder, "--limit", "12", "--output-path", results)
    assert done.returncode == 0, done.stderr
    heavy, light = (records(results)[f"my.{name}"]["costs"] for name in ("heavy", "light"))
    assert heavy["load_s"] >= 0.5
    assert heavy["peak_memory_bytes"] > 300 * 2**20
    assert light["load_s"] < 0.5
    assert light["peak_memory_bytes"] < 100 * 2**20
    assert heavy["documents_per_s"] < light["documents_per_s"]
