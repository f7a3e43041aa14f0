"""``--executor ray`` on a cluster of two nodes that Ray simulates on this machine: each has a scheduler and
workers of its own."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from bench_process import Bench, records, write_suite
from toy_methods import HEAD
from toy_runs import write_two

from readbench.core.errors import BenchError
from readbench.engine.ray import Ray
from readbench.engine.ray_task import start_cell

SLEEPY = (
    HEAD
    + """
import time


class Sleepy(Silent):
    name = "toy.sleepy"
    chunk_size = 1

    class Params(Params):
        number: int = 0

    def predict(self, chunk):
        time.sleep(0.2)
        texts = [document.fields["title"].lower().split()[self.params.number :] for document in chunk]
        found = [tuple(dict.fromkeys(words)) or ("none",) for words in texts]
        return [RankedPhrases(words, tuple(map(float, range(len(words), 0, -1)))) for words in found]
"""
)
CELLS = 6
WITHIN_S = 120.0


def test_without_ray_one_line_says_so(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "ray" else find(name, *more)
    )
    suite, include = write_two(tmp_path)
    refused = bench.here("run", suite, *include, "--executor", "ray")
    assert refused.returncode == 2
    assert refused.stderr == "bench: --executor ray: needs Ray; pip install 'readbench[ray]'\n"


@pytest.mark.parametrize("option", [["--detach"], ["--partition", "p"], ["--sbatch", "exclusive"]])
def test_options_of_slurm_are_not_for_ray(bench: Bench, tmp_path: Path, option: list[str]) -> None:
    suite, include = write_two(tmp_path)
    refused = bench.here("run", suite, *include, "--executor", "ray", *option)
    assert (refused.returncode, f"{option[0]} is for --executor slurm;" in refused.stderr) == (2, True)


def test_the_address_is_for_ray(bench: Bench, tmp_path: Path) -> None:
    suite, include = write_two(tmp_path)
    refused = bench.here("run", suite, *include, "--executor", "slurm", "--address", "head:6379")
    assert (refused.returncode, "--address is for --executor ray;" in refused.stderr) == (2, True)


def test_a_task_says_how_its_command_ended(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    assert start_cell(["sh", "-c", "echo said"], log, 60.0) == "COMPLETED"
    assert start_cell(["sh", "-c", "echo more >&2; exit 75"], log, 60.0) == "FAILED"
    assert start_cell(["sleep", "600"], log, 0.01) == "TIMEOUT"
    assert Path(log).read_text() == "said\nmore\n"


def test_where_nothing_listens_one_line_says_so() -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs the extra ray")
    with pytest.raises(BenchError, match=r"no cluster of Ray is reached at 127\.0\.0\.1:1: .*refused"):
        Ray(address="127.0.0.1:1")


# -- two nodes -----------------------------------------------------------------------------------------


class Nodes:
    """A head without processors, and two nodes with one each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.cluster.add_node(num_cpus=1) for _ in range(2)]

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def kill_one(self) -> None:
        self.cluster.remove_node(self.nodes.pop(), allow_graceful=False)


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    pytest.importorskip("ray", reason="needs the extra ray")
    # Its sockets lie there: the path must be short.
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", folder)
        found = Nodes()
        try:
            yield found
        finally:
            found.cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


