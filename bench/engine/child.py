"""What happens inside a child process: build one preparation, or load, fit and predict one cell.

It reads a job file, writes predictions (or the preparation's files) and an outcome file, and never sees a
gold target of the test part: those stay with the parent.
"""

from __future__ import annotations

import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readbench.adapter import Adapter, BenchError, Combination, Context, MissingDependency, Preparation
from readbench.core.files import UNWRITABLE
from readbench.core.types import Dataset, Document, Prediction
from readbench.engine.clock import perf_counter, process_time, seconds_since
from readbench.engine.exchange import (
    PREDICTED,
    PredictionLines,
    read_document_lines,
    read_prediction_lines,
    read_target_lines,
)
from readbench.engine.job import CellJob, PreparationJob, read_job
from readbench.engine.notes import Notes, plain_text
from readbench.engine.outcome import (
    MESSAGE_KEPT,
    OUTCOME,
    TRACEBACK_KEPT,
    TYPE_KEPT,
    CellFigures,
    ChildFailure,
    Outcome,
    PreparationFigures,
)
from readbench.engine.progress import (
    FINISH,
    FIT,
    LOAD,
    PREDICT,
    PREPARE,
    SETUP,
    WARMUP,
    Phases,
    ProgressFile,
)
from readbench.machine.memory import peak_private_bytes, reset_own_peak
from readbench.machine.sources import loaded_modules
from readbench.methods.preparations import find_preparation
from readbench.methods.registry import Method, Registry, find_phrase_encoder
from readbench.tasks.predictions import FORMATS, PredictionFormat

SCRATCH = "scratch"


class ResultsUnwritable(Exception):
    """The harness, not the method, cannot write: the run ends, and no cell is to blame."""


@dataclass(frozen=True)
class Desk:
    """What the work in one process is done with: its folder, its phases, its notes. ``modules`` are the
    first-party modules that were loaded for it, file by name."""

    folder: Path
    phases: Phases
    notes: Notes = field(default_factory=Notes)
    modules: dict[str, str] = field(default_factory=dict)

    def take_over(self, phase: str) -> None:
        """From here on what the process takes is the method's: the harness's own share is put down."""
        reset_own_peak()
        self.phases.begin(phase, baseline_bytes=peak_private_bytes(os.getpid()))

    def context(self, job: CellJob | PreparationJob, **more: Any) -> Context:
        scratch = self.folder / SCRATCH
        scratch.mkdir(exist_ok=True)
        return Context(
            task=job.task,
            seed=job.seed,
            threads=job.threads,
            device=job.device,
            scratch=scratch,
            note=self.notes.note,
            **more,
        )


def run(folder_name: str) -> int:
    """Does the job in a folder; returns the exit status. Every failure is told in the outcome file, or
    in the progress file where there is no room for one."""
    folder = Path(folder_name)
    desk = Desk(folder, Phases(ProgressFile(folder)))
    try:
        outcome = _work(desk)
        content = outcome.to_json()
        temporary = folder / f".{OUTCOME}"
        with _results():
            temporary.write_bytes(content)
            temporary.replace(folder / OUTCOME)
    except ResultsUnwritable as error:
        desk.phases.give_up(error.args[0])
        return 1
    return 0 if outcome.status == "ok" else 1


def _work(desk: Desk) -> Outcome:
    """Does the job and reports how it ended. Raises ResultsUnwritable alone."""
    figures: CellFigures | PreparationFigures | None = None
    failure: ChildFailure | None = None
    status: Any = "ok"
    try:
        job = read_job(desk.folder)
        seed_everything(job.seed)
        figures = _cell(job, desk) if isinstance(job, CellJob) else _preparation(job, desk)
    except ResultsUnwritable:
        raise
    except MissingDependency as error:
        status, failure = "missing_dependency", _failure(error)
    except MemoryError as error:
        status, failure = "out_of_memory", _failure(error)
    except BaseException as error:  # also SystemExit and the like: a method may raise anything
        status, failure = "failed", _failure(error)
    baseline = desk.phases.baseline_bytes
    grown = peak_private_bytes(os.getpid()) - baseline if baseline else 0
    return Outcome(
        status=status,
        failure=failure,
        figures=figures,
        phases=dict(desk.phases.seconds) if figures else {},
        modules=desk.modules,
        notes=dict(desk.notes.kept),
        private_bytes=max(0, grown),
        baseline_bytes=baseline,
    )


