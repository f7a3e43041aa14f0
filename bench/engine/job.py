"""What a child process is asked to do: one typed value, written by the parent and validated by the child."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from readbench.core.usage import Price
from readbench.tasks.spec import TaskSpec

JOB = "job.json"
"""The name of the job's file in the working folder."""
KEEP_TRAINED_S = 30.0
"""Training that took less is done again where a cell goes on: keeping it would cost every cell more."""


class _Job(BaseModel):
    """What both kinds share. ``method`` is a method's spec (``name[key=value]``); ``documents`` is the file
    of the projected documents, which has no gold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: TaskSpec
    method: str = ""
    device: str
    seed: int = 0
    threads: int = Field(ge=1)
    include_paths: tuple[Path, ...] = ()
    documents: Path


class CellJob(_Job):
    """Load, fit and predict one method on one fold. ``train``, ``validation`` and ``test`` are document ids;
    ``targets`` is the file of the gold of the first two. ``preparations``: folder by the name under which the
    method asks for it. ``members``: prediction files of the methods that an ensemble is made of, and
    ``learns_from`` what they predicted for the validation part, where it learns from that. ``predicted`` is
    the file of its chunks: what earlier processes left is there, and this one goes on with it. It keeps what
    it learned beside that file where training took ``keep_trained_s`` seconds or more. ``machine`` stands for
    the machine, ``contended``: other cells may run beside it. ``strict``: a method that raises on one
    document has failed. Of the chunks of all ``test`` documents those of part ``part`` of ``parts`` are
    predicted. ``kept``, ``prices`` and ``weights`` are those of ``Context``."""

    kind: Literal["cell"] = "cell"
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    targets: Path
    preparations: dict[str, Path] = Field(default_factory=dict)
    members: tuple[Path, ...] = ()
    learns_from: tuple[Path, ...] = ()
    predicted: Path
    keep_trained_s: float = KEEP_TRAINED_S
    machine: str = ""
    contended: bool = False
    strict: bool = False
    part: int = Field(0, ge=0)
    parts: int = Field(1, ge=1)
    kept: Path | None = None
    prices: dict[str, Price] = Field(default_factory=dict)
    weights: dict[str, str] = Field(default_factory=dict)


class PreparationJob(_Job):
    """Build one preparation of the documents ``ids``, or of no document where that is None. ``path`` are the
    names that lead to it from the needs of ``method``. Where ``encoder`` names a model, it is the encoder of
    phrases of that model. ``inputs``: folders of what it is built from, by name."""

    kind: Literal["preparation"] = "preparation"
    path: tuple[str, ...] = ()
    encoder: str = ""
    ids: tuple[str, ...] | None = None
    inputs: dict[str, Path] = Field(default_factory=dict)


ChildJob = Annotated[CellJob | PreparationJob, Field(discriminator="kind")]

_READER: TypeAdapter[CellJob | PreparationJob] = TypeAdapter(ChildJob)


def write_job(job: CellJob | PreparationJob, folder: Path) -> None:
    """Writes the job into its working folder."""
    # Not pydantic's own JSON: a path may hold bytes that are no UTF-8, and those it cannot write.
    (folder / JOB).write_text(json.dumps(job.model_dump(), default=str), encoding="utf-8")


def read_job(folder: Path) -> CellJob | PreparationJob:
    """The job of a working folder. Raises ValueError (pydantic's is one) where the file holds none."""
    return _READER.validate_python(json.loads((folder / JOB).read_text(encoding="utf-8")))
