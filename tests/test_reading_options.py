"""What the reader decided is shown by the plan and kept by the run; options override it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from readbench.authoring.scaffold_suite import write_suite
from readbench.core.errors import BenchError
from readbench.datasets import open_dataset
from readbench.planning.infer import infer_suite
from readbench.planning.labels import without_positive
from readbench.planning.plan import Options
from readbench.report.progress import TerminalInterface
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite, show_plan
from readbench.tasks.spec import TaskSpec

METHOD = '''
"""Says the first label, or nothing."""
from readbench.adapter import Adapter
from readbench.types import PredictedLabel, RankedPhrases


class First(Adapter):
    """Says one thing."""

    name = "test.first"
    tasks = frozenset({"classification", "keyphrases"})

    def predict(self, chunk):
        if self.context.task.task == "keyphrases":
            return [RankedPhrases(("graph",), (1.0,)) for _ in chunk]
        return [PredictedLabel(self.context.task.labels[0], {}) for _ in chunk]
'''


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    path = tmp_path / "papers.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "title", "abstract", "keywords", "label"])
        for number in range(24):
            kind = "medical" if number % 2 else "other"
            rows.writerow([number, f"graph {number}", f"a text {number}", "graph, text, code", kind])
    return path


def planned(papers: Path, tmp_path: Path, **options: Any) -> str:
    screen = Console(width=200, record=True, file=io.StringIO())
    (tmp_path / "first.py").write_text(METHOD, encoding="utf-8")
    given = Options(methods=("test.first",), include_paths=(tmp_path / "first.py",), **options)
    show_plan(None, str(papers), None, given, Store(tmp_path / "results"), TerminalInterface(screen))
    return screen.export_text()


def test_the_plan_shows_what_was_decided(papers: Path, tmp_path: Path) -> None:
    shown = planned(papers, tmp_path)
    assert "keyphrases: column `keywords`, separated by `,` in 24 of 24 cells (--keyword-separator" in shown
    assert "2 classes: other (12), medical (12)" in shown
    assert (
        "no positive class is named, so precision, recall and f1 stay empty: give --positive medical" in shown
    )
    assert "language: `en`, nobody says" in shown
    assert "encoding: utf-8" in shown


def test_options_override_what_was_decided(papers: Path, tmp_path: Path) -> None:
    reading = {"language": "pt", "keyphrase_separator": ";", "encoding": "ascii"}
    shown = planned(papers, tmp_path, reading=reading, positive="medical")
    assert "`;` is in 0" not in shown
    assert "language: `pt`, as said" in shown
    assert "encoding: ascii" in shown
    assert "0 of 24 cells; as said, though it is in no cell and `,` is in 24" in shown
    assert "no positive class" not in shown


def test_the_run_keeps_what_was_decided(papers: Path, tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(METHOD, encoding="utf-8")
    options = Options(
        methods=("test.first",), include_paths=(tmp_path / "first.py",), reading={"language": "pt"}
    )
    manifest = run_suite(
        None, str(papers), None, options, Store(tmp_path / "results"), Quiet()
    ).board.manifest
    assert manifest.reading == {"language": "pt"}
    kept = {decision.about: decision for decision in manifest.decisions}
    assert (kept["keyphrases"].seen, kept["keyphrases"].of) == (24, 24)
    assert kept["keyphrases"].option == "--keyword-separator"
    assert manifest.tasks["keyphrases"].spec["language"] == "pt"
    store = Store(tmp_path / "results")
    versions = {
        cell.task: record.metrics for cell in manifest.cells if (record := store.record(cell.key)) is not None
    }
    assert "Snowball stems (portuguese)" in versions["keyphrases"]["f1@10"].version
    assert "Porter" in versions["keyphrases"]["jcdl2020.f1@10"].version  # that one is Porter's by definition
    assert any("--positive medical" in line for line in manifest.tasks["classification"].warnings)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reading": {"encoding": "nonsense"}}, "--encoding: 'nonsense' is no text encoding"),
        ({"reading": {"keyphrase_separator": ""}}, "--keyword-separator: "),
        ({"positive": "medicine"}, "the positive class 'medicine' is none of the labels medical, other"),
    ],
)
def test_options_that_cannot_be_right_are_refused(
    papers: Path, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        planned(papers, tmp_path, **options)


def test_a_positive_class_needs_labels(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id,title,keywords\n1,t,a; b\n", encoding="utf-8")
    with pytest.raises(
        BenchError, match="--positive names a class, and the suite has no task classification"
    ):
        planned(path, tmp_path, positive="1")


@pytest.mark.parametrize(
    ("labels", "proposed"),
    [
        (("medical", "other"), "medical"),
        (("not relevant", "relevant"), "relevant"),
        (("non-medical", "medical"), "medical"),
        (("a", "b"), "a"),
        (("off topic", "on topic"), "'off topic'"),
    ],
)
def test_the_class_that_is_looked_for_is_proposed(labels: tuple[str, ...], proposed: str) -> None:
    (line,) = without_positive(TaskSpec(task="classification", labels=labels))
    assert f"--positive {proposed} " in line


def test_one_class_alone_is_said(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id,title,label\n1,t,1\n2,u,1.0\n", encoding="utf-8")
    for asked in (
        lambda: infer_suite(open_dataset(str(path))),
        lambda: write_suite(path, tmp_path / "s.toml"),
    ):
        with pytest.raises(BenchError, match="all its labels are '1': there is nothing to tell apart"):
            asked()


def test_a_suite_of_another_language_names_the_option(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    text = (
        "Este artigo estuda como os métodos de ordenação escolhem as expressões de um documento e mostra que "
        "eles são diferentes entre si."
    )
    rows = "".join(f"{number},{text} {number},ordenação; expressões\n" for number in range(5))
    path.write_text(f"id,abstract,keywords\n{rows}", encoding="utf-8")
    store = Store(tmp_path / "results")
    with pytest.raises(BenchError, match=r"no document says it is in 'en'.*most say 'pt'.*--language pt"):
        show_plan("keyphrases", str(path), None, Options(), store, Quiet())
    suite, why = infer_suite(open_dataset(str(path)))
    assert suite.spec("keyphrases").language == "pt"
    assert "read as 'pt'" in why


def test_init_reads_the_columns_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('[{"title": "t", "Author Keywords": "a; b"}]', encoding="utf-8")
    assert 'keyphrases = "Author Keywords"' in write_suite(path, tmp_path / "s.toml").read_text(
        encoding="utf-8"
    )
