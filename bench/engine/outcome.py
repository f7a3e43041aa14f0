"""What a child reports when it ends: one typed value, written by the child and validated by the parent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from readbench.core.usage import Usage
from readbench.engine.notes import MOST_CHARACTERS_IN_ALL

OUTCOME = "outcome.json"
"""The name of the outcome's file in the working folder."""

TYPE_KEPT, MESSAGE_KEPT, TRACEBACK_KEPT = 200, 1_000, 20_000
"""Characters of a failure that a child reports."""

MOST_BYTES = 4 * MOST_CHARACTERS_IN_ALL + 2**22
"""Of the file: the longest notes in UTF-8, and the names of some ten thousand modules."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]


class _Reported(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ChildFailure(_Reported):
    """Why a child's work is not ok: the exception's class, its text and its traceback."""

    type: str = Field(max_length=TYPE_KEPT)
    message: str = Field(max_length=MESSAGE_KEPT)
    traceback: str = Field("", max_length=TRACEBACK_KEPT)


class FailedDocument(_Reported):
    """A document on which the method raised."""

    id: str = Field(max_length=MESSAGE_KEPT)
    type: str = Field(max_length=TYPE_KEPT)
    message: str = Field(max_length=MESSAGE_KEPT)


class FailedDocuments(_Reported):
    """``count`` of ``of`` test documents, and the first of them with their errors."""

    count: int = Field(ge=1)
    of: int = Field(ge=1)
    first: tuple[FailedDocument, ...]


class EarlierFigures(_Reported):
    """What ``goes``, processes that were ended before this one, took for what they left, in all. ``wall_s``
    and ``process_s``: from their start to their last chunk, by the clock and of the processor. ``contended``:
    other cells ran beside one. Of memory the highest."""

    goes: int = Field(ge=1)
    load_s: Seconds
    fit_s: Seconds | None
    warmup_s: Seconds
    predict_s: Seconds
    predict_cpu_s: Seconds
    wall_s: Seconds
    process_s: Seconds
    grown_bytes: Bytes
    contended: bool
    vram_bytes: Bytes | None = None


class CellFigures(_Reported):
    """What a cell's own clocks say, of this process alone. ``fit_s`` is None where there was nothing to learn
    from; ``predict_s`` is the sum over the chunks and ``predict_cpu_s`` the processor time in them.
    ``peak_vram_allocated_bytes``: the most that torch had allocated on a GPU. ``earlier``: what those
    processes took that this one went on from. ``usage``: of a model behind an API."""

    kind: Literal["cell"] = "cell"
    load_s: Seconds
    fit_s: Seconds | None
    warmup_s: Seconds
    predict_s: Seconds
    predict_cpu_s: Seconds
    peak_vram_allocated_bytes: Bytes | None = None
    earlier: EarlierFigures | None = None
    usage: Usage | None = None


class PreparationFigures(_Reported):
    """What building a preparation took. ``setup_s`` is the part before its first document."""

    kind: Literal["preparation"] = "preparation"
    setup_s: Seconds
    build_s: Seconds
    documents: int = Field(ge=0)


Figures = Annotated[CellFigures | PreparationFigures, Field(discriminator="kind")]


class Outcome(_Reported):
    """How the work of a child ended. ``phases``: seconds from the beginning of each phase to that of the
    next one. ``modules``: the first-party modules that the process had loaded, file by name.
    ``private_bytes``: its own memory at the end, beyond ``baseline_bytes``, which the harness held.
    ``failed_documents``: those on which the method raised, as far as it came."""

    status: Literal["ok", "failed", "out_of_memory", "missing_dependency"]
    failure: ChildFailure | None = None
    figures: Figures | None = None
    failed_documents: FailedDocuments | None = None
    phases: dict[str, Seconds] = Field(default_factory=dict)
    modules: dict[str, str] = Field(default_factory=dict)
    notes: dict[str, JsonValue] = Field(default_factory=dict)
    private_bytes: Bytes = 0
    baseline_bytes: Bytes = 0

    @model_validator(mode="after")
    def _says_one_thing(self) -> Outcome:
        if (self.status == "ok") != (self.failure is None) or (self.status == "ok") != bool(self.figures):
            raise ValueError("an outcome that is ok has figures and no failure, any other one the reverse")
        return self

    def to_json(self) -> bytes:
        return self.model_dump_json().encode()


class OutcomeInvalid(ValueError):
    """The outcome file holds something else; the text says what, in one line."""


def read_outcome(folder: Path, kind: Literal["cell", "preparation"]) -> Outcome | None:
    """What a child reported; None where it left no outcome behind.

    Raises OutcomeInvalid where the file is no outcome of a job of this kind.
    """
    try:
        with (folder / OUTCOME).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError:
        return None
    if len(content) > MOST_BYTES:
        raise OutcomeInvalid(f"it is longer than {MOST_BYTES:,} bytes")
    try:
        outcome = Outcome.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise OutcomeInvalid(f"{place}: {first['msg']}" if place else first["msg"]) from error
    if outcome.figures is not None and outcome.figures.kind != kind:
        raise OutcomeInvalid(f"it has the figures of a {outcome.figures.kind}, and the job is a {kind}")
    return outcome
