"""The metrics of classification against scikit-learn's own functions, under weights, and by their laws."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import foldnorm

from readbench.core.errors import BenchError
from readbench.core.types import Document, PredictedLabel
from readbench.stats.resampling import bootstrap
from readbench.tasks import get_task
from readbench.tasks.classification_metrics import METRICS
from readbench.tasks.classification_scores import ClassificationScores, Labelled, _curves
from readbench.tasks.metric import OfSample
from readbench.tasks.spec import TaskSpec

TASK = get_task("classification")
PLACES = {metric.id: i for i, metric in enumerate(METRICS)}


def spec_of(labels: Sequence[str], positive: str | None = None) -> TaskSpec:
    return TaskSpec(task="classification", labels=tuple(labels), positive=positive)


def scored(
    spec: TaskSpec, gold: Sequence[str | None], predicted: Sequence[str | None], scores: np.ndarray | None
) -> ClassificationScores:
    """Through the task, as the engine does it."""
    documents = {str(i): Document(str(i), {"title": "A text"}) for i in range(len(gold))}
    rows = [{}] * len(gold) if scores is None else [dict(zip(spec.labels, r, strict=True)) for r in scores]
    predictions = {
        str(i): PredictedLabel(label, row) for i, (label, row) in enumerate(zip(predicted, rows, strict=True))
    }
    targets = {str(i): label for i, label in enumerate(gold) if label is not None}
    again = TASK.predictions.from_columns(TASK.predictions.to_columns(predictions))
    found = TASK.score(spec, documents, targets, again)
    assert isinstance(found, ClassificationScores)
    return found


def numbers(scores: ClassificationScores) -> dict[str, float]:
    return dict(zip(PLACES, scores.aggregates().tolist(), strict=True))


def oracle(
    labels: Sequence[str],
    positive: str | None,
    gold: Sequence[str],
    predicted: Sequence[str | None],
    scores: np.ndarray,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """scikit-learn's answer; an abstention is a label that gold never has."""
    told = [label or "(none)" for label in predicted]
    keep = {"sample_weight": weights, "zero_division": 0}
    seen = sorted({*gold, *(label for label in told if label != "(none)")})
    if weights is not None:
        alive = [i for i, weight in enumerate(weights) if weight]
        seen = sorted({*(gold[i] for i in alive), *(told[i] for i in alive)} - {"(none)"})
    values = {
        "accuracy": sk.accuracy_score(gold, told, sample_weight=weights),
        "mcc": sk.matthews_corrcoef(gold, told, sample_weight=weights),
    }
    for name in ("precision", "recall", "f1"):
        score = getattr(sk, f"{name}_score")
        values[f"macro_{name}"] = score(gold, told, labels=seen, average="macro", **keep)
        if positive is not None:
            values[name] = score(gold, told, labels=[positive], average="macro", **keep)
    columns = [labels.index(positive or labels[1])] if len(labels) == 2 else range(len(labels))
    pairs = [(np.array(gold) == labels[c], scores[:, c]) for c in columns]
    values["roc_auc"] = np.mean([sk.roc_auc_score(y, s, sample_weight=weights) for y, s in pairs])
    values["average_precision"] = np.mean(
        [sk.average_precision_score(y, s, sample_weight=weights) for y, s in pairs]
    )
    if len(labels) == 2:
        one = columns[0]
        values["brier"] = sk.brier_score_loss(
            gold, scores[:, one], pos_label=labels[one], sample_weight=weights
        )
    else:
        values["brier"] = sk.brier_score_loss(gold, scores, labels=list(labels), sample_weight=weights)
    return values


def plain_ece(labels: Sequence[str], gold: Sequence[str], scores: np.ndarray) -> float:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for label, row in zip(gold, scores, strict=True):
        confidence = float(max(row))
        place = next(b for b in range(1, 16) if confidence <= b / 15 or b == 15)
        bins.setdefault(place, []).append((confidence, labels[int(np.argmax(row))] == label))
    total = 0.0
    for inside in bins.values():
        gap = abs(sum(c for c, _ in inside) - sum(r for _, r in inside))
        spread = math.sqrt(sum(c * (1 - c) for c, _ in inside))
        true = math.sqrt(max(gap**2 - spread**2, 0.0))
        chance = foldnorm.mean(true / spread, scale=spread) - true if spread > 1e-9 else 0.0
        total += gap - chance
    return max(0.0, float(total)) / len(gold)


