"""Intervals, score files and areas under curves, each beside the plain way that gives the same."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import side_by_side

from readbench.results.score_files import write_scores
from readbench.stats.intervals import intervals_of
from readbench.stats.resampling import bootstrap, percentile_intervals
from readbench.tasks import get_task
from readbench.tasks.classification_scores import ClassificationScores
from readbench.tasks.metric import Scores
from readbench.tasks.spec import TaskSpec

METRICS = get_task("keyphrases").metrics
Floats = NDArray[np.float64]


def scores_of_phrases(documents: int) -> Scores:
    """All 77 metrics; every tenth value does not count."""
    generator = np.random.default_rng(documents)
    values = generator.integers(0, 11, (documents, len(METRICS))) / 10
    values[generator.random(values.shape) < 0.1] = np.nan
    return Scores(METRICS, tuple(f"d{number:06}" for number in range(documents)), values)


def scores_of_labels(documents: int, *, ties: bool) -> ClassificationScores:
    generator = np.random.default_rng(documents)
    gold = generator.integers(0, 2, documents)
    likely = np.clip(0.2 * gold + 0.8 * generator.random(documents), 0, 1)
    likely = np.round(likely, 1) if ties else likely
    return ClassificationScores.of(
        TaskSpec(task="classification", labels=("0", "1"), positive="1"),
        [f"d{number:06}" for number in range(documents)],
        [str(label) for label in gold],
        [str(int(value > 0.5)) for value in likely],
        [{"0": float(1 - value), "1": float(value)} for value in likely],
    )


@pytest.mark.parametrize("documents", [500, 5_000])
def test_intervals_of_all_metrics(benchmark: BenchmarkFixture, documents: int) -> None:
    """Beside percentiles of 10,000 resamples (1,000 of the larger sample, whose time is then a tenth)."""
    scores = scores_of_phrases(documents)
    resamples = 10_000 if documents < 1_000 else 1_000

    def percentiles() -> Floats:
        return percentile_intervals(bootstrap(documents, scores.resampled, resamples=resamples, seed=1))

    what = f"intervals of 77 metrics, {documents:,} documents, percentiles of {resamples:,} resamples before"
    assert side_by_side(benchmark, what, percentiles, partial(intervals_of, [scores])) > 5


@pytest.mark.parametrize("documents", [500, 5_000])
def test_write_scores(benchmark: BenchmarkFixture, tmp_path: Path, documents: int) -> None:
    scores = scores_of_phrases(documents)

    def from_lists() -> None:
        pq.write_table(pa.table(scores.to_columns()), tmp_path / "lists.parquet", compression="zstd")

    def from_arrays() -> None:
        write_scores(scores, tmp_path / "arrays.parquet")

    ratio = side_by_side(benchmark, f"scores.parquet, {documents:,} documents", from_lists, from_arrays)
    assert (tmp_path / "lists.parquet").read_bytes() == (tmp_path / "arrays.parquet").read_bytes()
    assert ratio > 2


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("documents", [80, 250, 1_600])
def test_resample_areas(benchmark: BenchmarkFixture, documents: int, ties: bool) -> None:
    scores = scores_of_labels(documents, ties=ties)
    labelled = scores.labelled
    assert labelled.scores is not None
    positive, likely = labelled.gold == 1, labelled.scores[:, 1]
    place = [metric.id for metric in scores.metrics].index("roc_auc")
    weights = drawn_weights(documents, 10_000 if documents < 1_000 else 1_000)
    found: dict[str, Floats] = {}

    def resample_by_resample() -> None:
        found["before"] = areas_of_rows(weights, positive, likely)

    def together() -> None:
        of_all = scores.resampled(weights, {"roc_auc", "average_precision"})
        found["after"] = of_all[:, place : place + 2]

    what = f"areas under both curves, {documents:,} documents, {'with' if ties else 'without'} ties"
    assert side_by_side(benchmark, what, resample_by_resample, together) > 1.2
    np.testing.assert_array_equal(found["before"][:, 0], found["after"][:, 0])
    np.testing.assert_allclose(found["before"][:, 1], found["after"][:, 1], rtol=0, atol=4e-15)


def drawn_weights(documents: int, resamples: int) -> Floats:
    drawn: list[Floats] = []

    def keep(weights: Floats) -> Floats:
        drawn.append(weights)
        return weights[:, :1]

    bootstrap(documents, keep, resamples=resamples, seed=1)
    return np.concatenate(drawn)


def areas_of_rows(weights: Floats, positive: NDArray[np.bool_], scores: Floats) -> Floats:
    """The areas (resamples, 2), a row of memory a resample."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
    of_positive = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    of_all = np.add.reduceat(weights[:, order], starts, axis=1)
    positives = of_positive.sum(axis=1)
    found = np.cumsum(of_positive, axis=1)
    beaten = ((of_all - of_positive) * (found - of_positive / 2)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        gained = (of_positive * np.nan_to_num(found / np.cumsum(of_all, axis=1))).sum(axis=1)
        roc = beaten / (positives * (of_all.sum(axis=1) - positives))
        return np.column_stack([roc, gained / positives])
