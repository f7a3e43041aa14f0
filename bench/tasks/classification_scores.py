"""Scores of classification: values per document, and metrics of the whole sample (macro means, areas under
curves, calibration) for any weights of the documents, so that they can be resampled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from readbench.core.errors import BenchError
from readbench.tasks.classification_metrics import BINS, METRICS
from readbench.tasks.metric import Metric, OfSample, Scores
from readbench.tasks.spec import TaskSpec

Floats = NDArray[np.float64]

ROUNDED = 5e-4
"""How far a probability may lie from what it was: rounded to three places it still counts as one. A sum may
be as many times that far from 1 as there are classes."""

_BLOCK = 1 << 15
"""Resamples times documents whose areas are computed at a time: 256 KiB."""
_PLACES = {metric.id: index for index, metric in enumerate(METRICS)}


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """What classification is scored from, as arrays over documents.

    ``gold`` int64 (documents,): index into ``labels``, -1 where a document has no gold and does not count;
    ``predicted``: the same, len(labels) for an abstention; ``scores`` float64 (documents, labels), None
    where some counted document lacks a finite score of some label. ``positive``: index or None. ``folds``
    int64 (documents,): which model gave the scores, None where one gave all of them.
    """

    labels: tuple[str, ...]
    positive: int | None
    gold: NDArray[np.int64]
    predicted: NDArray[np.int64]
    scores: Floats | None
    folds: NDArray[np.int64] | None = None

    @property
    def improbable(self) -> NDArray[np.bool_]:
        """Which of the counted documents have scores that are no probabilities; all where scores lack."""
        if self.scores is None:
            return np.ones(np.count_nonzero(self.gold >= 0), dtype=np.bool_)
        counted = self.scores[self.gold >= 0]
        outside = ((counted < -ROUNDED) | (counted > 1 + ROUNDED)).any(axis=1)
        # Half of the last place, and what adding up floats loses.
        return np.asarray(outside | (np.abs(counted.sum(axis=1) - 1) > len(self.labels) * ROUNDED + 1e-9))

    @property
    def are_probabilities(self) -> bool:
        return self.scores is not None and not self.improbable.any()


class ClassificationScores(Scores):
    """Scores that keep what metrics of the whole sample are computed from."""

    labelled: Labelled

    @classmethod
    def of(
        cls,
        spec: TaskSpec,
        ids: Sequence[str],
        gold: Sequence[str | None],
        predicted: Sequence[str | None],
        scores: Sequence[Mapping[str, float]],
        folds: Sequence[int] | None = None,
    ) -> ClassificationScores:
        """Raises BenchError for a label that the spec does not have."""
        places = {label: index for index, label in enumerate(spec.labels)}
        for what, labels in (("gold", gold), ("predicted", predicted)):
            for id_, label in zip(ids, labels, strict=True):
                if label is not None and label not in places:
                    raise BenchError(
                        f"the {what} label {label!r} is none of {', '.join(spec.labels)}",
                        where=f"document {id_}",
                    )
        known = np.array([-1 if label is None else places[label] for label in gold], dtype=np.int64)
        table = np.array(
            [[of_one.get(label, np.nan) for label in spec.labels] for of_one in scores], dtype=np.float64
        ).reshape(len(ids), len(places))
        labelled = Labelled(
            labels=spec.labels,
            positive=None if spec.positive is None else places.get(spec.positive),
            gold=known,
            predicted=np.array([places.get(label or "", len(places)) for label in predicted], dtype=np.int64),
            scores=table if np.isfinite(table[known >= 0]).all() and (known >= 0).any() else None,
            folds=None if folds is None else np.array(folds, dtype=np.int64),
        )
        evidence: dict[str, Sequence[Any]] = {"gold": list(gold), "predicted": list(predicted)}
        for index, label in enumerate(spec.labels):
            column = table[:, index]
            evidence[f"score.{label}"] = [None if np.isnan(value) else float(value) for value in column]
        return cls.of_arrays(tuple(ids), labelled, evidence)

    @classmethod
    def of_arrays(
        cls, ids: tuple[str, ...], labelled: Labelled, evidence: Mapping[str, Sequence[Any]]
    ) -> ClassificationScores:
        made = cls(METRICS, ids, _per_document(labelled), evidence)
        object.__setattr__(made, "labelled", labelled)
        return made

    @cached_property
    def _numbers(self) -> Floats:
        return super().aggregates()

    def aggregates(self) -> Floats:
        return self._numbers.copy()

    def counts(self) -> NDArray[np.int64]:
        """All documents with gold, for every metric that is defined; 0 for the others."""
        numbers = self._numbers
        n = int(np.count_nonzero(self.labelled.gold >= 0))
        return np.where(np.isnan(numbers), 0, n).astype(np.int64)

    def support(self) -> NDArray[np.int64]:
        """The documents of the rarest class that occurs; of ratios of two counts, the lower one."""
        found = self.counts()
        table = confusion(self.labelled, np.ones((1, len(self.ids))))[0]
        in_gold, in_predictions = table.sum(axis=1), table[:, :-1].sum(axis=0)
        occurs = in_gold[in_gold > 0]
        rarest = 0 if len(occurs) < 2 else int(occurs.min())
        for place, metric in enumerate(METRICS):
            if isinstance(metric.aggregate, OfSample) and found[place]:
                found[place] = rarest
        guessed = in_predictions[(in_gold + in_predictions) > 0]
        if found[_PLACES["macro_precision"]] and len(guessed):
            found[_PLACES["macro_precision"]] = int(guessed.min())
        positive = self.labelled.positive
        if positive is not None and rarest:
            either = in_gold[positive] + in_predictions[positive] - table[positive, positive]
            below = {"precision": in_predictions[positive], "recall": in_gold[positive], "f1": either}
            for name, count in below.items():
                found[_PLACES[name]] = int(count)
        return found

    def bounds(self, metric: Metric) -> tuple[float, float]:
        # Of two classes the error of one counts, of more the sum.
        return (0.0, 1.0) if metric.id == "brier" and len(self.labelled.labels) == 2 else metric.bounds

    def why_undefined(self, metric: str) -> str:
        labelled = self.labelled
        if not (labelled.gold >= 0).any():
            return "no document has a label"
        if metric in ("precision", "recall", "f1") and labelled.positive is None:
            return "no class is named positive"
        if metric not in ("roc_auc", "average_precision", "brier", "ece"):
            return ""
        if labelled.scores is None:
            return "not every document has a score of every class"
        if metric in ("roc_auc", "average_precision"):
            return "the test documents are all of one class"
        improbable = labelled.improbable
        count = int(np.count_nonzero(improbable))
        if improbable.all():
            return "the scores are no probabilities"
        return f"the scores of {count:,} document{'s' if count > 1 else ''} are no probabilities"

    def shares(self, metric: str) -> tuple[Floats, Floats]:
        table = confusion(self.labelled, np.ones((1, len(self.ids))))[0]
        in_gold, in_predictions = table.sum(axis=1), table[:, :-1].sum(axis=0)
        occurs = in_gold + in_predictions > 0
        below = {"macro_recall": in_gold, "macro_precision": in_predictions}[metric]
        return np.diag(table[:, :-1])[occurs], below[occurs]

    def of_sample(self, numbers: Floats, weights: Floats, wanted: Collection[str]) -> Floats:
        filled = numbers.copy()
        for name, values in sample_metrics(self.labelled, weights, wanted).items():
            filled[:, _PLACES[name]] = values
        return filled

    def details(self) -> dict[str, Any]:
        """``confusion``: rows gold, columns predicted, the last column abstentions (null)."""
        labelled = self.labelled
        table = confusion(labelled, np.ones((1, len(self.ids))))[0].astype(int)
        return {
            "confusion": {
                "labels": list(labelled.labels),
                "predicted": [*labelled.labels, None],
                "rows": table.tolist(),
            }
        }


def _per_document(labelled: Labelled) -> Floats:
    values = np.full((len(labelled.gold), len(METRICS)), np.nan)
    counted = labelled.gold >= 0
    values[counted, _PLACES["accuracy"]] = (labelled.gold == labelled.predicted)[counted]
    values[counted, _PLACES["abstained"]] = (labelled.predicted == len(labelled.labels))[counted]
    if labelled.are_probabilities and labelled.scores is not None:
        errors = ((labelled.scores - _one_hot(labelled)) ** 2).sum(axis=1)
        # Of two classes both have the same error: scikit-learn and everybody else counts it once.
        values[counted, _PLACES["brier"]] = (errors / 2 if len(labelled.labels) == 2 else errors)[counted]
    return values


def _one_hot(labelled: Labelled) -> Floats:
    return np.asarray(labelled.gold[:, None] == np.arange(len(labelled.labels)), dtype=np.float64)


def confusion(labelled: Labelled, weights: Floats) -> Floats:
    """Weighted counts (resamples, labels, labels + 1): gold by predicted, abstentions last."""
    k = len(labelled.labels)
    cell = np.where(labelled.gold >= 0, labelled.gold * (k + 1) + labelled.predicted, -1)
    present = np.unique(cell[cell >= 0])
    table = np.zeros((len(weights), k * (k + 1)))
    table[:, present] = weights @ (cell[:, None] == present).astype(np.float64)
    return np.asarray(table.reshape(len(weights), k, k + 1), dtype=np.float64)


def sample_metrics(
    labelled: Labelled, weights: Floats, wanted: Collection[str] = _PLACES
) -> dict[str, Floats]:
    """The ``OfSample`` metrics (resamples,) that are ``wanted``, and maybe others, under ``weights``
    (resamples, documents); NaN where one is not defined."""
    found: dict[str, Floats] = {}
    areas = {"roc_auc", "average_precision"}
    if not areas.isdisjoint(wanted):
        found |= _curves(labelled, weights)
    if areas.issuperset(wanted):
        return found
    if "ece" in wanted:
        found["ece"] = _calibration_error(labelled, weights)
    counts = confusion(labelled, weights)
    found |= _of_counts(labelled, counts)
    nobody = ~(counts.sum(axis=(1, 2)) > 0)
    return {name: np.where(nobody, np.nan, values) for name, values in found.items()}


def _of_counts(labelled: Labelled, counts: Floats) -> dict[str, Floats]:
    """The metrics (resamples,) that follow from what ``confusion`` gives."""
    hits = np.einsum("rii->ri", counts[:, :, :-1])
    in_gold, in_predictions = counts.sum(axis=2), counts[:, :, :-1].sum(axis=1)
    precision, recall = _ratio(hits, in_predictions), _ratio(hits, in_gold)
    f1 = _ratio(2 * hits, in_gold + in_predictions)
    occurs = in_gold + in_predictions > 0
    found: dict[str, Floats] = {"mcc": _mcc(counts)}
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        found[f"macro_{name}"] = _ratio((values * occurs).sum(axis=1), occurs.sum(axis=1))
        undefined = np.full(len(counts), np.nan)
        found[name] = undefined if labelled.positive is None else values[:, labelled.positive]
    return found


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(above / np.where(below == 0, 1.0, below), dtype=np.float64)


def _mcc(counts: Floats) -> Floats:
    """Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006, with abstentions as one more predicted class."""
    gold = counts.sum(axis=2)
    predicted = counts.sum(axis=1)
    n = gold.sum(axis=1)
    right = np.einsum("rii->r", counts[:, :, :-1])
    covariance = right * n - (gold * predicted[:, :-1]).sum(axis=1)
    spread = (n**2 - (predicted**2).sum(axis=1)) * (n**2 - (gold**2).sum(axis=1))
    return _ratio(covariance, np.sqrt(np.maximum(spread, 0.0)))


def _curves(labelled: Labelled, weights: Floats) -> dict[str, Floats]:
    """The areas within each fold, averaged: scores of different models have no order among them (Forman &
    Scholz 2010, doi:10.1145/1882471.1882479). A fold without documents of a class is left out."""
    if labelled.scores is None:
        undefined = np.full(len(weights), np.nan)
        return {"roc_auc": undefined, "average_precision": undefined}
    k = len(labelled.labels)
    if labelled.positive is not None:
        classes = [labelled.positive]
    else:
        classes = [1] if k == 2 else list(range(k))
    counted = labelled.gold >= 0
    folds = np.zeros(len(counted), dtype=np.int64) if labelled.folds is None else labelled.folds
    of_folds: list[list[Floats]] = [[], []]
    for fold in np.unique(folds[counted]):
        within = counted & (folds == fold)
        of_fold = weights if within.all() else weights[:, within]
        pairs = [
            _areas(of_fold, labelled.gold[within] == label, labelled.scores[within, label])
            for label in classes
        ]
        for place, areas in enumerate(of_folds):
            areas.append(_mean_of_defined(np.column_stack([pair[place] for pair in pairs])))
    return {
        name: _mean_of_defined(np.column_stack(areas))
        for name, areas in zip(("roc_auc", "average_precision"), of_folds, strict=True)
    }


def _mean_of_defined(values: Floats) -> Floats:
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(axis=1)
    return np.where(defined.any(axis=1), total / np.maximum(defined.sum(axis=1), 1), np.nan)


def _areas(weights: Floats, positive: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Areas under the ROC and the precision-recall curve (resamples,); equal scores are one threshold."""
    order = np.argsort(-scores, kind="stable")
    positive = positive[order]
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
    # As many resamples at a time as stay in the processor's cache.
    step = max(1, _BLOCK // len(order))
    parts = [
        _areas_of_block(weights[start : start + step].T[order], positive, starts)
        for start in range(0, len(weights), step)
    ]
    roc, precision_recall = (np.concatenate(areas) for areas in zip(*parts, strict=True))
    return roc, precision_recall


def _areas_of_block(
    of_all: Floats, positive: NDArray[np.bool_], starts: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """The areas (resamples,) from weights (documents, resamples) of documents in the order of their scores.
    Thresholds begin at ``starts``; only those with a positive document add to an area."""
    holding = positive
    of_positive = of_all[positive]
    if len(starts) < len(positive):
        of_positive = np.add.reduceat(of_all * positive[:, None], starts, axis=0)
        of_all = np.add.reduceat(of_all, starts, axis=0)
        holding = np.logical_or.reduceat(positive, starts)
        of_positive = of_positive[holding]
    positives = of_positive.sum(axis=0)
    found, seen = np.cumsum(of_positive, axis=0), np.cumsum(of_all, axis=0)
    negatives, seen = seen[-1] - positives, seen[holding]
    # A negative above beats a positive, and half of those with the same score do.
    above = seen - found
    if len(starts) < len(positive):
        above -= (of_all[holding] - of_positive) / 2
    beaten = positives * negatives - np.einsum("ij,ij->j", of_positive, above)
    gained = np.einsum("ij,ij->j", of_positive, _ratio(found, seen))
    roc = np.where((positives > 0) & (negatives > 0), _ratio(beaten, positives * negatives), np.nan)
    return roc, np.where(positives > 0, _ratio(gained, positives), np.nan)


def _calibration_error(labelled: Labelled, weights: Floats) -> Floats:
    """The weighted mean gap of the bins, less what chance adds to it.

    The gap of a bin is normal around the true one, with a variance s^2 that follows from the confidences. The
    square of the true gap is estimated without bias by gap^2 - s^2 (Kumar et al. 2019, arXiv:1909.10155,
    section 4); how much larger the absolute value of a normal variable around it is on average (the mean of
    a folded normal distribution) is subtracted. What remains is at least 0.
    """
    if not labelled.are_probabilities or labelled.scores is None:
        return np.full(len(weights), np.nan)
    from scipy.special import ndtr

    counted = labelled.gold >= 0
    scores = labelled.scores[counted]
    confidence = np.clip(scores.max(axis=1), 0.0, 1.0)
    right = scores.argmax(axis=1) == labelled.gold[counted]
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    one_hot = (bins[:, None] == np.arange(BINS)).astype(np.float64)
    of_counted = weights[:, counted]
    gaps = np.abs(of_counted @ (one_hot * (right - confidence)[:, None]))
    noise = np.sqrt(of_counted @ (one_hot * (confidence * (1 - confidence))[:, None]))
    true = np.sqrt(np.maximum(_ratio(gaps, noise) ** 2 - 1, 0.0))
    seen = np.sqrt(2 / np.pi) * np.exp(-(true**2) / 2) + true * (1 - 2 * ndtr(-true))
    without_chance = np.maximum((gaps - noise * (seen - true)).sum(axis=1), 0.0)
    return _ratio(without_chance, of_counted.sum(axis=1))
