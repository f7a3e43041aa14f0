"""A cell whose process dies while it predicts, and that goes on with what it had learned: it predicts what a
cell predicts that was never ended, whatever the method keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from readbench.datasets import open_dataset
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.record import Record
from readbench.results.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DYING = """
import os
import signal
from pathlib import Path

from {module} import {name} as Method


class Dying(Method):
    "Dies in its fourth call of predict, unless there is a file ``lives``; the first call is the warm-up."

    name = "toy.dying"
    chunk_size = 3
    calls = 0

    def restore(self, folder):
        Path({folder!r}, "restored").touch()
        super().restore(folder)

    def predict(self, chunk):
        self.calls += 1
        if self.calls > 3 and not Path({folder!r}, "lives").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(chunk)
"""
METHODS = [
    ("classification", "readbench_adapters.classical.text_classifiers", "NaiveBayes", ""),
    ("classification", "readbench_adapters.encoders.bert", "Bert", "model={tiny}, epochs=1, max_length=32"),
    ("keyphrases", "readbench_adapters.pke.supervised", "Kea", ""),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of two narrow layers with random weights."""
    pytest.importorskip("transformers", reason="needs the extra neural")
    from tiny_bert import save_tiny_bert

    return save_tiny_bert(tmp_path_factory.mktemp("tiny") / "encoder", head=False)


def run(task: str, method: str, file: Path, results: Path, **options: Any) -> Record:
    suite = Suite.model_validate(
        {
            "name": "toy",
            "tasks": {task: {"methods": [method]}},
            "split": {"kind": "holdout", "test": 0.3, "validation": 0.1, "near_duplicates": "ignore"},
        }
    )
    dataset, store = open_dataset("papers-demo"), Store(results)
    plan = make_plan(suite, dataset, Options(include_paths=(file,), limit=80, **options), store)
    runner = Runner(plan, store, Silent(), charges_imports=False)
    runner.run()
    (record,) = runner.records.values()
    return record


@pytest.mark.parametrize(("task", "module", "name", "parameters"), METHODS, ids=[one[2] for one in METHODS])
def test_it_predicts_what_it_would_have_predicted(
    task: str,
    module: str,
    name: str,
    parameters: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(module, reason="needs the extra of the method")
    monkeypatch.setattr("readbench.engine.inputs.KEEP_TRAINED_S", 0.0)
    if "{tiny}" in parameters:
        parameters = parameters.replace("{tiny}", f'"{request.getfixturevalue("tiny")}"')
    file = tmp_path / "dying.py"
    file.write_text(DYING.format(module=module, name=name, folder=str(tmp_path)), encoding="utf-8")
    method = f"toy.dying[{parameters}]" if parameters else "toy.dying"
    died = run(task, method, file, tmp_path / "results")
    assert died.failure is not None
    assert died.failure.type == "ProcessDied", died.failure
    (tmp_path / "lives").touch()
    again = run(task, method, file, tmp_path / "results", retry=True)
    assert (again.status, again.goes) == ("ok", 2), again.failure
    assert (tmp_path / "restored").exists()
    whole = run(task, method, file, tmp_path / "whole")
    assert (whole.status, whole.goes) == ("ok", 1)
    assert again.predictions_digest == whole.predictions_digest
