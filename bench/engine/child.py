"""What happens inside a child process: build one preparation, or load, fit and predict one cell.

It reads a job file, writes predictions (or the preparation's files) and an outcome file, and never
sees a gold target of the test part: those stay with the parent.
"""

from __future__ import annotations

import json
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from readbench.adapter import Adapter, BenchError, Combination, Context, MissingDependency, Preparation
from readbench.core.types import Dataset, Document, Part, Prediction
from readbench.engine.job import BASELINE, JOB, OUTCOME, UNWRITABLE, ProgressFile
from readbench.machine.memory import private_bytes
from readbench.machine.sources import loaded_modules
from readbench.methods.preparations import find_preparation
from readbench.methods.registry import Registry, find_phrase_encoder
from readbench.results.tables import PredictionWriter, read_columns, read_documents, read_targets
from readbench.tasks.predictions import FORMATS
from readbench.tasks.spec import TaskSpec

PREDICTIONS = "predictions.parquet"
SCRATCH = "scratch"
MESSAGE_KEPT = 1_000


class ResultsUnwritable(Exception):
    """The harness, not the method, cannot write: the run ends, and no cell is to blame."""


def run(folder_name: str) -> int:
    """Does the job in a folder; returns the exit status. Every failure is told in the outcome file, or
    in the progress file where there is no room for one."""
    folder = Path(folder_name)
    progress = ProgressFile(folder)
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    notes: dict[str, Any] = {}
    outcome: dict[str, Any]
    try:
        seed_everything(job["seed"])
        work = {"cell": _cell, "preparation": _preparation}[job["kind"]]
        outcome = {"status": "ok", **work(job, folder, progress, notes)}
    except ResultsUnwritable as error:
        return _give_up(progress, error)
    except MissingDependency as error:
        outcome = {"status": "missing_dependency", "failure": _failure(error)}
    except MemoryError as error:
        outcome = {"status": "out_of_memory", "failure": _failure(error)}
    except BaseException as error:  # also SystemExit and the like: a method may raise anything
        outcome = {"status": "failed", "failure": _failure(error)}
    grown = private_bytes(os.getpid()) - _baseline(folder)
    outcome |= {"notes": notes, "private_bytes": max(0, grown)}
    # A method says and notes what it likes: half a surrogate pair must not cost the whole run.
    text = json.dumps(outcome, default=str, skipkeys=True, ensure_ascii=False).encode("utf-8", "replace")
    temporary = folder / f".{OUTCOME}"
    try:
        with _results():
            temporary.write_bytes(text)
            temporary.replace(folder / OUTCOME)
    except ResultsUnwritable as error:
        return _give_up(progress, error)
    return 0 if outcome["status"] == "ok" else 1


@contextmanager
def _results() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultsUnwritable(error.errno or 0) from error


def _give_up(progress: ProgressFile, error: ResultsUnwritable) -> int:
    progress.write(UNWRITABLE, error.args[0], 0)
    return 1


def _set_baseline(folder: Path) -> None:
    """From here on what the process takes is the method's: the harness's own share is written down
    for the parent to take off."""
    with _results():
        (folder / BASELINE).write_text(str(private_bytes(os.getpid())), encoding="utf-8")


