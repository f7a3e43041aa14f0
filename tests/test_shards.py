"""A cell in parts, each predicted by a process of its own: the same predictions, costs that add up."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records, workspaces, write_suite
from toy_methods import HEAD

from readbench.adapter import Adapter
from readbench.core.types import Split
from readbench.engine.parts import joined
from readbench.engine.scheduled import Ending
from readbench.planning.sharding import shards_of

LOGGED = (
    HEAD
    + """
import os, time
from pathlib import Path


class Words(Nothing):
    name = "all-words"

    def build(self, documents, folder, context):
        (folder / "count").write_text(str(len(documents)))

    def open(self, folder):
        return int((folder / "count").read_text())


class Logged(Silent):
    name = "toy.logged"
    chunk_size = 2

    class Params(Params):
        log: str = ""
        seconds: float = 0.0
        fails: int = 0
        scale: float = 1.0

    def needs(self):
        return Needs({"words": PreparationNeed(Words())})

    def predict(self, chunk):
        if len(chunk) > 1 or not self.params.fails:
            with open(self.params.log, "a") as file:
                file.write(f"{os.getpid()} {' '.join(document.id for document in chunk)}\\n")
        time.sleep(self.params.seconds)
        for document in chunk:
            if int(document.id.rpartition("-")[2]) < self.params.fails:
                raise ValueError("no")
        whole = self.context.preparations["words"]
        return [RankedPhrases((f"word {whole} {len(chunk)} {d.id}",), (1.0,)) for d in chunk]


class Ordered(Logged):
    name = "toy.ordered"
    depends_on_order = True
