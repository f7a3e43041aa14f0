"""Labels as files spell them, and what is said of them."""

from __future__ import annotations

import pytest
from files_of_papers import Write

from readbench.core.types import Dataset
from readbench.datasets import ReadOptions, open_dataset


def read(write: Write, labels: list[str]) -> Dataset:
    rows = "".join(f"{number},t,{label}\n" for number, label in enumerate(labels))
    return open_dataset(str(write("p.csv", f"id,title,label\n{rows}")))


def said(dataset: Dataset) -> str:
    (found,) = (decision for decision in dataset.decisions if decision.about == "labels")
    return found.sentence()


@pytest.mark.parametrize("missing", ["NaN", "nan", "None", "null", "N/A", "<NA>", "#N/A", ""])
def test_what_says_that_there_is_no_label_is_none(write: Write, missing: str) -> None:
    dataset = read(write, ["1", "0", missing, missing])
    assert dataset.targets["classification"] == {"0": "1", "1": "0"}
    assert dataset.counts == {"no label": 2}
    assert f"no label: {missing!r} (2)" in said(dataset) or not missing


def test_whole_numbers_lose_their_decimal_point(write: Write) -> None:
    dataset = read(write, ["1.0", "0.0", "1", "0."])
    assert list(dataset.targets["classification"].values()) == ["1", "0", "1", "0"]
    assert "numbers such as 1.0 are read as 1" in said(dataset)
    versions = ["1.0", "1.5", "2.0"]
    assert list(read(write, versions).targets["classification"].values()) == versions


def test_spellings_in_another_letter_case_are_one_label(write: Write) -> None:
    dataset = read(write, ["Medical", "medical", "medical", "Other"])
    assert set(dataset.targets["classification"].values()) == {"medical", "Other"}
    assert "'Medical' differ from another in letter case alone" in said(dataset)


def test_two_forms_of_unicode_are_one_label(write: Write) -> None:
    """They look the same in every place where a label is shown."""
    composed, parts = "caf\u00e9", "cafe\u0301"
    dataset = read(write, [composed, parts, parts, "tea"])
    assert set(dataset.targets["classification"].values()) == {parts, "tea"}
    assert f"{composed!r} differ from another in the form of Unicode alone" in said(dataset)
    both = said(read(write, [composed, parts, parts, "tea", "Tea", "tea"]))
    assert f"'Tea', {composed!r} differ from another in letter case or the form of Unicode alone" in both


def test_labels_are_named_on_one_line(write: Write) -> None:
    named = said(read(write, ['"a\n b"', '"a\n b"', "x" * 500]))
    assert f"2 classes: a b (2), {'x' * 60}… (1)" in named


def test_classes_and_their_sizes_are_told(write: Write) -> None:
    assert said(read(write, ["a", "a", "b"])) == (
        "labels: column `label`, 2 classes: a (2), b (1); in 3 of 3 documents"
    )
    assert "one class: a (2)" in said(read(write, ["a", "a"]))
    assert "none is filled" in said(read(write, ["", ""]))


def test_labels_of_a_second_file_are_read_in_the_same_way(write: Write) -> None:
    labels = write("labels.csv", "id,class\n0,1.0\n1,0.0\n2,NaN\n")
    papers = write("p.csv", "id,title\n0,t\n1,t\n2,t\n")
    dataset = open_dataset(str(papers), ReadOptions(labels=labels))
    assert dataset.targets["classification"] == {"0": "1", "1": "0"}


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a|b", "a", "b"], "'a|b' looks like several labels, and is read as one"),
        (["1", "0", "unknown"], "'unknown' is read as a class"),
        (["1", "0", "-"], "'-' is read as a class"),
        (["01", "1", "2"], "some labels are the same number in two spellings"),
    ],
)
def test_labels_that_may_be_wrong_are_doubted(write: Write, labels: list[str], said: str) -> None:
    dataset = read(write, labels)
    assert len(set(dataset.targets["classification"].values())) == 3
    assert any(said in decision.doubt for decision in dataset.decisions)


def test_a_label_of_its_own_for_each_document_is_doubted(write: Write) -> None:
    assert "most classes have a single document" in said(read(write, [f"0.{i}" for i in range(12)]))
    assert "single" not in said(read(write, [f"topic {i % 10}" for i in range(40)]))


def test_decimal_commas_are_decimal_points(write: Write) -> None:
    path = write("p.csv", "id;title;label\n1;t;1,0\n2;u;0,0\n")
    assert open_dataset(str(path)).targets["classification"] == {"1": "1", "2": "0"}
