"""What classifiers have in common: which documents they learn from, and what a prediction is made of."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document
from readbench_adapters.training.labelled import carve, labelled, learnable, most_probable


def part(labels: list[str | None]) -> Dataset:
    documents = tuple(Document(str(i), {"title": f"paper {i}"}) for i in range(len(labels)))
    known = {str(i): label for i, label in enumerate(labels) if label is not None}
    return Dataset("", documents, {"classification": known})


@given(
    labels=st.lists(st.sampled_from("abc"), max_size=200),
    share=st.floats(0, 0.9),
    seed=st.integers(0, 3),
)
def test_a_stratified_share_is_carved_off(labels: list[str], share: float, seed: int) -> None:
    kept, taken = carve(labels, share, seed)
    assert sorted(kept + taken) == list(range(len(labels)))
    assert (kept, taken) == (sorted(kept), sorted(taken)) == carve(labels, share, seed)
    left, gone = Counter(labels[i] for i in kept), Counter(labels[i] for i in taken)
    for label, n in Counter(labels).items():
        assert left[label] >= 1
        assert gone[label] == min(round(share * n), n - 1)


def test_another_seed_carves_others() -> None:
    assert carve(["a"] * 100, 0.1, 0) != carve(["a"] * 100, 0.1, 1)


def test_documents_without_a_label_are_left_out() -> None:
    found = labelled(part(["x", None, "y", ""]))
    assert [document.id for document in found.documents] == ["0", "2"]
    assert (found.labels, found.classes) == (("x", "y"), ("x", "y"))
    assert labelled(Dataset("", ())).labels == ()


def test_too_few_labels_are_refused_in_one_line() -> None:
    with pytest.raises(BenchError, match="the training part has none"):
        learnable(part([None]), "logreg")
    with pytest.raises(BenchError, match="all 3 documents of the training part have the label 'x'"):
        learnable(part(["x", "x", None, "x"]), "logreg")
    assert learnable(part(["x", "x"]), "majority", classes=1).labels == ("x", "x")


def test_labels_that_were_not_learned_have_no_probability() -> None:
    found = most_probable(np.array([[0.25, 0.75], [0.5, 0.5]]), ("a", "c"), ("a", "b", "c"))
    assert [prediction.label for prediction in found] == ["c", "a"]
    assert found[0].scores == {"a": 0.25, "b": 0.0, "c": 0.75}
