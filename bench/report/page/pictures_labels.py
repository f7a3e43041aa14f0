"""The charts of classification: of each method a confusion matrix and, where its scores are probabilities, a
reliability diagram."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from readbench.report.page.chart_labels import MOST_LABELS, Bin, confusion_chart, reliability_chart
from readbench.report.page.pictures import Picture
from readbench.report.page.scores import TaskScores
from readbench.results.samples import Sample

BINS = 10
NOBODY = "(none)"
OF_CONFUSION = "Numbers of documents, a row for each gold label, shaded by the share of the row."
OF_RELIABILITY = (
    "On the dashed line, confidence is how often the label is right. Larger points: more documents."
)


def label_pictures(scores: TaskScores) -> Iterator[Picture]:
    """Of the first repeat of each method, all folds together."""
    labels = scores.spec.labels
    for method, sample in scores.samples.items():
        gold, predicted = _labels(sample)
        if len(labels) <= MOST_LABELS:
            yield _confusion(method, labels, gold, predicted)
    for method, sample in scores.samples.items():
        bins = _bins(sample, labels)
        if bins:
            svg = reliability_chart(bins)
            name = f"reliability of {method}"
            choice = (method,)
            yield Picture("reliability", name, "Reliability", OF_RELIABILITY, svg, "", choice, ("Method",))


def _labels(sample: Sample) -> tuple[list[str | None], list[str | None]]:
    evidence = sample.repeats[0].evidence
    return list(evidence["gold"]), list(evidence["predicted"])


def _confusion(
    method: str, labels: tuple[str, ...], gold: list[str | None], predicted: list[str | None]
) -> Picture:
    pairs = list(zip(gold, predicted, strict=True))
    nobody = any(answer is None for label, answer in pairs if label is not None)
    columns: list[str | None] = [*labels, *([None] if nobody else [])]
    rows = [[pairs.count((label, answer)) for answer in columns] for label in labels]
    svg = confusion_chart(labels, [NOBODY if answer is None else answer for answer in columns], rows)
    name = f"confusion matrix of {method}"
    return Picture("confusion", name, "Confusion matrix", OF_CONFUSION, svg, "", (method,), ("Method",))


def _bins(sample: Sample, labels: tuple[str, ...]) -> list[Bin]:
    """Empty where the calibration error is not defined: then the scores are no probabilities."""
    ece = [metric.id for metric in sample.metrics].index("ece")
    if np.isnan(sample.repeats[0].aggregates()[ece]):
        return []
    evidence = sample.repeats[0].evidence
    counted = np.array([label is not None for label in evidence["gold"]])
    table = np.array([evidence[f"score.{label}"] for label in labels], dtype=np.float64).T[counted]
    gold = np.array([labels.index(label) for label in evidence["gold"] if label is not None])
    confidence, right = table.max(axis=1), table.argmax(axis=1) == gold
    places = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    found = []
    for place in range(BINS):
        within = places == place
        count = int(within.sum())
        if count:
            found.append(Bin(float(confidence[within].mean()), float(right[within].mean()), count))
    return found
