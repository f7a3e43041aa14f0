"""The metrics of classification: what each is, its formula and where that comes from."""

from __future__ import annotations

from readbench.tasks.metric import Metric, OfSample, Scale

BINS = 15
"""Equal bins of confidence for the calibration error: Guo et al. 2017, arXiv:1706.04599, section 5."""

_MACRO = "scikit-learn's macro mean, over classes that occur in gold or predictions; 0 where undefined"
_POSITIVE = "of the positive class; 0 where undefined; null without a named positive class"
_SCORED = "of folds the mean; null where a document lacks scores of all classes"
_BOOK = "Manning, Raghavan & Schütze 2008, Introduction to Information Retrieval, section"
_FOLDS = "folds: Forman & Scholz 2010, doi:10.1145/1882471.1882479"

METRICS = (
    Metric(
        "accuracy",
        True,
        "equal labels; an abstention is wrong",
        "share of documents labelled right",
        formula="right / documents",
        source=f"{_BOOK} 8.3",
    ),
    Metric(
        "precision",
        True,
        _POSITIVE,
        "binary: right among those predicted positive",
        OfSample(Scale.COUNTS),
        formula="TP / (TP + FP)",
        source=f"{_BOOK} 8.3",
    ),
    Metric(
        "recall",
        True,
        _POSITIVE,
        "binary: found among the positive",
        OfSample(Scale.COUNTS),
        formula="TP / (TP + FN)",
        source=f"{_BOOK} 8.3",
    ),
    Metric(
        "f1",
        True,
        _POSITIVE,
        "binary: F1 of the positive class",
        OfSample(Scale.COUNTS),
        formula="2 * TP / (2 * TP + FP + FN)",
        source=f"{_BOOK} 8.3",
    ),
    Metric(
        "macro_precision",
        True,
        _MACRO,
        "precision, averaged over classes",
        OfSample(Scale.SHARES),
        formula="mean over classes of TP / (TP + FP)",
        source=f"{_BOOK} 13.6",
    ),
    Metric(
        "macro_recall",
        True,
        _MACRO,
        "recall, averaged over classes",
        OfSample(Scale.SHARES),
        formula="mean over classes of TP / (TP + FN)",
        source=f"{_BOOK} 13.6",
    ),
    Metric(
        "macro_f1",
        True,
        _MACRO,
        "F1, averaged over classes",
        OfSample(),
        formula="mean over classes of 2 * TP / (2 * TP + FP + FN)",
        source=f"{_BOOK} 13.6",
    ),
    Metric(
        "mcc",
        True,
        "multi-class; an abstention is a class of its own; 0 where undefined",
        "Matthews correlation of gold and predictions",
        OfSample(),
        bounds=(-1.0, 1.0),
        formula="cov(gold, predicted) / sqrt(cov(gold, gold) * cov(predicted, predicted)), one-hot",
        source="Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006",
    ),
    Metric(
        "roc_auc",
        True,
        f"ties count half; several classes: macro mean, one against the rest; {_SCORED}",
        "area under the ROC curve of the scores",
        OfSample(Scale.CURVE, fewest=50),
        formula="share of pairs (positive, negative) in which the positive has the higher score",
        source=f"Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747; {_FOLDS}",
    ),
    Metric(
        "average_precision",
        True,
        f"by thresholds, no interpolation; several classes: macro; {_SCORED}",
        "area under the precision-recall curve of the scores",
        OfSample(Scale.CURVE, fewest=200),
        formula="sum over thresholds n of (recall(n) - recall(n-1)) * precision(n)",
        source=f"{_BOOK} 8.4, and scikit-learn's average_precision_score; {_FOLDS}",
    ),
    Metric(
        "brier",
        False,
        "two classes: (p - y)^2 of one class, several: sum over classes; null unless the "
        "scores are probabilities",
        "squared error of the probabilities",
        bounds=(0.0, 2.0),
        formula="two classes: (p - y)^2; several: sum over classes of (p - y)^2",
        source="Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
    ),
    Metric(
        "ece",
        False,
        f"{BINS} equal bins of the highest probability; what chance adds is subtracted; null unless the "
        "scores are probabilities",
        "expected calibration error: confidence against accuracy",
        OfSample(Scale.NONE),
        formula="sum over bins of share of the bin * abs(accuracy - mean confidence), less what chance adds; "
        "at least 0",
        source="Guo et al. 2017, arXiv:1706.04599, section 5; chance: Kumar et al. 2019, arXiv:1909.10155, "
        "section 4",
    ),
    Metric(
        "abstained",
        False,
        "no label predicted",
        "share of documents without an answer",
        formula="documents without a label / documents",
        source="this project",
    ),
)
