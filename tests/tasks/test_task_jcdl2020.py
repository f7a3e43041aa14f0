"""The metrics of the JCDL 2020 scorer against a plain implementation, by hand and by their laws."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem import SnowballStemmer

from readbench.core.types import Document, RankedPhrases
from readbench.tasks import get_task
from readbench.tasks.jcdl2020 import METRICS
from readbench.tasks.spec import TaskSpec

TASK = get_task("keyphrases")
SPEC = TaskSpec(task="keyphrases")
IDS = [metric.id for metric in METRICS]
STEMMER = SnowballStemmer("porter")
STEMS: dict[str, str] = {}

# Variants of a stem, words whose stem changes when it is stemmed again, stems, hyphens.
VOCABULARY = [
    *("network", "networks", "Networking", "graph", "Graphs", "of", "s", "C++", "lens", "lensing"),
    *("database", "databases", "databas", "databa", "analyses", "analysi", "sky", "skies", "news"),
    *("finite-state", "finite", "state", "theology", "theolog", "fully", "enjoy", "enjoying"),
]


def plain_stem(word: str) -> str:
    if word not in STEMS:
        STEMS[word] = STEMMER.stem(word)
    return STEMS[word]


def plain_scores(gold: Sequence[str] | None, predicted: Sequence[str]) -> list[float]:
    """Sets of matched gold places instead of counts; exact fractions, rounded at the end."""
    if gold is None:
        return [math.nan] * len(IDS)
    wanted = [" ".join(plain_stem(word) for word in phrase.split()) for phrase in gold if phrase.split()]
    found = []
    for phrase in predicted:
        forms = {phrase.lower(), " ".join(plain_stem(word) for word in phrase.split())}
        found.append({place for place, stems in enumerate(wanted) if stems in forms})
    columns: dict[str, list[float]] = {"P": [], "R": [], "F": []}
    for k in (5, 10):
        first = found[:k]
        matched = len(set().union(*first))
        precision = Fraction(matched, len(first)) if first else Fraction(0)
        recall = Fraction(matched, len(wanted)) if wanted else Fraction(0)
        f1 = 2 * precision * recall / (precision + recall) if matched else Fraction(0)
        for name, value in (("P", precision), ("R", recall), ("F", f1)):
            columns[name].append(float(value))
    average = 0.0
    for rank in range(1, min(100, len(found)) + 1):
        if found[rank - 1]:
            average += len(set().union(*found[:rank])) / rank
    return [*columns["P"], *columns["R"], *columns["F"], average / len(wanted) if wanted else 0.0]


def score_all(cases: Sequence[tuple[Sequence[str] | None, Sequence[str]]]) -> np.ndarray:
    documents = {str(i): Document(str(i), {"abstract": "A text."}) for i in range(len(cases))}
    targets = {str(i): tuple(gold) for i, (gold, _) in enumerate(cases) if gold is not None}
    predictions = {
        str(i): RankedPhrases(tuple(predicted), tuple(float(-rank) for rank in range(len(predicted))))
        for i, (_, predicted) in enumerate(cases)
    }
    scores = TASK.score(SPEC, documents, targets, predictions)
    return np.column_stack([scores.column(id_) for id_ in IDS])


def score_one(gold: Sequence[str] | None, predicted: Sequence[str]) -> dict[str, float]:
    return dict(zip(IDS, score_all([(gold, predicted)])[0].tolist(), strict=True))


def random_cases(count: int, seed: int) -> list[tuple[list[str] | None, list[str]]]:
    draw = random.Random(seed)

    def phrase() -> str:
        return draw.choice((" ", " ", "  ")).join(draw.choices(VOCABULARY, k=draw.choice((1, 1, 2, 2, 3))))

    cases: list[tuple[list[str] | None, list[str]]] = []
    for _ in range(count):
        gold = [phrase() for _ in range(draw.choice((0, 1, 2, 3, 5, 8, 14)))]
        predicted = [phrase() for _ in range(draw.choice((0, 1, 4, 7, 12, 25)))]
        for place, _ in enumerate(predicted):
            if gold and draw.random() < 0.3:
                predicted[place] = draw.choice(gold)
                if draw.random() < 0.5:
                    predicted[place] = " ".join(plain_stem(word) for word in predicted[place].split())
        gold += [" "] * (draw.random() < 0.05)
        cases.append((gold if draw.random() < 0.97 else None, predicted))
    return cases


def test_equal_to_the_plain_implementation() -> None:
    cases = random_cases(20_000, seed=21)
    ours = score_all(cases)
    plain = np.array([plain_scores(*case) for case in cases])
    different = (ours != plain) & ~(np.isnan(ours) & np.isnan(plain))
    assert not different.any(), [(cases[row], IDS[column]) for row, column in np.argwhere(different)[:3]]
    assert all(len(np.unique(column[~np.isnan(column)])) > 10 for column in plain.T)
    assert np.isnan(plain).any(axis=0).all()


def test_a_small_example_by_hand() -> None:
    values = score_one(
        ["Support vector machines", "image classification", "kernel methods", "kernel method"],
        ["images", "support vector machine", "support-vector machine", "Kernel Methods"],
    )
    # Both forms of the kernel method are found by the one prediction: three matches by four phrases.
    assert values["jcdl2020.precision@5"] == values["jcdl2020.precision@10"] == 3 / 4
    assert values["jcdl2020.recall@5"] == 3 / 4
    assert values["jcdl2020.f1@5"] == 3 / 4
    assert values["jcdl2020.map"] == (1 / 2 + 3 / 4) / 4


def test_cut_offs_by_hand() -> None:
    gold = [f"g{i}" for i in range(8)]
    predicted = ["g0", "x1", "g1", "x2", "x3", "x4", "g2", "x5", "x6", "x7", "g3", "x8"]
    values = score_one(gold, predicted)
    assert [values[f"jcdl2020.{side}@5"] for side in ("precision", "recall", "f1")] == [2 / 5, 2 / 8, 4 / 13]
    assert [values[f"jcdl2020.{side}@10"] for side in ("precision", "recall", "f1")] == [
        3 / 10,
        3 / 8,
        6 / 18,
    ]
    assert values["jcdl2020.map"] == (1 / 1 + 2 / 3 + 3 / 7 + 4 / 11) / 8


def test_gold_of_equal_stems_counts_each() -> None:
    values = score_one(["network", "networks", "graph"], ["networking"])
    assert values["jcdl2020.precision@5"] == 2
    assert values["jcdl2020.recall@5"] == 2 / 3
    assert values["jcdl2020.f1@5"] == 1


def test_a_repeated_prediction_finds_nothing_more() -> None:
    values = score_one(["network", "graph"], ["network", "networks"])
    assert values["jcdl2020.precision@5"] == 1 / 2
    assert values["jcdl2020.recall@5"] == 1 / 2
    # Its rank is one where something matches all the same.
    assert values["jcdl2020.map"] == (1 / 1 + 1 / 2) / 2


def test_hyphens_and_punctuation_stay() -> None:
    assert score_one(["finite-state"], ["finite state"])["jcdl2020.recall@5"] == 0
    assert score_one(["(models)"], ["models"])["jcdl2020.recall@5"] == 0


@pytest.mark.parametrize("predicted", [["databases"], ["Database"], ["databas"]])
def test_words_and_stems_may_be_delivered(predicted: list[str]) -> None:
    # Stemmed twice, it would be "databa".
    assert score_one(["databases"], predicted)["jcdl2020.f1@5"] == 1


def test_nothing_to_score() -> None:
    assert set(score_one([], ["graph"]).values()) == {0.0}
    assert set(score_one([" "], ["graph"]).values()) == {0.0}
    assert set(score_one(["graph"], []).values()) == {0.0}
    assert all(math.isnan(value) for value in score_one(None, ["graph"]).values())


def test_average_precision_looks_at_a_hundred() -> None:
    wrong = [f"x{i}" for i in range(100)]
    assert score_one(["graph"], [*wrong[:99], "graph"])["jcdl2020.map"] == 1 / 100
    assert score_one(["graph"], [*wrong, "graph"])["jcdl2020.map"] == 0


phrases = st.lists(
    st.lists(st.sampled_from(["deep", "net", "nets", "graph", "databas"]), min_size=1, max_size=2).map(
        " ".join
    ),
    max_size=14,
)


@given(phrases, phrases)
def test_to_deliver_stems_changes_nothing(gold: list[str], predicted: list[str]) -> None:
    words = [phrase.replace("databas", "databases") for phrase in predicted]
    wanted = [phrase.replace("databas", "databases") for phrase in gold]
    stems = [" ".join(plain_stem(word) for word in phrase.split()) for phrase in words]
    assert score_one(wanted, words) == score_one(wanted, stems)


@given(phrases, phrases)
def test_a_wrong_phrase_at_the_end_never_helps(gold: list[str], predicted: list[str]) -> None:
    before, after = score_one(gold, predicted), score_one(gold, [*predicted, "unheard"])
    assert all(after[name] <= value for name, value in before.items())
    assert after["jcdl2020.map"] == before["jcdl2020.map"]


@given(phrases)
def test_the_gold_itself_is_perfect(gold: list[str]) -> None:
    values = score_one(gold, list(dict.fromkeys(gold)))
    if 0 < len(set(gold)) <= 5:
        assert values["jcdl2020.recall@5"] == 1
