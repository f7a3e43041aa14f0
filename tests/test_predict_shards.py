"""`bench predict --shards`: several processes write the file that one would write."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from bench_process import Bench

from readbench.core.errors import BenchError
from readbench.datasets import open_dataset
from readbench.trained import predicting
from readbench.trained.fitting import fit
from readbench.trained.in_parts import in_parts
from readbench.trained.predicting import opened, predict_file

BLOCKS, BLOCK = 5, 40
COUNTS = '''
import os, time
from types import SimpleNamespace

from readbench.adapter import Adapter, Needs, Params, Preparation, PreparationNeed, RankedPhrases


class Words(Preparation):
    """How many documents there are."""

    name = "block-words"

    def build(self, documents, folder, context):
        (folder / "count").write_text(str(len(documents)))

    def open(self, folder):
        return SimpleNamespace(count=int((folder / "count").read_text()))


class Counts(Adapter):
    """Says how many documents it sees."""

    name = "my.counts"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        seconds: float = 0.0

    def needs(self):
        return Needs({"words": PreparationNeed(Words())})

    def predict(self, chunk):
        time.sleep(self.params.seconds)
        whole = self.context.preparations["words"].count
        found = [RankedPhrases((f"of {whole} {document.id}",), (1.0,)) for document in chunk]
        if any(document.id == "bad" for document in chunk):
            raise ValueError("no such paper")
        return found


class Ordered(Counts):
    name = "my.ordered"
    depends_on_order = True
'''


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("methods") / "counts.py"
    file.write_text(COUNTS, encoding="utf-8")
    return file


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    path = tmp_path / "papers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("id", "title"), *((f"p{n}", f"title {n}") for n in range(BLOCKS * BLOCK - 7))]
        )
    return path


def model_of(spec: str, folder: Path, methods: Path) -> Path:
    fit(spec, open_dataset("papers-demo"), folder / "model", include_paths=(methods,))
    return folder / "model"


def test_several_processes_write_the_same_file(
    methods: Path, papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "BLOCK", BLOCK)
    folder, told = model_of("my.counts", tmp_path, methods), list[int]()
    with (
        opened(folder, include_paths=(methods,)) as model,
        in_parts(folder, 2, include_paths=(methods,)) as predict,
    ):
        assert model.in_one == ""
        done = predict_file(model, papers, tmp_path / "two.jsonl", progress=told.append, predict=predict)
        predict_file(model, papers, tmp_path / "one.jsonl")
    assert done.documents == BLOCKS * BLOCK - 7
    assert told == [0, 40, 80, 120, 160, 193]
    two, one = (
        (tmp_path / f"{name}.jsonl").read_text(encoding="utf-8").splitlines() for name in ("two", "one")
    )
    assert two == one
    # Preparations are of a block: the last one is shorter.
    assert [json.loads(line)["keyphrases"][0].split()[1] for line in (tmp_path / "two.jsonl").open()][
        -1
    ] == "33"


def test_what_a_method_raises_is_told_and_no_process_stays(
    methods: Path, papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "BLOCK", BLOCK)
    papers.write_text(papers.read_text(encoding="utf-8").replace("p150,", "bad,"), encoding="utf-8")
    folder, output = model_of("my.counts", tmp_path, methods), tmp_path / "two.csv"
    with (
        opened(folder, include_paths=(methods,)) as model,
        pytest.raises(BenchError, match="failed while predicting"),
        in_parts(folder, 2, include_paths=(methods,)) as predict,
    ):
        predict_file(model, papers, output, predict=predict)
    assert json.loads(Path(f"{output}.part.json").read_text(encoding="utf-8"))["documents"] == 3 * BLOCK
    end = time.monotonic() + 20
    while _predicting() and time.monotonic() < end:
        time.sleep(0.05)
    assert _predicting() == []


def _predicting() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.is_running()
        and child.status() != psutil.STATUS_ZOMBIE
        and "spawn_main" in " ".join(child.cmdline())
    ]


@pytest.mark.slow
def test_a_killed_command_goes_on(bench: Bench, methods: Path, papers: Path, tmp_path: Path) -> None:
    folder, output = model_of("my.counts[seconds=0.05]", tmp_path, methods), tmp_path / "out.csv"
    with papers.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows((f"q{n}", "more") for n in range(8 * predicting.BLOCK))
    command = ["predict", "--model", folder, "--input", papers, "--include-path", methods, "--shards", 2]
    process, state = bench.start(*command, "--output", output), Path(f"{output}.part.json")
    end = time.monotonic() + 60
    while not state.exists() and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert bench.survivors(10.0) == []
    done = bench(*command, "--output", output, "--format", "json")
    answer = json.loads(done.stdout)
    assert (answer["resumed"] >= predicting.BLOCK, answer["shards"]) == (True, 2)
    bench(*command[:-2], "--output", tmp_path / "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_what_depends_on_order_stays_in_one_process(
    bench: Bench, methods: Path, papers: Path, tmp_path: Path
) -> None:
    folder = model_of("my.ordered", tmp_path, methods)
    command = ["predict", "--model", folder, "--input", papers, "--include-path", methods, "--shards", "auto"]
    done = bench.here(*command, "--threads", 1, "--output", tmp_path / "out.csv", "--format", "json")
    assert json.loads(done.stdout)["shards"] == 1
    if len(os.sched_getaffinity(0)) > 1:
        said = "predicted in one process: what it predicts depends on the documents before"
        assert done.stderr == f"bench: {said}\n"
