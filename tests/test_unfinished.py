"""A cell that was ended while it predicted goes on at the first chunk that is missing: what was predicted
counts, is not predicted again, and its costs add up."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records, workspaces, write_suite
from toy_methods import HEAD
from toy_runs import plan_toy

from readbench.engine.chunks import Begun, Chunk, ChunkFile, Kept, chunk_line, predicted_columns, whole_lines
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner
from readbench.engine.unfinished import Unfinished
from readbench.results.record import Record
from readbench.results.store import Store
from readbench.results.tables import PREDICTIONS, predictions_digest, read_columns

LOGGED = (
    HEAD
    + """
import os, time
from pathlib import Path


class Logged(Silent):
    name = "toy.logged"
    chunk_size = 2

    class Params(Params):
        log: str = ""
        seconds: float = 0.01
        train: float = 0.0
        hangs: str = ""

    calls = 0

    def say(self, *words):
        with open(self.params.log, "a") as file:
            file.write(" ".join(map(str, words)) + "\\n")

    def fit(self, train, validation):
        self.say("fit", os.getpid())
        time.sleep(self.params.train)
        self.words = len(train.documents)

    def save(self, folder):
        (folder / "words").write_text(str(self.words))

    def restore(self, folder):
        self.say("restore", os.getpid())
        self.words = int((folder / "words").read_text())

    def predict(self, chunk):
        self.say("chunk", os.getpid(), *(document.id for document in chunk))
        time.sleep(self.params.seconds * len(chunk))
        self.calls += 1
        if self.calls > 4 and os.path.exists(self.params.hangs):
            time.sleep(600)
        return [self.answer(document) for document in chunk]

    def answer(self, document):
        return RankedPhrases((document.fields["title"], f"learned {self.words}"), (2.0, 1.0))
"""
)


class Go:
    """A process of the cell, as the log has it: the documents of each call of predict."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.fitted = self.restored = False
        self.calls: list[tuple[str, ...]] = []


def goes(log: Path) -> list[Go]:
    found: dict[int, Go] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        what, pid, *ids = line.split()
        go = found.setdefault(int(pid), Go(int(pid)))
        go.fitted |= what == "fit"
        go.restored |= what == "restore"
        if what == "chunk":
            go.calls.append(tuple(ids))
    return list(found.values())


def spec(log: Path, **more: float) -> str:
    """It hangs in its fifth call of predict, while there is a file ``hangs``."""
    texts = {"log": json.dumps(str(log)), "hangs": json.dumps(str(log.with_name("hangs")))}
    return f"toy.logged[{', '.join(f'{name}={value}' for name, value in (texts | more).items())}]"


def run(folder: Path, method: str, source: str = LOGGED, **options: Any) -> tuple[Runner, Record]:
    plan, store = plan_toy(source, folder, method, limit=90, **options)
    runner = Runner(plan, store, Silent(), charges_imports=False)
    runner.run()
    (record,) = runner.records.values()
    return runner, record


def digest(store: Store, key: str) -> str:
    return predictions_digest(read_columns(store.cell(key) / PREDICTIONS))


def durable(results: Path) -> set[str]:
    """The documents whose chunks are on disk."""
    files = results.glob("unfinished/*/*.jsonl")
    return {id_ for file in files for chunk in Kept.read(file).chunks for id_ in chunk}


