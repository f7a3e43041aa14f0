"""The table of costs: complete, and the only place that knows what a cost is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import readbench
from readbench.compare import costs
from readbench.results.cost_table import COST_TABLE, join_folds, join_members
from readbench.results.leaderboard import Row, in_order
from readbench.results.record import Costs

PACKAGE = Path(str(readbench.__file__)).resolve().parent


def test_the_table_has_exactly_the_fields_of_costs() -> None:
    assert list(COST_TABLE) == list(Costs.model_fields)
    assert all(name == cost.name for name, cost in COST_TABLE.items())


def test_bytes_are_whole_numbers_and_the_others_are_not() -> None:
    for name, field in Costs.model_fields.items():
        assert (field.annotation == int | None) is COST_TABLE[name].is_size


def parts_of_names(source: str) -> Iterator[int]:
    """The lines of a module that look at a part of a cost's name, such as ``name.endswith("_bytes")``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr not in ("startswith", "endswith", "removeprefix", "removesuffix"):
                continue
            asked = [part for argument in node.args for part in ast.walk(argument)]
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            asked = [node.left]
        else:
            continue
        values = [part.value for part in asked if isinstance(part, ast.Constant)]
        parts = [value for value in values if isinstance(value, str)]
        if any("_" in part and part in name for part in parts for name in COST_TABLE):
            yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        'cost.endswith("_bytes")',
        'not name.endswith(("_s", "_bytes"))',
        'name.startswith("documents_per_s")',
        '"_per_s" in name',
    ],
)
def test_a_test_of_a_part_of_a_name_is_found(line: str) -> None:
    assert list(parts_of_names(line)) == [1]


def test_no_module_tells_a_cost_by_a_part_of_its_name() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    assert [f"{file}:{line}" for file in files for line in parts_of_names(file.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("predict_s", 0.0004, "<1 ms"),
        ("wall_s", 90.0, "90 s"),
        ("peak_memory_bytes", 3 * 2**20, "3 MiB"),
        ("documents_per_s", 123.4, "123"),
        ("gpu_utilisation", 0.5, "0.500"),
        ("fit_s", None, "–"),
    ],
)
def test_a_cost_is_shown_in_its_unit(name: str, value: float | None, shown: str) -> None:
    assert COST_TABLE[name].show(value) == shown


def test_folds_are_joined_into_a_typical_cell() -> None:
    cells = [
        Costs(predict_s=1.0, documents_per_s=10.0, peak_memory_bytes=7, gpu_utilisation=0.2),
        Costs(predict_s=3.0, documents_per_s=2.5, peak_memory_bytes=5, gpu_utilisation=0.4, fit_s=2.0),
    ]
    joined = join_folds(cells)
    assert joined.predict_s == 2.0
    assert joined.documents_per_s == pytest.approx(4.0)
    assert joined.peak_memory_bytes == 7
    assert joined.gpu_utilisation == pytest.approx(0.3)
    assert joined.fit_s == 2.0
    assert joined.load_s is None
    assert join_folds(cells[:1]) == cells[0]
    assert join_folds([]) == Costs()


def test_members_run_one_after_another() -> None:
    own = Costs(load_s=1.0, predict_s=2.0, wall_s=9.0, documents_per_s=10.0, documents_per_s_marginal=10.0)
    member = Costs(load_s=0.5, prepare_s=3.0, documents_per_s=10.0, peak_memory_bytes=7, wall_s=100.0)
    joined = join_members(own, [member, Costs(documents_per_s=5.0, peak_memory_bytes=5)])
    assert joined == Costs(
        load_s=1.5,
        prepare_s=3.0,
        predict_s=2.0,
        wall_s=9.0,
        documents_per_s=joined.documents_per_s,
        peak_memory_bytes=7,
    )
    assert joined.documents_per_s == pytest.approx(2.5)
    assert join_members(own, []) == own


def test_what_members_take_on_the_validation_part_is_training() -> None:
    own = Costs(load_s=1.0, fit_s=0.5, predict_s=2.0, documents_per_s=10.0)
    member = Costs(load_s=1.0, fit_s=4.0, prepare_s=8.0, documents_per_s=10.0, input_tokens=100.0)
    learned = Costs(
        import_s=64.0,
        load_s=1.0,
        prepare_s=16.0,
        fit_s=3.0,
        warmup_s=0.25,
        predict_s=32.0,
        documents_per_s=1.0,
        own_memory_bytes=9,
        input_tokens=20.0,
        price_per_1000_documents=5.0,
    )
    joined = join_members(own, [member], [learned])
    alone = join_members(own, [member])
    assert joined.fit_s == 0.5 + 4.0 + (1.0 + 16.0 + 3.0 + 0.25 + 32.0)
    changed = {name for name in COST_TABLE if getattr(joined, name) != getattr(alone, name)}
    assert changed == {"fit_s", "own_memory_bytes", "input_tokens"}
    assert (joined.own_memory_bytes, joined.input_tokens) == (9, 120.0)
    # One that learns nothing itself, of members that learn nothing, has predicted the validation part.
    assert join_members(Costs(), [Costs()], [Costs(predict_s=3.0)]).fit_s == 3.0


def test_an_import_that_one_part_does_not_know_is_unknown_in_the_sum() -> None:
    known, unknown = Costs(import_s=2.0), Costs()
    assert join_members(known, [known]).import_s == 4.0
    assert join_members(known, [known, unknown]).import_s is None


@pytest.mark.parametrize("name", list(COST_TABLE))
def test_a_board_sorted_by_a_cost_has_the_best_first(name: str) -> None:
    rows = [
        Row("keyphrases", str(value), "ok", (), None, None, {}, Costs.model_validate({name: value}))
        for value in (2, 3, 1)
    ]
    found = [row.method for row in in_order(rows, name, "f1@10")]
    assert found == (["3", "2", "1"] if COST_TABLE[name].higher_is_better else ["1", "2", "3"])


@pytest.mark.parametrize(
    ("cost", "before", "after", "ratio"),
    [
        # The machine took twice as long for the same work: the same code looks half as fast.
        ("predict_s", 10.0, 20.0, 1.0),
        ("documents_per_s", 10.0, 5.0, 1.0),
        ("predict_s", 10.0, 10.0, 0.5),
        ("documents_per_s_marginal", 10.0, 10.0, 2.0),
        # What was measured once a machine and what is no time follow no pace.
        ("import_s", 10.0, 20.0, 2.0),
        ("peak_memory_bytes", 10, 20, 2.0),
        ("predict_s", 0.0, 20.0, None),
        ("predict_s", 10.0, None, None),
    ],
)
def test_what_follows_the_pace_of_the_machine_is_scaled(
    cost: str, before: float | None, after: float | None, ratio: float | None
) -> None:
    assert costs._ratio(COST_TABLE[cost], before, after, 2.0) == ratio
