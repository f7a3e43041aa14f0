"""The versioned manifest of a run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from readbench.results.record import Migration, Status, StoredModel, migrated

MANIFEST_VERSION = 2


class RunCell(StoredModel):
    """A cell as a run saw it."""

    task: str
    method: str
    fold: int = 0
    repeat: int = 0
    key: str
    status: Status
    reused: bool = False
    chosen: str | None = None


class Trial(StoredModel):
    """A combination of parameters that was tried on the validation part."""

    task: str
    method: str
    key: str
    status: Status
    value: float | None


class ReadDecision(StoredModel):
    """What the reader of the dataset decided by looking at it (``core.types.Decision``)."""

    about: str
    chosen: str
    seen: int = 0
    of: int = 0
    unit: str = ""
    doubt: str = ""
    option: str = ""


class RunReference(StoredModel):
    """Values from elsewhere, shown beside a metric of the run."""

    label: str
    metric: str
    values: dict[str, float]


class RunTask(StoredModel):
    """A task of a run: its spec, its folds and how the board ranks it. ``documents`` counts those of the
    first fold by part; ``tested`` are the test documents of all folds. ``near_duplicates`` counts documents
    that have one, ``near_duplicates_across`` test documents that have one among those to learn from.
    ``warnings``: what makes its scores doubtful, a line each."""

    spec: dict[str, Any]
    split: dict[str, Any]
    split_hash: str
    folds: int = 1
    documents: dict[str, int]
    tested: int
    near_duplicates: int = 0
    near_duplicates_across: int = 0
    primary: str
    board: list[str]
    reference: RunReference | None = None
    warnings: list[str] = Field(default_factory=list)


class Manifest(StoredModel):
    """A run: which cells, of which suite, on which documents, started how. ``reading``: the reading options
    of the command line. ``reference_workload_s``: what
    the machine took for a fixed piece of work before the first cell; null where no cell was measured."""

    schema_version: int = MANIFEST_VERSION
    name: str
    suite: str
    suite_version: int | None = None
    suite_digest: str
    status: Literal["running", "finished", "interrupted"]
    command: str
    started_at: str
    finished_at: str | None = None
    wall_s: float | None = None
    tasks: dict[str, RunTask]
    dataset: str
    dataset_source: str
    dataset_counts: dict[str, int]
    dataset_decisions: list[ReadDecision] = Field(default_factory=list)
    reading: dict[str, str] = Field(default_factory=dict)
    demo: bool
    fingerprint: str
    seed: int
    limit: int | None
    workers: int
    timeout_s: float
    memory_bytes: int
    machine: dict[str, Any]
    reference_workload_s: float | None = None
    trials: list[Trial] = Field(default_factory=list)
    cells: list[RunCell]


def _split_of_each_task(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had one split for all tasks, of one fold."""
    split = {name: data.pop(name) for name in ("split", "split_hash", "documents")}
    tasks = {
        name: task | split | {"folds": 1, "tested": split["documents"]["test"]}
        for name, task in data["tasks"].items()
    }
    return data | {"tasks": tasks, "schema_version": 2}


MANIFEST_MIGRATIONS: dict[int, Migration] = {1: _split_of_each_task}
"""From a schema version to the next one, applied in turn to what older versions wrote."""


def read_manifest(data: dict[str, Any], where: str) -> Manifest:
    """As ``read_record``, for the manifest of a run."""
    return Manifest.model_validate(migrated(data, MANIFEST_VERSION, MANIFEST_MIGRATIONS, "run", where))
