"""The file of a cell's scores: the same bytes as from plain lists, and the same scores back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from readbench.results.score_files import read_scores, write_score_table, write_scores
from readbench.tasks import get_task
from readbench.tasks.classification_scores import ClassificationScores
from readbench.tasks.metric import Scores
from readbench.tasks.spec import TaskSpec

KEYPHRASES = get_task("keyphrases")


def of_phrases(documents: int) -> Scores:
    generator = np.random.default_rng(documents)
    values = generator.random((documents, len(KEYPHRASES.metrics)))
    values[generator.random(values.shape) < 0.2] = np.nan
    values[:, 3] = np.nan
    values[:, 4] = -0.0
    return Scores(KEYPHRASES.metrics, tuple(f"document {n}" for n in range(documents)), values)


def of_labels(documents: int) -> Scores:
    spec = TaskSpec(task="classification", labels=("no", "yes"), positive="yes")
    labels = [None if n % 7 == 3 else "yes" if n % 3 else "no" for n in range(documents)]
    likely = [{"no": 0.25, "yes": 0.75} if n % 5 else {"yes": 1.0} for n in range(documents)]
    return ClassificationScores.of(spec, [f"d{n}" for n in range(documents)], labels, labels[::-1], likely)


@pytest.mark.parametrize(
    "scores", [of_phrases(0), of_phrases(1), of_phrases(300), of_labels(2), of_labels(300)]
)
def test_the_file_is_that_of_plain_lists(scores: Scores, tmp_path: Path) -> None:
    write_scores(scores, tmp_path / "scores.parquet")
    write_score_table(pa.table(scores.to_columns()), tmp_path / "plain.parquet")
    assert (tmp_path / "scores.parquet").read_bytes() == (tmp_path / "plain.parquet").read_bytes()


def test_scores_come_back(tmp_path: Path) -> None:
    spec = TaskSpec(task="keyphrases")
    scores = of_phrases(40)
    write_scores(scores, tmp_path / "scores.parquet")
    columns = read_scores(tmp_path / "scores.parquet")
    assert columns is not None
    again = KEYPHRASES.scores_from_columns(spec, columns)
    np.testing.assert_array_equal(again.values, scores.values)
    assert again.ids == scores.ids


def test_labels_without_scores_come_back(tmp_path: Path) -> None:
    task = get_task("classification")
    spec = TaskSpec(task="classification", labels=("no", "yes"), positive="yes")
    scores = of_labels(60)
    write_scores(scores, tmp_path / "scores.parquet")
    columns = read_scores(tmp_path / "scores.parquet")
    assert columns is not None
    again = task.scores_from_columns(spec, columns)
    np.testing.assert_array_equal(again.aggregates(), scores.aggregates())
    assert again.to_columns() == scores.to_columns()
