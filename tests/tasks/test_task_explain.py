"""The marks that explain a document's score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.core.types import Document, RankedPhrases
from readbench.tasks.explain import explain
from readbench.tasks.keyphrases import TASK
from readbench.tasks.spec import TaskSpec

SPEC = TaskSpec(task="keyphrases")
DOCUMENT = Document("d", {"title": "Deep graph networks", "abstract": "We classify images."})


def ranked(*phrases: str) -> RankedPhrases:
    return RankedPhrases(phrases, tuple(1.0 / (1 + place) for place in range(len(phrases))))


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("image classifying", "image classification", "stem"),
        ("numerical analytics", "numeric analysis", "stem"),
        ("computation", "computerisation", "stem"),
        ("retrieval information", "Information Retrieval", "order"),
        ("networks", "neural network", "part of"),
        ("deep neural network model", "neural networks", "part of"),
        ("neural network", "neural networks", None),
        ("deep model", "deep neural model", None),
        ("a", "algorithm", None),
        ("international", "interactive learning", None),
        ("graph", "tree", None),
        ("...", "tree", None),
    ],
)
def test_near_miss(one: str, other: str, reason: str | None) -> None:
    for gold, predicted in ((one, other), (other, one)):
        (mark,) = explain(SPEC, DOCUMENT, (gold,), ranked(predicted)).predicted
        assert (mark.reason if mark.mark == "near miss" else None) == reason


def test_marks() -> None:
    gold = ("graph network", "image classification", "network, deep graph", "trees", "Graph-Networks", "—")
    told = explain(
        SPEC,
        DOCUMENT,
        gold,
        ranked("Graph Networks", "graph-network", "image classifying", "we", "!", "graph"),
    )
    found = [(m.phrase, m.rank, m.mark, m.reason, m.gold, m.absent) for m in told.predicted]
    assert found == [
        ("Graph Networks", 1, "match", None, "graph network", False),
        ("graph-network", None, "ignored", "duplicate", None, False),
        ("image classifying", 2, "near miss", "stem", "image classification", True),
        ("we", 3, "wrong", None, None, False),
        ("!", None, "ignored", "empty", None, True),
        ("graph", 4, "near miss", "part of", "network, deep graph", False),
    ]
    assert [m.score for m in told.predicted] == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]
    wanted = [(m.phrase, m.mark, m.reason, m.rank, m.predicted, m.absent) for m in told.gold]
    assert wanted == [
        ("graph network", "match", None, 1, "Graph Networks", False),
        ("image classification", "near miss", "stem", 2, "image classifying", True),
        ("network, deep graph", "near miss", "part of", 4, "graph", True),
        ("trees", "missed", None, None, None, True),
        ("Graph-Networks", "ignored", "duplicate", None, None, False),
        ("—", "ignored", "empty", None, None, True),
    ]


def test_the_strongest_reason_wins() -> None:
    told = explain(SPEC, DOCUMENT, ("learning", "deep learner", "learning deep"), ranked("deep learning"))
    assert (told.predicted[0].reason, told.predicted[0].gold) == ("order", "learning deep")
    assert [mark.reason for mark in told.gold] == ["part of", "stem", "order"]


def test_a_matched_gold_phrase_can_still_be_nearly_missed_by_others() -> None:
    told = explain(SPEC, DOCUMENT, ("graph",), ranked("graph", "deep graph"))
    assert [(m.mark, m.gold) for m in told.predicted] == [("match", "graph"), ("near miss", "graph")]
    assert told.gold[0].rank == 1


def test_malformed() -> None:
    with pytest.raises(BenchError, match="document d"):
        explain(SPEC, DOCUMENT, (), RankedPhrases(("a",), ()))
    with pytest.raises(BenchError, match="target of document d"):
        explain(SPEC, DOCUMENT, "graph", ranked("a"))


phrase_lists = st.lists(
    st.lists(st.sampled_from(["deep", "graph", "nets", "!", "of"]), min_size=1, max_size=3).map(" ".join),
    max_size=8,
)


@given(phrase_lists, phrase_lists)
def test_agrees_with_the_scores(gold: list[str], predicted: list[str]) -> None:
    told = explain(SPEC, DOCUMENT, gold, ranked(*predicted))
    scores = TASK.score(SPEC, {"d": DOCUMENT}, {"d": tuple(gold)}, {"d": ranked(*predicted)})
    counted = [mark for mark in told.gold if mark.mark != "ignored"]
    matches = [mark for mark in told.predicted if mark.mark == "match"]
    assert len(matches) == sum(mark.mark == "match" for mark in counted)
    assert [mark.rank for mark in told.predicted if mark.rank is not None] == list(
        range(1, 1 + sum(mark.mark != "ignored" for mark in told.predicted))
    )
    if counted:
        assert scores.column("recall@M")[0] == len(matches) / len(counted)
        absent = [mark for mark in counted if mark.absent]
        if absent:
            share = sum(mark.mark == "match" for mark in absent) / len(absent)
            assert scores.column("absent.recall@M")[0] == share
