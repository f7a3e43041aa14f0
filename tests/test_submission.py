"""The competition's file: written, in order and whole; and every way in which it would be refused."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from readbench.cli import main
from readbench.core.errors import BenchError
from readbench.core.types import Document, PredictedLabel
from readbench.datasets import open_dataset
from readbench.trained.fitting import FitPlan
from readbench.trained.submission import Training, submit
from readbench.trained.submission_check import Check
from readbench_adapters.classical.text_classifiers import Majority

CORPUS = open_dataset("papers-demo")
TEST = CORPUS.documents[200:]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """in.csv: papers to submit for; labels.csv: ids and labels of all.csv."""
    for name, documents in (("in.csv", TEST), ("all.csv", CORPUS.documents)):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("uuid", "title", "author", "abstract"))
            for document in documents:
                writer.writerow([document.id, document.fields["title"], "A; B", document.fields["abstract"]])
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("uuid", "label"))
        labels = CORPUS.targets["classification"]
        writer.writerows([(document.id, labels[document.id]) for document in CORPUS.documents[:200]])
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_both_columns_in_the_order_of_the_input(files: Path) -> None:
    done = submit(
        files / "in.csv",
        files / "submit.csv",
        classifier="naive-bayes",
        labels=Training(files / "labels.csv", files / "all.csv"),
        keyphrases="pke.firstphrases",
        phrases=4,
    )
    table = rows(files / "submit.csv")
    assert done.rows == len(table) == len(TEST)
    assert [row["uuid"] for row in table] == [document.id for document in TEST]
    assert list(table[0]) == ["uuid", "Keywords", "label"]
    assert all(1 <= len(row["Keywords"].split(";")) <= 4 for row in table)
    gold = CORPUS.targets["classification"]
    assert sum(row["label"] == gold[row["uuid"]] for row in table) > 30
    assert list(Check(files / "submit.csv", files / "in.csv").problems()) == []
    with pytest.raises(BenchError, match=r"submit\.csv: is there already"):
        submit(files / "in.csv", files / "submit.csv", keyphrases="pke.firstphrases")


def test_one_column_alone(files: Path) -> None:
    submit(files / "in.csv", files / "keywords.csv", keyphrases="pke.firstphrases")
    assert list(rows(files / "keywords.csv")[0]) == ["uuid", "Keywords"]
    submit(
        files / "in.csv",
        files / "labels-only.csv",
        classifier="majority",
        labels=Training(files / "labels.csv", files / "all.csv"),
    )
    assert list(rows(files / "labels-only.csv")[0]) == ["uuid", "label"]
    for name in ("keywords.csv", "labels-only.csv"):
        assert list(Check(files / name, files / "in.csv").problems()) == []


def test_an_abstention_gets_the_commonest_label_and_is_counted(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(self: Majority, chunk: Sequence[Document]) -> list[PredictedLabel]:  # noqa: ARG001
        return [PredictedLabel(None if int(d.id[-1]) % 2 else "0") for d in chunk]

    monkeypatch.setattr(Majority, "predict", predict)
    labels = [f"{d.id},{int(number % 4 > 0)}\n" for number, d in enumerate(CORPUS.documents[:40])]
    (files / "few.csv").write_text("uuid,label\n" + "".join(labels), encoding="utf-8")
    learn = Training(files / "few.csv", files / "all.csv")
    done = submit(files / "in.csv", files / "out.csv", classifier="majority", labels=learn)
    given = [row["label"] for row in rows(files / "out.csv")]
    assert given == ["1" if int(d.id[-1]) % 2 else "0" for d in TEST]
    assert done.abstentions == given.count("1") > 0


def test_labels_without_their_papers_are_refused(files: Path) -> None:
    with pytest.raises(BenchError, match=r"none of its 200 ids"):
        submit(
            files / "in.csv", files / "x.csv", classifier="majority", labels=Training(files / "labels.csv")
        )
    with pytest.raises(BenchError, match="give --train-labels FILE"):
        submit(files / "in.csv", files / "x.csv", classifier="majority")


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(plan: FitPlan, *_: object, **__: object) -> None:
        raise AssertionError(f"{plan.method.spec} was trained before all was looked at")

    monkeypatch.setattr("readbench.trained.submission.train", train)


def everything(files: Path, **changed: object) -> None:
    given: dict[str, object] = {
        "classifier": "naive-bayes",
        "labels": Training(files / "labels.csv", files / "all.csv"),
        "keyphrases": "pke.firstphrases",
    }
    submit(files / "in.csv", files / "out.csv", **given | changed)  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("uuid,title,abstract\na,x,y\nb,x,y\na,x,y\n", r"'a' is in row 1 .* and again in row 3"),
        ("title,abstract\nx,y\n", "no uuid or id column"),
        ("uuid,title,abstract\na,x\n", "2 fields where the header has 3"),
        ("uuid,Titel\na,x\n", "no title, abstract or text column|no column title or abstract"),
        ("uuid,title,abstract\n", "has no rows"),
        ("uuid,title,abstract\n,x,y\n", "the id is empty"),
    ],
)
def test_the_input_is_looked_at_before_anything_is_trained(files: Path, text: str, told: str) -> None:
    (files / "in.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BenchError, match=told):
        everything(files)
    with pytest.raises(BenchError, match=told):
        everything(files, keyphrases=None)
    assert sorted(path.name for path in files.iterdir()) == ["all.csv", "in.csv", "labels.csv"]


@pytest.mark.usefixtures("no_training")
def test_the_rest_too_is_looked_at_before(files: Path) -> None:
    with pytest.raises(BenchError, match="no method is called"):
        everything(files, keyphrases="pke.tfidff")
    with pytest.raises(BenchError, match="does keyphrases, not classification"):
        everything(files, classifier="pke.firstphrases")
    with pytest.raises(BenchError, match="--phrases 1 or more"):
        everything(files, phrases=0)
    table = (files / "labels.csv").read_text(encoding="utf-8").replace(",1", ",yes").replace(",0", ",no")
    (files / "words.csv").write_text(table, encoding="utf-8")
    with pytest.raises(BenchError, match=r"words\.csv: its labels are no, yes; the competition's are"):
        everything(files, labels=Training(files / "words.csv", files / "all.csv"))
    third = (files / "labels.csv").read_text(encoding="utf-8").replace(",1", ",2", 3)
    (files / "third.csv").write_text(third, encoding="utf-8")
    with pytest.raises(BenchError, match=r"third\.csv: its labels are 0, 1, 2; the competition's are"):
        everything(files, labels=Training(files / "third.csv", files / "all.csv"))
    (files / "out.csv").symlink_to(files / "in.csv")
    with pytest.raises(BenchError, match="would destroy it"):
        everything(files, fresh=True)
    (files / "out.csv").unlink()
    (files / "out.csv").symlink_to(files / "labels.csv")
    with pytest.raises(BenchError, match="would destroy it"):
        everything(files, fresh=True)


def test_labels_in_json_lines(files: Path) -> None:
    labels = CORPUS.targets["classification"]
    papers = [{"id": d.id, **d.fields, "label": labels[d.id]} for d in CORPUS.documents[:200]]
    (files / "papers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in papers), encoding="utf-8")
    everything(files, labels=Training(files / "papers.jsonl"), classifier="majority", keyphrases=None)
    assert len(rows(files / "out.csv")) == len(TEST)
    (files / "ids.jsonl").write_text('{"id": "demo-1", "label": "1"}\n', encoding="utf-8")
    with pytest.raises(BenchError, match=r"ids\.jsonl: has labels without papers, and is no CSV"):
        everything(files, labels=Training(files / "ids.jsonl", files / "all.csv"), fresh=True)


def test_what_is_interrupted_leaves_nothing(files: Path) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        everything(files, say=interrupt)
    assert sorted(path.name for path in files.iterdir()) == ["all.csv", "in.csv", "labels.csv"]


@pytest.mark.parametrize(
    ("command", "target", "told"),
    [
        (["submit", "--input", "in.csv"], "readbench.trained.submission.submit", "nothing was written"),
        (
            ["fit", "majority", "--dataset", "papers-demo", "--output", "m"],
            "readbench.trained.fitting.fit",
            "nothing was kept",
        ),
        (
            ["predict", "--model", "m", "--input", "in.csv", "--output", "o.csv", "--fresh"],
            "readbench.trained.predicting.opened",
            "the same command without --fresh continues after the last complete block",
        ),
    ],
)
def test_what_is_said_of_an_interruption_is_true(
    command: list[str],
    target: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(target, interrupt)
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 130
    assert capsys.readouterr().err.startswith(f"bench: interrupted; {told}")


def test_papers_without_keyphrases_are_allowed_and_counted(files: Path) -> None:
    (files / "in.csv").write_text("uuid,title\na,deep red nets\nb,\n", encoding="utf-8")
    done = submit(files / "in.csv", files / "out.csv", keyphrases="pke.firstphrases")
    assert done.empty_keyphrases == 1
    check = Check(files / "out.csv", files / "in.csv")
    assert list(check.problems()) == []
    assert check.without_keywords == 1


def good() -> list[list[str]]:
    return [["uuid", "Keywords", "label"], *([document.id, "one;two", "1"] for document in TEST)]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda t: t.pop(3), "missing: the uuid demo-203 of row 3 of the input"),
        (lambda t: t.append(t[5]), "row 41 (line 42): the uuid demo-205 is in row 5 (line 6) already"),
        (lambda t: t.append(["x-1", "a", "0"]), "row 41 (line 42): the uuid x-1 is not in the input"),
        (lambda t: t[2].__setitem__(2, "3"), "row 2 (line 3): the label is '3', not 0 or 1"),
        (lambda t: t[2].__setitem__(2, "1.0"), "row 2 (line 3): the label is '1.0', not 0 or 1"),
        (lambda t: t[2].__setitem__(1, "a;;b"), "row 2 (line 3): an empty keyword in 'a;;b'"),
        (lambda t: t[2].__setitem__(0, ""), "row 2 (line 3): the uuid is empty"),
        (lambda t: t[0].__setitem__(1, "keywords"), "header: the columns are uuid, keywords, label, not"),
        (lambda t: t[0].__setitem__(0, "id"), "header: the columns are id, Keywords, label, not uuid"),
        (
            lambda t: t.__setitem__(slice(None), [[uuid, label, words] for uuid, words, label in t]),
            "header: the columns are in the order uuid, label, Keywords, not uuid, Keywords, label",
        ),
        (lambda t: t[7].append("more"), "row 7 (line 8): 4 fields where the header has 3"),
        (lambda t: t[2].__setitem__(2, " 0 "), "row 2 (line 3): the label is ' 0 ', not 0 or 1"),
        (
            lambda t: t[2].__setitem__(0, " demo-202"),
            "row 2 (line 3): the uuid ' demo-202' is not in the",
        ),
        (lambda t: t[2].__setitem__(1, " "), "row 2 (line 3): an empty keyword in ' '"),
        (lambda t: t[2].__setitem__(1, "a\0"), "row 2 (line 3): a NUL byte"),
        (lambda t: t[0].__setitem__(1, " Keywords"), "header: the columns are uuid,  Keywords, label, not"),
        (
            lambda t: t.__setitem__(slice(None), [[";".join(row)] for row in t]),
            "separated by ';', not by a",
        ),
        (lambda t: t.__setitem__(slice(None), [["\t".join(row)] for row in t]), "not by a comma"),
    ],
)
def test_what_would_be_refused_is_named_with_its_row(
    files: Path, broken: Callable[[list[list[str]]], object], told: str
) -> None:
    table = good()
    broken(table)
    with (files / "bad.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table)
    found = list(Check(files / "bad.csv", files / "in.csv").problems())
    assert any(told in line for line in found), found


def test_every_row_is_named(files: Path) -> None:
    lines = [",".join(row) for row in good()]
    lines[2], lines[4], lines[6] = lines[2] + ",x", "only-one", lines[6].replace("one", "für")
    lines[8], lines[9] = 'demo-208,"a"b,1', lines[9][:-1] + "2"
    (files / "bad.csv").write_bytes("\n".join(lines).encode("latin-1"))
    found = list(Check(files / "bad.csv", files / "in.csv").problems())
    assert [line.partition(" (")[0] for line in found[:5]] == ["row 2", "row 4", "row 6", "row 8", "row 9"]
    assert not any(str(files) in line for line in found)
    (files / "open.csv").write_text("\n".join(lines[:2]) + '\ndemo-202,"a,1\nx\n', encoding="utf-8")
    assert list(Check(files / "open.csv", files / "in.csv").problems()) == [
        "row 2 (line 3): broken CSV: a quote is never closed",
        "row 2 (line 3): reading stopped there, and no later row was checked",
    ]


def test_packed_and_absent_submissions_and_doubled_inputs(files: Path) -> None:
    (files / "good.csv.gz").write_bytes(gzip.compress(b"uuid,label\n"))
    assert list(Check(files / "good.csv.gz", files / "in.csv").problems()) == [
        "header: the file is packed; the competition reads plain CSV"
    ]
    with pytest.raises(BenchError, match=r"none.csv: cannot be read: No such file or directory"):
        list(Check(files / "none.csv", files / "in.csv").problems())
    (files / "doubled.csv").write_text("uuid,title\na,x\na,x\n", encoding="utf-8")
    with pytest.raises(BenchError, match=r"'a' is in row 1 .* and again in row 2"):
        list(Check(files / "none.csv", files / "doubled.csv").problems())


def test_another_encoding_is_refused(files: Path) -> None:
    text = "\n".join(",".join(row) for row in good()).replace("one", "für", 1)
    (files / "bad.csv").write_bytes(text.encode("latin-1"))
    (found,) = Check(files / "bad.csv", files / "in.csv").problems()
    assert "line 2" in found
    assert "is not utf-8" in found


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--keyphrases", "yake", "--label-only"], "--label-only leaves out what --keyphrases"),
        (["--train-documents", "all.csv"], "which are not given"),
        (["--phrases", "-1"], "--phrases"),
    ],
)
def test_options_that_contradict_each_other(files: Path, options: list[str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "readbench.cli", "submit", "--input", "in.csv", *options],
        cwd=files,
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 2
    assert told in done.stderr


def test_the_command_exits_with_1_and_names_the_rows(files: Path) -> None:
    with (files / "bad.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(good()[:-1])
    for name, status, told in (("bad.csv", 1, "missing: the uuid demo-240"), ("in.csv", 1, "header:")):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "readbench.cli",
                "submit",
                "--validate",
                str(files / name),
                "--input",
                str(files / "in.csv"),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=dict(os.environ),
        )
        assert done.returncode == status, done.stderr
        assert told in done.stdout


def test_keyphrases_of_the_input_are_not_learned_from(tmp_path: Path) -> None:
    """An input may have a column of keyphrases, which are the answers: without a file to learn from there is
    nothing to learn, whatever stands there."""
    source = tmp_path / "input.csv"
    rows = "".join(f'{i},On maps {i},Maps of towns and rivers,"maps;rivers"\n' for i in range(20))
    source.write_text(f"uuid,title,abstract,Keywords\n{rows}")
    with pytest.raises(BenchError, match="nothing to tell apart"):
        submit(source, tmp_path / "out.csv", keyphrases="pke.kea[df=shipped]")
    assert not (tmp_path / "out.csv").exists()