def test_a_class_that_only_predictions_have_counts_in_means_over_classes() -> None:
    labels, gold, told = ("a", "b", "c"), ["a", "a", "b", "b"], ["a", "c", "b", "b"]
    found = numbers(scored(spec_of(labels), gold, told, None))
    for name in ("precision", "recall", "f1"):
        score = getattr(sk, f"{name}_score")(
            gold, told, labels=list(labels), average="macro", zero_division=0
        )
        assert found[f"macro_{name}"] == pytest.approx(score)


def test_of_two_classes_without_a_positive_one_curves_are_of_the_second() -> None:
    random = np.random.default_rng(4)
    gold = ["no"] * 20 + ["yes"] * 5
    scores = random.dirichlet(np.ones(2), 25)
    found = numbers(scored(spec_of(("no", "yes")), gold, ["no"] * 25, scores))
    yes = np.array(gold) == "yes"
    assert found["average_precision"] == pytest.approx(sk.average_precision_score(yes, scores[:, 1]))
    assert found["average_precision"] != pytest.approx(
        np.mean([found["average_precision"], sk.average_precision_score(~yes, scores[:, 0])])
    )


def test_curves_of_folds_are_those_within_each_averaged() -> None:
    """One model gives all scores ten times as high as the other: pooled, its documents would come first."""
    random = np.random.default_rng(5)
    gold, folds = random.integers(0, 2, 80), np.repeat([0, 1], 40)
    one = np.clip(random.random(80) * 0.1 + 0.05 * gold, 0, 1) * np.where(folds == 0, 1, 6)
    scores = np.column_stack([1 - one, one])
    labelled = Labelled(("no", "yes"), 1, gold, gold, scores, folds)
    found = _curves(labelled, np.ones((1, 80)))
    for name, score in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        within = [score(gold[folds == fold], one[folds == fold]) for fold in (0, 1)]
        assert found[name][0] == pytest.approx(np.mean(within))
        assert found[name][0] != pytest.approx(score(gold, one))


