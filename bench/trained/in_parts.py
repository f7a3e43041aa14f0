"""Predicts the blocks of a file in several processes at a time, each with the model loaded (`bench predict
--shards`). What comes back is in the order of the file, and the same as from one process."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Document, Prediction
from readbench.trained.predicting import Block, Blocks, Model, Predict, opened

DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


@contextmanager
def in_parts(
    folder: Path, shards: int, *, threads: int = 1, include_paths: Sequence[Path] = ()
) -> Iterator[Predict]:
    """What predicts blocks in ``shards`` processes, each of which opens the model folder. At most one block
    more than there are processes is in work, so memory does not grow with the file.

    Raises BenchError as ``opened`` and ``Model.predict`` do, and where a process is ended from outside.
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        shards,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_open,
        initargs=(folder, threads, tuple(include_paths)),
    )
    try:
        yield lambda blocks: _predicted(pool, blocks, shards + 1)
    except BrokenProcessPool as error:
        raise BenchError(
            "a process that predicts was ended from outside, or could not start",
            where=str(folder),
            todo="free memory, or use fewer --shards; the same command goes on after the last whole block",
            exit_status=3,
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        # A block may take minutes: nobody waits for one that is not wanted any more.
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()


def _predicted(pool: ProcessPoolExecutor, blocks: Iterable[Block], most: int) -> Blocks:
    waiting: deque[tuple[Block, Future[dict[str, Prediction]]]] = deque()
    for block in blocks:
        waiting.append((block, pool.submit(_predict, block)))
        if len(waiting) == most:
            yield _first(waiting)
    while waiting:
        yield _first(waiting)


def _first(
    waiting: deque[tuple[Block, Future[dict[str, Prediction]]]],
) -> tuple[Block, dict[str, Prediction]]:
    block, future = waiting.popleft()
    return block, future.result()


_opened = ExitStack()
"""Of a process that predicts: what must be removed when it ends."""
_models: list[Model | BenchError] = []
"""Its model, or why it has none: a pool does not tell what its start raises, so the first block does."""


def _open(folder: Path, threads: int, include_paths: Sequence[Path]) -> None:
    # Ctrl-C reaches the whole terminal group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):  # Linux only; elsewhere the parent ends them
        ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, _end)
    try:
        model = opened(folder, threads=threads, include_paths=include_paths)
        _models.append(_opened.enter_context(model))
    except BenchError as error:
        _models.append(error)


def _end(*_: object) -> None:
    _opened.close()
    raise SystemExit(0)


def _predict(block: Sequence[Document]) -> dict[str, Prediction]:
    (model,) = _models
    if isinstance(model, BenchError):
        raise model
    return model.predict(block)
