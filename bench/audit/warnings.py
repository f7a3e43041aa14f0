"""What a run must say about the fields its methods read: the quick part of the shortcut probe, kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import TypeAdapter

from readbench.audit.shortcuts import probe_marks
from readbench.core.damage import stored_json
from readbench.core.errors import MissingDependency
from readbench.core.files import cannot_write, first_line, write_json
from readbench.core.seeds import seeded_order
from readbench.core.types import Dataset
from readbench.datasets.near_duplicates import kept_groups
from readbench.tasks.spec import TaskSpec

VERSION = 1
"""Raised when the same texts would be judged otherwise: kept warnings then count no more."""

PROBED = 2000
"""A seeded sample of so many labelled documents is enough to see a shortcut that decides a board."""


def shortcut_warnings(dataset: Dataset, spec: TaskSpec, results: Path) -> list[str]:
    """One line for each field of the spec whose marks alone, or the name of the label in it, predict the
    label. Empty for a task without labels.

    Computed once for a fingerprint and kept as a file in the results folder. Where scikit-learn is
    missing, the one line says so. Raises BenchError where the folder cannot be written.
    """
    if spec.task != "classification":
        return []
    folder = results / "audits"
    asked = json.dumps([VERSION, dataset.fingerprint, list(spec.fields)])
    path = folder / f"{hashlib.sha256(asked.encode()).hexdigest()[:40]}.json"
    kept = stored_json(path, TypeAdapter(list[str]).validate_python)
    if kept is not None:
        return kept
    targets = {
        id_: target for id_, target in dataset.targets.get(spec.task, {}).items() if isinstance(target, str)
    }
    sample = set(seeded_order([id_ for id_, label in targets.items() if label], "audit")[:PROBED])
    documents = [document for document in dataset.documents if document.id in sample]
    groups = kept_groups(dataset, spec.fields, results / "near-duplicates")
    try:
        findings = probe_marks(documents, {id_: targets[id_] for id_ in sample}, spec.fields, groups)
    except MissingDependency as error:
        return [f"fields were not probed for shortcuts: {error.what}; {error.todo}"]
    except Exception as error:  # an optional look never stops a measurement, whatever is in the texts
        return [f"fields were not probed for shortcuts: {type(error).__name__}: {first_line(error)}"]
    lines = [found.text for found in findings]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    write_json(path, lines)
    return lines
