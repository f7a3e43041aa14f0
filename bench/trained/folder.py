"""A trained method as a folder: a manifest, what the method saved, preparations of its training part."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from readbench.adapter import Adapter, PreparationNeed
from readbench.core.errors import BenchError
from readbench.core.files import regular, write_json
from readbench.tasks.spec import TaskSpec
from readbench.trained.row_file import writing

MANIFEST = "manifest.json"
MODEL = "model"
PREPARATIONS = "preparations"
MODEL_VERSION = 1


class ModelManifest(BaseModel):
    """What a model folder holds and where it came from. ``files`` are SHA-256 by path in the folder.
    ``weights`` stand for the weights that the method loads beside them, and ``inputs`` are the parameters of
    the preparations that are made anew for each text: other ones would make it predict something else."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = MODEL_VERSION
    method: str
    params: dict[str, Any]
    spec: TaskSpec
    seed: int
    dataset: str
    fingerprint: str
    documents: dict[str, int]
    fit_s: float
    created_at: str
    machine: dict[str, Any]
    versions: dict[str, str]
    notes: dict[str, Any] = Field(default_factory=dict)
    preparations: list[str] = Field(default_factory=list)
    weights: dict[str, str] = Field(default_factory=dict)
    inputs: dict[str, dict[str, Any]] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 that stands for the model: its method, task and files."""
        identity = [self.method, self.spec.model_dump(mode="json"), self.files, self.weights, self.inputs]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def weights_beside(adapter: Adapter) -> dict[str, str]:
    """What stands for the weights that a method needs beside what it saved."""
    return {} if adapter.checks_weights else dict(adapter.weights())


def inputs_of(needs: Mapping[str, PreparationNeed], kept: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The parameters of the preparations that a model's folder does not hold, by name."""
    made = {name: need for name, need in needs.items() if name not in set(kept)}
    return {name: need.preparation.params.model_dump(mode="json") for name, need in made.items()}


def check_surroundings(
    folder: Path, manifest: ModelManifest, adapter: Adapter, needs: Mapping[str, PreparationNeed]
) -> None:
    """Raises BenchError where the model would work with other weights than those it was trained with."""
    if manifest.weights != weights_beside(adapter) or manifest.inputs != inputs_of(
        needs, manifest.preparations
    ):
        raise BenchError(
            "was trained with other weights than those that are here now",
            where=str(folder),
            todo="bring back the model that it was trained with, or fit again",
        )


def begin(output: Path) -> Path:
    """A folder beside ``output`` to write a model into. Raises BenchError where something is in its place."""
    with writing(output):
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise BenchError("it exists already", where=str(output), todo="choose another --output")
        output.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))


def finish(workspace: Path, output: Path, manifest: ModelManifest) -> ModelManifest:
    """Writes the manifest with the sums of all files and gives the folder its name."""
    files = {
        path.relative_to(workspace).as_posix(): _sha256(path)
        for path in sorted(workspace.rglob("*"))
        if path.is_file()
    }
    complete = manifest.model_copy(update={"files": files})
    write_json(workspace / MANIFEST, complete)
    workspace.chmod(0o755)
    if output.is_dir():
        output.rmdir()
    workspace.rename(output)
    return complete


def read_model(folder: Path) -> ModelManifest:
    """The manifest of a model folder, every file checked against it.

    Raises BenchError where the folder is none, of an unknown version, incomplete or changed.
    """
    path = folder / MANIFEST
    try:
        manifest = ModelManifest.model_validate_json(regular(path).read_bytes())
    except OSError as error:
        raise BenchError(
            "there is no model",
            where=str(folder),
            todo="make one: bench fit METHOD --dataset FILE --output DIR",
        ) from error
    except ValidationError as error:
        raise BenchError(f"is no model's manifest: {error.errors()[0]['msg']}", where=str(path)) from None
    if manifest.schema_version != MODEL_VERSION:
        raise BenchError(
            f"the model has schema version {manifest.schema_version}; this program reads {MODEL_VERSION}",
            where=str(path),
            todo="fit it again",
        )
    _check_files(folder, manifest.files)
    return manifest


def _check_files(folder: Path, sums: Mapping[str, str]) -> None:
    """Raises BenchError where a folder does not hold the files of its manifest, these alone, and as they were
    written. A link could bring in anything from elsewhere."""
    places = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    found = {path.relative_to(folder).as_posix(): path for path in places}
    links = [name for name, path in found.items() if path.is_symlink()]
    outside = [
        name for name in sums if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts
    ]
    more = sorted(found.keys() - sums.keys() - {MANIFEST})
    changed = [name for name, sum_ in sums.items() if name in found and _sha256_of(found[name]) != sum_]
    for names, what in (
        (links, "the file {} is a link to another place"),
        (outside, "its manifest names {}, which is outside of its folder"),
        (sorted(sums.keys() - found.keys()), "the file {} is missing"),
        (more, "the file {} is not in its manifest"),
        (changed, "the file {} has changed since it was written"),
    ):
        if names:
            raise BenchError(what.format(names[0]), where=str(folder), todo="fit the model again")


def _sha256_of(path: Path) -> str:
    """The sum of a file; empty for what is none (a device, a pipe)."""
    return _sha256(path) if path.is_file() and not path.is_symlink() else ""


def _sha256(path: Path) -> str:
    with regular(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
