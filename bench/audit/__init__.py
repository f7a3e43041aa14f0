"""The audit of a dataset: copies, contradictions, balance, and shortcuts that tell the gold unread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from readbench.audit.copies import find_copies, judge_copies
from readbench.audit.gold import judge_filled, judge_labels, judge_reading, read_keyphrases
from readbench.audit.shortcuts import TEXT_FIELDS, probe_fields
from readbench.audit.values import Audit, FieldProbe, Finding, KeyphraseGold, Score
from readbench.core.types import Dataset
from readbench.datasets import open_dataset
from readbench.datasets.options import read_options
from readbench.datasets.splits import subsample
from readbench.planning.suite import find_suite, load_suite

__all__ = ["Audit", "audit", "audit_of", "copies", "values", "warnings"]

SEED = 20240


def audit_of(
    reference: str,
    labels: Path | None = None,
    suite: str | None = None,
    limit: int | None = None,
    reading: Mapping[str, str] | None = None,
) -> Audit:
    """The audit of a dataset by name or path, read as ``suite`` reads its own, but for the options that
    ``reading`` names.

    Raises BenchError for whatever is wrong with the file, the suite or the limit.
    """
    said: dict[str, object] = {}
    if suite is not None:
        said = load_suite(find_suite(suite)).dataset.model_dump(exclude={"name"}, exclude_unset=True)
    if labels is not None:
        said["labels"] = labels
    return audit(open_dataset(reference, read_options(said | dict(reading or {}))), limit=limit)


def audit(dataset: Dataset, *, limit: int | None = None, seed: int = SEED) -> Audit:
    """Looks at a dataset, or a seeded sample of ``limit`` of its documents, without any suite: every field
    is probed, whether or not a task would show it to a method.

    Raises BenchError for a limit below 1, and MissingDependency where labels are to be probed without
    scikit-learn.
    """
    whole = len(dataset.documents)
    dataset = subsample(dataset, limit, seed)
    fields = sorted({name for document in dataset.documents for name in document.fields})
    filled = {
        name: sum(bool(document.fields.get(name, "").strip()) for document in dataset.documents)
        for name in fields
    }
    labels = {
        id_: target
        for id_, target in dataset.targets.get("classification", {}).items()
        if isinstance(target, str) and target
    }
    text_fields = tuple(name for name in TEXT_FIELDS if name in fields) or tuple(fields)
    copies = find_copies(dataset, text_fields, labels)
    findings: list[Finding] = []
    full: Score | None = None
    probed_text, probes = text_fields, tuple[FieldProbe, ...]()
    labelled = "classification" in dataset.targets
    if labelled:
        groups = {id_: group.ids[0] for group in copies.groups for id_ in group.ids}
        full, probed_text, probes, shortcuts = probe_fields(dataset.documents, labels, groups)
        findings += shortcuts
        findings += judge_labels(labels, len(dataset.documents) - len(labels))
    keyphrases: KeyphraseGold | None = None
    if "keyphrases" in dataset.targets:
        gold = {
            id_: target for id_, target in dataset.targets["keyphrases"].items() if isinstance(target, tuple)
        }
        keyphrases, given_away = read_keyphrases(dataset, gold)
        findings += given_away
    findings += judge_copies(copies)
    findings += judge_reading(dataset.decisions)
    findings += judge_filled(filled, len(dataset.documents))
    return Audit(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        documents=len(dataset.documents),
        sample_of=whole if whole > len(dataset.documents) else None,
        filled=filled,
        copies=copies,
        labels=dict(Counter(labels.values()).most_common()) if labelled else None,
        unlabelled=len(dataset.documents) - len(labels) if labelled else 0,
        text=full,
        text_fields=probed_text,
        probes=probes,
        keyphrases=keyphrases,
        findings=tuple(sorted(findings, key=lambda found: found.severity)),
        decisions=dataset.decisions,
    )
