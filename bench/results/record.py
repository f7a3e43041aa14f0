"""The versioned record that one cell leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from readbench.core.errors import BenchError
from readbench.core.usage import Price

SCHEMA_VERSION = 2
READ_AS_IT_IS = frozenset({1, SCHEMA_VERSION})
"""Schema versions of records that need no migration. Version 1 repeats the version of each metric in it."""

Status = Literal["ok", "failed", "timeout", "out_of_memory", "skipped", "missing_dependency"]

Migration = Callable[[dict[str, Any]], dict[str, Any]]


class StoredModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Failure(StoredModel):
    """Why a cell is not ok. ``output`` is the end of what the process printed."""

    type: str
    message: str
    traceback: str = ""
    output: str = ""


class FailedDocument(StoredModel):
    """A document on which the method raised, and the exception."""

    id: str
    type: str
    message: str


class FailedDocuments(StoredModel):
    """``count`` of ``of`` test documents on which the method raised; they are scored as empty answers.
    ``first``: those that came first, with their errors."""

    count: int
    of: int
    first: tuple[FailedDocument, ...] = ()


MOST_FIRST = 20
"""Failed documents of a method whose errors are shown."""


class Value(StoredModel):
    """One metric of one cell: the mean over ``n`` documents (or what the metric makes of such means) and
    its 95 % interval. Null where no document counts; an interval is also null where none holds. ``reason``
    says why the value or the interval is null."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    higher_is_better: bool = True
    version: str
    reason: str | None = None
    spread: float | None = Field(None, description="standard deviation over folds and repeats")


class Priced(StoredModel):
    """The model behind an API that a cell asked about ``documents`` documents, and the price by which its
    tokens became money; None where the suite's table has none."""

    model: str
    documents: int
    price: Price | None = None

    def per_1000_documents(self, costs: Costs) -> float | None:
        """The money that the tokens of ``costs`` make; None without a price, or where they are not known."""
        tokens = costs.input_tokens, costs.output_tokens
        if self.price is None or not self.documents or tokens[0] is None or tokens[1] is None:
            return None
        return 1000 * self.price.of(tokens[0], costs.cached_tokens or 0.0, tokens[1]) / self.documents


class Charged(StoredModel):
    """A preparation that the cell used and what it would have paid for it alone. ``beside_other_work``: as in
    ``ProcessorUse``."""

    name: str
    key: str
    seconds: float
    seconds_per_document: float | None
    peak_memory_bytes: int | None
    beside_other_work: bool = False
    notes: dict[str, Any] = Field(default_factory=dict)


class PreparationCost(StoredModel):
    """What building a preparation cost, kept beside its files. ``setup_s`` is paid once (loading a
    model), the rest of ``build_s`` per document."""

    name: str
    setup_s: float
    build_s: float
    documents: int
    peak_memory_bytes: int | None
    machine: str
    contended: bool
    beside_other_work: bool = False
    versions: dict[str, str]
    notes: dict[str, Any] = Field(default_factory=dict)

    @property
    def seconds_per_document(self) -> float | None:
        return (self.build_s - self.setup_s) / self.documents if self.documents else None


class Costs(StoredModel):
    """What a cell cost. Seconds, bytes and documents a second; absent is null, never 0. What each field is
    and how it is shown stands in ``cost_table.COST_TABLE``.

    ``import_s``: importing its libraries in a fresh interpreter, measured once a machine; null, and so is
    ``documents_per_s``, where other work was in the way (the record's notes say so).
    ``load_s``: importing the method's own file, ``Adapter.load`` and opening the preparations.
    ``warmup_s``: one document, predicted once before the clock of ``predict_s`` starts. ``prepare_s``: what
    its preparations cost to build, charged in full though the run paid once. ``predict_s``: the sum over the
    chunks. ``cpu_s``: processor time of the same calls, of all threads of the process; where it is less than
    ``predict_s``, the method waited, or other work was in the way.
    ``documents_per_s``: test documents over import, load, preparation and prediction, with what the first
    document took longer than the others: what somebody who starts this method alone will see.
    ``documents_per_s_marginal``: test documents over their share of preparation and prediction, everything
    loaded: what one more document costs.
    ``tuning_s``: of a method whose parameters were chosen, what trying all combinations took: a fact of the
    row on a board, null in the record of a cell.
    ``library_memory_bytes``: the import footprint, which methods with the same libraries have in common;
    ``own_memory_bytes``: the sampled growth of the cell's process tree beyond them. ``peak_memory_bytes``:
    both together, or what one of its preparations held where that is more.
    ``price_per_1000_documents``: in the currency of the suite's price table. ``input_tokens``,
    ``cached_tokens`` (a part of them) and ``output_tokens``, ``requests`` and ``retries`` among them: of all
    documents, by a model behind an API. ``latency_p50_s`` and ``latency_p95_s``: of an answer, from the
    request to its end.
    """

    import_s: float | None = None
    load_s: float | None = None
    warmup_s: float | None = None
    prepare_s: float | None = None
    fit_s: float | None = None
    predict_s: float | None = None
    cpu_s: float | None = None
    tuning_s: float | None = None
    wall_s: float | None = None
    documents_per_s: float | None = None
    documents_per_s_marginal: float | None = None
    peak_memory_bytes: int | None = None
    own_memory_bytes: int | None = None
    library_memory_bytes: int | None = None
    peak_vram_allocated_bytes: int | None = None
    peak_vram_process_bytes: int | None = None
    gpu_utilisation: float | None = None
    price_per_1000_documents: float | None = None
    input_tokens: float | None = None
    cached_tokens: float | None = None
    output_tokens: float | None = None
    requests: float | None = None
    retries: float | None = None
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None


