"""The house metrics for keyphrases against a plain implementation, scikit-learn and their own laws."""

from __future__ import annotations

import math
import random
import string
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem import PorterStemmer

from readbench.core.types import Document, RankedPhrases
from readbench.tasks import get_task
from readbench.tasks.keyphrases import HOUSE_METRICS
from readbench.tasks.metric import Scores
from readbench.tasks.spec import TaskSpec

TASK = get_task("keyphrases")
SPEC = TaskSpec(task="keyphrases")
# The house metrics are the first columns.
IDS = [metric.id for metric in HOUSE_METRICS]
PORTER = PorterStemmer(mode=PorterStemmer.ORIGINAL_ALGORITHM)
STEMS: dict[str, str] = {}

VOCABULARY = [
    *("network", "networks", "networking", "Networked", "classify", "classification", "classifying"),
    *("graph", "Graphs", "“graph”", "s", "of", "the", "C", "C++", "C#", "x", "10", "10%", "...", "--"),
    *("finite-state", "finite", "state", "state–space", "modelling", "model's", "(models)", "Model,"),
    *(
        "learn",
        "learning",
        "deep",
        "deeply",
        "of-the-art",
        "art.",
        "art",
        "theory",
        "theories",
        "theoretical",
    ),
]


def plain_stems(phrase: str) -> list[str]:
    """The normaliser once more: character by character, with NLTK's stemmer."""
    found, word = [], ""
    for character in phrase.lower() + " ":
        if character not in " -–":
            word += character
            continue
        while word and (word[0] in string.punctuation or word[0] in "“”"):
            word = word[1:]
        while word and word[-1] not in "+#" and (word[-1] in string.punctuation or word[-1] in "“”"):
            word = word[:-1]
        if word:
            if word not in STEMS:
                STEMS[word] = PORTER.stem(word) or word
            found.append(STEMS[word])
        word = ""
    return found


