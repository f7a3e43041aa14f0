"""SQL over a results folder: the views, what is refused, and damaged files."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from gate_runs import GateRuns

from readbench.cli import main
from readbench.core.errors import BenchError
from readbench.report.query import run as query_run
from readbench.report.query.views import read_views
from readbench.results.record import Costs
from readbench.results.store import Store

pytest.importorskip("duckdb")


@pytest.fixture(params=["it's plain", "it's [a] *folder*?"])
def results(request: pytest.FixtureRequest, gate_runs: GateRuns, tmp_path: Path) -> Path:
    """A copy, also under a name with marks that are wildcards for DuckDB."""
    return Path(shutil.copytree(gate_runs.results, tmp_path / request.param / "results"))


def asked(capsys: pytest.CaptureFixture[str], results: Path, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["query", *map(str, arguments), "--output-path", str(results)])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def rows(capsys: pytest.CaptureFixture[str], results: Path, sql: str) -> list[dict[str, object]]:
    status, out, err = asked(capsys, results, sql, "--format", "json")
    assert status == 0, err
    value: list[dict[str, object]] = json.loads(out)
    return value


def test_records_metrics_and_costs_are_those_of_the_files(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = {path.parent.name: json.loads(path.read_text()) for path in results.glob("cells/*/record.json")}
    found = rows(capsys, results, "SELECT cell, method, status FROM records")
    assert {row["cell"]: (row["method"], row["status"]) for row in found} == {
        key: (record["method"], record["status"]) for key, record in stored.items()
    }
    values = rows(capsys, results, "SELECT cell, value, low, high FROM metrics WHERE metric = 'f1@10'")
    assert values
    for row in values:
        metric = stored[str(row["cell"])]["metrics"]["f1@10"]
        assert [row["value"], row["low"], row["high"]] == [metric["value"], metric["low"], metric["high"]]
    for row in rows(capsys, results, "SELECT * FROM costs"):
        costs = stored[str(row["cell"])]["costs"]
        assert {name: row[name] for name in Costs.model_fields} == {
            name: costs.get(name) for name in Costs.model_fields
        }


def test_a_mean_over_documents_is_the_value_of_the_record(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = rows(
        capsys,
        results,
        "SELECT m.value, s.mean FROM metrics m JOIN (SELECT cell, metric, avg(value) AS mean FROM scores "
        "GROUP BY cell, metric) s USING (cell, metric) WHERE metric IN ('f1@10', 'recall@5', 'map')",
    )
    assert len(compared) >= 9
    for row in compared:
        assert row["mean"] == pytest.approx(row["value"], abs=1e-9)


def test_predictions_phrases_documents_and_targets(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = rows(capsys, results, "SELECT cell FROM records WHERE status = 'ok' LIMIT 1")[0]["cell"]
    one = rows(capsys, results, f"SELECT id, phrases FROM predictions_of('{cell}') ORDER BY id")
    assert one == rows(
        capsys, results, f"SELECT id, phrases FROM predictions WHERE cell = '{cell}' ORDER BY id"
    )
    first = f"SELECT phrase FROM phrases WHERE cell = '{cell}' AND id = '{one[0]['id']}' ORDER BY rank"
    assert [row["phrase"] for row in rows(capsys, results, first)] == one[0]["phrases"]
    (texts,) = rows(capsys, results, f"SELECT fields FROM documents WHERE id = '{one[0]['id']}' LIMIT 1")
    assert set(texts["fields"]) >= {"title", "abstract"}  # type: ignore[call-overload]
    gold = rows(capsys, results, f"SELECT task, target FROM targets WHERE id = '{one[0]['id']}'")
    assert {row["task"] for row in gold} >= {"keyphrases"}


def test_runs_and_their_cells(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = Store(results).runs()
    found = rows(capsys, results, "SELECT run, suite, cells FROM runs ORDER BY run")
    assert [row["run"] for row in found] == sorted(names)
    counted = rows(capsys, results, "SELECT run, count(*) AS cells FROM run_cells GROUP BY run ORDER BY run")
    assert [row["cells"] for row in counted] == [row["cells"] for row in found]


def test_formats(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow.parquet as pq

    sql = "SELECT '=1+1' AS text, [1, 2] AS list, NULL AS none, TIMESTAMP '2026-01-02 03:04:05' AS moment"
    assert rows(capsys, results, sql) == [
        {"text": "=1+1", "list": [1, 2], "none": None, "moment": "2026-01-02T03:04:05"}
    ]
    _, out, _ = asked(capsys, results, sql, "--format", "csv")
    head, row = csv.reader(out.splitlines())
    assert head == ["text", "list", "none", "moment"]
    assert row == ["'=1+1", "[1, 2]", "", "2026-01-02T03:04:05"]
    path = tmp_path / "answer.parquet"
    _, out, _ = asked(capsys, results, sql, "--format", "parquet", "--output", path)
    assert pq.read_table(path).column("text").to_pylist() == ["=1+1"]
    assert out.strip().endswith("answer.parquet: 1 row")
    _, out, _ = asked(capsys, results, "SELECT range AS n FROM range(250)")
    assert "150 more rows" in out
    assert rows(capsys, results, "SELECT 1 AS one WHERE false") == []


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("COPY (SELECT 1) TO 'cells/x.csv'", "one SELECT statement can be asked"),
        ("SELECT 1; SELECT 2", "this is 2 statements"),
        ("DROP VIEW records", "of the kind DROP"),
        ("SET memory_limit = '1TB'", "of the kind SET"),
        ("ATTACH 'x.db'", "of the kind ATTACH"),
        ("PRAGMA database_list", "one SELECT statement can be asked"),
        ("SELECT * FROM read_text('/etc/hostname')", "Permission Error"),
        ("SELECT * FROM read_csv('../../../*.toml')", "Permission Error"),
        ("SELECT * FROM 'https://example.org/x.parquet'", "the query"),
        ("SELECT metod FROM records", 'Candidate bindings: "method"'),
        ("SELECT * FROM recods", "the query"),
        ("SELEC 1", "the query"),
        ("SELECT r.cell, m.cell FROM records r, metrics m", "two columns have one name"),
        ("/* nothing */", "this is no statement"),
    ],
)
def test_what_is_refused_is_one_line(
    results: Path, sql: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.relative_to(results) for path in results.rglob("*"))
    status, out, err = asked(capsys, results, sql, "--format", "json")
    assert (status, len(err.splitlines())) == (2, 1), (out, err)
    assert told in err
    assert sorted(path.relative_to(results) for path in results.rglob("*")) == before


def test_damaged_files_are_named_and_the_rest_is_answered(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = sorted(path.parent for path in results.glob("cells/*/predictions.parquet"))
    (cells[0] / "record.json").write_text("")
    (cells[1] / "predictions.parquet").write_bytes(b"PAR1 cut off")
    (cells[2] / "scores.parquet").write_bytes(b"")
    found = rows(capsys, results, "SELECT file FROM unreadable")
    assert [row["file"] for row in found] == [f"cells/{cells[0].name}/record.json"]
    every = len(list(results.glob("cells/*/record.json")))
    assert rows(capsys, results, "SELECT count(*) AS n FROM records") == [{"n": every - 1}]
    for view, damaged in (("predictions", cells[1]), ("scores", cells[2])):
        status, out, err = asked(capsys, results, f"SELECT DISTINCT cell FROM {view}", "--format", "json")
        assert status == 0
        named = {row["cell"] for row in json.loads(out)}
        assert cells[0].name in named
        assert damaged.name not in named
        assert str(damaged) in err


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "null",
        '"text"',
        '{"fold": "first", "seed": {}, "metrics": 5, "costs": [], "task": 3, "started_at": "soon"}',
        '{"metrics": {"f1@10": "high"}, "costs": {"fit_s": "long"}, "contended": "perhaps"}',
    ],
)
def test_a_record_of_another_shape_hides_no_other(
    gate_runs: GateRuns, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results = Path(shutil.copytree(gate_runs.results, tmp_path / "results"))
    (cell, *others) = sorted(path.parent for path in results.glob("cells/*/scores.parquet"))
    (cell / "record.json").write_text(content)
    for view in ("records", "metrics", "costs"):
        found = {row["cell"] for row in rows(capsys, results, f"SELECT * FROM {view}")}
        assert found >= {other.name for other in others}


@pytest.mark.parametrize("content", ["[]", '{"cells": 3, "seed": "x"}', '{"cells": [1, {"fold": []}]}', "{"])
def test_a_manifest_of_another_shape_hides_no_other(
    gate_runs: GateRuns, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results = Path(shutil.copytree(gate_runs.results, tmp_path / "results"))
    (damaged, *others) = Store(results).runs()
    (results / "runs" / damaged / "run.json").write_text(content)
    for view in ("runs", "run_cells"):
        found = {row["run"] for row in rows(capsys, results, f"SELECT * FROM {view}")}
        assert found >= set(others)
    unreadable = [row["file"] for row in rows(capsys, results, "SELECT file FROM unreadable")]
    assert unreadable == ([f"runs/{damaged}/run.json"] if content == "{" else [])


def test_a_parquet_file_without_a_footer_is_named_and_left_out(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = Path(shutil.copytree(gate_runs.results, tmp_path / "results"))
    path = min(results.glob("cells/*/predictions.parquet"))
    path.write_bytes(b"PAR1" + bytes(200) + b"PAR1")
    status, out, err = asked(capsys, results, "SELECT DISTINCT cell FROM predictions", "--format", "json")
    assert status == 0, err
    assert path.parent.name not in out
    assert str(path) in err


def test_every_view_exists_in_a_folder_with_no_finished_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = asked(capsys, tmp_path, "SELECT 1")
    assert (status, "there is no run yet" in err) == (2, True)
    (tmp_path / "cells").mkdir()
    for name in read_views():
        assert rows(capsys, tmp_path, f"SELECT * FROM {name}") == []
    status, out, _ = asked(capsys, tmp_path, "--schema")
    assert status == 0
    documented = Path(__file__).parents[1] / "docs" / "query.md"
    page = documented.read_text()
    for line in out.splitlines():
        if not line.startswith(" "):
            name, _, summary = line.partition(": ")
            assert f"| `{name}` | {summary} |" in page


def test_a_column_with_the_name_of_a_view_opens_no_file(
    gate_runs: GateRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def sources(view: str, folder: Path) -> list[Path]:
        assert folder.is_dir()
        opened.append(view)
        return []

    monkeypatch.setattr(query_run, "_sources", sources)
    cell = next(gate_runs.results.glob("cells/*/predictions.parquet")).parent.name
    assert list(query_run.ask(f"SELECT id, phrases FROM predictions_of('{cell}')", gate_runs.results).rows())
    assert opened == []
    for sql, views in (
        ("SELECT phrases FROM predictions", ["predictions"]),
        ("WITH x AS (SELECT * FROM scores) SELECT * FROM X", ["scores"]),
        ("SELECT * FROM query_table('runs')", ["raw_runs", "runs"]),
        ("PIVOT metrics ON metric USING first(value)", None),
    ):
        opened.clear()
        try:
            list(query_run.ask(sql, gate_runs.results).rows())
        except BenchError:
            assert views is None  # more than one statement
        else:
            assert opened == views