@contextlib.contextmanager
def killed(log: Path, after_s: float) -> Iterator[None]:
    """Ends the next process of the log by SIGKILL so long after it began to predict."""
    known, ended = {go.pid for go in goes(log)}, threading.Event()

    def kill() -> None:
        while not ended.wait(0.002):
            new = [go for go in goes(log) if go.pid not in known]
            # The first call is the warm-up.
            if new and len(new[-1].calls) > 1:
                time.sleep(after_s)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(new[-1].pid, signal.SIGKILL)
                return

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_a_cell_that_is_killed_at_random_ends_ok(tmp_path: Path, kills: int) -> None:
    """No document is predicted again once its chunk is on disk, and the predictions are those of a cell that
    was never killed."""
    log, generator = tmp_path / "log", random.Random(kills)
    seconds = 0.003 * kills  # of a document: all of them take about as long as the kills together
    method = spec(log, seconds=seconds)
    done: set[str] = set()
    for _ in range(kills):
        with killed(log, generator.uniform(0.0, 0.15)):
            _, record = run(tmp_path, method, retry=True)
        if record.status == "ok":
            break
        assert record.failure is not None
        assert record.failure.type == "ProcessDied"
        now = durable(tmp_path / "results")
        assert now >= done
        predicted = {id_ for call in goes(log)[-1].calls for id_ in call}
        assert not predicted & done
        done = now
    runner, record = run(tmp_path, method, retry=True)
    assert record.status == "ok", record.failure
    assert done
    last = goes(log)[-1]
    assert not {id_ for call in last.calls for id_ in call} & done
    assert 1 < record.goes <= kills + 1
    assert record.costs.predict_s is not None
    assert record.costs.predict_s > len(runner.plan.cells[0].split.test) * seconds
    assert not list((tmp_path / "results").glob("unfinished/*"))
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    other, whole = run(undisturbed, method)
    assert whole.goes == 1
    assert digest(runner.store, record.key) == digest(other.store, whole.key)


@pytest.fixture
def suite(tmp_path: Path) -> list[object]:
    """The arguments of a run of one slow cell."""
    (tmp_path / "logged.py").write_text(LOGGED, encoding="utf-8")
    path = write_suite(tmp_path, [spec(tmp_path / "log", seconds=0.03)])
    include = ["--include-path", tmp_path / "logged.py"]
    return ["run", path, *include, "--limit", "60", "--output-path", tmp_path / "results"]


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_run_that_is_ended_goes_on_in_the_middle_of_a_cell(
    bench: Bench, tmp_path: Path, suite: list[object], number: signal.Signals
) -> None:
    process = bench.start(*suite)
    end = time.monotonic() + 60
    while not durable(tmp_path / "results"):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate()
    assert bench.survivors() == []
    done = durable(tmp_path / "results")
    again = bench(*suite)
    assert again.returncode == 0, again.stderr
    (record,) = records(tmp_path / "results").values()
    assert (record["status"], record["goes"]) == ("ok", 2)
    _, second = goes(tmp_path / "log")
    assert done
    assert not {id_ for call in second.calls for id_ in call} & done
    assert workspaces(tmp_path / "results") == []
    assert not list((tmp_path / "results").glob("unfinished/*"))
    assert "(up to 2 processes)" in again.stdout


TIMEOUTS_S = (3.0, 12.0, 48.0)
"""Most of it a cell hangs. On a busy machine the first may end before the third chunk."""


def ended_once(tmp_path: Path, method: str, source: str = LOGGED) -> set[str]:
    """Runs a cell out of its time, and returns the documents that it left."""
    hangs = tmp_path / "hangs"
    hangs.touch()
    done: set[str] = set()
    for timeout_s in TIMEOUTS_S:
        _, record = run(tmp_path, method, source, timeout_s=timeout_s, fresh=timeout_s != TIMEOUTS_S[0])
        assert record.status == "timeout"
        done = durable(tmp_path / "results")
        if len(done) == 3 * 2:  # three chunks, after the warm-up
            break
    hangs.unlink()
    assert len(done) == 3 * 2
    return done


def test_a_cell_that_ran_out_of_time_goes_on(tmp_path: Path) -> None:
    method = spec(tmp_path / "log", seconds=0.05)
    done = ended_once(tmp_path, method)
    record, predicted = again(tmp_path, method)
    assert record.goes == 2
    assert not predicted & done
    # The seconds of both goes, though the second one alone predicted the rest.
    assert record.costs.predict_s is not None
    assert record.costs.wall_s is not None
    assert record.costs.predict_s > 0.05 * (len(done) + len(predicted))
    assert record.costs.wall_s > record.costs.predict_s


def again(tmp_path: Path, method: str, source: str = LOGGED, **options: Any) -> tuple[Record, set[str]]:
    """Runs it once more, and returns what it predicted then."""
    _, record = run(tmp_path, method, source, timeout_s=60.0, **options)
    assert record.status == "ok", record.failure
    return record, {id_ for call in goes(tmp_path / "log")[-1].calls for id_ in call}