@contextmanager
def _results() -> Iterator[None]:
    """Around what the harness writes. An error of the disk is no method's; any other one (the method removed
    the folder) stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.errno in UNWRITABLE:
            raise ResultsUnwritable(error.errno or 0) from error
        raise


def seed_everything(seed: int) -> None:
    """Seeds every generator of a library that is already imported."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _preparation(job: PreparationJob, desk: Desk) -> PreparationFigures:
    documents = read_document_lines(job.documents, job.ids) if job.ids is not None else []
    registry = Registry()
    target = desk.folder / "files"
    target.mkdir()
    desk.take_over(SETUP)
    start = perf_counter()
    preparation = _asked_preparation(job, desk, registry)
    inputs = {name: need.preparation.open(job.inputs[name]) for name, need in preparation.needs().items()}
    setup_s: list[float] = []

    def report(done: int, total: int) -> None:
        # Up to its first report a preparation loads; from there on it works document by document.
        if not setup_s:
            setup_s.append(seconds_since(start))
            desk.phases.begin(PREPARE)
        desk.phases.report(done, total)

    context = desk.context(job, preparations=inputs, progress=report)
    preparation.build(documents, target, context)
    build_s = seconds_since(start)
    desk.phases.begin(FINISH)
    return PreparationFigures(
        setup_s=setup_s[0] if setup_s and documents else build_s, build_s=build_s, documents=len(documents)
    )


def _asked_preparation(job: PreparationJob, desk: Desk, registry: Registry) -> Preparation:
    """The encoder of phrases of a model, or what a method reaches by the names in ``path``."""
    if job.encoder:
        return find_phrase_encoder(job.encoder)
    registry.include(job.include_paths)
    method = registry.method(job.method)
    return find_preparation(method.create(desk.context(job)), job.path)


def _cell(job: CellJob, desk: Desk) -> CellFigures:
    before = frozenset(sys.modules)
    format_ = FORMATS[job.task.task]
    documents = {document.id: document for document in read_document_lines(job.documents)}
    registry = Registry()

    desk.take_over(LOAD)
    start = perf_counter()
    # Importing the method's own file is part of loading it: what stands at its top costs what it costs.
    registry.include(job.include_paths)
    method = registry.method(job.method)
    adapter = _loaded(method, job, desk)
    predict = _predicting(
        adapter, [format_.from_columns(read_prediction_lines(path)) for path in job.members]
    )
    # Libraries that load() brought in have generators of their own.
    seed_everything(job.seed)
    load_s = seconds_since(start)
    vram = {LOAD: _peak_vram()}

    train, validation = (_part(job, documents, ids) for ids in (job.train, job.validation))
    desk.phases.begin(FIT)
    start = perf_counter()
    adapter.fit(train, validation)
    fit_s = seconds_since(start) if train.documents or validation.documents else None
    vram[FIT] = _peak_vram()

    # The order of the test documents is shuffled (and undone by id when the parent reads): a method
    # that depends on it shows as a wrong score instead of a good one.
    ids = list(job.test)
    random.Random(job.seed).shuffle(ids)
    test = [documents[id_] for id_ in ids]
    desk.phases.begin(WARMUP)
    start = perf_counter()
    if test:
        predict(test[:1])
    warmup_s = seconds_since(start)

    desk.phases.begin(PREDICT, len(test))
    predict_s, predict_cpu_s = _predict_all(predict, test, method.adapter.chunk_size, format_, desk)
    vram[PREDICT] = _peak_vram()
    desk.phases.begin(FINISH)
    loaded = loaded_modules(type(adapter), before)
    desk.modules.update({plain_text(name): plain_text(file) for name, file in loaded.items()})
    known = {phase: size for phase, size in vram.items() if size is not None}
    if known:
        desk.notes.note("peak_vram_allocated_bytes", known)
    return CellFigures(
        load_s=load_s,
        fit_s=fit_s,
        warmup_s=warmup_s,
        predict_s=predict_s,
        predict_cpu_s=predict_cpu_s,
        peak_vram_allocated_bytes=max(known.values(), default=None),
        usage=adapter.usage(),
    )


