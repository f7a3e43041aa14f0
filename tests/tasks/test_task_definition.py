"""The task registry, the metric table, and how predictions are checked and turned into columns."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.core.types import Document, PredictedLabel, RankedPhrases
from readbench.tasks import get_task, task_names
from readbench.tasks.metric import Metric, Scores, weighted_means
from readbench.tasks.spec import TaskSpec

TASK = get_task("keyphrases")
SPEC = TaskSpec(task="keyphrases")
DOCUMENTS = {"a": Document("a", {"title": "Neural networks"}), "b": Document("b", {"title": "Graphs"})}
EMPTY = RankedPhrases((), ())


def test_every_named_task_is_there() -> None:
    for name in task_names():
        assert get_task(name).name == name


def test_which_metrics_are_better_low() -> None:
    """The gate and every board turn on this: a metric with the wrong direction praises what got worse."""
    low = {name: {m.id for m in get_task(name).metrics if not m.higher_is_better} for name in task_names()}
    assert low == {"keyphrases": set(), "classification": {"brier", "ece", "abstained"}, "extraction": set()}


@pytest.mark.parametrize(("name", "hint"), [("keyphrase", "did you mean keyphrases"), ("x", "use one of")])
def test_unknown_task(name: str, hint: str) -> None:
    with pytest.raises(BenchError, match=hint):
        get_task(name)


def test_listing_tasks_imports_nothing_heavy() -> None:
    code = "import sys, readbench.tasks; print(sorted({'numpy', 'Stemmer'} & set(sys.modules)))"
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=paths, check=True)
    assert done.stdout.strip() == "[]"


def test_metric_ids() -> None:
    ids = [metric.id for metric in TASK.metrics]
    assert len(ids) == len(set(ids)) == 78
    assert {"precision@5", "recall@20", "f1@M", "f1@O", "present.f1@10", "absent.recall@M", "map"} <= set(ids)
    assert {"jcdl2020.f1@10", "jcdl2020.map", "kpeval.precision@5", "kpeval.f1@10"} <= set(ids)
    assert {TASK.primary, *TASK.board} <= set(ids)
    for metric in TASK.metrics:
        family = metric.id.partition(".")[0]
        name = family if family in ("jcdl2020", "kpeval", "semantic") else "house"
        assert metric.version.startswith(f"{name}-1: ")
        assert metric.higher_is_better
    assert 'closest to what the competition notes call "acc"' in TASK.metric("recall@20").summary
    with pytest.raises(BenchError, match="unknown metric 'f1'"):
        TASK.metric("f1")


def test_means_skip_documents_that_do_not_count() -> None:
    metrics = tuple(Metric(name, True, "1", "") for name in "xyz")
    nan = math.nan
    scores = Scores(metrics, ("a", "b"), np.array([[1.0, nan, nan], [0.0, 0.5, nan]]))
    assert scores.counts().tolist() == [2, 1, 0]
    assert scores.means()[:2].tolist() == [0.5, 0.5]
    assert math.isnan(scores.means()[2])
    assert scores.column("x").tolist() == [1.0, 0.0]
    with pytest.raises(BenchError):
        scores.column("w")
    with pytest.raises(ValueError):
        Scores(metrics, ("a",), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (("a",), "is a tuple, not RankedPhrases"),
        (PredictedLabel("1"), "is a PredictedLabel"),
        (RankedPhrases("ab", (1.0, 1.0)), "phrases are a str"),  # type: ignore[arg-type]
        (RankedPhrases(("a",), np.ones(1)), "scores are a ndarray"),  # type: ignore[arg-type]
        (RankedPhrases(("a", "b"), (1.0,)), "2 phrases but 1 scores"),
        (RankedPhrases(("a", 3), (1.0, 1.0)), "phrase 2 is a int"),  # type: ignore[arg-type]
        (RankedPhrases(("",), (1.0,)), "phrase 1 is blank"),
        (RankedPhrases(("a", " \t\u3000"), (1.0, 0.0)), "phrase 2 is blank"),
        (RankedPhrases(("a",), (math.nan,)), "score 1 is nan"),
        (RankedPhrases(("a",), (-math.inf,)), "score 1 is -inf"),
        (RankedPhrases(("a",), (np.float32("inf"),)), "score 1 is inf"),  # type: ignore[arg-type]
        (RankedPhrases(("a",), ("1",)), "score 1 is a str"),  # type: ignore[arg-type]
        (RankedPhrases(("a",), (None,)), "score 1 is a NoneType"),  # type: ignore[arg-type]
        (RankedPhrases(("a",), (True,)), "score 1 is a bool"),
    ],
)
def test_malformed_predictions(prediction: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        TASK.predictions.check(prediction)
    with pytest.raises(BenchError, match=f"cell 3: .*{message}"):
        TASK.predictions.check(prediction, where="cell 3")
    with pytest.raises(BenchError, match=f"document a: .*{message}"):
        TASK.score(SPEC, DOCUMENTS, {"a": ("graph",)}, {"a": prediction, "b": EMPTY})
    with pytest.raises(BenchError, match=message):
        TASK.predictions.to_columns({"a": prediction})


@pytest.mark.parametrize(
    "prediction",
    [EMPTY, RankedPhrases(("a",), (1,)), RankedPhrases(("...",), (np.float32(0.5),))],  # type: ignore[arg-type]
)
def test_good_predictions(prediction: RankedPhrases) -> None:
    TASK.predictions.check(prediction)


def test_ids_must_agree() -> None:
    with pytest.raises(BenchError, match="document b: 1 documents without a prediction"):
        TASK.score(SPEC, DOCUMENTS, {}, {"a": EMPTY})
    with pytest.raises(BenchError, match="document c: 1 predictions for unknown documents"):
        TASK.score(SPEC, DOCUMENTS, {}, {"a": EMPTY, "b": EMPTY, "c": EMPTY})


@pytest.mark.parametrize("target", ["graph", ("graph", 3), None])
def test_malformed_targets(target: Any) -> None:
    with pytest.raises(BenchError, match="target of document a"):
        TASK.prepare(SPEC, DOCUMENTS, {"a": target})


@given(
    st.dictionaries(
        st.text(),
        st.lists(
            st.tuples(
                st.text(min_size=1).filter(lambda phrase: not phrase.isspace()),
                st.floats(allow_nan=False, allow_infinity=False),
            ),
            max_size=4,
        ),
    )
)
def test_columns_round_trip(rows: dict[str, list[tuple[str, float]]]) -> None:
    predictions = {
        id_: RankedPhrases(tuple(phrase for phrase, _ in row), tuple(score for _, score in row))
        for id_, row in rows.items()
    }
    columns = TASK.predictions.to_columns(predictions)
    assert tuple(columns) == TASK.predictions.columns
    assert all(type(column) is list for column in columns.values())
    assert TASK.predictions.from_columns(columns) == predictions


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": [], "phrases": []}, "column scores: column is missing"),
        ({"id": ["a"], "phrases": [[]], "scores": []}, "column scores: 0 rows, but 1"),
        ({"id": ["a", "a"], "phrases": [[], []], "scores": [[], []]}, "row 2, column id: document a comes"),
        ({"id": ["a"], "phrases": [["x"]], "scores": [[]]}, "document a: 1 phrases but 0 scores"),
        ({"id": ["a"], "phrases": [None], "scores": [[]]}, "document a: phrases or scores are not a list"),
        ({"id": ["a"], "phrases": ["x"], "scores": [[1.0]]}, "document a: phrases or scores are not a list"),
    ],
)
def test_malformed_columns(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        TASK.predictions.from_columns(columns)


def test_documents_that_do_not_count_are_outside_of_a_mean() -> None:
    """Two documents of three count for the first column, one of three for the second, none for the third."""
    values = np.array([[0.5, math.nan, math.nan], [math.nan, 0.25, math.nan], [0.1, math.nan, math.nan]])
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 2.0, 0.0]])
    expected = [[0.3, 0.25, math.nan], [0.5, 0.25, math.nan]]
    np.testing.assert_allclose(weighted_means(values, weights), expected)
