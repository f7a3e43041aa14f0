"""The competition's file: written, in order and whole; and every way in which it would be refused."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from readbench.datasets import open_dataset
from readbench.errors import BenchError
from readbench.submission import Training, problems, submit

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
        files / "in.csv", files / "submit.csv", classifier="naive-bayes",
        labels=Training(files / "labels.csv", files / "all.csv"), keyphrases="pke.firstphrases", phrases=4,
    )  # fmt: skip
    table = rows(files / "submit.csv")
    assert done.rows == len(table) == len(TEST)
    assert [row["uuid"] for row in table] == [document.id for document in TEST]
    assert list(table[0]) == ["uuid", "Keywords", "label"]
    assert all(1 <= len(row["Keywords"].split(";")) <= 4 for row in table)
    gold = CORPUS.targets["classification"]
    assert sum(row["label"] == gold[row["uuid"]] for row in table) > 30
    assert list(problems(files / "submit.csv", files / "in.csv")) == []
    with pytest.raises(BenchError, match=r"submit\.csv: is there already"):
        submit(files / "in.csv", files / "submit.csv", keyphrases="pke.firstphrases")


def test_one_column_alone(files: Path) -> None:
    submit(files / "in.csv", files / "keywords.csv", keyphrases="pke.firstphrases")
    assert list(rows(files / "keywords.csv")[0]) == ["uuid", "Keywords"]
    submit(
        files / "in.csv", files / "labels-only.csv", classifier="majority",
        labels=Training(files / "labels.csv", files / "all.csv"),
    )  # fmt: skip
    assert list(rows(files / "labels-only.csv")[0]) == ["uuid", "label"]
    for name in ("keywords.csv", "labels-only.csv"):
        assert list(problems(files / name, files / "in.csv")) == []


def test_labels_without_their_papers_are_refused(files: Path) -> None:
    with pytest.raises(BenchError, match=r"none of its 200 ids"):
        submit(
            files / "in.csv", files / "x.csv", classifier="majority", labels=Training(files / "labels.csv")
        )
    with pytest.raises(BenchError, match="give --train-labels FILE"):
        submit(files / "in.csv", files / "x.csv", classifier="majority")


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
        (lambda t: t[7].append("more"), "row 7 (line 8): 4 fields where the header has 3"),
    ],
)
def test_what_would_be_refused_is_named_with_its_row(files: Path, broken, told: str) -> None:
    table = good()
    broken(table)
    with (files / "bad.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table)
    found = list(problems(files / "bad.csv", files / "in.csv"))
    assert any(told in line for line in found), found


def test_another_encoding_is_refused(files: Path) -> None:
    text = "\n".join(",".join(row) for row in good()).replace("one", "für", 1)
    (files / "bad.csv").write_bytes(text.encode("latin-1"))
    (found,) = problems(files / "bad.csv", files / "in.csv")
    assert "line 2" in found
    assert "is not utf-8" in found


def test_the_command_exits_with_1_and_names_the_rows(files: Path) -> None:
    with (files / "bad.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(good()[:-1])
    for name, status, told in (("bad.csv", 1, "missing: the uuid demo-240"), ("in.csv", 1, "header:")):
        done = subprocess.run(
            [sys.executable, "-m", "readbench.cli", "submit", "--validate", str(files / name), "--input",
             str(files / "in.csv")],
            capture_output=True, text=True, check=False, env=dict(os.environ),
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        assert told in done.stdout
