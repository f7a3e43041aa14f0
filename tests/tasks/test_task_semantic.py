"""Scores by meaning: against plain loops over vectors, and what is NaN, 0 and dropped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.core.types import Document, RankedPhrases
from readbench.tasks import get_task, semantic
from readbench.tasks.semantic import METRICS, Gold, PhraseVectors, depth_of, distinct
from readbench.tasks.spec import TaskSpec

WORDS = [f"word{letter}" for letter in "abcdefghijklmnop"]
NAMES = [metric.id for metric in METRICS]


def by_loops(
    vectors: dict[str, list[float]], gold: Sequence[str], predicted: Sequence[str]
) -> dict[str, float]:
    """The definition, one pair at a time, in plain Python. Phrases are distinct."""

    def cosine(one: str, other: str) -> float:
        a, b = vectors[one], vectors[other]
        dot = math.fsum(x * y for x, y in zip(a, b, strict=True))
        lengths = math.hypot(*a) * math.hypot(*b)
        return max(0.0, dot / lengths) if lengths else 0.0

    def of(chosen: Sequence[str]) -> tuple[float, float, float]:
        if not chosen:
            return 0.0, 0.0, 0.0
        precision = sum(max(cosine(p, g) for g in gold) for p in chosen) / len(chosen)
        recall = sum(max(cosine(g, p) for p in chosen) for g in gold) / len(gold)
        if precision + recall == 0:
            return 0.0, 0.0, 0.0
        return precision, recall, 2 * precision * recall / (precision + recall)

    precision, recall, f1 = of(predicted[:10])
    return {
        "semantic.precision@10": precision,
        "semantic.recall@10": recall,
        "semantic.f1@10": f1,
        "semantic.f1@M": of(predicted)[2],
        "semantic.r_precision": r_precision(cosine, gold, predicted),
    }


def r_precision(cosine: Callable[[str, str], float], gold: Sequence[str], predicted: Sequence[str]) -> float:
    """Slot by slot: as many as there are gold phrases; one that nothing fills is worth nothing."""
    total = 0.0
    for slot in range(len(gold)):
        if slot >= len(predicted):
            continue
        if predicted[slot] in gold:
            total += 1.0
        else:
            best = sorted((cosine(predicted[slot], one) for one in gold), reverse=True)[:3]
            total += sum(best) / len(best)
    return total / len(gold)


phrases = st.lists(st.sampled_from(WORDS), unique=True, max_size=len(WORDS))
pairs = st.lists(st.tuples(phrases, phrases), min_size=1, max_size=4)


@settings(deadline=None, max_examples=300)
@given(pairs, st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_agrees_with_plain_loops(
    documents: list[tuple[list[str], list[str]]], seed: int, dimensions: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = {word: random.standard_normal(dimensions).astype(np.float32) for word in WORDS}
    vectors["worda"] = np.zeros(dimensions, dtype=np.float32)
    plain = {word: [float(x) for x in vector] for word, vector in vectors.items()}
    gold, predicted = zip(*documents, strict=True)
    table = Gold.prepare("en", gold).table(predicted, PhraseVectors(vectors))
    for row, (wanted, found) in enumerate(documents):
        if not wanted:
            assert np.isnan(table[row]).all()
            continue
        expected = by_loops(plain, wanted, found)
        assert table[row].tolist() == pytest.approx([expected[name] for name in NAMES], abs=1e-9)
        assert ((table[row] >= 0) & (table[row] <= 1)).all()


def test_by_hand() -> None:
    vectors = {
        text: np.array(vector, dtype=np.float32)
        for text, vector in {"cat": (1, 0), "kitten": (3, 4), "stone": (0, 2), "minus": (-1, 0)}.items()
    }
    found = Gold.prepare("en", [("cat", "stone")]).table([("kitten", "minus")], PhraseVectors(vectors))
    # kitten is 0.6 of cat and 0.8 of stone, minus is at best orthogonal.
    precision, recall = (0.8 + 0) / 2, (0.6 + 0.8) / 2
    f1 = 2 * precision * recall / (precision + recall)
    # Two gold phrases: kitten is on average 0.7 of them, minus is nothing.
    assert found[0].tolist() == pytest.approx([precision, recall, f1, f1, 0.7 / 2])


def test_r_precision_looks_at_the_order() -> None:
    vectors = {text: np.eye(4, dtype=np.float32)[i] for i, text in enumerate(("red", "green", "blue", "far"))}
    gold = Gold.prepare("en", [("red", "green", "blue")] * 4)
    predicted = [
        ("reds", "far"),
        ("far", "red"),
        ("far", "far", "far", "red"),
        ("red", "green", "blue", "far"),
    ]
    vectors |= {"reds": vectors["far"]}  # gold by its stems, whatever its vector
    found = gold.table(predicted, PhraseVectors(vectors))[:, -1]
    assert found.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1.0])
    assert gold.table([(), (), (), ()], PhraseVectors(vectors))[:, -1].tolist() == [0.0] * 4


def test_the_phrases_are_those_that_the_house_counts() -> None:
    listed = ["Graphs", " graph ", "--", "neural nets", "Neural-net"]
    assert distinct(listed, "en") == ["Graphs", "neural nets"]
    assert distinct(["a", "b", "a", "c"], "en", 2) == ["a", "b"]
    assert distinct(["Häuser", "Haus"], "de") == ["Häuser"]


def test_only_what_is_scored_is_embedded() -> None:
    gold = Gold.prepare("en", [("one",), None, ()])
    texts = gold.texts([("two", "twos", "three", "four"), ("five",), ("six",)], 2)
    assert texts == {"one", "two", "three"}


def test_vectors_of_the_first_ten_say_nothing_about_all() -> None:
    assert depth_of(["semantic.f1@10"]) == 10
    assert depth_of(["semantic.f1@10", "semantic.f1@M"]) is None
    assert depth_of(["semantic.r_precision"]) is None
    vectors = {word: np.ones(2, dtype=np.float32) for word in WORDS}
    found = Gold.prepare("en", [WORDS[:2]]).table([WORDS], PhraseVectors(vectors, 10))
    assert found[0, :3].tolist() == pytest.approx([1, 1, 1])
    assert np.isnan(found[0, 3:]).all()


def test_without_vectors_and_in_other_languages_they_are_absent() -> None:
    task = get_task("keyphrases")
    documents = {"1": Document("1", {"abstract": "Graphen und Netze"})}
    predictions = {"1": RankedPhrases(("Netz",), (1.0,))}
    for language, kept in (("en", {"house", "jcdl2020", "kpeval"}), ("de", {"house"})):
        spec = TaskSpec(task="keyphrases", fields=("abstract",), language=language)
        scores = task.score(spec, documents, {"1": ("Netze",)}, predictions)
        families = {
            metric.version.partition("-")[0]
            for metric, count in zip(scores.metrics, scores.counts(), strict=True)
            if count
        }
        assert families == kept
    assert scores.column("f1@5").tolist() == [1.0]


def test_the_version_names_the_weights() -> None:
    assert {metric.version for metric in METRICS} == {semantic._VERSION}
    assert "all-MiniLM-L6-v2, weights 53aa51172d14" in semantic._VERSION
