"""The versioned manifest of a run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from readbench.core.types import Decision, OtherLanguage
from readbench.results.manifest_migrations import MANIFEST_MIGRATIONS
from readbench.results.record import Status, StoredModel, migrated

MANIFEST_VERSION = 3


class Chosen(StoredModel):
    """How the parameters of a method were chosen: the best of the ``combinations`` of what the suite asked
    for (``asked``) on the ``documents`` of the validation part; None where no combination ran, so that the
    first one stays on the board with what stopped it. ``equal``: how many others were as good. ``edges``:
    parameters whose chosen number is the least or the largest that was tried, so that a better one may lie
    beyond. ``tuning_s``: what trying all of them took, null in runs from before this field."""

    asked: str
    combinations: int
    documents: int | None
    equal: int = 0
    edges: tuple[str, ...] = ()
    tuning_s: float | None = None

    @property
    def words(self) -> str:
        """As boards say it."""
        if self.documents is None:
            return f"none of {self.combinations} combinations ran"
        others = f", {self.equal} other{'s' if self.equal > 1 else ''} equally good" if self.equal else ""
        words = f"{self.asked}: best of {self.combinations} on {self.documents} validation documents{others}"
        if not self.edges:
            return words
        return (
            f"{words}; {' and '.join(self.edges)} at the edge of what was tried: wider values may do better"
        )


RunStatus = Literal["running", "finished", "interrupted", "killed"]
"""``killed``: it says that it is running, and its process is gone. No file says so; the reader finds out."""


class RunCell(StoredModel):
    """A cell as a run saw it. ``record``: the SHA-256 of its record's file; null in runs from before this
    field. A record with another one was written after the run. ``pending``: the run had not come to it when
    this was written."""

    task: str
    method: str
    fold: int = 0
    repeat: int = 0
    key: str
    status: Status | Literal["pending"]
    record: str | None = None
    reused: bool = False
    chosen: Chosen | None = None

    def is_changed(self, digest: str | None) -> bool:
        """Whether its record, whose file has that SHA-256, was written after the run: in one results folder
        the same code has the same cells, and a later run with --fresh replaces them."""
        return self.record not in (None, digest)


class Trial(StoredModel):
    """A combination of parameters that was tried on the validation part."""

    task: str
    method: str
    key: str
    status: Status
    value: float | None


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

    @field_validator("spec")
    @classmethod
    def _is_a_spec(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Whoever reads a run makes a spec of it: what is none is said where the file is read."""
        from readbench.tasks.spec import TaskSpec

        TaskSpec.model_validate(value)
        return value


class Manifest(StoredModel):
    """A run: which cells, of which suite, on which documents, started how. ``left_out``,
    ``other_languages``, ``remarks`` and ``decisions`` are those of the dataset; ``reading`` are the reading
    options of the command line. ``reference_workload_s``: what the machine took for a fixed piece of work
    before the first cell; null where no cell was measured."""

    schema_version: int = MANIFEST_VERSION
    name: str
    suite: str
    suite_version: int | None = None
    suite_digest: str
    status: RunStatus
    lease: str | None = None
    command: str
    started_at: str
    finished_at: str | None = None
    wall_s: float | None = None
    tasks: dict[str, RunTask]
    dataset: str
    dataset_source: str
    left_out: dict[str, int] = Field(default_factory=dict)
    other_languages: tuple[OtherLanguage, ...] = ()
    remarks: dict[str, int] = Field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
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


def read_manifest(data: dict[str, Any], where: str) -> Manifest:
    """As ``read_record``, for the manifest of a run."""
    return Manifest.model_validate(migrated(data, MANIFEST_VERSION, MANIFEST_MIGRATIONS, "run", where))
