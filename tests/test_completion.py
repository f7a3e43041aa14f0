"""What a shell offers when somebody presses the tabulator key."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from bench_process import Bench

from readbench.cli import completion
from readbench.cli.completion import Completer
from readbench.results.store import Store

KEPT = Path(__file__).resolve().parents[1] / "results" / "baselines" / "quick"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run, a file of papers and a suite."""
    shutil.copytree(KEPT, tmp_path / "results")
    (tmp_path / "mine.csv").touch()
    (tmp_path / "mine.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    return tmp_path


def offered(complete: Completer, incomplete: str = "", **params: object) -> list[str]:
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
    context.params = params
    return complete(context, incomplete)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("complete", "begun", "offers"),
    [
        (completion.suites, "papers", ["papers", "papers-llm"]),
        (completion.suites, "mi", ["mine.toml"]),
        (completion.datasets, "papers-", ["papers-demo"]),
        (completion.datasets, "mi", ["mine.csv", "mine.toml"]),
        (completion.methods, "pke.te", ["pke.textrank"]),
        (completion.metrics, "ndcg", ["ndcg@10"]),
        (completion.metrics, "fit", ["fit_s"]),
        (completion.thresholds, "ece", ["ece:+"]),
        (completion.thresholds, "mcc", ["mcc:-"]),
        (completion.tasks, "e", ["extraction"]),
        (completion.runs, "quic", ["quick", *Store(KEPT).runs()]),
        (completion.run_names, "quic", Store(KEPT).runs()),
        (completion.sides, "resul", ["results/"]),
    ],
)
def test_values(complete: Completer, begun: str, offers: list[str]) -> None:
    assert offered(complete, begun) == offers


@pytest.mark.usefixtures("here")
def test_values_follow_what_stands_before_them(tmp_path: Path) -> None:
    assert offered(completion.methods_of_run, "pke.t", reference="quick")[0].startswith("pke.t")
    assert "logreg" in offered(completion.methods_of_run, reference="quick")
    assert "bert" not in offered(completion.methods_of_run, reference="quick")
    assert offered(completion.runs, output_path=str(tmp_path / "none")) == []
    assert offered(completion.listed, "quic", kind="suites") == ["quick"]
    assert offered(completion.listed, "key", kind="methods") == ["keybert", "keyphrases"]


@pytest.mark.usefixtures("here")
def test_what_goes_wrong_offers_nothing() -> None:
    assert offered(completion.methods_of_run, reference="no such run") == []
    assert offered(completion.methods, include_path=[Path("nowhere")]) == []


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("bench run qui", "quick"),
        ("bench run --method pke.te", "pke.textrank"),
        ("bench gate --fail-on ndcg", "ndcg@10:-"),
        ("bench show quick log", "logreg"),
        ("bench leaderboard --sort ndc", "ndcg@10"),
        ("bench -", "--log-file"),
    ],
)
def test_in_a_shell(line: str, offers: str, here: Path, bench: Bench) -> None:
    place = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "_BENCH_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-m", "readbench.cli"],
        env=bench.env | place | {"PATH": os.environ["PATH"]},
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert offers in done.stdout.splitlines(), done.stderr
