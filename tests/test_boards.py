"""The board of a small real run, in every format and through every door."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

import readbench
from readbench.authoring.scaffold_method import write_method
from readbench.cli import main
from readbench.datasets import open_dataset
from readbench.planning.plan import Options
from readbench.report.terminal import render
from readbench.results.leaderboard import Row, build_leaderboard
from readbench.results.record import Costs
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite

FAILING = '''
"""A method that fails, another that lacks something."""
from readbench.adapter import Adapter


class Failing(Adapter):
    name = "test.failing"
    tasks = frozenset({"keyphrases"})

    class Params(Adapter.Params):
        pattern: str = ""

    def predict(self, chunk):
        raise KeyError("no|such\\nkey")


class Lacking(Failing):
    name = "test.lacking"
    requires = ("a_module_that_is_not_there",)
'''

METHODS = (
    "my.method",
    "my.method[early=0.5, longest=2, n_best=15]",
    "my.method[longest=1]",
    "my.method[n_best=3]",
    "test.failing[pattern=a|b]",
    "test.lacking",
)
BOARD = ("f1@5", "recall@20", "present.f1@10", "map")


@dataclass(frozen=True)
class Results:
    """Three runs: of the suite first, of first again with fewer methods, of the suite second."""

    folder: Path
    first: str
    again: str
    second: str

    @property
    def store(self) -> Store:
        return Store(self.folder / "results")


def suite_text(papers: Path, methods: Sequence[str]) -> str:
    return (
        f"dataset = {{name = {json.dumps(str(papers))}}}\n[tasks.keyphrases]\n"
        f"methods = {json.dumps(methods)}\nboard = {json.dumps(BOARD)}\n"
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("boards")
    corpus = open_dataset("papers-demo")
    gold = corpus.targets["keyphrases"]
    rows = [
        {"id": d.id, "title": d.fields["title"], "abstract": d.fields["abstract"], "keyphrases": gold[d.id]}
        for d in corpus.documents[:16]
    ]
    papers = folder / "papers.jsonl"
    papers.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "failing.py").write_text(FAILING, encoding="utf-8")
    include = (write_method("my.method", folder / "my_method.py"), folder / "failing.py")
    runs = []
    for name, methods in (("first", METHODS), ("first", METHODS[:2]), ("second", METHODS[:1])):
        suite = folder / f"{name}.toml"
        suite.write_text(suite_text(papers, methods), encoding="utf-8")
        options = Options(include_paths=include)
        finished = run_suite(str(suite), None, None, options, Store(folder / "results"), Silent())
        runs.append(finished.board.manifest.name)
    return Results(folder, *runs)


class Silent(Quiet):
    """Says nothing."""


@pytest.fixture
def bench(results: Results, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(results, capsys)


@dataclass
class Bench:
    """`bench leaderboard` with these results, in this process."""

    results: Results
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, status: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["leaderboard", *arguments, "--output-path", str(self.results.store.root)])
        printed = self.capsys.readouterr()
        assert ended.value.code == status, printed.err
        return printed.err if status else printed.out

    def rows(self, *arguments: str) -> list[dict[str, object]]:
        rows = json.loads(self(*arguments, "--format", "json"))["rows"]
        assert isinstance(rows, list)
        return rows


def drawn(results: Results, width: int, sort: str | None = None) -> str:
    board = build_leaderboard(results.first, results.store, sort)
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(render(board, width))
    return capture.get()


def order(text: str) -> list[str]:
    """The methods of the table, from top to bottom, one line each."""
    return re.findall(r"^(?:\d+(?:–\d+)?|–) +((?:my|test)\.\w+(?:\[.*?\])?)", text, re.MULTILINE)


# -- in a terminal ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 120, 160, 240])
def test_no_line_is_too_long_and_nothing_is_cut(results: Results, width: int) -> None:
    text = drawn(results, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text.replace("my.method, …", "")
    head = next(line for line in text.splitlines() if line.startswith("rank"))
    # What ranks and what it costs are seen at every width.
    assert head.split()[:4] == ["rank", "method", "f1@10", "[95"]
    assert {"docs/s", "memory"} <= set(head.split())


@pytest.mark.parametrize("width", [160, 240])
def test_names_are_in_one_piece_where_there_is_room(results: Results, width: int) -> None:
    text = drawn(results, width)
    assert sorted(order(text)) == sorted(METHODS)
    for metric in BOARD:
        assert re.search(rf"^rank .* {re.escape(metric)} ", text, re.MULTILINE)


def test_names_break_at_their_parameters_where_there_is_none(results: Results) -> None:
    text = drawn(results, 80)
    squeezed = re.sub(r"\s+", " ", text)
    assert "my.method[longest=1]" in squeezed
    assert re.search(r"my\.method .*\n +\[early=0\.5, longest=2, n_best=15\] *\n", text)
    # What else is in its parameters is never markup to the terminal.
    assert "[pattern=a|b]" in squeezed


@pytest.mark.parametrize("width", [80, 160])
def test_failures_are_seen(results: Results, width: int) -> None:
    text = drawn(results, width)
    lines = text.splitlines()
    last = [line for line in lines if line.startswith("–")]
    assert len(last) == 2
    assert "failed" in last[0]
    assert "missing_dependency" in last[1]
    squeezed = re.sub(r"\s+", " ", text)
    assert "failed: test.failing[pattern=a|b]: KeyError: 'no|such\\nkey'" in squeezed
    assert "missing_dependency: test.lacking: needs a_module_that_is_not_there; pip install" in squeezed
    assert f"bench show {results.first} 'test.failing[pattern=a|b]'" in squeezed
    assert "1 of 6 methods did not finish, 1 of 6 methods cannot run here." in squeezed


def test_a_column_of_dashes_is_left_out(results: Results) -> None:
    head = next(line for line in drawn(results, 240).splitlines() if line.startswith("rank"))
    assert {"import", "load", "ms/doc"} <= set(head.split())
    assert not {"fit", "prepare"} & set(head.split())


@pytest.mark.parametrize("sort", ["map", "absent.recall@M", "predict_s", "peak_memory_bytes", "load_s"])
def test_what_it_is_sorted_by_is_seen(results: Results, sort: str) -> None:
    text = drawn(results, 80, sort)
    shown = {"peak_memory_bytes": "memory", "load_s": "load"}.get(sort, sort)
    head = next(line for line in text.splitlines() if line.startswith("rank"))
    assert shown in head.split()
    assert max(map(len, text.splitlines())) <= 80


# -- sorted ----------------------------------------------------------------------------------------


def test_sort_by_a_metric(bench: Bench) -> None:
    rows = [row for row in bench.rows(bench.results.first, "--sort", "map") if row["status"] == "ok"]
    values = [row["metrics"]["map"]["value"] for row in rows]  # type: ignore[index]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("cost", "best_is_most"), [("predict_s", False), ("wall_s", False), ("documents_per_s", True)]
)
def test_sort_by_a_cost(bench: Bench, cost: str, best_is_most: bool) -> None:
    rows = bench.rows(bench.results.first, "--sort", cost)
    # What failed was quick, and is last all the same.
    assert [row["status"] for row in rows] == ["ok"] * 4 + ["failed", "missing_dependency"]
    values = [row["costs"][cost] for row in rows[:4]]  # type: ignore[index]
    assert values == sorted(values, reverse=best_is_most)


def test_unknown_sort_is_one_line(bench: Bench) -> None:
    said = bench(bench.results.first, "--sort", "f1@11", status=2)
    assert said.startswith("bench: no row has a metric or cost 'f1@11'; did you mean ")
    assert said.count("\n") == 1


# -- what a manifest says of a cell ----------------------------------------------------------------


def rows_of(results: Results, changes: dict[str, object]) -> dict[str, Row]:
    """The rows of the first run with other values in its manifest."""
    path = results.store.run(results.first) / "run.json"
    kept = path.read_bytes()
    try:
        path.write_text(json.dumps(json.loads(kept) | changes), encoding="utf-8")
        board = build_leaderboard(results.first, results.store)
    finally:
        path.write_bytes(kept)
    return {row.method: row for row in board.tables[0].rows}


@pytest.mark.parametrize(("started", "status"), [("2000-01-01", "ok"), ("2100-01-01", "pending")])
def test_only_what_was_measured_since_a_run_began_counts_for_it(
    results: Results, started: str, status: str
) -> None:
    """A run that was killed wrote no end of its cells. What had been measured before it is not its own."""
    manifest = json.loads((results.store.run(results.first) / "run.json").read_bytes())
    cells = [cell | {"status": "pending"} for cell in manifest["cells"]]
    rows = rows_of(results, {"cells": cells, "started_at": f"{started}T00:00:00+00:00"})
    assert rows["my.method"].status == status


def test_a_value_from_elsewhere_is_that_of_the_parameters_or_else_of_the_method(results: Results) -> None:
    manifest = json.loads((results.store.run(results.first) / "run.json").read_bytes())
    values = {"my.method": 0.5, "my.method[longest=1]": 0.25}
    task = manifest["tasks"]["keyphrases"]
    task["reference"] = {"label": "printed", "metric": "f1@10", "values": values}
    rows = rows_of(results, {"tasks": {"keyphrases": task}})
    assert rows["my.method"].reference == rows["my.method[n_best=3]"].reference == 0.5
    assert rows["my.method[longest=1]"].reference == 0.25
    assert rows["test.lacking"].reference is None


# -- for other programs ----------------------------------------------------------------------------


def test_json(bench: Bench) -> None:
    board = json.loads(bench(bench.results.first, "--format", "json"))
    assert (board["run"], board["suite"]) == (bench.results.first, "first")
    assert board["tasks"]["keyphrases"]["documents"]["test"] == 16
    rows = {row["method"]: row for row in board["rows"]}
    assert set(rows) == set(METHODS)
    for row in rows.values():
        assert set(row["costs"]) == set(Costs.model_fields)
        assert row["status"] in ("ok", "failed", "missing_dependency")
    ok = rows["my.method"]
    assert set(BOARD) <= set(ok["metrics"])
    for value in ok["metrics"].values():
        assert {"value", "low", "high", "n"} <= set(value)
    primary = ok["metrics"]["f1@10"]
    assert 0 < primary["low"] <= primary["value"] <= primary["high"] < 1
    assert primary["n"] == 16
    assert ok["costs"]["fit_s"] is None
    assert ok["costs"]["peak_memory_bytes"] > 0
    failed = rows["test.failing[pattern=a|b]"]
    assert (failed["status"], failed["metrics"], failed["ranks"]) == ("failed", {}, None)
    assert failed["problem"].startswith("KeyError: ")


def test_csv(bench: Bench) -> None:
    rows = list(csv.DictReader(io.StringIO(bench(bench.results.first, "--format", "csv"))))
    assert {row["method"] for row in rows} == set(METHODS)
    by_json = {row["method"]: row for row in bench.rows(bench.results.first)}
    for row in rows:
        assert None not in row
        if row["status"] == "ok":
            metrics = by_json[row["method"]]["metrics"]
            assert float(row["f1@10"]) == metrics["f1@10"]["value"]  # type: ignore[index]
            assert float(row["f1@10.low"]) == metrics["f1@10"]["low"]  # type: ignore[index]
            assert float(row["predict_s"]) > 0
        else:
            assert row["f1@10"] == row["predict_s"] == ""


def test_markdown(bench: Bench) -> None:
    lines = bench(bench.results.first, "--format", "md").splitlines()
    table = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(METHODS)
    assert {len(cells) for cells in table} == {len(table[0])}
    assert [cell.strip() for cell in table[0]][3:-2] == list(BOARD)
    names = {cells[1].strip().strip("`").replace("\\|", "|") for cells in table[2:]}
    assert names == set(METHODS)
    assert any(cells[2].strip().startswith("failed: KeyError") for cells in table)


# -- which run -------------------------------------------------------------------------------------


def test_which_run(bench: Bench) -> None:
    results = bench.results

    def shown(*arguments: str) -> object:
        return json.loads(bench(*arguments, "--format", "json"))["run"]

    assert shown() == results.second
    assert shown("first") == results.again
    assert shown("second") == results.second
    assert shown(results.first) == results.first
    assert shown(str(results.store.run(results.first))) == results.first
    said = bench("third", status=2)
    assert "there is no run and no run of a suite called 'third'" in said
    assert results.second in said


def test_a_folder_says_where_its_results_are(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(results.store.run(results.first))
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", folder, "--format", "json", "--output-path", str(tmp_path)])
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)["run"] == results.first
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", "--output-path", str(tmp_path)])
    assert ended.value.code == 2
    assert "there is no run yet" in capsys.readouterr().err


# -- from Python -----------------------------------------------------------------------------------


def check_frame(frame: pd.DataFrame) -> None:
    columns = list(frame.columns)
    assert columns[:5] == ["task", "method", "status", "rank_best", "rank_worst"]
    for metric in ("f1@10", *BOARD):
        assert {metric, f"{metric}.low", f"{metric}.high"} <= set(columns)
    assert set(Costs.model_fields) <= set(columns)


def test_leaderboard_as_a_frame(results: Results) -> None:
    frame = readbench.leaderboard(results.first, output_path=results.store.root)
    check_frame(frame)
    assert set(frame["method"]) == set(METHODS)
    ok = frame[frame["status"] == "ok"]
    assert ok["f1@10"].is_monotonic_decreasing
    assert ok["rank_best"].iloc[0] == 1
    assert frame[frame["status"] != "ok"]["f1@10"].isna().all()
    assert Path(frame.attrs["run"]).name == results.first
    sorted_ = readbench.leaderboard(results.first, sort="wall_s", output_path=results.store.root)
    assert sorted_[sorted_["status"] == "ok"]["wall_s"].is_monotonic_increasing


def test_run_as_a_frame(results: Results) -> None:
    frame = readbench.run(
        str(results.folder / "first.toml"),
        methods=["my.method"],
        output_path=results.store.root,
        include_paths=[results.folder / "my_method.py"],
    )
    check_frame(frame)
    assert frame["method"].tolist() == ["my.method"]
    assert Path(frame.attrs["run"]).joinpath("run.json").is_file()


def test_a_script_without_a_main_guard_runs_once(results: Results, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import readbench\n"
        "print('began', __name__)\n"
        f"frame = readbench.run({str(results.folder / 'second.toml')!r}, fresh=True, output_path='results', "
        f"methods=['my.method', 'my.method[longest=1]'], workers=2, "
        f"include_paths=[{str(results.folder / 'my_method.py')!r}])\n"
        "print('ended', len(frame), set(frame['status']))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["began __main__", "ended 2 {'ok'}"]
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 1
