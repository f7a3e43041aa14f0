"""What a cell's process does: load, fit and predict one method on one fold, or go on where an earlier process
of the cell was ended."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from readbench.adapter import Adapter, Ensemble, LearnedEnsemble
from readbench.core.types import Dataset, Document, Prediction
from readbench.engine.chunks import Begun, ChunkFile, files_state
from readbench.engine.clock import perf_counter, seconds_since
from readbench.engine.desk import Desk, results, seed_everything
from readbench.engine.exchange import read_document_lines, read_prediction_lines, read_target_lines
from readbench.engine.job import CellJob
from readbench.engine.notes import plain_text
from readbench.engine.outcome import CellFigures, EarlierFigures
from readbench.engine.prediction import Predict, Predicting, is_of_document
from readbench.engine.progress import FINISH, FIT, LOAD, PREDICT, WARMUP
from readbench.machine.file_sums import file_sum
from readbench.machine.sources import loaded_modules
from readbench.methods.registry import Method, Registry
from readbench.tasks.predictions import FORMATS

MODEL = ".model"
"""In place of the ending of the file of chunks: the folder in which a process keeps what it learned."""


def run_cell(job: CellJob, desk: Desk) -> CellFigures:
    """Writes the predictions of all test documents. Raises whatever the method raises."""
    return _Cell(job, desk, frozenset(sys.modules)).run()


@dataclass
class _Cell:
    """One cell at work. ``before``: the modules that were there before it."""

    job: CellJob
    desk: Desk
    before: frozenset[str]
    load_s: float = 0.0
    fit_s: float | None = None
    warmup_s: float = 0.0
    model: str = ""
    warmup_error: Exception | None = None

    def run(self) -> CellFigures:
        job, desk = self.job, self.desk
        self.documents = {document.id: document for document in read_document_lines(job.documents)}
        registry, self.vram = Registry(), dict[str, int]()
        with results():
            self.file = ChunkFile(job.predicted)
        desk.take_over(LOAD)
        start = perf_counter()
        # Importing the method's own file is part of loading it: what stands at its top costs what it costs.
        registry.include(job.include_paths)
        method = registry.method(job.method)
        adapter = self._loaded(method)
        predicting = self._predicting(adapter, method.adapter)
        # Libraries that load() brought in have generators of their own.
        seed_everything(job.seed)
        self.load_s = seconds_since(start)
        self._look_at_gpu(LOAD)
        conditions = self._go_on(adapter)
        missing = [chunk for chunk in predicting.chunks() if _ids(chunk) not in self.file.kept.chunks]
        self._train(adapter, bool(missing))
        desk.phases.begin(WARMUP)
        self._warm_up(predicting, missing[0][:1] if missing else ())
        desk.phases.begin(PREDICT, predicting.count)
        self._predict_all(predicting, conditions)
        desk.phases.begin(FINISH)
        loaded = loaded_modules(type(adapter), self.before)
        desk.modules.update({plain_text(name): plain_text(file) for name, file in loaded.items()})
        if self.vram:
            desk.notes.note("peak_vram_allocated_bytes", self.vram)
        return CellFigures(
            load_s=self.load_s,
            fit_s=self.fit_s,
            warmup_s=self.warmup_s,
            predict_s=predicting.seconds,
            predict_cpu_s=predicting.processor,
            peak_vram_allocated_bytes=max(self.vram.values(), default=None),
            earlier=self._earlier(),
            usage=adapter.usage(),
        )

    # -- loading -------------------------------------------------------------------------------------

    def _loaded(self, method: Method) -> Adapter:
        """The method with its preparations opened and its libraries and weights loaded."""
        job, desk = self.job, self.desk
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

    def _predicting(self, adapter: Adapter, kind: type[Adapter]) -> Predicting:
        # The order of the test documents is shuffled (and undone by id when the parent reads): a method
        # that depends on it shows as a wrong score instead of a good one.
        ids = list(self.job.test)
        random.Random(self.job.seed).shuffle(ids)
        return Predicting(
            predict=_predict_of(adapter, self._read(self.job.members)),
            format_=FORMATS[self.job.task.task],
            test=[self.documents[id_] for id_ in ids],
            chunk_size=kind.chunk_size,
            tolerant=not (self.job.strict or kind.depends_on_order),
            progress=self.desk.phases.advance,
            part=self.job.part,
            parts=self.job.parts,
        )

    def _read(self, files: Sequence[Path]) -> list[Mapping[str, Prediction]]:
        """What each member predicted, by document id."""
        format_ = FORMATS[self.job.task.task]
        return [format_.from_columns(read_prediction_lines(path)) for path in files]

    def _go_on(self, adapter: Adapter) -> Begun:
        """Decides whether what earlier processes left holds, and restores what they had learned. Returns the
        conditions under which this process runs."""
        files = files_state(loaded_modules(type(adapter), self.before).values())
        kept = self.file.kept
        if (
            type(adapter).depends_on_order
            # It keeps its answers by itself, and tells what all of them took.
            or type(adapter).usage is not Adapter.usage
            or (self.job.strict and kept.failed)
            or not kept.holds_for(self.job.machine, files)
        ):
            with results():
                self.file.start_again()
        model = self._kept_model()
        if model is not None:
            start = perf_counter()
            adapter.restore(model)
            seed_everything(self.job.seed)
            self.load_s += seconds_since(start)
            self.model = model.name
        return Begun(self.load_s, None, 0.0, self.job.machine, self.job.contended, files)

    # -- training ------------------------------------------------------------------------------------

    def _train(self, adapter: Adapter, needed: bool) -> None:
        """Unless an earlier process has done so, or nothing is left to be predicted."""
        parts = (self._part(ids) for ids in (self.job.train, self.job.validation))
        train, validation = parts if needed and not self.model else (Dataset("", ()), Dataset("", ()))
        self.desk.phases.begin(FIT)
        if needed and not self.model:
            start = perf_counter()
            adapter.fit(train, validation)
            if isinstance(adapter, LearnedEnsemble):
                predicted = self._read(self.job.learns_from)
                adapter.learn(validation, _of_documents(validation.documents, predicted))
            self.fit_s = seconds_since(start) if train.documents or validation.documents else None
            self._look_at_gpu(FIT)
            self._keep_model(adapter)

    def _part(self, ids: Sequence[str]) -> Dataset:
        known = read_target_lines(self.job.targets) if ids else {}
        wanted = set(ids)
        targets = {
            task: {id_: target for id_, target in of_task.items() if id_ in wanted}
            for task, of_task in known.items()
        }
        return Dataset(name="", documents=tuple(self.documents[id_] for id_ in ids), targets=targets)

    def _keep_model(self, adapter: Adapter) -> None:
        """What was learned, for a process that goes on, where learning it again would take long."""
        kind = type(adapter)
        can = kind.save is not Adapter.save and kind.restore is not Adapter.restore
        if not can or kind.depends_on_order or (self.fit_s or 0.0) < self.job.keep_trained_s:
            return
        folder = self.job.predicted.with_suffix(MODEL)
        with results():
            folder.mkdir()
            adapter.save(folder)
        self.model = folder.name

    def _kept_model(self) -> Path | None:
        """The folder of what an earlier process learned, where all its files are as they were written."""
        for begun in self.file.kept.begun:
            folder = self.job.predicted.with_name(begun.model or MODEL)
            if begun.model and begun.model_files == _sums(folder):
                return folder
        return None

    # -- predicting ----------------------------------------------------------------------------------

    def _warm_up(self, predicting: Predicting, first: Sequence[Document]) -> None:
        start = perf_counter()
        if first:
            try:
                predicting.predict(first)
            except Exception as error:
                if not (predicting.tolerant and is_of_document(error)):
                    raise
                self.warmup_error = error
                self.warmup_of = first[0].id
        self.warmup_s = seconds_since(start)

    def _predict_all(self, predicting: Predicting, conditions: Begun) -> None:
        begun = replace(
            conditions,
            load_s=self.load_s,
            fit_s=self.fit_s,
            warmup_s=self.warmup_s,
            model=self.model,
            model_files=_sums(self.job.predicted.with_name(self.model)) if self.model else {},
            vram_bytes=max(self.vram.values(), default=None),
        )
        with results():
            self.file.add(begun)
        try:
            predicting.all(self.file, results, self.desk.began, self.desk.resident_bytes)
        finally:
            self.desk.failed_documents = predicting.failed_documents()
        if self.warmup_error is not None and self.warmup_of not in predicting.failed:
            # It raised on a document that it can predict: that is no failure of the document.
            raise self.warmup_error
        with results():
            self.file.close()
        self._look_at_gpu(PREDICT)

    def _earlier(self) -> EarlierFigures | None:
        kept = self.file.kept
        if not kept.begun:
            return None
        trained = [one.fit_s for one in kept.begun if one.fit_s is not None]
        return EarlierFigures(
            goes=len(kept.begun),
            load_s=sum(one.load_s for one in kept.begun),
            fit_s=sum(trained) if trained else None,
            warmup_s=sum(one.warmup_s for one in kept.begun),
            predict_s=kept.predict_s,
            predict_cpu_s=kept.predict_cpu_s,
            wall_s=kept.wall_s,
            process_s=kept.process_s,
            grown_bytes=kept.grown_bytes,
            contended=any(one.contended for one in kept.begun),
            vram_bytes=max(
                (one.vram_bytes for one in kept.begun if one.vram_bytes is not None), default=None
            ),
        )

    def _look_at_gpu(self, phase: str) -> None:
        """Takes down the most that torch had allocated on the GPU since the last look, where it used one."""
        torch = sys.modules.get("torch")
        if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
            return
        torch.cuda.synchronize()
        self.vram[phase] = int(torch.cuda.max_memory_allocated())
        torch.cuda.reset_peak_memory_stats()


def _predict_of(adapter: Adapter, members: Sequence[Mapping[str, Prediction]]) -> Predict:
    """How an adapter predicts a chunk: by itself, or from what its members predicted, by document id."""
    if not isinstance(adapter, Ensemble):
        return adapter.predict
    return lambda chunk: adapter.predict_from(chunk, _of_documents(chunk, members))


def _of_documents(
    documents: Sequence[Document], members: Sequence[Mapping[str, Prediction]]
) -> list[list[Prediction]]:
    """For each document what each member predicted."""
    return [[predictions[document.id] for predictions in members] for document in documents]


def _ids(chunk: Sequence[Document]) -> tuple[str, ...]:
    return tuple(document.id for document in chunk)


def _sums(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_sum(path) for path in files}
