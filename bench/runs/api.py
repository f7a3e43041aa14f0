"""The verbs as functions for Python callers: leaderboards as data frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from readbench.results.leaderboard import build_leaderboard, find_run, open_store
from readbench.results.places import RESULTS
from readbench.results.store import Store

if TYPE_CHECKING:
    from readbench.report.frame import BoardFrame


def run(
    suite: str | None = None,
    *,
    dataset: str | Path | None = None,
    labels: str | Path | None = None,
    language: str | None = None,
    encoding: str | None = None,
    keyword_separator: str | None = None,
    positive: str | None = None,
    methods: Sequence[str] = (),
    limit: int | None = None,
    seed: int | None = None,
    timeout: str | float | None = None,
    memory: str | int | None = None,
    workers: int = 1,
    output_path: str | Path = RESULTS,
    retry: bool = False,
    fresh: bool = False,
    include_paths: Sequence[str | Path] = (),
) -> BoardFrame:
    """Runs a suite (a name or a TOML file), or the methods that fit a dataset, and returns the
    leaderboard: one row a method with ``method``, ``status``, rank range, every metric with its
    interval (``NAME``, ``NAME.low``, ``NAME.high``) and every cost. ``attrs["run"]`` is the folder.

    Raises BenchError for wrong use and bad input; a method that fails is a row.
    """
    from readbench.core.units import memory_limit, seconds
    from readbench.planning.plan import Options
    from readbench.report.frame import as_frame
    from readbench.runs.interface import Quiet
    from readbench.runs.running import run_suite

    reading = {"language": language, "encoding": encoding, "keyphrase_separator": keyword_separator}
    options = Options(
        seed=seed,
        limit=limit,
        methods=tuple(methods),
        timeout_s=None if timeout is None else seconds(timeout),
        memory_bytes=None if memory is None else memory_limit(memory),
        workers=workers,
        retry=retry,
        fresh=fresh,
        include_paths=tuple(Path(path) for path in include_paths),
        reading={name: value for name, value in reading.items() if value is not None},
        positive=positive,
    )
    finished = run_suite(
        suite,
        None if dataset is None else str(dataset),
        None if labels is None else Path(labels),
        options,
        Store(output_path),
        Quiet(),
    )
    return as_frame(finished.board)


def leaderboard(
    reference: str | None = None, *, sort: str | None = None, output_path: str | Path = RESULTS
) -> BoardFrame:
    """The leaderboard of a run, of a suite's newest run, or of the newest run, as a data frame.

    Raises BenchError where there is none.
    """
    from readbench.report.frame import as_frame

    store = open_store(reference, output_path)
    return as_frame(build_leaderboard(find_run(reference, store), store, sort))