def _baseline(folder: Path) -> int:
    try:
        return int((folder / BASELINE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0


def seed_everything(seed: int) -> None:
    """Seeds every generator of a library that is already imported."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _context(job: Mapping[str, Any], folder: Path, notes: dict[str, Any], **more: Any) -> Context:
    scratch = folder / SCRATCH
    scratch.mkdir(exist_ok=True)
    return Context(
        task=TaskSpec.model_validate(job["task"]),
        seed=job["seed"],
        threads=job["threads"],
        device=job["device"],
        scratch=scratch,
        note=notes.__setitem__,
        **more,
    )


def _preparation(
    job: Mapping[str, Any], folder: Path, progress: ProgressFile, notes: dict[str, Any]
) -> dict[str, Any]:
    preparation = _asked_preparation(job, _context(job, folder, notes))
    documents = read_documents(Path(job["documents"]), job["ids"]) if job["ids"] is not None else []
    inputs = {
        name: need.preparation.open(Path(job["inputs"][name])) for name, need in preparation.needs().items()
    }
    loaded: list[float] = []

    def tell(done: int, total: int) -> None:
        if not loaded:
            loaded.append(perf_counter())
        progress.write("prepare", done, total)

    target = folder / "files"
    target.mkdir()
    _set_baseline(folder)
    start = perf_counter()
    preparation.build(documents, target, _context(job, folder, notes, preparations=inputs, progress=tell))
    end = perf_counter()
    # Up to its first progress call a preparation loads; from there on it works document by document.
    setup = (loaded[0] if loaded and documents else end) - start
    return {"setup_s": setup, "build_s": end - start, "documents": len(documents)}


def _asked_preparation(job: Mapping[str, Any], context: Context) -> Preparation:
    """The encoder of phrases of the model ``encoder``, or what a method reaches by the names in ``path``."""
    if "encoder" in job:
        return find_phrase_encoder(job["encoder"])
    method = Registry(job["include_paths"]).method(job["method"])
    return find_preparation(method.create(context), job["path"])


def _cell(
    job: Mapping[str, Any], folder: Path, progress: ProgressFile, notes: dict[str, Any]
) -> dict[str, Any]:
    predictions = FORMATS[job["task"]["task"]]
    before = frozenset(sys.modules)
    method = Registry(job["include_paths"]).method(job["method"])
    split: dict[Part, list[str]] = json.loads(Path(job["split"]).read_text(encoding="utf-8"))
    documents = {d.id: d for d in read_documents(Path(job["documents"]))}
    costs: dict[str, float] = {}

    _set_baseline(folder)
    progress.write("load", 0, 1)
    start = perf_counter()
    bare = method.create(_context(job, folder, notes))
    opened = {
        name: need.preparation.open(Path(job["preparations"][name]))
        for name, need in bare.needs().preparations.items()
    }
    phase = ["load"]
    adapter = method.create(
        _context(
            job,
            folder,
            notes,
            preparations=opened,
            progress=lambda done, total: progress.write(phase[0], done, total),
        )
    )
    adapter.load()
    predict = _predicting(adapter, [predictions.from_columns(read_columns(Path(p))) for p in job["members"]])
    # Libraries that load() brought in have generators of their own.
    seed_everything(job["seed"])
    costs["load_s"] = perf_counter() - start
    vram = {"load": _peak_vram()}

    train, validation = (_part(job, documents, split[part]) for part in ("train", "validation"))
    phase[0] = "fit"
    progress.write("fit", 0, 1)
    start = perf_counter()
    adapter.fit(train, validation)
    if train.documents or validation.documents:
        costs["fit_s"] = perf_counter() - start
    vram["fit"] = _peak_vram()

    # The order of the test documents is shuffled (and undone by id when the parent reads): a method
    # that depends on it shows as a wrong score instead of a good one.
    ids = list(split["test"])
    random.Random(job["seed"]).shuffle(ids)
    test = [documents[id_] for id_ in ids]
    progress.write("warmup", 0, 1)
    start = perf_counter()
    if test:
        predict(test[:1])
    costs["warmup_s"] = perf_counter() - start

    writer = PredictionWriter(folder / PREDICTIONS)
    costs["predict_s"] = 0.0
    progress.write("predict", 0, len(test))
    for begin in range(0, len(test), method.adapter.chunk_size):
        chunk = test[begin : begin + method.adapter.chunk_size]
        start = perf_counter()
        found = predict(chunk)
        costs["predict_s"] += perf_counter() - start
        columns = predictions.to_columns(checked(chunk, found, predictions.check))
        with _results():
            writer.add(columns)
        progress.write("predict", begin + len(chunk), len(test))
    with _results():
        writer.close()
    vram["predict"] = _peak_vram()
    known = {phase: size for phase, size in vram.items() if size is not None}
    if known:
        costs["peak_vram_allocated_bytes"] = max(known.values())
        notes["peak_vram_allocated_bytes"] = known
    return {"costs": costs, "modules": loaded_modules(type(adapter), before)}


def _predicting(
    adapter: Adapter, members: Sequence[Mapping[str, Prediction]]
) -> Callable[[Sequence[Document]], Sequence[Prediction]]:
    """How an adapter predicts a chunk: by itself, or from what its members predicted, by document id."""
    if not isinstance(adapter, Combination):
        return adapter.predict
    return lambda chunk: [
        adapter.combine([predictions[document.id] for predictions in members]) for document in chunk
    ]


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


def _part(job: Mapping[str, Any], documents: Mapping[str, Document], ids: Sequence[str]) -> Dataset:
    known = read_targets(Path(job["targets"])) if job["targets"] and ids else {}
    wanted = set(ids)
    targets = {
        task: {id_: target for id_, target in of_task.items() if id_ in wanted}
        for task, of_task in known.items()
    }
    return Dataset(name="", documents=tuple(documents[id_] for id_ in ids), targets=targets)


def _failure(error: BaseException) -> dict[str, str]:
    text = "".join(traceback.format_exception(error))
    try:
        message = str(error)
    except Exception:  # whoever writes a failing method can write a failing __str__
        message = ""
    if not message or isinstance(error, SystemExit):
        message = f"the method raised {type(error).__name__}{f'({message})' if message else ''}"
    return {"type": type(error).__name__, "message": message[:MESSAGE_KEPT], "traceback": text[-20_000:]}


def main() -> None:
    """Does one job in this process, for debugging: ``python -m readbench.engine.child FOLDER``."""
    sys.exit(run(os.fspath(sys.argv[1])))


if __name__ == "__main__":
    main()
