"""`bench leaderboard --pairs`: every two methods of a run, in every format."""

from __future__ import annotations

import csv
import io
import json
from itertools import combinations
from statistics import median
from typing import Any

import pytest
from gate_runs import GateRuns

from readbench.cli import main
from readbench.results.leaderboard import Table, build_leaderboard
from readbench.results.store import Store


@pytest.fixture
def table(gate_runs: GateRuns) -> Table:
    return build_leaderboard(gate_runs.before, Store(gate_runs.results)).tables[0]


def printed(capsys: pytest.CaptureFixture[str], runs: GateRuns, form: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", str(runs.run("before")), "--pairs", "--format", form])
    assert not ended.value.code
    return capsys.readouterr().out


def pairs(capsys: pytest.CaptureFixture[str], runs: GateRuns) -> list[dict[str, Any]]:
    (task,) = json.loads(printed(capsys, runs, "json"))["tasks"]
    found: list[dict[str, Any]] = task["pairs"]
    return found


def test_every_two_methods_stand_there_once_the_better_first(
    gate_runs: GateRuns, table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    found = pairs(capsys, gate_runs)
    values = {row.method: row.value(table.primary) for row in table.rows if row.status == "ok"}
    assert len(values) > 2
    assert {frozenset((p["better"], p["other"])) for p in found} == set(
        map(frozenset, combinations(values, 2))
    )
    assert len(found) == len(values) * (len(values) - 1) // 2
    names, adjusted = table.statistics["names"], table.statistics["p"]
    for pair in found:
        better, other = values[pair["better"]], values[pair["other"]]
        assert better is not None
        assert other is not None
        assert pair["difference"] == pytest.approx(better - other)
        assert pair["difference"] >= 0
        assert pair["p"] == adjusted[names.index(pair["better"])][names.index(pair["other"])]
        assert pair["verdict"] == ("different" if pair["p"] <= 0.05 else "no significant difference")
        assert pair["low"] <= pair["difference"] <= pair["high"]


def test_the_formats_say_the_same(gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]) -> None:
    found = pairs(capsys, gate_runs)
    rows = list(csv.DictReader(io.StringIO(printed(capsys, gate_runs, "csv"))))
    assert [(row["better"], row["other"], row["verdict"]) for row in rows] == [
        (pair["better"], pair["other"], pair["verdict"]) for pair in found
    ]
    assert [float(row["difference"]) for row in rows] == [pair["difference"] for pair in found]
    for form in ("md", "rich"):
        text = printed(capsys, gate_runs, form)
        for pair in found:
            assert f"{pair['difference']:+.3f}" in text.replace("\\", "")
        assert "nine of ten such runs find" in " ".join(text.split())


def test_a_board_says_what_it_can_detect(
    gate_runs: GateRuns, table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [pair["detectable"] for pair in pairs(capsys, gate_runs) if pair["detectable"] is not None]
    smallest = table.statistics["detectable"]
    assert smallest == pytest.approx(median(found))
    main_board = ["leaderboard", str(gate_runs.run("before")), "--format", "json"]
    with pytest.raises(SystemExit):
        main(main_board)
    board = json.loads(capsys.readouterr().out)
    assert board["detectable"] == {table.task: smallest}
    assert any(f"about {smallest:.3f}" in line for line in board["statistics"][table.task])


def test_a_method_whose_scores_are_gone_is_named(
    gate_runs: GateRuns, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from readbench.report.page import scores

    whole = scores._read

    def damaged(*arguments: Any) -> Any:
        sample = whole(*arguments)
        if sample[0].method == first:
            raise ValueError("it is cut off")
        return sample

    first = pairs(capsys, gate_runs)[0]["better"]
    monkeypatch.setattr(scores, "_read", damaged)
    (task,) = json.loads(printed(capsys, gate_runs, "json"))["tasks"]
    assert list(task["missing"]) == [first]
    assert all(first not in (pair["better"], pair["other"]) for pair in task["pairs"])
    assert f"{first} is not compared" in printed(capsys, gate_runs, "rich")