class ProcessorUse(StoredModel):
    """Processor time in seconds: of the whole process with the children that it waited for, and of its
    ``predict`` calls without children. Where it is far below the time by the clock, and the method neither
    waits nor computes on a GPU, other work was in the way. ``load_average`` and ``load_before``: of the
    machine, over the minute before the cell ended and before it began. ``others``: how many of the
    ``processors`` other work than this run's kept busy meanwhile, ``stolen``: how many the host of a virtual
    machine gave to somebody else; null where the system does not tell. ``beside_other_work``: that was so
    much that the seconds of the cell, or those of a preparation or a member that it stands on, cannot be
    compared with others."""

    cell_s: float
    predict_s: float | None = None
    load_average: float
    load_before: float | None = None
    others: float | None = None
    stolen: float | None = None
    processors: int | None = None
    beside_other_work: bool = False


class _Measured(BaseModel):
    """What a whole record and its facts have in common."""

    contended: bool = False
    processor: ProcessorUse | None = None

    @property
    def beside_other_work(self) -> bool:
        """Whether its seconds were taken while something else ran: another cell, or other work."""
        return self.contended or (self.processor is not None and self.processor.beside_other_work)


class Record(StoredModel, _Measured):
    """What one cell left: one method on one fold with one seed. ``stochastic``: whether the method has
    training noise; null in records from before this field. ``members``: of an ensemble the cells whose
    predictions it combines, key by spec, and ``member_predictions`` the digests of these predictions; its
    costs contain theirs. ``learns_from`` and ``learned_predictions``: the same of its members' cells
    on the validation part. ``goes``: how many processes predicted it one after the other, because those
    before were ended; seconds are sums over them, memory is the highest. ``shards``: in how many parts its
    documents were predicted, each by a process of its own; seconds and memory as with ``goes``. ``strict``:
    it was run with --strict. ``more_sources``: SHA-256 of files that the process loaded and its key does not
    cover, as where a method imports by computed names; where one changes, the cell runs again.

    As JSON each version of metrics stands once, in ``metric_versions``, with the metrics that have it: the 78
    metrics of keyphrases share nine sentences."""

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
    priced: Priced | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    metrics: dict[str, Value] = Field(default_factory=dict)
    preparations: list[Charged] = Field(default_factory=list)
    members: dict[str, str] = Field(default_factory=dict)
    member_predictions: dict[str, str | None] = Field(default_factory=dict)
    learns_from: dict[str, str] = Field(default_factory=dict)
    learned_predictions: dict[str, str | None] = Field(default_factory=dict)
    predictions_digest: str | None = None
    weights: dict[str, str] = Field(default_factory=dict)
    more_sources: dict[str, str] = Field(default_factory=dict)
    notes: dict[str, Any] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)
    output_bytes: int = 0
    failed_documents: FailedDocuments | None = None
    goes: int = 1
    shards: int = 1
    strict: bool = False

    @model_serializer(mode="wrap")
    def _gather_versions(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = plain(self)
        of_versions: dict[str, list[str]] = {}
        for name, value in data.get("metrics", {}).items():
            of_versions.setdefault(value.pop("version"), []).append(name)
            for absent in [key for key in ("reason", "spread") if value[key] is None]:
                del value[absent]
        return data | {"metric_versions": of_versions}

    @model_validator(mode="before")
    @classmethod
    def _spread_versions(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "metric_versions" not in data:
            return data
        of_versions, metrics = data["metric_versions"], data.get("metrics")
        if not isinstance(of_versions, dict) or not isinstance(metrics, dict):
            raise ValueError("metrics and their versions are not told by name")
        versions = {
            name: version
            for version, names in of_versions.items()
            for name in (names if isinstance(names, list) else ())
            if isinstance(name, str)
        }
        spread = {
            name: {"version": versions[name]} | value
            if name in versions and isinstance(value, dict)
            else value
            for name, value in metrics.items()
        }
        return {name: value for name, value in data.items() if name != "metric_versions"} | {
            "metrics": spread
        }


class CellFacts(_Measured):
    """The part of a record that a board needs of every cell of a method. The rest, mostly metrics and
    versions, is read of the first cell alone: a method may have a hundred."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int
    key: str
    fold: int
    repeat: int = 0
    device: str = "cpu"
    stochastic: bool | None = None
    status: Status
    failure: Failure | None = None
    failed_documents: FailedDocuments | None = None
    goes: int = 1
    shards: int = 1
    started_at: str
    costs: Costs
    predictions_digest: str | None = None


def weights_of(record: Record) -> list[dict[str, str]]:
    """The model weights that a cell ran with, its preparations' included: name, sha256 and source."""
    notes = [record.notes, *(charged.notes for charged in record.preparations)]
    named = [note["weights"] for note in notes if isinstance(note.get("weights"), dict)]
    # A method notes what it likes under that name; what are no texts are no names and no digests.
    texts = [{name: text for name, text in note.items() if isinstance(text, str)} for note in named]
    return list({weights.get("sha256", str(weights)): weights for weights in texts if weights}.values())


MIGRATIONS: dict[int, Migration] = {1: lambda data: data | {"schema_version": 2}}


def read_record(data: dict[str, Any], where: str) -> Record:
    """Validates a stored record, migrating older schema versions.

    Raises BenchError for a version that this program does not know.
    """
    return Record.model_validate(migrated(data, SCHEMA_VERSION, MIGRATIONS, "record", where))


def migrated(
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
