"""Documents are parsed in batches of bounded length: how they are batched changes nothing but memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("spacy", reason="needs the extra keyphrases")

from readbench.adapter import Context
from readbench.core.types import Document
from readbench.datasets import open_dataset
from readbench.tasks.spec import TaskSpec
from readbench_adapters.words import parse
from readbench_adapters.words.parse import BATCH, BATCH_CHARACTERS, Parse, _batches


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 10, 1_500, 39_999, 40_000, 100_000]), max_size=200))
def test_every_document_once_in_order_and_within_bounds(lengths: list[int]) -> None:
    documents = [Document(str(i), {"text": "x" * length}) for i, length in enumerate(lengths)]
    batches = list(_batches(documents, lambda document: document.fields["text"]))
    assert [document for batch in batches for document in batch] == documents
    for batch in batches:
        assert 1 <= len(batch) <= BATCH
        assert len(batch) == 1 or sum(len(d.fields["text"]) for d in batch) <= BATCH_CHARACTERS


def test_the_parse_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = open_dataset("papers-demo").documents[:12]
    context = Context(task=TaskSpec(task="keyphrases"))
    found = []
    for place, characters in (("together", 10**9), ("alone", 1)):
        monkeypatch.setattr(parse, "BATCH_CHARACTERS", characters)
        (tmp_path / place).mkdir()
        preparation = Parse.of("en", tags=True)
        preparation.build(documents, tmp_path / place, context)
        parsed = preparation.open(tmp_path / place)
        found.append([parsed[document.id] for document in documents])
    assert found[0] == found[1]