def _loaded(method: Method, job: CellJob, desk: Desk) -> Adapter:
    """The method with its preparations opened and its libraries and weights loaded."""
    of_cell: dict[str, Any] = {"kept": job.kept, "prices": job.prices, "weights": job.weights}
    bare = method.create(desk.context(job, **of_cell))
    opened = {
        name: need.preparation.open(job.preparations[name])
        for name, need in bare.needs().preparations.items()
    }
    progress = desk.phases.report
    adapter = method.create(desk.context(job, preparations=opened, progress=progress, **of_cell))
    adapter.load()
    return adapter


Predict = Callable[[Sequence[Document]], Sequence[Prediction]]


def _predicting(adapter: Adapter, members: Sequence[Mapping[str, Prediction]]) -> Predict:
    """How an adapter predicts a chunk: by itself, or from what its members predicted, by document id."""
    if not isinstance(adapter, Combination):
        return adapter.predict
    return lambda chunk: [
        adapter.combine([predictions[document.id] for predictions in members]) for document in chunk
    ]


def _predict_all(
    predict: Predict, test: Sequence[Document], chunk_size: int, format_: PredictionFormat, desk: Desk
) -> tuple[float, float]:
    """Writes the predictions of all documents; returns the seconds and processor seconds in ``predict``."""
    with _results():
        writer = PredictionLines(desk.folder / PREDICTED)
    seconds = processor = 0.0
    for begin in range(0, len(test), chunk_size):
        chunk = test[begin : begin + chunk_size]
        start, worked = perf_counter(), process_time()
        found = predict(chunk)
        seconds += seconds_since(start)
        processor += max(0.0, process_time() - worked)
        columns = format_.to_columns(checked(chunk, found, format_.check))
        with _results():
            writer.add(columns)
        desk.phases.advance(begin + len(chunk), len(test))
    with _results():
        writer.close()
    return seconds, processor


def _peak_vram() -> int | None:
    """The most that torch had allocated on the GPU since the last call, in bytes; None where it did not
    use one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    torch.cuda.synchronize()
    peak = int(torch.cuda.max_memory_allocated())
    torch.cuda.reset_peak_memory_stats()
    return peak


def checked(
    chunk: Sequence[Document], predictions: Sequence[Any], check: Callable[[Any], None]
) -> dict[str, Any]:
    """Predictions by document id. Raises BenchError where their number or shape is wrong."""
    if len(predictions) != len(chunk):
        raise BenchError(f"predict returned {len(predictions)} predictions for {len(chunk)} documents")
    for document, prediction in zip(chunk, predictions, strict=True):
        try:
            check(prediction)
        except BenchError as error:
            raise BenchError(str(error), where=f"document {document.id}") from None
    return {document.id: prediction for document, prediction in zip(chunk, predictions, strict=True)}


def _part(job: CellJob, documents: Mapping[str, Document], ids: Sequence[str]) -> Dataset:
    known = read_target_lines(job.targets) if ids else {}
    wanted = set(ids)
    targets = {
        task: {id_: target for id_, target in of_task.items() if id_ in wanted}
        for task, of_task in known.items()
    }
    return Dataset(name="", documents=tuple(documents[id_] for id_ in ids), targets=targets)


def _failure(error: BaseException) -> ChildFailure:
    """What an exception says, cut to what an outcome holds."""
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:  # whoever writes a failing method can write a failing __str__
        message = ""
    if not message or isinstance(error, SystemExit):
        message = f"the method raised {kind}{f'({message})' if message else ''}"
    try:
        trace = "".join(traceback.format_exception(error))
    except Exception:
        trace = ""
    parts = (kind[:TYPE_KEPT], message[:MESSAGE_KEPT], trace[-TRACEBACK_KEPT:])
    kind, message, trace = map(plain_text, parts)
    return ChildFailure(type=kind, message=message, traceback=trace)


def main() -> None:
    """Does one job in this process, for debugging: ``python -m readbench.engine.child FOLDER``."""
    sys.exit(run(os.fspath(sys.argv[1])))


if __name__ == "__main__":
    main()
