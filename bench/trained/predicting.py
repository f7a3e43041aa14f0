"""Predicts with a model folder for a file of any size (`bench predict`): block by block, in constant memory.

After an interruption the same call continues at the last whole block."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from readbench.adapter import Adapter
from readbench.core.damage import stored_json
from readbench.core.digests import digest
from readbench.core.errors import BenchError
from readbench.core.escape import for_spreadsheet
from readbench.core.files import write_json
from readbench.core.types import Document, ExtractedFacts, PredictedLabel, Prediction
from readbench.datasets.options import ReadOptions
from readbench.datasets.stream import stream_documents
from readbench.engine.prediction import checked
from readbench.engine.workbench import Workbench
from readbench.machine.gpu import device_for
from readbench.machine.sources import HARNESS, SourceReader
from readbench.machine.versions import versions_of
from readbench.methods.registry import Registry
from readbench.planning.sharding import why_in_one
from readbench.tasks import get_task
from readbench.trained.folder import MODEL, PREPARATIONS, ModelManifest, check_surroundings, read_model
from readbench.trained.row_file import RowFile, writing

BLOCK = 1024
"""Documents between two writes. Preparations are made of a block at a time."""


@dataclass(frozen=True)
class Predicted:
    """How many documents were predicted now, and how many were there from before; how many of all have no
    text in the fields that the method reads."""

    documents: int
    resumed: int
    output: Path
    without_text: int = 0


Block = Sequence[Document]
Blocks = Iterator[tuple[Block, dict[str, Prediction]]]
"""Blocks of documents with their predictions by document id."""
Predict = Callable[[Iterable[Block]], Blocks]


class Model:
    """A model folder at work."""

    def __init__(self, manifest: ModelManifest, bench: Workbench, adapter: Adapter) -> None:
        self.manifest, self._bench, self._adapter = manifest, bench, adapter
        self._task = get_task(manifest.spec.task)

    def predict(
        self,
        documents: Sequence[Document],
        progress: Callable[[int], None] = lambda done: None,  # noqa: ARG005
    ) -> dict[str, Prediction]:
        """Predictions by document id. ``progress`` is told how many are done.

        Raises BenchError where the method breaks its interface, and for what it raises itself: what it saved
        may hold something else than it should, which shows only here.
        """
        shown = [self.manifest.spec.project(document) for document in documents]
        predictions: dict[str, Prediction] = {}
        size = self._adapter.chunk_size
        with _in_one_line(f"{self.manifest.method} failed while predicting"):
            self._bench.renew({"test": shown})
            for begin in range(0, len(shown), size):
                chunk = shown[begin : begin + size]
                predictions |= checked(chunk, self._adapter.predict(chunk), self._task.predictions.check)
                progress(len(predictions))
        return predictions

    @property
    def in_one(self) -> str:
        """Why it cannot predict the blocks of a file in several processes; empty where it can."""
        return why_in_one(type(self._adapter))

    def sources(self) -> str:
        """Digest of the code that predicts: the adapter's, its preparations', its libraries' versions."""
        needs = list(self._bench.needs().values())
        classes: set[type] = {type(self._adapter), self._bench.method.adapter}
        modules = set(self._adapter.modules())
        while needs:
            preparation = needs.pop().preparation
            classes.add(type(preparation))
            modules.update(preparation.modules())
            needs += preparation.needs().values()
        sources = SourceReader().of(*classes)
        return digest([sources.digest, versions_of({HARNESS, *modules, *sources.libraries})])


