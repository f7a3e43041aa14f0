"""Counts of documents: once each, and no more memory the longer a method predicts."""

from __future__ import annotations

import pytest

from readbench_adapters.llm.prompts import Cuts
from readbench_adapters.training import document_count
from readbench_adapters.training.document_count import DocumentCount


def test_a_document_counts_once_and_few_examples_are_kept() -> None:
    counted = DocumentCount()
    for number in (*range(20), *range(20)):
        counted.add(f"d{number}", f"answer {number}")
    assert counted.documents == 20
    assert counted.examples == [f"answer {number}" for number in range(document_count.EXAMPLES)]
    assert not DocumentCount().documents


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_count, "REMEMBERED", 10)
    counted = DocumentCount()
    for number in (*range(30), *range(10), 29):
        counted.add(f"d{number}")
    assert counted.documents == 31  # of the last one nothing is known any more
    assert len(counted._known) == 10


def test_cuts_are_counted_by_part() -> None:
    cuts = Cuts()
    for part, id_ in (("test", "a"), ("test", "a"), ("train", "a"), ("test", "b")):
        cuts.add(part, id_)
    assert cuts.described() == {"test": 2, "train": 1}