def random_case(seed: int) -> tuple[tuple[str, ...], list[str], list[str | None], np.ndarray]:
    random = np.random.default_rng(seed)
    labels = ("no", "yes") if seed % 2 else ("books", "hotel", "tea", "水果")[seed % 4 // 2 :]
    n = int(random.integers(12, 60))
    gold = [labels[i] for i in random.integers(0, len(labels), n)]
    gold[: len(labels)] = labels  # the curves need every class
    scores = random.dirichlet(np.ones(len(labels)), n)
    if seed % 3 == 0:
        scores = np.round(scores, 1) + 1e-3  # many ties
        scores /= scores.sum(axis=1, keepdims=True)
    predicted: list[str | None] = [labels[i] for i in scores.argmax(axis=1)]
    for i in np.flatnonzero(random.random(n) < 0.1 * (seed % 5 == 0)):
        predicted[i] = None
    return labels, gold, predicted, scores


@pytest.mark.parametrize("seed", range(120))
def test_figures_agree_with_scikit_learn(seed: int) -> None:
    labels, gold, predicted, scores = random_case(seed)
    positive = "yes" if len(labels) == 2 else None
    found = numbers(scored(spec_of(labels, positive), gold, predicted, scores))
    for name, value in oracle(labels, positive, gold, predicted, scores).items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    assert found["ece"] == pytest.approx(plain_ece(labels, gold, scores), abs=1e-12)
    assert found["abstained"] == sum(label is None for label in predicted) / len(gold)
    if positive is None:
        assert all(math.isnan(found[name]) for name in ("precision", "recall", "f1"))


@pytest.mark.parametrize("seed", range(40))
def test_weights_are_what_scikit_learn_calls_sample_weights(seed: int) -> None:
    labels, gold, predicted, scores = random_case(seed)
    positive = "yes" if len(labels) == 2 else None
    weights = np.random.default_rng(seed + 1000).integers(0, 4, (3, len(gold))).astype(float)
    weights[:, : len(labels)] += 1
    table = scored(spec_of(labels, positive), gold, predicted, scores).resampled(weights)
    for row, of_one in zip(table, weights, strict=True):
        for name, value in oracle(labels, positive, gold, predicted, scores, of_one).items():
            assert row[PLACES[name]] == pytest.approx(value, abs=1e-12), name


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_resample_is_the_sample_of_its_documents(seed: int) -> None:
    labels, gold, predicted, scores = random_case(seed)
    spec = spec_of(labels)
    drawn = np.random.default_rng(seed).integers(0, len(gold), len(gold))
    weights = np.bincount(drawn, minlength=len(gold)).astype(float)[None]
    of_weights = scored(spec, gold, predicted, scores).resampled(weights)[0]
    copied = scored(spec, [gold[i] for i in drawn], [predicted[i] for i in drawn], scores[drawn])
    np.testing.assert_allclose(of_weights, copied.aggregates(), atol=1e-12)


def test_what_scores_leave_is_enough_to_compute_them_again() -> None:
    labels, gold, predicted, scores = random_case(5)
    spec = spec_of(labels, "yes")
    first = scored(spec, gold, predicted, scores)
    again = TASK.scores_from_columns(spec, first.to_columns())
    assert set(first.to_columns()) == {
        "id",
        "accuracy",
        "brier",
        "abstained",
        "gold",
        "predicted",
        "score.no",
        "score.yes",
    }
    one, other = (bootstrap(len(gold), s.resampled, resamples=50, seed=1) for s in (first, again))
    np.testing.assert_array_equal(one, other)


def test_a_document_without_gold_counts_for_nothing() -> None:
    spec = spec_of(("0", "1"), "1")
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3]])
    with_it = scored(spec, ["1", "0", None], ["1", "0", "0"], scores)
    without = scored(spec, ["1", "0"], ["1", "0"], scores[:2])
    np.testing.assert_array_equal(with_it.aggregates(), without.aggregates())
    assert set(with_it.counts().tolist()) == {2}


def test_without_scores_the_curves_are_null_and_the_rest_is_there() -> None:
    spec = spec_of(("0", "1"), "1")
    found = numbers(scored(spec, ["1", "0", "1"], ["1", "1", None], None))
    assert {name for name, value in found.items() if math.isnan(value)} == {
        "roc_auc",
        "average_precision",
        "brier",
        "ece",
    }
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["recall"] == 0.5


def test_decision_values_have_curves_but_no_calibration() -> None:
    spec = spec_of(("0", "1"), "1")
    found = numbers(scored(spec, ["1", "0"], ["1", "0"], np.array([[-2.0, 2.0], [1.0, -1.0]])))
    assert found["roc_auc"] == 1.0
    assert math.isnan(found["brier"])
    assert math.isnan(found["ece"])


def test_the_confusion_matrix_has_a_column_for_abstentions() -> None:
    spec = spec_of(("0", "1"), "1")
    details = scored(spec, ["1", "0", "1", "0"], ["1", "1", None, "0"], None).details()
    assert details == {
        "confusion": {"labels": ["0", "1"], "predicted": ["0", "1", None], "rows": [[1, 1, 0], [0, 1, 1]]}
    }


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        ("1", "is a str, not a PredictedLabel"),
        (PredictedLabel(1), "the label is a int, not a string"),  # type: ignore[arg-type]
        (PredictedLabel("1", {"1": math.nan}), "the score of '1' is nan, not a finite number"),
    ],
)
def test_malformed_predictions_are_refused(prediction: object, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        TASK.predictions.check(prediction)


def test_an_unknown_label_is_refused_with_its_document() -> None:
    with pytest.raises(BenchError, match="document 1: the predicted label 'maybe' is none of 0, 1"):
        scored(spec_of(("0", "1")), ["1", "0"], ["1", "maybe"], None)


def test_every_metric_says_whether_it_is_a_mean_of_documents() -> None:
    of_documents = {metric.id for metric in METRICS if not isinstance(metric.aggregate, OfSample)}
    assert of_documents == {"accuracy", "brier", "abstained"}
