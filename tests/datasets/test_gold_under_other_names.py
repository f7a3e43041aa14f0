"""Gold under other names is gold or hidden, never a field."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from readbench.core.types import Dataset
from readbench.datasets import open_dataset

NAMES = [
    *(
        "keyword",
        "Keyphrase",
        "Author Keywords",
        "author_keywords",
        "AuthorKeywords",
        "Key words",
        "Key-Words",
    ),
    *("Manual Tags", "Tags", "Mots-clés", "Palabras clave", "Schlagwörter", "关键词"),
]


def read(tmp_path: Path, header: list[str], rows: list[list[str]]) -> Dataset:
    path = tmp_path / "p.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return open_dataset(str(path))


def fields(dataset: Dataset) -> set[str]:
    return {name for document in dataset.documents for name in document.fields}


def hidden(dataset: Dataset) -> str:
    return "; ".join(decision.sentence() for decision in dataset.decisions if decision.about == "hidden")


@pytest.mark.parametrize("name", NAMES)
def test_keyphrases_are_known_by_many_names(tmp_path: Path, name: str) -> None:
    dataset = read(tmp_path, ["title", name], [["t", "graph ranking; text mining"], ["u", "codes; errors"]])
    assert dataset.targets["keyphrases"]["1"] == ("graph ranking", "text mining")
    assert fields(dataset) == {"title"}


@pytest.mark.parametrize(
    "name", ["Index Keywords", "MeSH Terms", "Automatic Tags", "label_name", "descriptors", *NAMES]
)
def test_a_second_gold_column_is_hidden(tmp_path: Path, name: str) -> None:
    rows = [["t", "a; b", "x; y"], ["u", "c; d", "z; v"]]
    dataset = read(tmp_path, ["title", "Keywords", name], rows)
    assert dataset.targets["keyphrases"]["1"] == ("a", "b")
    assert fields(dataset) == {"title"}
    assert f"`{name}`" in hidden(dataset)


@pytest.mark.parametrize("name", ["class", "Labels", "class label", "类别"])
def test_labels_are_known_by_other_names(tmp_path: Path, name: str) -> None:
    dataset = read(tmp_path, ["title", name], [["t", "a"], ["u", "b"]])
    assert dataset.targets["classification"] == {"1": "a", "2": "b"}
    assert fields(dataset) == {"title"}


def test_a_list_that_holds_the_gold_is_hidden_whatever_its_name(tmp_path: Path) -> None:
    rows = [
        [f"t{i}", f"graph ranking {i}; text {i}", f"other {i}, Graph Rankings {i}, more"] for i in range(5)
    ]
    dataset = read(tmp_path, ["title", "keywords", "topics"], rows)
    assert fields(dataset) == {"title"}
    assert "`topics` is a list of keyphrases" in hidden(dataset)
    assert "5 of 10 gold phrases" in hidden(dataset)


def test_the_label_under_other_names_is_hidden(tmp_path: Path) -> None:
    rows = [[f"t{i}", str(i % 2), ["other", "medical"][i % 2], f"journal {i % 3}"] for i in range(12)]
    dataset = read(tmp_path, ["title", "label", "area", "journal"], rows)
    assert fields(dataset) == {"title", "journal"}
    assert "`area` is the label under other names (2 values)" in hidden(dataset)


def test_what_only_resembles_gold_stays_a_field(tmp_path: Path) -> None:
    rows = [[f"t{i}", f"graphs {i}; text {i}", "a journal of text 1", f"note, about {i}"] for i in range(6)]
    dataset = read(tmp_path, ["title", "keywords", "journal", "note"], rows)
    assert fields(dataset) == {"title", "journal", "note"}
    assert hidden(dataset) == ""


def test_the_usual_name_comes_before_the_others(tmp_path: Path) -> None:
    dataset = read(
        tmp_path, ["title", "Keyword", "keyphrases"], [["t", "x; y", "a; b"], ["u", "z; w", "c; d"]]
    )
    assert dataset.targets["keyphrases"]["1"] == ("a", "b")


@pytest.mark.parametrize(
    ("title", "abstract"),
    [
        ("Article Title", "Abstract Text"),
        ("Titre", "Résumé"),
        ("document_title", "AbstractNote"),
        ("标题", "摘要"),
    ],
)
def test_titles_and_abstracts_are_known_by_other_names(tmp_path: Path, title: str, abstract: str) -> None:
    dataset = read(tmp_path, [title, abstract, "label"], [["t", "s", "a"], ["u", "v", "b"]])
    assert dataset.documents[0].fields == {"title": "t", "abstract": "s"}
