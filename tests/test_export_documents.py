"""A board as a table in documents of others, and in the schemas by which evaluations are collected."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pytest
from gate_command import change_manifest
from gate_runs import GateRuns
from pydantic import BaseModel, ConfigDict

from readbench.cli import main
from readbench.core.escape import for_latex
from readbench.results.leaderboard import build_leaderboard
from readbench.results.store import Store

NASTY = r"tested <script>alert(1)</script> & 5% of $x_1$ {a}^b~#\end{table}"


def export(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["export", *map(str, arguments)])
    captured = capsys.readouterr()
    assert int(ended.value.code or 0) == status, captured.err
    return captured.out if status == 0 else captured.err


@pytest.fixture
def nasty(gate_runs: GateRuns, tmp_path: Path) -> Path:
    """A run whose dataset has a name that is markup everywhere."""
    results = Path(shutil.copytree(gate_runs.results, tmp_path / "results"))
    change_manifest(results, gate_runs.hurt, lambda data: data.update(dataset=NASTY))
    return results / "runs" / gate_runs.hurt


class Cells(HTMLParser):
    """The texts of a table's cells, and the tags that there were."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_has_the_board_and_no_markup_of_data(nasty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = Cells()
    seen.feed(export(capsys, nasty, "--to", "html"))
    assert seen.tags == {"table", "caption", "thead", "tr", "th", "tbody", "td", "code"}
    text = " ".join(seen.texts)
    assert NASTY in text
    for method in ("test.steady", "test.noisy", "test.breaks"):
        assert method in text
    assert "failed: " in text


def test_latex_escapes_what_would_be_a_command(nasty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = export(capsys, nasty, "--to", "latex")
    assert for_latex(NASTY) in text
    assert text.count(r"\begin{table}") == text.count("\n\\end{table}") == 1
    columns = text.partition(r"\begin{tabular}{")[2].partition("}")[0]
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    assert {row.replace(r"\&", "").count(" & ") + 1 for row in rows} == {len(columns)}


@pytest.mark.slow
def test_latex_compiles(nasty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex: Debian's texlive-latex-recommended has it")
    export(capsys, nasty, "--to", "latex", "--output", tmp_path / "board.tex")
    page = r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{board}\end{document}"
    (tmp_path / "page.tex").write_text(page)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "page.pdf").stat().st_size > 5_000


def test_tables_for_programs(nasty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow.parquet as pq

    board = build_leaderboard(nasty.name, Store(nasty.parents[1]))
    values = {row.method: row.value("f1@10") for table in board.tables for row in table.rows}
    shown = csv.DictReader(export(capsys, nasty, "--to", "csv").splitlines())
    assert {row["method"]: float(row["f1@10"]) if row["f1@10"] else None for row in shown} == values
    path = tmp_path / "board.parquet"
    export(capsys, nasty, "--to", "parquet", "--output", path)
    table = pq.read_table(path, columns=["method", "f1@10"]).to_pydict()
    assert dict(zip(table["method"], table["f1@10"], strict=True)) == values
    assert "no text to print" in export(capsys, nasty, "--to", "parquet", status=2)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Source(Strict):
    source_name: str
    source_type: Literal["documentation", "evaluation_run"]
    source_organization_name: str
    evaluator_relationship: Literal["first_party", "third_party", "collaborative", "other"]


class Library(Strict):
    name: str
    version: str
    additional_details: dict[str, str]


class Model(Strict):
    name: str
    id: str
    additional_details: dict[str, str]


class MetricConfig(Strict):
    evaluation_description: str
    lower_is_better: bool
    score_type: Literal["continuous"]
    min_score: float
    max_score: float
    additional_details: dict[str, str]


class Interval(Strict):
    lower: float
    upper: float
    confidence_level: float


class Uncertainty(Strict):
    num_samples: int
    confidence_interval: Interval | None = None


class Score(Strict):
    score: float
    uncertainty: Uncertainty


class Result(Strict):
    evaluation_name: str
    source_data: dict[str, str]
    evaluation_timestamp: str
    metric_config: MetricConfig
    score_details: Score


class Evaluation(Strict):
    """The fields of ``eval.schema.json`` 0.2.1 of evaleval/every_eval_ever that are written, with their
    types. What it requires is required here."""

    schema_version: Literal["0.2.1"]
    evaluation_id: str
    evaluation_timestamp: str
    retrieved_timestamp: str
    source_metadata: Source
    eval_library: Library
    model_info: Model
    evaluation_results: list[Result]


def test_every_eval_ever_has_the_published_fields(
    nasty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(capsys, nasty, "--to", "every-eval-ever", "--output", tmp_path / "out")
    board = build_leaderboard(nasty.name, Store(nasty.parents[1]))
    rows = {row.method: row for table in board.tables for row in table.rows if row.status == "ok"}
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == len(rows) > 0
    for path in files:
        said = Evaluation.model_validate_json(path.read_bytes())
        row = rows[said.model_info.name]
        assert float(said.retrieved_timestamp) > 1.7e9
        scores = {r.evaluation_name.rpartition("/")[2]: r.score_details for r in said.evaluation_results}
        assert scores["f1@10"].score == row.value("f1@10")
        assert scores["f1@10"].uncertainty.num_samples == row.metrics["f1@10"].n
        for result in said.evaluation_results:
            assert result.source_data["source_type"] == "other"
            config = result.metric_config
            assert config.min_score <= result.score_details.score <= config.max_score


def test_results_of_the_hub_are_read_by_its_own_library(
    nasty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = pytest.importorskip("yaml")
    hub = pytest.importorskip("huggingface_hub")
    assert "--hub-dataset OWNER/NAME" in export(capsys, nasty, "--to", "hf-eval-results", status=2)
    arguments = ("--to", "hf-eval-results", "--hub-dataset", "midas/inspec", "--output", tmp_path / "out")
    export(capsys, nasty, *arguments)
    board = build_leaderboard(nasty.name, Store(nasty.parents[1]))
    rows = {row.method: row for table in board.tables for row in table.rows if row.status == "ok"}
    for path in sorted((tmp_path / "out").iterdir()):
        entries: list[Any] = hub.parse_eval_result_entries(yaml.safe_load(path.read_text()))
        row = rows[entries[0].notes.partition(";")[0]]
        values = {entry.task_id: entry.value for entry in entries}
        assert values["keyphrases/f1@10"] == row.value("f1@10")
        assert {entry.dataset_id for entry in entries} == {"midas/inspec"}
        assert hub.eval_result_entries_to_yaml(entries) == json.loads(
            json.dumps(yaml.safe_load(path.read_text()))
        )
