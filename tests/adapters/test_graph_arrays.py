"""Graphs as arrays give what networkx, SciPy and plain loops give, to the last bit."""

from __future__ import annotations

import math
from itertools import combinations, product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.adapter import BenchError
from readbench.machine.versions import versions_of

networkx = pytest.importorskip("networkx", reason="needs the extra keyphrases")

from readbench_adapters.pke.topic_graph import (  # noqa: E402
    Occurrences,
    closeness,
    cluster,
    compares_counts,
    jaccard,
    promote_first,
)
from readbench_adapters.pke.walk import ranks_of_dense  # noqa: E402
from readbench_adapters.pke.word_graph import SMALL, Words  # noqa: E402


def phrase(stems: str, *offsets: int) -> Any:
    return SimpleNamespace(lexical_form=stems.split(), offsets=list(offsets))


# -- PageRank ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(0, 10_000), st.booleans())
def test_ranks_are_those_of_networkx(nodes: int, seed: int, directed: bool) -> None:
    generator = np.random.default_rng(seed)
    weights = 1.0 / generator.integers(1, 30, (nodes, nodes))
    weights[generator.random((nodes, nodes)) < 0.4] = 0.0
    np.fill_diagonal(weights, 0.0)
    if not directed:
        weights = np.triu(weights) + np.triu(weights).T
    graph = networkx.DiGraph() if directed else networkx.Graph()
    graph.add_nodes_from(range(nodes))
    graph.add_weighted_edges_from((i, j, weights[i, j]) for i, j in np.argwhere(weights).tolist())
    bias = generator.random(nodes) + 0.01
    for own, theirs in ((None, None), (bias, dict(enumerate(bias.tolist())))):
        found = ranks_of_dense(weights, bias=own)
        assert dict(enumerate(found.tolist())) == networkx.pagerank(graph, personalization=theirs)


def test_a_walk_that_does_not_end_is_an_error() -> None:
    weights = np.array([[0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(BenchError, match="2 nodes still change"):
        ranks_of_dense(weights, bias=np.array([0.9, 0.1]), tolerance=0.0)


# -- words ---------------------------------------------------------------------------------------


def words_in_a_loop(stems: list[str], wanted: list[bool], window: int, counted: bool) -> Any:
    graph = networkx.Graph()
    graph.add_nodes_from(stem for stem, is_node in zip(stems, wanted, strict=True) if is_node)
    for (i, a), (j, b) in combinations(enumerate(stems), 2):
        if j - i < window and wanted[i] and wanted[j] and a != b:
            known = graph.get_edge_data(a, b, {"weight": 0.0})["weight"]
            graph.add_edge(a, b, weight=known + 1.0 if counted else 1.0)
    return graph


@pytest.mark.parametrize("different", [12, 3 * SMALL])
@settings(deadline=None, max_examples=40)
@given(
    length=st.integers(0, 60), seed=st.integers(0, 10_000), window=st.integers(2, 12), counted=st.booleans()
)
def test_ranks_of_words_are_those_of_networkx(
    different: int, length: int, seed: int, window: int, counted: bool
) -> None:
    generator = np.random.default_rng(seed)
    length *= different // 12
    stems = [f"w{i}" for i in generator.integers(0, different, length).tolist()]
    wanted = (generator.random(length) < 0.6).tolist()
    sentences = [
        SimpleNamespace(stems=stems[cut], pos=["NOUN" if is_node else "X" for is_node in wanted[cut]])
        for cut in (slice(0, length // 3), slice(length // 3, None))
    ]
    words = Words.of(sentences, {"NOUN"})
    expected = networkx.pagerank(words_in_a_loop(stems, wanted, window, counted), tol=0.0001)
    found = words.ranks(window, counted=counted)
    assert found == expected
    assert list(found) == list(expected)
    if found:
        early: dict[str, float] = {}
        for place, (stem, is_node) in enumerate(zip(stems, wanted, strict=True)):
            if is_node:
                early[stem] = early.get(stem, 0.0) + 1 / (place + 1)
        total = sum(early.values())
        assert words.early().tolist() == [weight / total for weight in early.values()]


# -- topics --------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=80)
@given(st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=4), min_size=2, max_size=12))
def test_distances_are_those_of_scipy(phrases: list[list[str]]) -> None:
    from scipy.spatial.distance import pdist, squareform

    counts = np.array([[one.count(stem) for stem in "abcdefg"] for one in phrases], dtype=float)
    assert jaccard(phrases).tolist() == squareform(pdist(counts, "jaccard")).tolist()


def test_versions_of_scipy_that_compare_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 1.15, SciPy told a stem that occurs twice from one that occurs once."""
    from readbench_adapters.pke import topic_graph

    monkeypatch.setattr(topic_graph, "compares_counts", lambda: False)
    assert jaccard([["a", "a", "b"], ["a", "b"], ["a", "c"]])[0].tolist() == [0.0, 0.0, 2 / 3]
    monkeypatch.setattr(topic_graph, "compares_counts", lambda: True)
    assert jaccard([["a", "a", "b"], ["a", "b"], ["a", "c"]])[0].tolist() == [0.0, 0.5, 1.0]


def test_the_version_of_scipy_is_in_the_key() -> None:
    """Topics depend on it: a cell's key holds the versions of all that a method stands on."""
    assert compares_counts() in (True, False)
    assert {"scipy", "networkx", "nltk"} <= versions_of(["pke"]).keys()


def test_one_candidate_is_one_topic() -> None:
    assert cluster({"a": phrase("a", 0)}, 0.74, "average") == [["a"]]


CANDIDATES = st.lists(
    st.tuples(
        st.integers(1, 4), st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True).map(sorted)
    ),
    min_size=1,
    max_size=14,
)


def gap(a: tuple[int, int], b: tuple[int, int]) -> int:
    """Of two occurrences (first word, number of words)."""
    (start, length), (later, _) = sorted((a, b))
    return max(1, later - (start + length - 1))


@settings(deadline=None, max_examples=120)
@given(CANDIDATES, st.integers(1, 4), st.sampled_from([1, 7, 10_000]))
def test_closeness_is_that_of_four_loops(
    drawn: list[tuple[int, list[int]]], of_a_topic: int, rows: int
) -> None:
    from readbench_adapters.pke import topic_graph

    topics = [list(range(len(drawn)))[i : i + of_a_topic] for i in range(0, len(drawn), of_a_topic)]
    candidates = [phrase(" ".join("x" * length), *offsets) for length, offsets in drawn]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topic_graph, "ROWS", rows)
        occurrences = Occurrences.of(candidates)
        found = closeness(occurrences, [len(topic) for topic in topics])
        single = closeness(occurrences)
    for groups, sums in ((topics, found), ([[i] for i in range(len(drawn))], single)):
        for (i, first), (j, second) in combinations(enumerate(groups), 2):
            expected = 0.0
            for a, b in product(first, second):
                for p, q in product(drawn[a][1], drawn[b][1]):
                    expected += 1.0 / gap((p, drawn[a][0]), (q, drawn[b][0]))
            assert sums[i, j] == sums[j, i] == expected
        assert not np.diagonal(sums).any()


def test_the_first_of_a_topic_gains_what_the_others_have() -> None:
    weights = np.array([[0, 0, 0.5], [0, 0, 0.25], [0.5, 0.25, 0]])
    found = promote_first(weights, [[0, 1], [2]], [7, 3, 0], 1.1)
    expected = weights.copy()
    expected[2, 1] += 0.5 * 1.1 * math.exp(1 / 4)
    assert found.tolist() == expected.tolist()
