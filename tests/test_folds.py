"""Folds and repeated seeds: what runs, what the board makes of it, and where it is told."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import sklearn.metrics as sk
from rich.console import Console

import readbench
from readbench.datasets import open_dataset
from readbench.report.terminal import print_board
from readbench.results.leaderboard import build_leaderboard
from readbench.results.manifest import Manifest, read_manifest
from readbench.results.store import Store
from readbench.results.tables import read_columns

METHOD = """
import random
from readbench.adapter import Adapter, PredictedLabel


class Noisy(Adapter):
    name = "test.noisy"
    tasks = frozenset({"classification"})
    stochastic = True

    def fit(self, train, validation):
        self.known = dict(train.targets["classification"])
        self.random = random.Random(self.context.seed)

    def predict(self, chunk):
        return [PredictedLabel(self.guess(d.id)) for d in chunk]

    def guess(self, id_):
        chance = random.Random(self.context.seed + sum(map(ord, id_)))
        return chance.choice(self.context.task.labels)


class Steady(Adapter):
    name = "test.steady"
    tasks = frozenset({"classification"})

    def predict(self, chunk):
        return [PredictedLabel("1" if "patient" in d.fields.get("abstract", "") else "0") for d in chunk]
"""

SUITE = """
[dataset]
name = "papers-demo"
[split]
kind = "kfold"
folds = 3
repeats = 2
[tasks.classification]
primary = "macro_f1"
board = ["accuracy"]
methods = ["test.noisy", "test.steady"]
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("folds")
    (folder / "method.py").write_text(METHOD, encoding="utf-8")
    (folder / "folds.toml").write_text(SUITE, encoding="utf-8")
    readbench.run(
        str(folder / "folds.toml"),
        limit=60,
        include_paths=[folder / "method.py"],
        output_path=folder / "results",
    )
    return Store(folder / "results")


def manifest(store: Store) -> Manifest:
    return store.manifest(store.runs()[0])


def test_a_cell_for_each_fold_and_for_each_seed_of_a_noisy_method(store: Store) -> None:
    cells = [(c.method, c.fold, c.repeat) for c in manifest(store).cells]
    assert cells == [
        *(("test.noisy", fold, repeat) for fold in range(3) for repeat in range(2)),
        *(("test.steady", fold, 0) for fold in range(3)),
    ]
    seeds = {store.record(c.key).seed for c in manifest(store).cells}  # type: ignore[union-attr]
    assert len(seeds) == 9
    task = manifest(store).tasks["classification"]
    assert (task.folds, task.tested, task.documents["test"]) == (3, 60, 20)


def test_the_joint_number_is_that_of_all_folds_together(store: Store) -> None:
    gold = open_dataset("papers-demo").targets["classification"]
    board = build_leaderboard(store.runs()[0], store)
    for row in board.tables[0].rows:
        cells = [cell for cell in manifest(store).cells if cell.method == row.method]
        values, alone = [], []
        for repeat in sorted({cell.repeat for cell in cells}):
            labels: dict[str, str] = {}
            for cell in (cell for cell in cells if cell.repeat == repeat):
                columns = read_columns(store.cell(cell.key) / "predictions.parquet")
                of_fold = dict(zip(columns["id"], columns["label"], strict=True))
                alone.append(sk.f1_score([gold[i] for i in of_fold], list(of_fold.values()), average="macro"))
                labels |= of_fold
            assert len(labels) == 60
            values.append(sk.f1_score([gold[i] for i in labels], list(labels.values()), average="macro"))
        found = row.metrics["macro_f1"]
        assert found.value == pytest.approx(np.mean(values), abs=1e-12)
        assert found.spread == pytest.approx(np.std(alone, ddof=1), abs=1e-12)
        assert found.n == 60
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high


def test_the_board_tells_folds_spread_and_test(store: Store) -> None:
    sink = io.StringIO()
    print_board(build_leaderboard(store.runs()[0], store), Console(file=sink, width=120))
    text = " ".join(sink.getvalue().split())
    assert (
        "60 test documents in 3 folds, 40 for training in each, 2 seeds for methods with training noise"
        in text
    )
    assert "spread" in text
    assert "±." in text
    assert "paired document bootstrap, Holm" in text


def test_a_manifest_of_version_1_is_still_read(store: Store) -> None:
    path = store.run(store.runs()[0]) / "run.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    task = data["tasks"]["classification"]
    old = data | {
        "schema_version": 1,
        "split": task["split"],
        "split_hash": "abc",
        "dataset_counts": {"no label": 2},
        "documents": {"train": 4, "validation": 0, "test": 6},
    }
    kept = ("spec", "primary", "board", "reference")
    old["tasks"] = {"classification": {name: task[name] for name in kept}}
    old["cells"] = [{k: v for k, v in c.items() if k not in ("fold", "repeat")} for c in data["cells"]]
    del old["left_out"], old["other_languages"], old["remarks"]
    manifest = read_manifest(old, "run.json")
    assert manifest.remarks == {"no label": 2}
    read = manifest.tasks["classification"]
    assert (read.split_hash, read.tested, read.folds) == ("abc", 6, 1)
