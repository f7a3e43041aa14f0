"""The metrics of keyphrase generation against a plain implementation, by hand and by their laws."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem import PorterStemmer

from readbench.core.types import Document, RankedPhrases
from readbench.stats.resampling import bootstrap, percentile_intervals
from readbench.tasks import get_task
from readbench.tasks.kpeval import METRICS
from readbench.tasks.metric import Metric, Scores, f1_of_means, weighted_means
from readbench.tasks.spec import TaskSpec

TASK = get_task("keyphrases")
SPEC = TaskSpec(task="keyphrases")
IDS = [metric.id for metric in METRICS]
STEMMER = PorterStemmer()
STEMS: dict[str, str] = {}

VOCABULARY = [
    *("network", "networks", "Networking", "graph", "Graphs", "of", "s", "C++", "sky", "skies", "news"),
    *("database", "databases", "databas", "finite-state", "finite", "state", "theology", "theolog"),
    *("model", "modelling", "(model)", "enjoy", "enjoying"),
]


def plain_stems(phrase: str) -> list[str]:
    for word in phrase.split():
        if word not in STEMS:
            STEMS[word] = STEMMER.stem(word.lower())
    return [STEMS[word] for word in phrase.split()]


def plain_unique(phrases: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = []
    for phrase in phrases:
        stems = plain_stems(phrase)
        if stems and stems not in found:
            found.append(stems)
    return found


def plain_scores(gold: Sequence[str] | None, predicted: Sequence[str]) -> list[float]:
    """Exact fractions, rounded at the end."""
    if gold is None:
        return [math.nan] * len(IDS)
    wanted, found = plain_unique(gold), plain_unique(predicted)
    columns: dict[str, list[float]] = {"P": [], "R": [], "F": []}
    for k in (5, 10):
        matches = len([stems for stems in found[:k] if stems in wanted])
        precision = Fraction(matches, k)
        recall = Fraction(matches, len(wanted)) if wanted else Fraction(0)
        f1 = 2 * precision * recall / (precision + recall) if matches else Fraction(0)
        for name, value in (("P", precision), ("R", recall), ("F", f1)):
            columns[name].append(float(value))
    return [*columns["P"], *columns["R"], *columns["F"]]


def score_all(cases: Sequence[tuple[Sequence[str] | None, Sequence[str]]]) -> Scores:
    documents = {str(i): Document(str(i), {"abstract": "A text."}) for i in range(len(cases))}
    targets = {str(i): tuple(gold) for i, (gold, _) in enumerate(cases) if gold is not None}
    predictions = {
        str(i): RankedPhrases(tuple(predicted), tuple(float(-rank) for rank in range(len(predicted))))
        for i, (_, predicted) in enumerate(cases)
    }
    scores = TASK.score(SPEC, documents, targets, predictions)
    return Scores(METRICS, scores.ids, np.column_stack([scores.column(id_) for id_ in IDS]))


def score_one(gold: Sequence[str] | None, predicted: Sequence[str]) -> dict[str, float]:
    return dict(zip(IDS, score_all([(gold, predicted)]).values[0].tolist(), strict=True))


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
        gold += [" "] * (draw.random() < 0.05)
        cases.append((gold if draw.random() < 0.97 else None, predicted))
    return cases


def test_equal_to_the_plain_implementation() -> None:
    cases = random_cases(20_000, seed=31)
    scores = score_all(cases)
    plain = np.array([plain_scores(*case) for case in cases])
    different = (scores.values != plain) & ~(np.isnan(scores.values) & np.isnan(plain))
    assert not different.any(), [(cases[row], IDS[column]) for row, column in np.argwhere(different)[:3]]
    assert all(len(np.unique(column[~np.isnan(column)])) > 5 for column in plain.T)
    # The F1 of the method is that of its mean precision and mean recall.
    for k in (5, 10):
        p, r, f = (
            float(scores.aggregates()[IDS.index(f"kpeval.{side}@{k}")])
            for side in ("precision", "recall", "f1")
        )
        assert p == pytest.approx(np.nanmean(plain[:, IDS.index(f"kpeval.precision@{k}")]))
        assert f == 2 * p * r / (p + r)
        assert f > np.nanmean(plain[:, IDS.index(f"kpeval.f1@{k}")]) + 0.001


def test_a_small_example_by_hand() -> None:
    values = score_one(
        ["support vector machine", "image classification", "kernel methods", "Kernel Method"],
        ["images", "Support  vector machines", "support vector machine", "kernel method", "kernels"],
    )
    # Three gold phrases; four phrases were predicted, two of them right.
    assert [values[f"kpeval.{side}@5"] for side in ("precision", "recall", "f1")] == [2 / 5, 2 / 3, 4 / 8]
    assert [values[f"kpeval.{side}@10"] for side in ("precision", "recall", "f1")] == [2 / 10, 2 / 3, 4 / 13]


def test_f1_of_means_by_hand() -> None:
    # Precision 1/5 and 2/5, recall 1 and 1/2: means 3/10 and 3/4.
    scores = score_all([(["a b"], ["a b"]), (["a", "b", "c", "d"], ["a", "x", "b"])])
    row = dict(zip(IDS, scores.aggregates().tolist(), strict=True))
    assert row["kpeval.precision@5"] == pytest.approx(3 / 10)
    assert row["kpeval.recall@5"] == 3 / 4
    assert row["kpeval.f1@5"] == pytest.approx(2 * 0.3 * 0.75 / 1.05)
    # What tests compare is the documents' own F1, whose mean is another number.
    assert scores.column("kpeval.f1@5").tolist() == [2 / 6, 4 / 9]
    assert scores.means()[IDS.index("kpeval.f1@5")] == pytest.approx((2 / 6 + 4 / 9) / 2)


def test_duplicates_make_room() -> None:
    values = score_one(["graph"], ["network", "networks", "Networking", "state", "states", "graphs"])
    assert values["kpeval.recall@5"] == 1


def test_hyphens_and_punctuation_stay() -> None:
    assert score_one(["finite-state"], ["finite state"])["kpeval.recall@5"] == 0
    assert score_one(["(models)"], ["models"])["kpeval.recall@5"] == 0


def test_nothing_to_score() -> None:
    assert set(score_one([], ["graph"]).values()) == {0.0}
    assert set(score_one([" "], ["graph"]).values()) == {0.0}
    assert set(score_one(["graph"], []).values()) == {0.0}
    assert all(math.isnan(value) for value in score_one(None, ["graph"]).values())
    nothing = score_all([(["graph"], ["state"]), (["state"], [])])
    assert nothing.aggregates().tolist() == [0.0] * 6
    assert np.isnan(score_all([(None, ["graph"])]).aggregates()).all()


phrases = st.lists(
    st.lists(st.sampled_from(["deep", "net", "nets", "graph", "of"]), min_size=1, max_size=2).map(" ".join),
    max_size=14,
)


@given(phrases, phrases, st.randoms(use_true_random=False))
def test_duplicates_change_nothing(gold: list[str], predicted: list[str], draw: random.Random) -> None:
    more_gold = gold + [draw.choice(gold).upper() for _ in gold]
    draw.shuffle(more_gold)
    more = [
        spelt
        for place, phrase in enumerate(predicted)
        for spelt in (phrase.replace(" ", draw.choice(" \t")), draw.choice(predicted[: place + 1]))
    ]
    assert score_one(more_gold, more) == score_one(gold, predicted)


@given(phrases, phrases)
def test_scores_are_between_zero_and_one(gold: list[str], predicted: list[str]) -> None:
    values = score_one(gold, predicted)
    assert all(0 <= value <= 1 for value in values.values())
    for k in (5, 10):
        sides = [values[f"kpeval.{side}@{k}"] for side in ("precision", "recall")]
        assert min(sides) <= values[f"kpeval.f1@{k}"] <= max(sides)


def test_intervals_of_aggregates_against_a_loop() -> None:
    cases = random_cases(40, seed=32)
    scores = score_all(cases)
    ours = percentile_intervals(bootstrap(40, scores.resampled, resamples=300, seed=5), level=0.9)
    drawn = np.random.default_rng(5).integers(0, 40, size=(300, 40), dtype=np.int32)
    for k in (5, 10):
        numbers = []
        for rows in drawn:
            p, r = (np.nanmean(scores.column(f"kpeval.{side}@{k}")[rows]) for side in ("precision", "recall"))
            numbers.append(2 * p * r / (p + r))
        column = IDS.index(f"kpeval.f1@{k}")
        np.testing.assert_allclose(ours[column], np.quantile(numbers, [0.05, 0.95]), atol=1e-12)
        assert ours[column, 0] < scores.aggregates()[column] < ours[column, 1]
    # The columns that are means keep the intervals that they have alone.
    means = bootstrap(40, partial(weighted_means, scores.values), resamples=300, seed=5)
    alone = percentile_intervals(means, level=0.9)
    np.testing.assert_array_equal(ours[:4], alone[:4])


def test_intervals_where_no_document_counts() -> None:
    scores = score_all([(None, ["graph"]), (None, [])])
    intervals = percentile_intervals(bootstrap(2, scores.resampled, resamples=20, seed=1))
    assert np.isnan(intervals).all()


def test_the_sources_of_an_aggregate_are_checked() -> None:
    p, r = Metric("p", True, "1", ""), Metric("r", True, "1", "")
    f1 = Metric("f", True, "1", "", f1_of_means("p", "r"))
    assert Scores((f1, r, p), ("a",), np.array([[0.0, 0.5, 1.0]])).aggregates().tolist() == [2 / 3, 0.5, 1]
    with pytest.raises(ValueError, match="f needs the means of p, r"):
        Scores((p, f1), ("a",), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="g needs the means of p, f"):
        Scores((p, r, f1, Metric("g", True, "1", "", f1_of_means("p", "f"))), ("a",), np.zeros((1, 4)))