def test_fresh_begins_anew(tmp_path: Path) -> None:
    method = spec(tmp_path / "log", seconds=0.05)
    done = ended_once(tmp_path, method)
    record, predicted = again(tmp_path, method, fresh=True)
    assert record.goes == 1
    assert predicted > done
    assert not list((tmp_path / "results").glob("unfinished/*"))


def test_an_edit_begins_anew(tmp_path: Path) -> None:
    """Its key is another one."""
    method = spec(tmp_path / "log", seconds=0.05)
    done = ended_once(tmp_path, method)
    record, predicted = again(tmp_path, method, LOGGED.replace("learned", "LEARNED"))
    assert record.goes == 1
    assert predicted > done


def test_a_file_that_was_touched_meanwhile_begins_anew(tmp_path: Path) -> None:
    """The process that was ended may have run another text of it than the key says."""
    method = spec(tmp_path / "log", seconds=0.05)
    done = ended_once(tmp_path, method)
    (tmp_path / "toy.py").touch()
    record, predicted = again(tmp_path, method)
    assert record.goes == 1
    assert predicted > done


def test_a_method_that_depends_on_the_order_begins_anew(tmp_path: Path) -> None:
    method = spec(tmp_path / "log", seconds=0.05)
    source = LOGGED.replace("chunk_size = 2", "chunk_size = 2\n    depends_on_order = True")
    done = ended_once(tmp_path, method, source)
    record, predicted = again(tmp_path, method, source)
    assert record.goes == 1
    assert predicted > done


def test_what_a_method_that_raised_had_predicted_is_not_kept(tmp_path: Path) -> None:
    source = LOGGED.replace("time.sleep(self.params.seconds * len(chunk))", "raise ValueError('no')")
    _, record = run(tmp_path, spec(tmp_path / "log"), source)
    assert record.status == "failed"
    assert not list((tmp_path / "results").glob("unfinished/*"))


@pytest.mark.parametrize("keep_s", [0.3, pytest.param(30.0, marks=pytest.mark.slow)])
def test_training_that_takes_long_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_s: float
) -> None:
    """Short training is done again, and charged again."""
    monkeypatch.setattr("readbench.engine.inputs.KEEP_TRAINED_S", keep_s)
    method = spec(tmp_path / "log", seconds=0.05, train=0.4)
    ended_once(tmp_path, method)
    record, _ = again(tmp_path, method)
    assert record.goes == 2
    once = keep_s < 0.4
    last = goes(tmp_path / "log")[-1]
    assert (last.fitted, last.restored) == (not once, once)
    assert record.costs.fit_s is not None
    assert (record.costs.fit_s < 0.8) == once
    assert not list((tmp_path / "results").glob("unfinished/*"))


def test_a_damaged_model_is_learned_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readbench.engine.inputs.KEEP_TRAINED_S", 0.3)
    method = spec(tmp_path / "log", seconds=0.05, train=0.4)
    ended_once(tmp_path, method)
    (model,) = (tmp_path / "results").glob("unfinished/*/*.model/words")
    model.write_text("7")
    again(tmp_path, method)
    assert goes(tmp_path / "log")[-1].fitted


# -- the file ------------------------------------------------------------------------------------------

BEGUN = Begun(1.0, None, 0.5, "here", contended=False, files="state")


def chunk(*ids: str) -> Chunk:
    return Chunk({"id": list(ids), "label": ["1"] * len(ids)}, 0.25, 0.2, 3.0, 2.0, 1000)