@contextmanager
def opened(
    folder: Path,
    *,
    threads: int = 1,
    include_paths: Sequence[Path] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Iterator[Model]:
    """Loads a model folder. ``progress`` hears how far what the method prepares is, of how many.

    Raises BenchError for one that is incomplete or changed, MissingDependency for
    a method that cannot run here."""
    manifest = read_model(folder)
    method = Registry(include_paths).method(manifest.method)
    given = {name: folder / PREPARATIONS / name for name in manifest.preparations}
    with tempfile.TemporaryDirectory(prefix="bench-predict-") as scratch:
        bench = Workbench(
            method,
            manifest.spec,
            Path(scratch),
            manifest.seed,
            threads,
            device_for(method.adapter.uses_gpu),
            progress,
            given=given,
        )
        method.create(bench.context({})).missing()
        adapter = bench.loaded({}, current=True)
        check_surroundings(folder, manifest, adapter, bench.needs())
        _restore(adapter, folder)
        yield Model(manifest, bench, adapter)


def _restore(adapter: Adapter, folder: Path) -> None:
    """Gives a method what it saved. Raises BenchError for whatever goes wrong: files that a method wrote hold
    what they hold, also where their sums are right."""
    with _in_one_line("the method cannot read what it saved", str(folder / MODEL), "fit the model again"):
        adapter.restore(folder / MODEL)


@contextmanager
def _in_one_line(what: str, where: str = "", todo: str = "") -> Iterator[None]:
    """Whatever a method raises is a BenchError: out of memory alone is not its fault."""
    try:
        yield
    except (BenchError, MemoryError):
        raise
    except Exception as error:
        line = str(error).partition("\n")[0]
        raise BenchError(f"{what} ({type(error).__name__}: {line})", where=where, todo=todo) from error


def predict_file(
    model: Model,
    source: Path,
    output: Path,
    *,
    options: ReadOptions | None = None,
    fresh: bool = False,
    progress: Callable[[int], None] = lambda done: None,  # noqa: ARG005
    predict: Predict | None = None,
) -> Predicted:
    """Writes one row a document in the order of the file: CSV or JSON Lines, by the output's extension.
    ``predict`` predicts blocks in place of the model at hand: several processes that have the same one.

    What is written stands in ``OUTPUT.part`` until all is there. The same call goes on after the last
    whole block; another model, other code or another input begins anew. Raises BenchError for bad input,
    with its row, and as ``RowFile`` does.
    """
    writer = _writer(output, model.manifest)
    identity = _identity(model, source, options)
    state = output.with_name(f"{output.name}.part.json")
    stream = stream_documents(source, options, fields=model.manifest.spec.fields)
    with RowFile(output, [source], fresh=fresh) as file:
        done, size = (0, 0) if fresh else _before(file.part, state, identity)
        resumed = done
        file.begin(size)
        if not size:
            file.write(writer.header())
        try:
            documents = iter(stream)
            _skip(documents, done, source)
            progress(done)
            blocks = iter(lambda: list(islice(documents, BLOCK)), [])
            of_blocks = _one_by_one(model, blocks, done, progress) if predict is None else predict(blocks)
            for block, predictions in of_blocks:
                for document in block:
                    file.write(writer.row(document.id, predictions[document.id]))
                done += len(block)
                size = file.sync()
                with writing(output):
                    write_json(state, identity | {"documents": done, "bytes": size})
                progress(done)
        except BaseException:
            if not done:
                file.discard()  # nothing to go on from
            raise
        file.publish()
        with writing(output):
            state.unlink(missing_ok=True)
    return Predicted(done - resumed, resumed, output, stream.without_text)


def _one_by_one(
    model: Model, blocks: Iterable[Block], before: int, progress: Callable[[int], None]
) -> Blocks:
    done = before
    for block in blocks:
        yield block, model.predict(block, partial(_told, progress, done))
        done += len(block)


def _told(progress: Callable[[int], None], before: int, more: int) -> None:
    progress(before + more)


def _identity(model: Model, source: Path, options: ReadOptions | None) -> dict[str, Any]:
    """What must be unchanged, so that a begun output can be continued."""
    status = source.stat() if source.exists() else None
    return {
        "model": model.manifest.digest(),
        "sources": model.sources(),
        "input": str(source.resolve()),
        "input_bytes": status.st_size if status else None,
        "input_changed_ns": status.st_mtime_ns if status else None,
        "reading": (options or ReadOptions()).model_dump(mode="json"),
    }


class _Begun(BaseModel):
    """What stands beside a begun output: what must be unchanged, and how much is done."""

    model_config = ConfigDict(extra="allow", strict=True)

    documents: int = Field(ge=0)
    bytes: int = Field(ge=0)


def _before(part: Path, state: Path, identity: Mapping[str, Any]) -> tuple[int, int]:
    try:
        there = part.stat().st_size
    except OSError:
        return 0, 0
    kept = stored_json(state, _Begun.model_validate)
    if kept is None or kept.model_extra != identity or kept.bytes > there:
        return 0, 0
    return kept.documents, kept.bytes


def _skip(documents: Iterator[Document], done: int, source: Path) -> None:
    if sum(1 for _ in islice(documents, done)) < done:
        raise BenchError(f"has fewer than the {done} documents that were predicted before", where=str(source))


class _CsvWriter:
    """``id``, and of a label: ``label`` and the score of each class; of keyphrases: joined by a semicolon;
    of facts: ``label`` and the facts as JSON. What a spreadsheet would take for a formula is made text."""

    def __init__(self, manifest: ModelManifest) -> None:
        self.labels = manifest.spec.labels
        self.task = manifest.spec.task

    def header(self) -> bytes:
        if self.task == "classification":
            return csv_line(["id", "label", *(f"score.{label}" for label in self.labels)])
        return csv_line(["id", "keyphrases"] if self.task == "keyphrases" else ["id", "label", "facts"])

    def row(self, id_: str, prediction: Prediction) -> bytes:
        shown = for_spreadsheet(id_)
        if isinstance(prediction, PredictedLabel):
            scores = [prediction.scores.get(label, "") for label in self.labels]
            return csv_line([shown, for_spreadsheet(prediction.label or ""), *scores])
        if isinstance(prediction, ExtractedFacts):
            facts = json.dumps(_plain(id_, prediction)["facts"], ensure_ascii=False)
            return csv_line([shown, for_spreadsheet(prediction.label or ""), facts])
        return csv_line([shown, for_spreadsheet(joined_phrases(prediction.phrases))])


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
    return {"id": id_, "keyphrases": [_one_line(phrase) for phrase in prediction.phrases], "scores": scores}


def joined_phrases(phrases: Sequence[str]) -> str:
    """Phrases as one cell. The semicolon stands between them, so within them it becomes a comma."""
    return ";".join(line for phrase in phrases if (line := _one_line(phrase.replace(";", ","))))


def _one_line(phrase: str) -> str:
    return " ".join(phrase.split())


def csv_line(cells: Sequence[Any]) -> bytes:
    sink = io.StringIO()
    # What is quoted follows from it: with "\n" alone, Python 3.11 leaves a carriage return bare.
    csv.writer(sink, lineterminator="\r\n").writerow(cells)
    return sink.getvalue().removesuffix("\r\n").encode("utf-8", "replace") + b"\n"


def _writer(output: Path, manifest: ModelManifest) -> _CsvWriter | _JsonWriter:
    extension = output.suffix.lower()
    if extension == ".csv":
        return _CsvWriter(manifest)
    if extension in (".jsonl", ".ndjson"):
        return _JsonWriter()
    raise BenchError(
        f"the output's extension {extension or '(none)'} says no format",
        where=str(output),
        todo="call it .csv or .jsonl",
    )
