"""The versioned record that one cell leaves, and the manifest of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from readbench.errors import BenchError

SCHEMA_VERSION = 1
MANIFEST_VERSION = 2

Status = Literal["ok", "failed", "timeout", "out_of_memory", "skipped", "missing_dependency"]

Migration = Callable[[dict[str, Any]], dict[str, Any]]

OTHER_LANGUAGE = "documents say that they are in another language than the suite reads"
"""How the count of such documents begins, among those of a dataset."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Failure(_Model):
    """Why a cell is not ok. ``output`` is the end of what the process printed."""

    type: str
    message: str
    traceback: str = ""
    output: str = ""


class Value(_Model):
    """One metric of one cell: the mean over ``n`` documents (or what the metric makes of such means) and
    its 95 % interval. Null where no
    document counts."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    higher_is_better: bool = True
    version: str
    spread: float | None = Field(None, description="standard deviation over folds and repeats")


class Charged(_Model):
    """A preparation that the cell used and what it would have paid for it alone."""

    name: str
    key: str
    seconds: float
    seconds_per_document: float | None
    peak_memory_bytes: int | None
    notes: dict[str, Any] = Field(default_factory=dict)


class PreparationCost(_Model):
    """What building a preparation cost, kept beside its files. ``setup_s`` is paid once (loading a
    model), the rest of ``build_s`` per document."""

    name: str
    setup_s: float
    build_s: float
    documents: int
    peak_memory_bytes: int | None
    machine: str
    contended: bool
    versions: dict[str, str]
    notes: dict[str, Any] = Field(default_factory=dict)

    @property
    def seconds_per_document(self) -> float | None:
        return (self.build_s - self.setup_s) / self.documents if self.documents else None


class Costs(_Model):
    """What a cell cost. Seconds, bytes and documents a second; absent is null, never 0.

    ``import_s``: importing its libraries in a fresh interpreter, measured once a machine; null, and so is
    ``documents_per_s``, where other work was in the way (the record's notes say so).
    ``load_s``: ``Adapter.load`` and opening the preparations. ``warmup_s``: one document, predicted
    once before the clock starts. ``prepare_s``: what its preparations cost to build, charged in full
    though the run paid once. ``predict_s``: the sum over the chunks.
    ``documents_per_s``: test documents over import, load, preparation and prediction: what somebody
    who starts this method alone will see. ``documents_per_s_marginal``: test documents over their
    share of preparation and prediction, everything loaded: what one more document costs.
    ``peak_memory_bytes``: the import footprint plus the sampled growth of the process tree.
    """

    import_s: float | None = None
    load_s: float | None = None
    warmup_s: float | None = None
    prepare_s: float | None = None
    fit_s: float | None = None
    predict_s: float | None = None
    wall_s: float | None = None
    documents_per_s: float | None = None
    documents_per_s_marginal: float | None = None
    peak_memory_bytes: int | None = None
    peak_vram_allocated_bytes: int | None = None
    peak_vram_process_bytes: int | None = None
    gpu_utilisation: float | None = None


class Record(_Model):
    """What one cell left: one method on one fold with one seed. ``stochastic``: whether the method has
    training noise; null in records that are older than the question. ``members`` are the cells that a method
    made of others stands on, key by spelling, and ``member_predictions`` digests of what they had predicted;
    its costs hold theirs. ``more_sources``: SHA-256 of files that the process loaded and its key does not
    cover, as where a method imports by computed names; where one changes, the cell runs again."""

    schema_version: int = SCHEMA_VERSION
    key: str
    method: str
    params: dict[str, Any]
    task: dict[str, Any]
    dataset: str
    fingerprint: str
    split_hash: str
    fold: int
    repeat: int = 0
    seed: int
    device: str = "cpu"
    stochastic: bool | None = None
    status: Status
    failure: Failure | None = None
    started_at: str
    machine: dict[str, Any]
    versions: dict[str, str]
    threads: int
    contended: bool
    timeout_s: float
    memory_bytes: int
    costs: Costs = Field(default_factory=Costs)
    counts: dict[str, int] = Field(default_factory=dict)
    metrics: dict[str, Value] = Field(default_factory=dict)
    preparations: list[Charged] = Field(default_factory=list)
    members: dict[str, str] = Field(default_factory=dict)
    member_predictions: dict[str, str | None] = Field(default_factory=dict)
    predictions_digest: str | None = None
    weights: dict[str, str] = Field(default_factory=dict)
    more_sources: dict[str, str] = Field(default_factory=dict)
    notes: dict[str, Any] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)
    output_bytes: int = 0


class CellFacts(BaseModel):
    """What a board needs of every cell of a method. A record is mostly metrics and versions; of a method with
    a hundred cells they are read of one, and of the others this."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int
    key: str
    fold: int
    repeat: int = 0
    device: str = "cpu"
    stochastic: bool | None = None
    status: Status
    failure: Failure | None = None
    started_at: str
    costs: Costs
    predictions_digest: str | None = None


class RunCell(_Model):
    """A cell as a run saw it."""

    task: str
    method: str
    fold: int = 0
    repeat: int = 0
    key: str
    status: Status
    reused: bool = False
    chosen: str | None = None


class Trial(_Model):
    """A combination of parameters that was tried on the validation part."""

    task: str
    method: str
    key: str
    status: Status
    value: float | None


class RunReference(_Model):
    """Values from elsewhere, shown beside a metric of the run."""

    label: str
    metric: str
    values: dict[str, float]


class RunTask(_Model):
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


class Manifest(_Model):
    """A run: which cells, of which suite, on which documents, started how. ``reference_workload_s``: what
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


def weights_of(record: Record) -> list[dict[str, str]]:
    """The model weights that a cell ran with, its preparations' included: name, sha256 and source."""
    notes = [record.notes, *(charged.notes for charged in record.preparations)]
    found = [note["weights"] for note in notes if isinstance(note.get("weights"), dict)]
    return list({one.get("sha256", str(one)): one for one in found}.values())


def _split_of_each_task(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had one split for all tasks, of one fold."""
    split = {name: data.pop(name) for name in ("split", "split_hash", "documents")}
    tasks = {
        name: task | split | {"folds": 1, "tested": split["documents"]["test"]}
        for name, task in data["tasks"].items()
    }
    return data | {"tasks": tasks, "schema_version": 2}


MIGRATIONS: dict[int, Migration] = {}
MANIFEST_MIGRATIONS: dict[int, Migration] = {1: _split_of_each_task}
"""From a schema version to the next one, applied in turn to what older versions wrote."""


def read_record(data: dict[str, Any], where: str) -> Record:
    """Validates a stored record, migrating older schema versions.

    Raises BenchError for a version that this program does not know.
    """
    return Record.model_validate(_migrated(data, SCHEMA_VERSION, MIGRATIONS, "record", where))


def read_manifest(data: dict[str, Any], where: str) -> Manifest:
    """As ``read_record``, for the manifest of a run."""
    return Manifest.model_validate(_migrated(data, MANIFEST_VERSION, MANIFEST_MIGRATIONS, "run", where))


def _migrated(
    data: dict[str, Any], newest: int, migrations: dict[int, Migration], what: str, where: str
) -> dict[str, Any]:
    version = data.get("schema_version")
    while version != newest:
        if not isinstance(version, int) or version not in migrations:
            raise BenchError(
                f"the {what} has schema version {version!r}; this program reads {newest}",
                where=where,
                todo="update readbench or run again with --fresh",
            )
        data = migrations[version](data)
        version = data.get("schema_version")
    return data
