"""The verb `audit`: exit status, every format, and what it says about a planted dataset."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from audit_papers import by_chance, by_label, made_up, write
from rich.console import Console

from readbench.audit import audit
from readbench.cli import main
from readbench.core.types import Dataset, Document
from readbench.report.audit import as_json, as_markdown, render

pytest.importorskip("sklearn", reason="the shortcut probe needs scikit-learn")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def test_findings_are_status_1_and_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    papers, labels = write(made_up(1, separator=by_label), tmp_path)
    assert run("audit", papers, "--labels", labels) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "finding: the marks of `authors` alone predict the label" in shown
    assert "1 finding; leave out `authors`, or say so." in shown
    assert run("audit", papers, "--labels", labels, "--format", "json", "--limit", "150") == 1
    value = json.loads(capsys.readouterr().out)
    assert value["exit_status"] == 1
    assert (value["documents"], value["sample_of"]) == (150, 240)
    assert [found["field"] for found in value["findings"] if found["severity"] == "finding"] == ["authors"]
    assert value["probes"][1]["telling"][0]["score"]["accuracy"] > 0.9


def test_nothing_found_is_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    papers, labels = write(made_up(1, separator=by_chance), tmp_path)
    assert run("audit", papers, "--labels", labels, "--format", "md") == 0
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith("Nothing found.")
    assert "| authors |" in shown
    # Without labels there is nothing to probe; copies and fields are looked at all the same.
    assert run("audit", papers) == 0
    assert "near-duplicates: none" in capsys.readouterr().out


def test_wrong_use_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("audit", tmp_path / "nothing.csv") == 2
    assert run("audit", "papers-demo", "--limit", "0") == 2
    assert run("audit", "papers-demo", "--suite", "no-such-suite") == 2
    assert run("audit", "papers-demo", "--format", "csv") == 2
    assert all(line.startswith("bench: ") for line in capsys.readouterr().err.splitlines())


def test_a_suite_says_how_to_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    papers, labels = write(made_up(1, separator=by_label), tmp_path)
    text = papers.read_text(encoding="utf-8").replace("author", "written by", 1)
    papers.write_text(text, encoding="utf-8")
    suite = tmp_path / "mine.toml"
    suite.write_text(
        '[dataset.columns]\nauthors = "written by"\n[tasks.keyphrases]\nmethods = ["my.method"]\n',
        encoding="utf-8",
    )
    assert run("audit", papers, "--labels", labels, "--suite", suite) == 1
    assert "`authors`" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 160])
def test_everything_is_in_every_format(width: int) -> None:
    dataset = made_up(2, separator=by_label)
    first = dataset.documents[0]
    copy = Document("copy", first.fields)
    labels = {
        **dataset.targets["classification"],
        "copy": "0" if dataset.targets["classification"]["p000"] == "1" else "1",
    }
    gold = {d.id: ("word1 word2", "big [data]", "one|two") for d in dataset.documents}
    known = Dataset(
        "made [up]",
        (*dataset.documents, copy),
        {"classification": labels, "keyphrases": gold},
        parts={"p000": "train", "copy": "test"},
    )
    found = audit(known)
    kinds = {one.kind for one in found.findings}
    assert {"shortcut", "contradictory labels", "copies across parts", "copies", "no keyphrases"} <= kinds
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(render(found))
    shown = console.export_text()
    assert all(len(line) <= width for line in shown.splitlines())
    markdown = as_markdown(found).replace("\\", "")
    for text in (" ".join(shown.split()), markdown, as_json(found)):
        assert "made [up]" in text
        assert "p000" in text
        assert "authors" in text
        for one in found.findings:
            assert one.text.split(":")[0] in " ".join(text.split())
    table = [line for line in as_markdown(found).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in table if "p000" not in line}) == 2


def test_the_audit_of_the_challenge(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared / "data" / "xfyun"
    status = run(
        "audit",
        folder / "testB.csv",
        "--labels",
        folder / "testB_silver_labels.csv",
        "--format",
        "json",
        "--limit",
        "600",
    )
    value = json.loads(capsys.readouterr().out)
    assert status == 1
    (found,) = (one for one in value["findings"] if one["severity"] == "finding")
    assert found["field"] == "authors"
    assert "`;`" in found["text"]
    assert value["text"]["accuracy"] > 0.9