def test_what_was_written_by_half_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    lines = [chunk_line(BEGUN), chunk_line(chunk("a", "b")), chunk_line(chunk("c"))]
    whole = b"".join(lines)
    for length in range(len(whole) + 1):
        file.write_bytes(whole[:length])
        kept = Kept.read(file)
        ends = [end for end in (0, *(len(b"".join(lines[:n])) for n in (1, 2, 3))) if end <= length]
        assert kept.end == ends[-1]
        assert len(kept.chunks) == max(0, len(ends) - 2)
    # Nothing behind a damaged line counts either.
    file.write_bytes(lines[0] + lines[1].replace(b'"b"', b'"x"') + lines[2])
    assert Kept.read(file).chunks == set()
    opened = ChunkFile(file)
    opened.add(chunk("a", "b"))
    opened.close()
    assert [line.content for line in whole_lines(file)] == [BEGUN, chunk("a", "b")]


def test_each_chunk_counts_once(tmp_path: Path) -> None:
    """Two processes may have written the same one."""
    file = tmp_path / "file"
    once = chunk("a", "b")
    file.write_bytes(b"".join(chunk_line(one) for one in (BEGUN, once, once, BEGUN, chunk("c"), once)))
    assert predicted_columns(file)["id"] == ["a", "b", "c"]
    kept = Kept.read(file)
    assert (kept.predict_s, kept.wall_s, len(kept.begun)) == (0.5, 6.0, 2)


@pytest.mark.parametrize("content", [b"", b"none\n", b'{"id": ["a"]}\n', chunk_line(BEGUN)])
def test_a_file_without_predictions_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match="the file of its predictions is empty"):
        predicted_columns(tmp_path / "file")


def test_two_runs_do_not_take_each_others_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    unfinished, key = Unfinished(store, "mine"), "k" * 40
    other = store.unfinished(key) / "ffffffffffff-1.jsonl"
    other.parent.mkdir(parents=True)
    other.write_bytes(chunk_line(BEGUN))
    leases = tmp_path / "leases"
    leases.mkdir(exist_ok=True)
    mine = unfinished.file(key)
    # The other run lives: what it has is copied, and stays.
    (leases / "ffffffffffff.json").write_bytes((leases / f"{store.lease.id}.json").read_bytes())
    unfinished.take_over(mine, fresh=False)
    assert other.read_bytes() == mine.read_bytes() == chunk_line(BEGUN)
    unfinished.remove(mine)
    assert other.exists()
    # It is gone: its file becomes this one's.
    (leases / "ffffffffffff.json").unlink()
    mine = unfinished.file(key)
    unfinished.take_over(mine, fresh=False)
    assert mine.read_bytes() == chunk_line(BEGUN)
    assert not other.exists()
    unfinished.remove(mine)
    assert not mine.parent.exists()


def test_a_plan_that_begins_anew_goes_on_with_its_own_files(tmp_path: Path) -> None:
    store, key = Store(tmp_path), "k" * 40
    before, mine = Unfinished(store, "before"), Unfinished(store, "mine")
    old = before.file(key)
    before.take_over(old, fresh=False)
    old.write_bytes(chunk_line(BEGUN) + chunk_line(chunk("a")))
    old.with_suffix(".model").mkdir()
    first = mine.file(key)
    mine.take_over(first, fresh=True)
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    assert first.read_bytes() == b""
    first.write_bytes(chunk_line(BEGUN))
    first.with_suffix(".model").mkdir()
    again = mine.file(key)
    mine.take_over(again, fresh=True)
    assert again.read_bytes() == chunk_line(BEGUN)
    assert first.with_suffix(".model").is_dir()
    assert not first.exists()


OTHER_RUN = """
import sys
from readbench.engine.unfinished import Unfinished
from readbench.results.store import Store
unfinished = Unfinished(Store(sys.argv[1]), "other")
for _ in range(1000):
    file = unfinished.file("k" * 40)
    unfinished.take_over(file, fresh=False)
    unfinished.remove(file)
"""


def test_a_folder_that_another_run_removes_is_made_again(tmp_path: Path) -> None:
    """Two runs of one cell: one ends it while the other begins."""
    unfinished = Unfinished(Store(tmp_path), "mine")
    other = subprocess.Popen([sys.executable, "-c", OTHER_RUN, str(tmp_path)])
    while other.poll() is None:
        file = unfinished.file("k" * 40)
        unfinished.take_over(file, fresh=False)
        ChunkFile(file).close()
        unfinished.remove(file)
    assert other.wait() == 0