class Sleepers:
    """A suite of some cells of a few seconds, here and on a cluster."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder = bench, folder
        (folder / "sleepy.py").write_text(SLEEPY, encoding="utf-8")
        methods = [f"toy.sleepy[number={number}]" for number in range(CELLS)]
        suite = write_suite(folder, methods, memory="1GiB")
        self.common = ["run", suite, "--include-path", folder / "sleepy.py", "--limit", 12]
        self.there = folder / "there"

    def on(self, nodes: Nodes, *more: object) -> subprocess.Popen[str]:
        place = ["--executor", "ray", "--address", nodes.address, "--output-path", self.there]
        return self.bench.start(*self.common, *place, *more)

    def here(self) -> dict[str, Any]:
        done = self.bench(*self.common, "--output-path", self.folder / "here")
        assert done.returncode == 0, done.stderr
        return digests(self.folder / "here")

    def some_are_done(self) -> bool:
        return 0 < len(records(self.there)) < CELLS - 2 and len(self.at_work()) > 0

    def at_work(self) -> list[int]:
        """The processes ``bench cell`` of this run."""
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if "cell" in words and any(word.startswith(str(self.there)) for word in words):
                found.append(process.pid)
        return found

    def logs(self) -> int:
        """How many tasks were started."""
        return len(list(self.there.glob("runs/*/ray/*.log")))


def digests(results: Path) -> dict[str, Any]:
    return {spec: record["predictions_digest"] for spec, record in records(results).items()}


def until(done: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + WITHIN_S
    while not done():
        if process is not None:
            assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=WITHIN_S * 2)
    assert process.returncode == 0, errors + output
    return errors + output


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_nodes_predict_what_one_machine_predicts(bench: Bench, tmp_path: Path, nodes: Nodes) -> None:
    """With a preparation that both cells wait for."""
    suite, include = write_two(tmp_path)
    common = ["run", suite, *include, "--limit", 6, "--memory", "1GiB"]
    here, there = tmp_path / "here", tmp_path / "there"
    assert bench.here(*common, "--output-path", here).returncode == 0
    place = ["--executor", "ray", "--address", nodes.address, "--array-limit", 1, "--output-path", there]
    said = finish(bench.start(*common, *place))
    assert "toy.first" in said
    assert len(digests(there)) == 2
    assert digests(there) == digests(here)
    assert not list((there / "submissions").iterdir())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_cells_of_a_node_that_is_killed_run_on_the_other(bench: Bench, tmp_path: Path, nodes: Nodes) -> None:
    sleepers = Sleepers(bench, tmp_path)
    process = sleepers.on(nodes)
    until(lambda: sleepers.some_are_done() and len(sleepers.at_work()) == 2, process)
    done = {path: path.read_bytes() for path in sleepers.there.glob("cells/[!.]*/record.json")}
    nodes.kill_one()
    finish(process)
    assert len(digests(sleepers.there)) == CELLS
    assert sleepers.logs() == CELLS + 1
    assert all(path.read_bytes() == content for path, content in done.items())
    assert digests(sleepers.there) == sleepers.here()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_driver_that_is_killed_loses_nothing_that_ended(bench: Bench, tmp_path: Path, nodes: Nodes) -> None:
    sleepers = Sleepers(bench, tmp_path)
    process = sleepers.on(nodes)
    until(sleepers.some_are_done, process)
    process.kill()
    process.communicate()
    until(lambda: not sleepers.at_work())
    done = {path: path.read_bytes() for path in sleepers.there.glob("cells/[!.]*/record.json")}
    assert 0 < len(done) < CELLS
    finish(sleepers.on(nodes))
    assert all(path.read_bytes() == content for path, content in done.items())
    assert digests(sleepers.there) == sleepers.here()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_interruption_ends_the_cells(bench: Bench, tmp_path: Path, nodes: Nodes) -> None:
    sleepers = Sleepers(bench, tmp_path)
    process = sleepers.on(nodes)
    until(sleepers.at_work, process)
    process.terminate()
    _, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1].startswith("bench: interrupted")
    until(lambda: not sleepers.at_work())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_cell_that_no_node_has_room_for_is_named(bench: Bench, tmp_path: Path, nodes: Nodes) -> None:
    sleepers = Sleepers(bench, tmp_path)
    process = sleepers.on(nodes, "--memory", "4000GiB")
    until(lambda: list(sleepers.there.glob("submissions/*")), process)
    process.terminate()
    _, errors = process.communicate(timeout=WITHIN_S)
    assert "no node has 1 CPUs, 0 GPUs and 4e+03 GiB of memory" in errors
    assert not sleepers.at_work()
