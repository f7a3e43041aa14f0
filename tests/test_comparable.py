"""Which runs, methods and costs may be compared, and what is said of the others."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from comparisons import changed, compared, method
from gate_methods import write_methods, write_suite
from gate_runs import GateRuns, run

from readbench.compare.paired import Side, open_side
from readbench.core.errors import BenchError
from readbench.gate.baseline import promote
from readbench.planning.plan import Options
from readbench.results.leaderboard import Row
from readbench.results.score_files import SCORES
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite


def test_a_run_measured_again_is_identical(gate_runs: GateRuns) -> None:
    found = compared(gate_runs.side("before"), gate_runs.side("same"))
    assert found.incomparable == ()
    assert [m.state for m in found.methods] == ["identical"] * 3
    assert {change.verdict for m in found.methods for change in m.metrics} == {"identical"}
    assert all(m.flips == () for m in found.methods)


def test_another_version_of_the_suite_is_incomparable(gate_runs: GateRuns) -> None:
    found = compared(gate_runs.side("small"), gate_runs.side("newer"))
    assert found.incomparable == ("version 2 of the suite, not 1",)
    assert found.methods == ()


def test_other_documents_are_incomparable(gate_runs: GateRuns) -> None:
    found = compared(gate_runs.side("before"), gate_runs.side("small"))
    assert any("another fingerprint (--limit 40, before 80)" in reason for reason in found.incomparable)
    assert any("split" in reason for reason in found.incomparable)


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"suite": "other"}, "the suite is other, not tested"),
        ({"suite_version": None}, "version None of the suite, not 1"),
        ({"fingerprint": "0" * 64}, "another fingerprint"),
    ],
)
def test_every_precondition(gate_runs: GateRuns, update: dict[str, object], told: str) -> None:
    before = gate_runs.side("before")
    reasons = compared(before, changed(gate_runs.side("same"), **update)).incomparable
    assert any(told in reason for reason in reasons)


def test_positive_class_and_split_are_preconditions(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")
    tasks = side.manifest.model_dump()["tasks"]
    tasks["keyphrases"]["spec"]["positive"] = "1"
    tasks["keyphrases"]["split_hash"] = "0" * 64
    reasons = compared(gate_runs.side("before"), changed(side, tasks=tasks)).incomparable
    assert any("positive is 1, not None" in reason for reason in reasons)
    assert any("split has another hash" in reason for reason in reasons)


def test_a_seed_a_suite_file_and_a_machine_are_notes(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")
    machine = side.manifest.machine | {"fingerprint": "elsewhere"}
    found = compared(gate_runs.side("before"), changed(side, seed=7, suite_digest="0", machine=machine))
    assert found.incomparable == ()
    assert len(found.notes) == 3
    costs = method(found, "test.steady").costs
    assert not any(cost.judged for cost in costs if not cost.cost.endswith("_bytes"))
    assert all("another machine" in cost.why for cost in costs if cost.cost == "predict_s")


def test_how_far_repeated_cells_lie_apart_is_taken_from_the_runs(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")

    def apart(row: Row) -> Row:
        """The peaks of its cells: 100 MiB, 120 MiB and so on."""
        records = tuple(
            record.model_copy(
                update={"costs": record.costs.model_copy(update={"peak_memory_bytes": (100 + 20 * i) << 20})}
            )
            for i, record in enumerate(row.records)
        )
        return replace(row, records=records)

    tables = tuple(replace(table, rows=tuple(map(apart, table.rows))) for table in side.board.tables)
    found = compared(gate_runs.side("before"), Side(side.store, replace(side.board, tables=tables)))
    repeated = method(found, "test.noisy").cost("peak_memory_bytes")
    assert repeated is not None
    assert repeated.repeats == pytest.approx(1.4)
    # A method without training noise runs once.
    once = method(found, "test.steady").cost("peak_memory_bytes")
    assert once is not None
    assert once.repeats is None
    speed = method(found, "test.noisy").cost("predict_s")
    assert speed is not None
    assert speed.repeats is None


def with_version(side: Side, version: str) -> Side:
    def other(row: object) -> object:
        metrics = {name: value.model_copy(update={"version": version}) for name, value in row.metrics.items()}  # type: ignore[attr-defined]
        return replace(row, metrics=metrics)  # type: ignore[type-var]

    tables = tuple(replace(table, rows=tuple(map(other, table.rows))) for table in side.board.tables)  # type: ignore[arg-type]
    return Side(side.store, replace(side.board, tables=tables))


def test_another_version_of_a_metric_is_incomparable(gate_runs: GateRuns) -> None:
    found = compared(gate_runs.side("before"), with_version(gate_runs.side("same"), "house-2"))
    changes = [change for m in found.methods for change in m.metrics]
    assert {change.verdict for change in changes} == {"incomparable"}
    assert changes[0].why == "another version of the metric"


@pytest.mark.parametrize(("by", "verdict"), [(1e-6, "incomparable"), (1e-12, "identical")])
def test_the_same_predictions_with_another_value_are_another_metric(
    gate_runs: GateRuns, by: float, verdict: str
) -> None:
    """A mistake in a metric, or its correction, without another version."""
    side = gate_runs.side("same")

    def moved(row: Row) -> Row:
        update = {n: v.model_copy(update={"value": (v.value or 0) + by}) for n, v in row.metrics.items()}
        return replace(row, metrics=update)

    tables = tuple(replace(table, rows=tuple(map(moved, table.rows))) for table in side.board.tables)
    found = compared(gate_runs.side("before"), Side(side.store, replace(side.board, tables=tables)))
    changes = [change for m in found.methods for change in m.metrics]
    assert {change.verdict for change in changes} == {verdict}
    if verdict == "incomparable":
        assert changes[0].why == "same predictions, another value: the metric changed"


def test_what_methods_read_and_are_asked_is_a_note(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")
    tasks = side.manifest.model_dump()["tasks"]
    tasks["keyphrases"]["spec"] |= {"fields": ["title"], "language": "de", "prompt": "Keyphrases: {title}"}
    found = compared(gate_runs.side("before"), changed(side, tasks=tasks))
    assert found.incomparable == ()
    assert found.notes == (
        "keyphrases: the methods read title, before title, abstract",
        "keyphrases: the language is de, before en",
        "keyphrases: the prompt is 'Keyphrases: {title}', before each method's own",
    )
    # A manifest from before a prompt could be set says the same as one without it.
    del tasks["keyphrases"]["spec"]["prompt"]
    tasks["keyphrases"]["spec"] |= {"fields": ["title", "abstract"], "language": "en"}
    assert compared(gate_runs.side("before"), changed(side, tasks=tasks)).notes == ()


def test_other_document_ids_are_incomparable(gate_runs: GateRuns, tmp_path: Path) -> None:
    """The same suite, fingerprint and split on paper, other documents in the scores."""
    results = tmp_path / "results"
    shutil.copytree(gate_runs.results, results)
    side = open_side(gate_runs.hurt, results)
    cell = side.cells("keyphrases", "test.steady")[0]
    path = side.store.cell(cell.key) / SCORES
    table = pq.read_table(path)
    ids = table.column("id").to_pylist()
    pq.write_table(table.set_column(0, "id", pa.array(["other", *ids[1:]])), path)
    found = method(compared(gate_runs.side("before"), side), "test.steady")
    assert found.state == "incomparable"
    assert "not tested on the same documents" in found.why
    path.unlink()
    with pytest.raises(BenchError, match="are gone or damaged"):
        compared(gate_runs.side("before"), side)


def test_a_record_that_another_run_left_is_not_judged(tmp_path: Path) -> None:
    """Two fresh runs of one code in one results folder: the second one's measurements replace the first's."""
    suite = write_suite(tmp_path / "tested.toml", ("test.steady",))
    methods = write_methods(tmp_path / "methods.py")
    first = run(tmp_path, suite, methods, limit=10)
    alone = promote(first, tmp_path / "results", "first", tmp_path / "baselines")
    second = run(tmp_path, suite, methods, limit=10)
    results = tmp_path / "results"
    sides = open_side(first, results), open_side(second, results)
    costs = method(compared(*sides), "test.steady").costs
    for name in ("predict_s", "peak_memory_bytes"):
        (cost,) = [cost for cost in costs if cost.cost == name]
        assert (cost.judged, cost.why.partition(" (")[0]) == (False, "measured in another run before")
    kept = open_side(str(alone.folder), results)
    for found in (compared(kept, sides[1]), compared(sides[1], kept)):
        judged = {cost.cost for cost in method(found, "test.steady").costs if cost.judged}
        assert {"predict_s", "peak_memory_bytes"} <= judged
    # Promoted too late, its cells count as those of another run.
    assert promote(first, results, "late", tmp_path / "baselines").reused == 1
    assert (alone.reused, promote(second, results, "second", tmp_path / "baselines").reused) == (0, 0)


def test_what_an_earlier_run_measured_is_not_judged(tmp_path: Path) -> None:
    """The second run finds its cells stored: their costs are those of another hour."""
    suite = write_suite(tmp_path / "tested.toml", ("test.steady",))
    methods = write_methods(tmp_path / "methods.py")
    first = run(tmp_path, suite, methods, limit=10)
    kept = promote(first, tmp_path / "results", "first", tmp_path / "baselines")
    options = Options(include_paths=(methods,), limit=10)
    again = run_suite(str(suite), None, None, options, Store(tmp_path / "results"), Quiet())
    side = open_side(again.board.manifest.name, tmp_path / "results")
    assert [cell.reused for cell in side.manifest.cells] == [True]
    costs = method(compared(open_side(str(kept.folder), tmp_path / "results"), side), "test.steady").costs
    for name in ("predict_s", "peak_memory_bytes"):
        (cost,) = [cost for cost in costs if cost.cost == name]
        told = "measured in an earlier run after (run it with --fresh)"
        assert (cost.judged, cost.why) == (False, told)


@pytest.mark.parametrize(("python", "judged"), [("3.11.99", True), ("3.9.7", False), ("4.11.7", False)])
def test_memory_is_judged_where_python_is_the_same_but_for_its_patches(
    gate_runs: GateRuns, python: str, judged: bool
) -> None:
    before, after = gate_runs.side("before"), gate_runs.side("same")
    here = before.manifest.machine | {"python": "3.11.7"}
    found = compared(changed(before, machine=here), changed(after, machine=here | {"python": python}))
    cost = method(found, "test.steady").cost("peak_memory_bytes")
    assert cost is not None
    assert cost.judged == judged
    assert cost.why == ("" if judged else "measured on a machine with another python")


@pytest.mark.parametrize(("side", "when"), [(0, "before"), (1, "after")])
def test_speeds_that_were_taken_beside_other_cells_are_not_judged(
    gate_runs: GateRuns, side: int, when: str
) -> None:
    sides = [gate_runs.side("before"), gate_runs.side("same")]
    sides[side] = changed(sides[side], workers=2)
    cost = method(compared(*sides), "test.steady").cost("documents_per_s_marginal")
    assert cost is not None
    assert (cost.judged, cost.why) == (False, f"measured while other cells ran {when}")