def plain_unique(phrases: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = []
    for phrase in phrases:
        stems = plain_stems(phrase)
        if stems and stems not in found:
            found.append(stems)
    return found


def plain_occurs(phrase: list[str], text: list[str]) -> bool:
    return any(text[start : start + len(phrase)] == phrase for start in range(len(text)))


def plain_view(gold: list[list[str]], predicted: list[list[str]]) -> list[float]:
    """Precision, recall and F1 at each cut-off, MAP and NDCG; exact fractions rounded at the end."""
    if not gold:
        return [math.nan] * 20
    columns: dict[str, list[float]] = {"P": [], "R": [], "F": []}
    for cutoff in (5, 10, 15, 20, len(predicted), len(gold)):
        first = predicted[:cutoff]
        matches = len([phrase for phrase in first if phrase in gold])
        precision = Fraction(matches, len(first)) if first else Fraction(0)
        recall = Fraction(matches, len(gold))
        f1 = 2 * precision * recall / (precision + recall) if matches else Fraction(0)
        for name, value in (("P", precision), ("R", recall), ("F", f1)):
            columns[name].append(float(value))
    average, gain, matches = 0.0, 0.0, 0
    for rank, phrase in enumerate(predicted, 1):
        if phrase in gold:
            matches += 1
            average += matches / rank
            gain += 1 / math.log2(rank + 1) if rank <= 10 else 0
    ideal = 0.0
    for rank in range(1, min(10, len(gold)) + 1):
        ideal += 1 / math.log2(rank + 1)
    return [*columns["P"], *columns["R"], *columns["F"], average / len(gold), gain / ideal]


def plain_scores(text: str, gold: Sequence[str], predicted: Sequence[str]) -> list[float]:
    words = plain_stems(text)
    wanted, found = plain_unique(gold), plain_unique(predicted)
    values = plain_view(wanted, found)
    for here in (True, False):
        values += plain_view(
            [phrase for phrase in wanted if plain_occurs(phrase, words) == here],
            [phrase for phrase in found if plain_occurs(phrase, words) == here],
        )
    return values


def prediction(phrases: Sequence[str]) -> RankedPhrases:
    return RankedPhrases(tuple(phrases), tuple(float(-rank) for rank in range(len(phrases))))


def score_all(cases: Sequence[tuple[str, Sequence[str], Sequence[str]]]) -> Scores:
    documents = {str(i): Document(str(i), {"abstract": case[0]}) for i, case in enumerate(cases)}
    targets = {str(i): tuple(case[1]) for i, case in enumerate(cases)}
    return TASK.score(SPEC, documents, targets, {str(i): prediction(case[2]) for i, case in enumerate(cases)})


def score_one(text: str, gold: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    values = score_all([(text, gold, predicted)]).values[0, : len(IDS)]
    return dict(zip(IDS, values.tolist(), strict=True))


def random_cases(count: int, seed: int) -> list[tuple[str, list[str], list[str]]]:
    draw = random.Random(seed)

    def phrase() -> str:
        return " ".join(draw.choices(VOCABULARY, k=draw.choice((1, 1, 2, 2, 3))))

    cases = []
    for _ in range(count):
        text = " ".join(draw.choices(VOCABULARY, k=draw.randrange(40)))
        gold = [phrase() for _ in range(draw.choice((0, 1, 2, 3, 5, 8, 14)))]
        predicted = [phrase() for _ in range(draw.choice((0, 1, 4, 7, 12, 25)))]
        for place, _ in enumerate(predicted):
            if gold and draw.random() < 0.3:
                predicted[place] = draw.choice(gold)
        cases.append((text, gold, predicted))
    return cases


def test_equal_to_the_plain_implementation() -> None:
    cases = random_cases(5_000, seed=7)
    fast = score_all(cases).values[:, : len(IDS)]
    plain = np.array([plain_scores(*case) for case in cases])
    different = (fast != plain) & ~(np.isnan(fast) & np.isnan(plain))
    assert not different.any(), [(cases[row], IDS[column]) for row, column in np.argwhere(different)[:3]]
    # The cases are not degenerate: every metric takes many values, and is missing somewhere.
    assert all(len(np.unique(column[~np.isnan(column)])) > 10 for column in plain.T)
    assert np.isnan(plain).any(axis=0).all()


def test_ndcg_against_scikit_learn() -> None:
    ndcg_score = pytest.importorskip("sklearn.metrics").ndcg_score

    for text, gold, predicted in random_cases(300, seed=8):
        wanted, found = plain_unique(gold), plain_unique(predicted)
        if not wanted:
            continue
        # Behind the list come ten wrong phrases and then the missed ones, out of the first ten's reach.
        relevant = [phrase in wanted for phrase in found] + [False] * 10
        relevant += [True] * len([phrase for phrase in wanted if phrase not in found])
        theirs = ndcg_score([relevant], [[-rank for rank in range(len(relevant))]], k=10)
        assert score_one(text, gold, predicted)["ndcg@10"] == pytest.approx(theirs, abs=1e-12)


def test_a_small_example_by_hand() -> None:
    values = score_one(
        "Support vector machines classify images.",
        ["support vector machine", "image classification", "kernel methods", "Kernel Method"],
        ["images", "Support-Vector Machines", "kernel", "support vector machine", "kernel methods"],
    )
    # Gold has three phrases, one of them present; four phrases were predicted, two of them present.
    assert values["precision@5"] == 2 / 4
    assert values["recall@5"] == 2 / 3
    assert values["f1@5"] == 4 / 7
    assert values["precision@O"] == 1 / 3
    assert values["map"] == (1 / 2 + 2 / 4) / 3
    assert values["present.precision@M"] == 1 / 2
    assert values["present.recall@M"] == 1
    assert values["present.map"] == 1 / 2
    assert values["absent.precision@M"] == 1 / 2
    assert values["absent.recall@M"] == 1 / 2
    assert values["absent.map"] == (1 / 2) / 2


def test_abstention_is_zero_and_no_gold_is_nan() -> None:
    values = score_one("a text", ["text"], [])
    assert all(value == 0 for name, value in values.items() if not name.startswith("absent."))
    assert all(math.isnan(value) for name, value in values.items() if name.startswith("absent."))
    assert all(math.isnan(value) for value in score_one("a text", [], ["text"]).values())
    assert all(math.isnan(value) for value in score_one("a text", ["...", " "], ["text"]).values())


def test_a_document_without_target_does_not_count() -> None:
    documents = {"a": Document("a", {"title": "Graphs"}), "b": Document("b", {"title": "Graphs"})}
    predictions = {"b": prediction(["graph"]), "a": prediction(["graph"])}
    scores = TASK.score(SPEC, documents, {"b": ("graphs",), "other": ("x",)}, predictions)
    assert scores.ids == ("a", "b")
    assert np.isnan(scores.values[0]).all()
    assert scores.means()[IDS.index("f1@10")] == 1


def test_no_documents() -> None:
    scores = TASK.score(SPEC, {}, {}, {})
    assert scores.values.shape == (0, len(TASK.metrics))
    assert np.isnan(scores.means()).all()


def test_only_the_fields_of_the_spec_are_the_text() -> None:
    documents = {"a": Document("a", {"title": "Trees", "abstract": "Graphs"})}
    scores = TASK.score(
        SPEC.model_copy(update={"fields": ("title",)}),
        documents,
        {"a": ("graphs", "trees")},
        {"a": prediction(["tree", "graph"])},
    )
    assert scores.column("present.recall@M").tolist() == [1]
    assert scores.column("present.precision@O").tolist() == [1]
    assert scores.column("absent.map").tolist() == [1]


def test_chinese() -> None:
    spec = TaskSpec(task="keyphrases", language="zh")
    documents = {"a": Document("a", {"title": "基于支持向量机（SVM）的文本分类"}, "zh")}
    targets = {"a": ("支持向量机", "文本分类", "深度学习")}
    scores = TASK.score(spec, documents, targets, {"a": prediction(["文本分类", "svm", "向量机"])})
    assert scores.column("precision@M").tolist() == [1 / 3]
    assert scores.column("present.recall@M").tolist() == [1 / 2]
    assert scores.column("absent.recall@M").tolist() == [0]


def test_gold_prepared_once_serves_every_method() -> None:
    cases = random_cases(50, seed=9)
    documents = {str(i): Document(str(i), {"abstract": case[0]}) for i, case in enumerate(cases)}
    targets = {str(i): tuple(case[1]) for i, case in enumerate(cases)}
    gold = TASK.prepare(SPEC, documents, targets)
    for shift in (0, 1, 0):
        predictions = {str(i): prediction(cases[i - shift][2]) for i in range(len(cases))}
        once = TASK.score(SPEC, documents, targets, predictions)
        np.testing.assert_array_equal(gold.score(predictions).values, once.values)


phrases = st.lists(
    st.lists(st.sampled_from(["deep", "net", "nets", "graph", "of", "model"]), min_size=1, max_size=3).map(
        " ".join
    ),
    max_size=14,
)
texts = st.lists(st.sampled_from(["deep", "net", "graph", "of", "model"]), max_size=20).map(" ".join)


@given(texts, phrases, phrases)
def test_scores_are_between_zero_and_one(text: str, gold: list[str], predicted: list[str]) -> None:
    values = score_one(text, gold, predicted)
    assert all(math.isnan(value) or 0 <= value <= 1 for value in values.values())
    for name, f1 in values.items():
        if "f1@" in name and not math.isnan(f1):
            sides = [values[name.replace("f1@", f"{side}@")] for side in ("precision", "recall")]
            assert min(sides) <= f1 <= max(sides)


@given(texts, phrases, phrases, st.randoms(use_true_random=False))
def test_duplicates_and_spellings_change_nothing(
    text: str, gold: list[str], predicted: list[str], draw: random.Random
) -> None:
    values = score_one(text, gold, predicted)
    more_gold = gold + [draw.choice(gold).upper() for _ in gold]
    draw.shuffle(more_gold)
    more = [
        spelt
        for place, phrase in enumerate(predicted)
        for spelt in (phrase.replace(" ", draw.choice("- \t–")), f"({draw.choice(predicted[: place + 1])})")
    ]
    np.testing.assert_equal(score_one(text, more_gold, more), values)


@given(texts, phrases, phrases)
def test_a_wrong_phrase_at_the_end_never_helps(text: str, gold: list[str], predicted: list[str]) -> None:
    before, after = score_one(text, gold, predicted), score_one(text, gold, [*predicted, "unheard"])
    for name, value in before.items():
        assert math.isnan(value) or after[name] <= value
        if "recall" in name or "map" in name or "ndcg" in name:
            np.testing.assert_equal(after[name], value)


@given(texts, phrases)
def test_the_gold_itself_is_perfect(text: str, gold: list[str]) -> None:
    for name, value in score_one(text, gold, gold).items():
        if name.split("@")[-1] in ("M", "O") or name.endswith(("map", "ndcg@10")):
            assert math.isnan(value) or value == 1


@pytest.mark.parametrize(
    ("language", "english"), [("en", True), ("en-GB", True), ("de", False), ("zh", False)]
)
def test_an_english_stemmer_says_nothing_of_other_languages(language: str, english: bool) -> None:
    spec = TaskSpec(task="keyphrases", language=language)
    document = Document("a", {"title": "neuronale Netze"}, language)
    scores = TASK.prepare(spec, {"a": document}, {"a": ("neuronale Netze",)}).score(
        {"a": RankedPhrases(("neuronale Netze",), (1.0,))}
    )
    of_english = [metric.language == "en" for metric in scores.metrics]
    assert sum(of_english) > 10
    assert bool(np.isnan(scores.values[0, of_english]).all()) is not english
    assert scores.column("f1@10") == [1.0]