"""
)


class Toy:
    """Runs of ``toy.logged`` on some papers, in a folder."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder, self.log = bench, folder, folder / "log"
        (folder / "logged.py").write_text(LOGGED, encoding="utf-8")

    def command(
        self, results: str, *more: object, method: str = "toy.logged", **params: object
    ) -> list[object]:
        given = ", ".join(f"{name}={value}" for name, value in {"log": f'"{self.log}"', **params}.items())
        suite = write_suite(self.folder, [f"{method}[{given}]"], name="parts")
        options = ["--limit", 20, "--include-path", self.folder / "logged.py"]
        return ["run", suite, *options, "--output-path", self.folder / results, *more]

    def run(self, results: str, *more: object, status: int = 0, **params: Any) -> dict[str, Any]:
        """The record."""
        done = self.bench.here(*self.command(results, *more, **params))
        assert done.returncode == status, done.stderr
        (record,) = records(self.folder / results).values()
        assert workspaces(self.folder / results) == []
        return record

    def chunks(self) -> list[tuple[str, ...]]:
        """What was asked, but for warm-ups, which are single documents."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [ids for line in lines if len(ids := tuple(line.split()[1:])) > 1]


@pytest.fixture
def toy(bench: Bench, tmp_path: Path) -> Toy:
    return Toy(bench, tmp_path)


def test_parts_are_the_chunks_of_the_whole(toy: Toy) -> None:
    whole = toy.run("whole")
    chunks = toy.chunks()
    toy.log.unlink()
    record = toy.run("parts", "--shards", 3, "--workers", 2)
    assert sorted(toy.chunks()) == sorted(chunks)
    pids = {line.split()[0] for line in toy.log.read_text(encoding="utf-8").splitlines()}
    assert len(pids) == 3
    assert (whole["shards"], record["shards"], record["goes"]) == (1, 3, 1)
    assert record["key"] == whole["key"]
    assert record["predictions_digest"] == whole["predictions_digest"]
    assert {name: value["value"] for name, value in record["metrics"].items()} == {
        name: value["value"] for name, value in whole["metrics"].items()
    }
    assert not (toy.folder / "parts" / "unfinished" / record["key"]).exists()
    board = toy.bench.here("leaderboard", "--output-path", toy.folder / "parts").stdout
    assert "Predicted in up to 3 parts, each by a process of its own: toy.logged" in " ".join(board.split())


def test_seconds_are_sums_and_memory_is_the_highest(toy: Toy) -> None:
    """It waits 50 ms in each of 10 chunks, and in the warm-up of each part."""
    costs = toy.run("parts", "--shards", 5, seconds=0.05)["costs"]
    assert 0.5 <= costs["predict_s"] < 1.0
    assert 0.25 <= costs["warmup_s"] < 0.5
    assert costs["wall_s"] > costs["predict_s"] + costs["warmup_s"]
    one, two = (Ending("ok", wall_s=1.0, cpu_s=2.0, growth_bytes=n) for n in (5, 3))
    assert joined([one]) is one
    both = joined([one, Ending("timeout", wall_s=0.5), two])
    assert (both.status, both.wall_s, both.cpu_s, both.growth_bytes) == ("timeout", 2.5, 4.0, 5)


@pytest.mark.slow
def test_failed_documents_are_counted_over_all_parts(toy: Toy) -> None:
    whole = toy.run("whole", fails=100)
    record = toy.run("parts", "--shards", 4, fails=100)
    assert record["failed_documents"]["count"] == whole["failed_documents"]["count"] > 1
    assert record["failed_documents"]["of"] == 20
    assert record["predictions_digest"] == whole["predictions_digest"]
    # Too many of all, though no part sees as many by itself.
    broken = [
        toy.run(name, *more, status=1, fails=1000) for name, more in (("a", ()), ("b", ("--shards", 4)))
    ]
    assert [one["status"] for one in broken] == ["failed", "failed"]
    assert [one["failure"]["type"] for one in broken] == ["ValueError", "ValueError"]


def test_a_killed_run_goes_on_in_each_part(toy: Toy) -> None:
    command = toy.command("parts", "--shards", 3, "--workers", 2, seconds=0.1)
    process = toy.bench.start(*command)
    end = time.monotonic() + 60
    while not (toy.log.exists() and len(toy.chunks()) >= 5) and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert toy.bench.survivors(10.0) == []
    left = sorted(
        path.stem.partition(".")[2].rpartition("-")[0]
        for path in (toy.folder / "parts").glob("unfinished/*/*.jsonl")
    )
    assert {"1-of-3", "2-of-3"} <= set(left)
    record = toy.run("parts", "--shards", 3, "--workers", 2, seconds=0.1)
    assert (record["status"], record["shards"]) == ("ok", 3)
    assert record["goes"] > 1
    chunks = toy.chunks()
    # What was being predicted when it was killed was asked twice: a chunk in each of two processes at most.
    assert len(set(chunks)) == 10
    assert len(chunks) <= 12
    assert record["predictions_digest"] == toy.run("whole", seconds=0.1)["predictions_digest"]
    assert not list((toy.folder / "parts").glob("unfinished/*"))


@pytest.mark.slow
def test_another_number_of_parts_begins_anew_and_leaves_nothing(toy: Toy) -> None:
    toy.bench(*toy.command("parts", "--shards", 2, "--timeout", "500ms", seconds=0.2))
    assert len(list((toy.folder / "parts").glob("unfinished/*/*.jsonl"))) == 2
    record = toy.run("parts", "--shards", 5, "--retry", seconds=0.2)
    assert (record["shards"], record["goes"]) == (5, 1)
    assert not list((toy.folder / "parts").glob("unfinished/*"))


def test_what_depends_on_order_is_one_part_and_the_plan_says_why(toy: Toy) -> None:
    command = toy.command("parts", "--shards", "auto", "--workers", 4, method="toy.ordered")
    plan = toy.bench.here("plan", *command[1:])
    assert "in one part: what it predicts depends on the documents before" in " ".join(plan.stdout.split())
    (cell,) = json.loads(toy.bench.here("plan", *command[1:], "--format", "json").stdout)["stages"][0][
        "cells"
    ]
    assert (cell["shards"], cell["in_one"][:19]) == (1, "what it predicts de")
    record = toy.run("parts", "--shards", "auto", "--workers", 4, method="toy.ordered")
    assert (record["status"], record["shards"]) == ("ok", 1)
    (cell,) = json.loads(
        toy.bench.here(
            "plan", *toy.command("none", "--shards", "auto", "--workers", 4)[1:], "--format", "json"
        ).stdout
    )["stages"][0]["cells"]
    assert (cell["shards"], cell["in_one"]) == (4, None)


class Learns(Adapter):
    def fit(self, train: Any, validation: Any) -> None: ...


class Plain(Adapter):
    pass


@pytest.mark.parametrize(
    ("adapter", "split", "wanted", "expected"),
    [
        (Plain, Split((), (), tuple("abcdefghij" * 20)), 4, 4),
        (Plain, Split(tuple("xy"), (), tuple("abcdefghij" * 20)), 4, 4),
        (Plain, Split((), (), tuple("abcdefghij" * 20)), 9, 4),
        (Plain, Split((), (), tuple("ab")), 4, 1),
        (Learns, Split((), (), tuple("abcdefghij" * 20)), 3, 3),
        (Learns, Split(tuple("xy"), (), tuple("abcdefghij" * 20)), 3, 1),
        (Learns, Split((), tuple("xy"), tuple("abcdefghij" * 20)), 3, 1),
    ],
)
def test_how_many_parts(adapter: type[Adapter], split: Split, wanted: int, expected: int) -> None:
    found, why = shards_of(adapter, split, wanted)
    assert found == expected
    assert bool(why) == (expected == 1)


@pytest.mark.parametrize("given", ["0", "many", "-1", "1.5", "99999"])
def test_a_number_of_parts_that_is_none(toy: Toy, given: str) -> None:
    done = toy.bench.here(*toy.command("parts", "--shards", given))
    assert (done.returncode, done.stderr) == (
        2,
        f"bench: --shards: {given!r} is no number of parts; write 1 to 1024, or auto\n",
    )


def test_not_elsewhere(toy: Toy) -> None:
    done = toy.bench.here(*toy.command("parts", "--shards", 2, "--executor", "slurm"))
    assert done.returncode == 2
    assert "--executor slurm: --shards are processes on this machine; leave it out" in done.stderr


REAL = ("pke.tfidf", "pke.textrank", "pke.topicalpagerank", "pke.yake", "sgrank", "rake", "yake", "fusion")


@pytest.mark.slow
def test_real_methods_predict_the_same_in_parts(bench: Bench, tmp_path: Path) -> None:
    """Those with document frequencies, topics and a parse of the whole input among them."""
    suite = write_suite(tmp_path, [*REAL, "pke.kea"], name="real", timeout="10m", memory="4GiB")
    suite.write_text(
        suite.read_text(encoding="utf-8") + '\n[split]\nkind = "holdout"\ntest = 0.8\n', encoding="utf-8"
    )
    for name, more in (("whole", ()), ("parts", ("--shards", 3, "--workers", 2))):
        done = bench("run", suite, "--output-path", tmp_path / name, *more, timeout=1200)
        assert done.returncode == 0, done.stderr
    whole, parts = records(tmp_path / "whole"), records(tmp_path / "parts")
    assert {name: one["predictions_digest"] for name, one in parts.items()} == {
        name: one["predictions_digest"] for name, one in whole.items()
    }
    for name, one in parts.items():
        assert one["shards"] == (1 if name in ("fusion", "pke.kea") else 3), name
