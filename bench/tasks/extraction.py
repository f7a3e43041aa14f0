"""The extraction task: which facts does a text state, or which label is asked for in their place."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.types import Document, ExtractedFacts, Fact, Prediction, StatedFacts, Target
from readbench.tasks.base import TaskDefinition, check_ids
from readbench.tasks.extraction_scores import METRICS, Counts, ExtractionScores
from readbench.tasks.predictions import extracted
from readbench.tasks.spec import TaskSpec


@dataclass(frozen=True, slots=True)
class Gold:
    """The gold facts and labels of the documents to be scored; None where there is none."""

    targets: Mapping[str, StatedFacts | None]

    def score(self, predictions: Mapping[str, Prediction]) -> ExtractionScores:
        """Raises BenchError where a prediction is absent, of an unknown document or malformed."""
        ids = list(self.targets)
        check_ids(ids, predictions)
        rows = [
            _counted(gold, extracted(predictions[id_], f"prediction of document {id_}"))
            for id_, gold in self.targets.items()
        ]
        columns = {name: [row[name] for row in rows] for name in _counted(None, ExtractedFacts())}
        return ExtractionScores.of(ids, Counts.of(columns))


def matching_key(text: str) -> str:
    """What two texts have in common that count as the same: NFC, white space collapsed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fact_key(fact: Fact) -> Fact:
    """The fact with ``matching_key`` of each of its texts."""
    return Fact(*map(matching_key, astuple(fact)))


def asks_facts(gold: StatedFacts) -> bool:
    """Whether a gold target belongs to the slice of facts: it states some, or that there are none."""
    return bool(gold.facts) or gold.label is None


def _counted(gold: StatedFacts | None, prediction: ExtractedFacts) -> dict[str, int]:
    """One document's row of ``Counts``."""
    stated = gold or StatedFacts()
    wanted, found = ({fact_key(fact) for fact in facts} for facts in (stated.facts, prediction.facts))
    untyped_wanted, untyped_found = ({fact.untyped for fact in facts} for facts in (wanted, found))
    label = None if prediction.label is None else matching_key(prediction.label)
    return {
        "asks_facts": gold is not None and asks_facts(gold),
        "gold": len(wanted),
        "predicted": len(found),
        "right": len(wanted & found),
        "untyped_gold": len(untyped_wanted),
        "untyped_predicted": len(untyped_found),
        "untyped_right": len(untyped_wanted & untyped_found),
        "asks_label": stated.label is not None,
        "label_right": stated.label is not None and label == matching_key(stated.label),
        "readable": prediction.parsed,
    }


class ExtractionTask(TaskDefinition):
    """Facts are compared as whole strings, once with the types of subject and object and once without.

    A document belongs to the slice ``facts`` where its gold states facts or an empty list of them, and to
    ``labels`` where it is a label. Precision, recall and F1 count the facts of all documents together: the
    metrics without a prefix over both slices, so that facts invented where a label was asked for cost
    precision, those that begin with ``facts.`` over that slice alone. ``score`` is the one number for the
    whole: the mean over documents of the F1 of its facts, or of whether its label is right.
    """

    name = "extraction"
    metrics = METRICS
    primary = "score"
    board = ("triples.f1", "triples.untyped.f1", "label_accuracy", "parsed")

    def prepare(
        self,
        spec: TaskSpec,  # noqa: ARG002 - gold is compared with predictions alone
        documents: Mapping[str, Document],
        targets: Mapping[str, Target],
    ) -> Gold:
        found: dict[str, StatedFacts | None] = {}
        for id_ in documents:
            target = targets.get(id_)
            if target is not None and not isinstance(target, StatedFacts):
                raise BenchError("target is not StatedFacts", where=f"target of document {id_}")
            found[id_] = target
        return Gold(found)

    def scores_from_columns(
        self,
        spec: TaskSpec,  # noqa: ARG002 - the counts say everything
        columns: Mapping[str, Sequence[Any]],
    ) -> ExtractionScores:
        return ExtractionScores.of(list(columns["id"]), Counts.of(columns))


TASK = ExtractionTask()
