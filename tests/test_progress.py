"""How far a long step is: how many of how many, and the time that is left."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from readbench.cli import main
from readbench.datasets import open_dataset
from readbench.datasets.stream import count_documents
from readbench.methods.registry import Registry
from readbench.report.progress import counting
from readbench.trained.fitting import fit
from readbench.trained.predicting import opened, predict_file

ROWS = 'id,title\n1,"two\nlines"\n2,\n3,three\n'


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("papers.csv", ROWS, 3),
        ("papers.tsv", ROWS.replace(",", "\t"), 3),
        ("papers.jsonl", '{"title": "a"}\n\n{"title": "b"}', 2),
        ("papers.ris", "TY  - JOUR\nTI  - a\nER  - \n", 0),
        ("papers.csv", "", 0),
    ],
)
def test_documents_are_counted_where_that_is_cheap(tmp_path: Path, name: str, text: str, count: int) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert count_documents(tmp_path / name) == count


def test_a_file_that_cannot_be_read_counts_nothing(tmp_path: Path) -> None:
    assert count_documents(tmp_path / "none.csv") == 0
    assert count_documents(tmp_path / "none.jsonl") == 0


def drawn(*calls: tuple[int, int], beside: tuple[int, int] | None = None) -> str:
    sink = io.StringIO()
    console = Console(file=sink, force_terminal=True, width=100, color_system=None)
    with counting(console, "predict [a]") as progress:
        for call in calls:
            progress(*call)
        if beside is not None:
            progress.beside(*beside)
    return sink.getvalue().split("\r")[-1] if not calls else sink.getvalue()


def test_a_bar_has_a_total_and_the_time_left() -> None:
    text = drawn((100, 400), (200, 400))
    assert "predict [a]" in text
    assert "200/400" in text
    assert "left" in text


def test_without_a_total_there_is_a_count() -> None:
    assert "200/?" in drawn((100, 0), (200, 0))


def test_what_is_prepared_is_named() -> None:
    assert "predict [a] · preparing 3/9" in drawn((0, 9), beside=(3, 9))


def test_no_terminal_no_bar() -> None:
    sink = io.StringIO()
    with counting(Console(file=sink, force_terminal=False), "predict") as progress:
        progress(1, 2)
        progress.beside(1, 2)
    assert sink.getvalue() == ""


def test_prediction_tells_of_every_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry()["majority"], "chunk_size", 2)
    fit("majority", open_dataset("papers-demo"), tmp_path / "model")
    papers = tmp_path / "papers.csv"
    papers.write_text("id,title\n" + "".join(f"{i},title {i}\n" for i in range(5)), encoding="utf-8")
    told: list[int] = []
    with opened(tmp_path / "model") as model:
        predict_file(model, papers, tmp_path / "out.csv", progress=told.append)
    assert told == [0, 2, 4, 5, 5]


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("majority", "majority, classification, learned from 240 documents in 0.0 s; next: "),
        ("sgrank", "sgrank, keyphrases, which learns nothing from documents: its parameters were kept; next"),
    ],
)
def test_fit_says_whether_anything_was_learned(
    method: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fit", method, "--dataset", "papers-demo", "--output", str(tmp_path / "model")])
    assert not ended.value.code
    assert f": {says}" in capsys.readouterr().out
