"""Labels from a second file."""

from __future__ import annotations

from pathlib import Path

import pytest
from files_of_papers import Refused, Write

from readbench.datasets import ReadOptions, open_dataset

PAPERS = "uuid,title,label\na,t,old\nb,t,old\nc,t,old\nd,,old\n"


def test_labels_are_joined_by_id_and_replace_the_column(write: Write) -> None:
    labels = write("labels.csv", "UUID,Label\r\nb, 1 \r\na,1.0\r\nc,\r\nd,0\r\nzz,0\r\n")
    dataset = open_dataset(str(write("p.csv", PAPERS)), ReadOptions(labels=labels))
    assert dataset.targets == {"classification": {"a": "1", "b": "1"}}
    assert dataset.counts == {"skipped: no text": 1, "labels without a document": 2, "no label": 1}


def test_labels_for_json_lines_and_with_column_names_of_their_own(write: Write) -> None:
    labels = write("labels.tsv", "doc\tmedical\tid\n1\tyes\tq\n")
    papers = write("p.jsonl", '{"doc": 1, "title": "t", "medical": "gold"}\n{"doc": 2, "title": "t"}\n')
    options = ReadOptions.model_validate({"labels": labels, "columns": {"id": "doc", "label": "medical"}})
    dataset = open_dataset(str(papers), options)
    assert dataset.targets == {"classification": {"1": "yes"}}
    assert all(document.fields == {"title": "t"} for document in dataset.documents)
    assert dataset.counts == {"no label": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "id,label\na,1\nb,0\na,1\n",
            ": the id 'a' is in row 1 (line 2) and again in row 3 (line 4); give every",
        ),
        ("id,kind\na,1\n", ": no id and label columns; columns found: 'id', 'kind'; name the columns"),
        ("id,label\na\n", ", row 1 (line 2): 1 fields where the header has 2; "),
        ("id,label\n,1\n", ", row 1 (line 2): the id is empty; give every label an id"),
        ("id,label\nx,1\ny,1\n", ": none of its 2 ids, such as 'x', is in "),
        ("id,label\n", ": none of its 0 ids is in "),
        ("", ": is empty; "),
        (b"id,label\na,\xff\n", ", line 2: byte 0xFF is not utf-8; "),
        (b"id,label\na,\0\n", ", row 1 (line 2): a NUL byte"),
    ],
)
def test_broken_label_files_are_refused(
    write: Write, refused: Refused, content: str | bytes, message: str
) -> None:
    labels = write("labels.csv", content)
    assert f"{labels}{message}" in refused(write("p.csv", PAPERS), labels=labels)


def test_an_absent_label_file_is_refused(write: Write, refused: Refused, tmp_path: Path) -> None:
    message = refused(write("p.csv", PAPERS), labels=tmp_path / "none.csv")
    assert message.startswith(f"{tmp_path / 'none.csv'}: cannot be read: No such file")


def test_silver_labels_of_the_challenge(shared: Path) -> None:
    folder = shared / "data" / "xfyun"
    options = ReadOptions(labels=folder / "testB_silver_labels.csv")
    dataset = open_dataset(str(folder / "testB.csv"), options)
    assert len(dataset.documents) == 2000
    assert len(dataset.targets["classification"]) == 1983
    assert set(dataset.targets["classification"].values()) == {"0", "1"}
    assert dataset.counts == {"no label": 17}
