"""Re-ranking: its features by hand, what it learns from lists of which one is right, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import Any

import pytest

from readbench.adapter import Context, RankedPhrases, TaskSpec
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document
from readbench.methods.registry import Registry
from readbench_adapters.keyphrases.listed import features, listed

TEXT = "Neural networks learn. A neural network is a graph of units."


def test_features_by_hand() -> None:
    lists = [
        RankedPhrases(("…", "graph", "Neural-Network", "graphs", "trees"), (9.0, 8.0, 6.0, 5.0, 4.0)),
        RankedPhrases(("neural networks",), (0.25,)),
        RankedPhrases((), ()),
    ]
    found = listed(TEXT, lists, "en", depth=2)
    assert [candidate.phrase for candidate in found.candidates] == ["graph", "neural networks"]
    graph, network = features(found)
    absent = [0.0, 1 / 3, log(3), 0.0, 0.0]
    rest = [1.0, 1 / 61, 0.0, 1.0, 5.0, log(9), 8 / 11, 1.0, log(2), log(12)]
    assert graph == [1.0, 1.0, 0.0, 8.0, 1.0, 0.0, 1 / 3, log(3), 0.25, 0.0, *absent, *rest]
    rest = [2.0, 1 / 62 + 1 / 61, 0.0, 2.0, 15.0, 0.0, 0.0, 1.0, log(3), log(12)]
    assert network == [1.0, 0.5, log(2), 6.0, 0.0, 1.0, 1.0, 0.0, 0.25, 1.0, *absent, *rest]


def test_a_phrase_that_is_not_in_the_text_stands_at_its_end() -> None:
    found = listed(TEXT, [RankedPhrases(("deep learning",), (1.0,))], "en", depth=5)
    assert features(found)[0][-5:] == [log(12), 1.0, 0.0, 0.0, log(12)]
    assert features(listed("", [RankedPhrases(("x",), (1.0,))], "en", depth=5))[0][-5:-2] == [0.0, 0.0, 0.0]
    assert features(listed(TEXT, [RankedPhrases((), ())], "en", depth=5)) == []


def adapter_of(params: str = "") -> Any:
    method = Registry().method(f"rerank[members=[yake, pke.tfidf]{params}]")
    notes: dict[str, Any] = {}
    context = Context(task=TaskSpec(task="keyphrases", fields=("title",)), note=notes.__setitem__)
    adapter = method.create(context)
    adapter.load()
    return adapter, notes


def papers(number: int, of: str) -> tuple[Dataset, list[list[RankedPhrases]]]:
    """Papers about a thing of their own. The first method lists it last, the second lists it first, and of
    what both list otherwise nothing is right."""
    documents, predictions, gold = [], [], {}
    for i in range(number):
        right, wrong = f"{of}{i} engine", [f"{of} noise{j}" for j in range(6)]
        documents.append(Document(f"{of}{i}", {"title": f"{' '.join(wrong)} {right}"}))
        gold[f"{of}{i}"] = (right.title(),)
        first = RankedPhrases((*wrong, right), tuple(7.0 - j for j in range(7)))
        second = RankedPhrases((right, *wrong[::-1]), tuple(0.7 - 0.1 * j for j in range(7)))
        predictions.append([first, second])
    return Dataset("", tuple(documents), {"keyphrases": gold}), predictions


def ranked(adapter: Any, documents: Dataset, predictions: Sequence[Any]) -> list[RankedPhrases]:
    found: list[RankedPhrases] = adapter.predict_from(documents.documents, predictions)
    return found


@pytest.mark.parametrize("by", ["logreg", "gradient-boosting"])
def test_it_learns_whom_to_trust_and_is_kept_as_it_is(by: str, tmp_path: Path) -> None:
    adapter, notes = adapter_of(f", by={by}, n_best=3")
    adapter.learn(*papers(40, "learned"))
    assert notes["validation"] == {"documents": 40, "candidates": 280, "keyphrases": 40}
    documents, predictions = papers(10, "tested")
    found = ranked(adapter, documents, predictions)
    assert [one.phrases[0] for one in found] == [f"tested{i} engine" for i in range(10)]
    assert all(len(one.phrases) == 3 and list(one.scores) == sorted(one.scores)[::-1] for one in found)
    # The other way round it trusts the first.
    learned, wrong = papers(40, "learned")
    turned, _ = adapter_of(f", by={by}, n_best=3")
    turned.learn(learned, [[second, first] for first, second in wrong])
    other = ranked(turned, documents, [[second, first] for first, second in predictions])
    assert [one.phrases[0] for one in other] == [one.phrases[0] for one in found]

    adapter.save(tmp_path)
    restored, _ = adapter_of(f", by={by}, n_best=3")
    restored.restore(tmp_path)
    assert ranked(restored, documents, predictions) == found
    # The neighbours of a document change nothing.
    assert ranked(restored, Dataset("", documents.documents[:1]), predictions[:1]) == found[:1]


def test_what_nobody_lists_is_an_empty_answer() -> None:
    adapter, _ = adapter_of()
    adapter.learn(*papers(10, "learned"))
    documents, _ = papers(1, "tested")
    empty = RankedPhrases((), ())
    assert ranked(adapter, documents, [[empty, empty]]) == [empty]
    assert ranked(adapter, Dataset("", ()), []) == []


def test_a_validation_part_that_teaches_nothing_is_refused() -> None:
    adapter, _ = adapter_of()
    documents, predictions = papers(5, "learned")
    nothing = Dataset("", documents.documents, {"keyphrases": {"learned0": ("elsewhere",)}})
    with pytest.raises(BenchError, match="of 7 candidates in 1 validation documents none of them is"):
        adapter.learn(nothing, predictions)
