"""Reciprocal-rank fusion: by hand, against its definition read literally, and by its laws."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readbench.adapter import Context, RankedPhrases, TaskSpec
from readbench.core.errors import BenchError
from readbench.methods.registry import Registry
from readbench.text import normalise
from readbench_adapters.keyphrases.fusion import reciprocal_rank_fusion

WORDS = ["graph", "Graphs", "neural network", "Neural-Networks", "word", "…", "topic model", "tree"]
LISTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=8), min_size=1, max_size=4)


def test_by_hand() -> None:
    """k = 1: graph 1/2 + 1/3, network 1/3 + 1/2, tree 1/4; of equal scores the one found first."""
    fused = reciprocal_rank_fusion(
        [["graph", "neural networks", "tree"], ["Neural-Network", "neural network", "…", "Graphs"]], "en", 1
    )
    assert [phrase for phrase, _ in fused] == ["graph", "Neural-Network", "tree"]
    assert [score for _, score in fused] == [pytest.approx(5 / 6), pytest.approx(5 / 6), pytest.approx(1 / 4)]


def literally(ranked: Sequence[Sequence[str]], k: int) -> dict[str, float]:
    scores: dict[str, float] = {}
    for phrases in ranked:
        keys = [normalise.key(phrase) for phrase in phrases]
        unique = [key for i, key in enumerate(keys) if key and key not in keys[:i]]
        for key in unique:
            scores[key] = scores.get(key, 0) + 1 / (k + unique.index(key) + 1)
    return scores


@given(LISTS, st.integers(0, 100))
def test_it_is_its_definition(ranked: list[list[str]], k: int) -> None:
    fused = reciprocal_rank_fusion(ranked, "en", k)
    assert {normalise.key(phrase): score for phrase, score in fused} == literally(ranked, k)
    assert len(fused) == len(literally(ranked, k))
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    assert {phrase for phrase, _ in fused} <= {phrase for phrases in ranked for phrase in phrases}


@given(st.lists(st.sampled_from(WORDS), unique_by=normalise.key))
def test_one_opinion_twice_is_that_opinion(phrases: list[str]) -> None:
    kept = [phrase for phrase in phrases if normalise.key(phrase)]
    assert [phrase for phrase, _ in reciprocal_rank_fusion([phrases, phrases], "en", 60)] == kept


def test_the_adapter_keeps_the_best_and_does_not_predict_alone() -> None:
    method = Registry().method("fusion[members=[yake, pke.tfidf], n_best=1]")
    adapter = method.create(Context(task=TaskSpec(task="keyphrases")))
    assert adapter.needs().members == ("yake", "pke.tfidf")
    found = adapter.combine([RankedPhrases(("a tree", "root"), (0.1, 0.2)), RankedPhrases((), ())])  # type: ignore[attr-defined]
    assert found == RankedPhrases(("a tree",), (1 / 61,))
    with pytest.raises(BenchError, match="what its members predict"):
        adapter.predict([])
