"""The labels of a classification suite, and which of them is the positive one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from readbench.core.errors import BenchError
from readbench.core.names import suggestion
from readbench.core.types import Dataset, StatedFacts
from readbench.tasks.spec import TaskSpec


def labelled_only(dataset: Dataset) -> Dataset:
    """The documents that have a label: the others can neither be learned from nor judged on."""
    known = dataset.targets.get("classification", {})
    if not known or len(known) == len(dataset.documents):
        return dataset
    return dataset.only(document.id for document in dataset.documents if document.id in known)


POSITIVE = ("1", "true", "yes", "positive", "+1", "+", "y", "pos")
"""Of two labels, what is the positive class where the suite names none."""


def with_labels(spec: TaskSpec, dataset: Dataset) -> TaskSpec:
    """The spec with the closed set of labels: those of the suite, else all that the dataset has, in order.
    Of two labels the usual positive one is the positive class where the suite names none.

    Raises BenchError for a label that the suite does not name, where there is only one label, and for a
    positive class that is none of the labels.
    """
    known = sorted({str(label) for label in dataset.targets["classification"].values() if label})
    labels = spec.labels or tuple(known)
    unknown = [label for label in known if label not in labels]
    if unknown:
        raise BenchError(
            f"it has the label {unknown[0]!r}, which the suite does not name",
            where=f"dataset {dataset.name}",
            todo=f"add it to labels in [tasks.classification]; there are: {', '.join(labels)}",
        )
    if len(labels) < 2:
        raise BenchError(
            f"all its labels are {labels[0]!r}: there is nothing to tell apart",
            where=f"dataset {dataset.name}",
        )
    positive = spec.positive
    if positive is None and len(labels) == 2:
        positive = next((label for label in labels if label.lower() in POSITIVE), None)
    if positive is not None and positive not in labels:
        raise BenchError(
            f"the positive class {positive!r} is none of the labels {', '.join(labels)}",
            where=f"dataset {dataset.name}",
            todo=suggestion(positive, labels),
        )
    return spec.model_copy(update={"labels": labels, "positive": positive})


def without_positive(spec: TaskSpec) -> list[str]:
    """What is to be said where two labels have no positive class: one line, or none."""
    if spec.task != "classification" or len(spec.labels) != 2 or spec.positive is not None:
        return []
    return [
        f"no positive class is named, so precision, recall and f1 stay empty: give --positive "
        f"{shlex.quote(_proposed(spec.labels))} (or positive = in [tasks.classification]); the labels are "
        f"{' and '.join(spec.labels)}"
    ]


def _proposed(labels: Sequence[str]) -> str:
    """The label that reads like what is looked for: not the one that denies the other or names the rest."""
    rest = re.compile(r"(?i)(?:no|not|non|un|other|others|rest|negative|neg|none|false)\b.*|(?:non|not|un).+")
    return next((label for label in labels if not rest.fullmatch(label)), labels[0])


def stated_labels(dataset: Dataset) -> tuple[str, ...]:
    """The labels among the targets of extraction, in order: the closed set that a label is out of."""
    known = dataset.targets["extraction"].values()
    return tuple(sorted({t.label for t in known if isinstance(t, StatedFacts) and t.label is not None}))
