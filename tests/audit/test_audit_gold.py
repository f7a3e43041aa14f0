"""What is said about gold: balance, what lacks it, and fields that give it away."""

from __future__ import annotations

import random

import pytest

from readbench.audit.gold import judge_filled, judge_labels, read_keyphrases
from readbench.core.types import Dataset, Document

WORDS = [f"word{i}" for i in range(300)]


def keyphrase_papers(n: int = 40, *, seed: int = 0) -> tuple[Dataset, dict[str, tuple[str, ...]]]:
    """Every gold phrase occurs somewhere in its abstract, in no order, as authors choose them."""
    rng = random.Random(seed)
    documents, gold = [], {}
    for i in range(n):
        tokens = rng.sample(WORDS, 60)
        places = rng.sample(range(0, 58, 3), 4)
        documents.append(Document(f"{i:02}", {"title": " ".join(tokens[:8]), "abstract": " ".join(tokens)}))
        gold[f"{i:02}"] = tuple(f"{tokens[place]} {tokens[place + 1]}" for place in places)
    return Dataset("d", tuple(documents), {"keyphrases": gold}), gold


def with_field(dataset: Dataset, name: str, values: list[str]) -> Dataset:
    documents = [
        Document(d.id, {**d.fields, name: value}) for d, value in zip(dataset.documents, values, strict=True)
    ]
    return Dataset("d", tuple(documents), dataset.targets)


@pytest.mark.parametrize("seed", range(5))
def test_gold_that_occurs_in_the_text_is_no_finding(seed: int) -> None:
    known, found = read_keyphrases(*keyphrase_papers(seed=seed))
    assert found == []
    assert known.present["abstract"] == 1
    assert 0 < known.present["title"] < 0.5
    assert (known.phrases, known.without, known.twice) == (160, 0, 0)


def test_a_list_at_the_end_of_the_abstract_is_found() -> None:
    dataset, gold = keyphrase_papers()
    values = [
        f"{d.fields['abstract']} Keywords: {'; '.join(gold[d.id]).upper()}"
        if i % 10 == 0
        else d.fields["abstract"]
        for i, d in enumerate(dataset.documents)
    ]
    _, (found,) = read_keyphrases(with_field(dataset, "abstract", values), gold)
    assert (found.kind, found.severity, found.field) == ("gold in field", "finding", "abstract")
    assert "4 of 40" in found.text
    assert found.ids == ("00", "10", "20", "30")


def test_a_field_made_of_gold_in_another_order_is_found() -> None:
    dataset, gold = keyphrase_papers()
    tags = [" | ".join(sorted(gold[document.id], reverse=True)) for document in dataset.documents]
    _, found = read_keyphrases(with_field(dataset, "tags", tags), gold)
    assert [one.field for one in found] == ["tags"]


def test_gold_that_is_absent_or_twice() -> None:
    dataset, gold = keyphrase_papers(10)
    gold = {**gold, "00": (), "01": ("Big Data", "big data", "other"), "02": ("!!!",)}
    known, found = read_keyphrases(dataset, gold)
    assert (known.without, known.twice) == (2, 1)
    assert {one.kind: one.severity for one in found} == {"no keyphrases": "note", "gold twice": "note"}
    _, (nothing,) = read_keyphrases(dataset, {})
    assert (nothing.kind, nothing.severity) == ("no gold", "finding")


def test_class_balance() -> None:
    def kinds(sizes: dict[str, int], unlabelled: int = 0) -> dict[str, str]:
        labels = {f"{label}{i}": label for label, size in sizes.items() for i in range(size)}
        return {found.kind: found.severity for found in judge_labels(labels, unlabelled)}

    assert kinds({"a": 50, "b": 50}) == {}
    assert kinds({"a": 95, "b": 5}) == {"class balance": "note"}
    assert kinds({"a": 50, "b": 50, "c": 4}, 3) == {"rare label": "note", "no label": "note"}
    assert kinds({"a": 50}) == {"one class": "finding"}
    assert kinds({}, 50) == {"one class": "finding", "no label": "note"}


def test_empty_fields() -> None:
    (found,) = judge_filled({"title": 10, "abstract": 7}, 10)
    assert found.field == "abstract"
    assert found.severity == "note"
    assert "3 of 10" in found.text
