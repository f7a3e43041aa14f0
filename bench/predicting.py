"""Predicts with a model folder for a file of any size (`bench predict`): block by block, in constant memory,
going on after an interruption."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from readbench.adapter import Adapter
from readbench.datasets.options import ReadOptions
from readbench.datasets.stream import stream_documents
from readbench.engine.child import checked
from readbench.engine.workbench import Workbench
from readbench.errors import BenchError
from readbench.gpu import device_for
from readbench.model_folder import MODEL, PREPARATIONS, ModelManifest, read_model
from readbench.registry import Registry
from readbench.store import cannot_write, write_json
from readbench.tasks import get_task
from readbench.types import Document, ExtractedFacts, PredictedLabel, Prediction

BLOCK = 1024
"""Documents between two writes. Preparations are made of a block at a time."""


@dataclass(frozen=True)
class Predicted:
    """How many documents were predicted now, and how many were there from before."""

    documents: int
    resumed: int
    output: Path


class Model:
    """A model folder at work."""

    def __init__(self, manifest: ModelManifest, bench: Workbench, adapter: Adapter) -> None:
        self.manifest, self._bench, self._adapter = manifest, bench, adapter
        self._task = get_task(manifest.spec.task)

    def predict(self, documents: Sequence[Document]) -> dict[str, Prediction]:
        """Predictions by document id. Raises BenchError where the method breaks its interface."""
        shown = [self.manifest.spec.project(document) for document in documents]
        self._bench.renew({"test": shown})
        found: dict[str, Prediction] = {}
        size = self._adapter.chunk_size
        for begin in range(0, len(shown), size):
            chunk = shown[begin : begin + size]
            found |= checked(chunk, self._adapter.predict(chunk), self._task.check)
        return found


@contextmanager
def opened(folder: Path, *, threads: int = 1, include_paths: Sequence[Path] = ()) -> Iterator[Model]:
    """Loads a model folder. Raises BenchError for one that is incomplete or changed, MissingDependency for
    a method that cannot run here."""
    manifest = read_model(folder)
    method = Registry(include_paths).method(manifest.method)
    given = {name: folder / PREPARATIONS / name for name in manifest.preparations}
    with tempfile.TemporaryDirectory(prefix="bench-predict-") as scratch:
        bench = Workbench(
            method, manifest.spec, Path(scratch), manifest.seed, threads,
            device_for(method.adapter.uses_gpu), given=given,
        )  # fmt: skip
        method.create(bench.context({})).missing()
        adapter = bench.loaded({}, current=True)
        adapter.restore(folder / MODEL)
        yield Model(manifest, bench, adapter)


def predict_file(
    model: Model, source: Path, output: Path, *, options: ReadOptions | None = None, fresh: bool = False,
    progress: Callable[[int], None] = lambda done: None,  # noqa: ARG005
) -> Predicted:  # fmt: skip
    """Writes one row a document in the order of the file: CSV or JSON Lines, by the output's extension.

    What is written stands in ``OUTPUT.part`` until all is there. The same call goes on after the last
    whole block; another model or input begins anew. Raises BenchError for bad input, with its row, and
    where the output cannot be written or is there already.
    """
    if output.exists() and not fresh:
        raise BenchError("is there already", where=str(output), todo="choose another --output, or --fresh")
    writer = _writer(output, model.manifest)
    part = output.with_name(f"{output.name}.part")
    state = output.with_name(f"{output.name}.part.json")
    told = _told(model, source)
    done, size = (0, 0) if fresh else _before(part, state, told)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with part.open("r+b" if size else "wb") as file:
            file.truncate(size)
            file.seek(size)
            if not size:
                file.write(writer.header())
            documents = iter(stream_documents(source, options, fields=model.manifest.spec.fields))
            _skip(documents, done, source)
            resumed = done
            progress(done)
            while block := list(islice(documents, BLOCK)):
                _once(block, source)
                predictions = model.predict(block)
                for document in block:
                    file.write(writer.row(document.id, predictions[document.id]))
                file.flush()
                os.fsync(file.fileno())
                done += len(block)
                write_json(state, told | {"documents": done, "bytes": file.tell()})
                progress(done)
        part.replace(output)
        state.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(output, error) from error
    return Predicted(done - resumed, resumed, output)


def _told(model: Model, source: Path) -> dict[str, Any]:
    """What must be the same for a begun output to be gone on with."""
    status = source.stat() if source.exists() else None
    return {
        "model": model.manifest.digest(),
        "input": str(source.resolve()),
        "input_bytes": status.st_size if status else None,
        "input_changed_ns": status.st_mtime_ns if status else None,
    }


def _before(part: Path, state: Path, told: Mapping[str, Any]) -> tuple[int, int]:
    try:
        kept = json.loads(state.read_text(encoding="utf-8"))
        size = int(kept["bytes"])
        if all(kept.get(name) == value for name, value in told.items()) and part.stat().st_size >= size:
            return int(kept["documents"]), size
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, 0


def _skip(documents: Iterator[Document], done: int, source: Path) -> None:
    if sum(1 for _ in islice(documents, done)) < done:
        raise BenchError(f"has fewer than the {done} documents that were predicted before", where=str(source))


def _once(block: Sequence[Document], source: Path) -> None:
    seen: set[str] = set()
    for document in block:
        if document.id in seen:
            raise BenchError(f"the id {document.id!r} is there twice", where=str(source),
                             todo="give every document an id of its own")  # fmt: skip
        seen.add(document.id)


class _CsvWriter:
    """``id``, and of a label: ``label`` and the score of each class; of keyphrases: joined by a semicolon;
    of facts: ``label`` and the facts as JSON."""

    def __init__(self, manifest: ModelManifest) -> None:
        self.labels = manifest.spec.labels
        self.task = manifest.spec.task

    def header(self) -> bytes:
        if self.task == "classification":
            return _line(["id", "label", *(f"score.{label}" for label in self.labels)])
        return _line(["id", "keyphrases"] if self.task == "keyphrases" else ["id", "label", "facts"])

    def row(self, id_: str, prediction: Prediction) -> bytes:
        if isinstance(prediction, PredictedLabel):
            scores = [prediction.scores.get(label, "") for label in self.labels]
            return _line([id_, prediction.label or "", *scores])
        if isinstance(prediction, ExtractedFacts):
            facts = _plain(id_, prediction)["facts"]
            return _line([id_, prediction.label or "", json.dumps(facts, ensure_ascii=False)])
        return _line([id_, ";".join(phrase.replace(";", ",") for phrase in prediction.phrases)])


class _JsonWriter:
    def header(self) -> bytes:
        return b""

    def row(self, id_: str, prediction: Prediction) -> bytes:
        return (json.dumps(_plain(id_, prediction), ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _plain(id_: str, prediction: Prediction) -> dict[str, Any]:
    if isinstance(prediction, PredictedLabel):
        return {"id": id_, "label": prediction.label, "scores": dict(prediction.scores)}
    if isinstance(prediction, ExtractedFacts):
        facts = [asdict(fact) for fact in prediction.facts]
        return {"id": id_, "label": prediction.label, "facts": facts, "parsed": prediction.parsed}
    scores = [float(score) for score in prediction.scores]
    return {"id": id_, "keyphrases": list(prediction.phrases), "scores": scores}


def _line(cells: Sequence[Any]) -> bytes:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerow(cells)
    return sink.getvalue().encode("utf-8", "replace")


def _writer(output: Path, manifest: ModelManifest) -> _CsvWriter | _JsonWriter:
    extension = output.suffix.lower()
    if extension == ".csv":
        return _CsvWriter(manifest)
    if extension in (".jsonl", ".ndjson"):
        return _JsonWriter()
    raise BenchError(
        f"the output's extension {extension or '(none)'} says no format", where=str(output),
        todo="call it .csv or .jsonl",
    )  # fmt: skip
