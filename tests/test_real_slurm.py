"""``--executor slurm`` against a real SLURM: the one that ``sinfo`` reaches."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from bench_process import Bench
from test_unfinished import LOGGED, durable, goes, spec
from toy_runs import write_two

pytest.importorskip("submitit", reason="needs the extra slurm")


def slurm_answers() -> bool:
    if shutil.which("sinfo") is None:
        return False
    told = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False)
    return told.returncode == 0 and bool(re.search("idle|mixed|allocated", told.stdout))


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not slurm_answers(), reason="needs a SLURM that sinfo reaches"),
]


def ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Watched:
    """A run on SLURM while it goes on."""

    def __init__(self, bench: Bench, results: Path, *arguments: object) -> None:
        self.results, self.kept = results, dict[Path, bytes]()
        self.process = bench.start(*arguments, "--executor", "slurm", "--output-path", results)

    def looks(self) -> Iterator[None]:
        """One at a time until the run ends. A record that was there once must stay as it is."""
        while self.process.poll() is None:
            for path in self.results.glob("cells/[!.]*/record.json"):
                with contextlib.suppress(FileNotFoundError):
                    self.kept.setdefault(path, path.read_bytes())
            yield
            time.sleep(0.2)

    def jobs(self) -> dict[str, str]:
        """State by job of those that have not ended."""
        known = "\n".join(path.read_text() for path in (self.results / "submissions").glob("*.json"))
        pairs = [line.split() for line in ask("squeue", "-h", "-r", "-o", "%i %T").splitlines()]
        return {job: state for job, state in pairs if f'"{job}"' in known}

    def running(self) -> list[str]:
        return [job for job, state in self.jobs().items() if state == "RUNNING"]

    def finish(self) -> str:
        output, errors = self.process.communicate()
        assert self.process.returncode == 0, errors + output
        assert all(path.read_bytes() == content for path, content in self.kept.items())
        assert not list((self.results / "submissions").iterdir())
        return errors + output


def digests(results: Path) -> dict[str, tuple[str, str]]:
    """Method and digest of the predictions, by the key of the cell: each fold is one."""
    found = [json.loads(path.read_text()) for path in results.glob("cells/[!.]*/record.json")]
    assert all(record["status"] == "ok" for record in found)
    return {record["key"]: (record["method"], record["predictions_digest"]) for record in found}


def here(bench: Bench, results: Path, *arguments: object) -> dict[str, tuple[str, str]]:
    done = bench(*arguments, "--output-path", results, timeout=600)
    assert done.returncode == 0, done.stderr
    return digests(results)


def test_cells_that_are_cancelled_and_requeued_end_as_here(bench: Bench, tmp_path: Path) -> None:
    suite, include = write_two(tmp_path)
    common = ["run", suite, *include, "--limit", 6, "--memory", "1GiB"]
    expected = here(bench, tmp_path / "here", *common)
    run = Watched(bench, tmp_path / "there", *common, "--array-limit", 2)
    cancelled, requeued = set[str](), set[str]()
    for _ in run.looks():
        for job in run.running():
            if len(cancelled) < 2:
                ask("scancel", job)
                cancelled.add(job)
            elif not requeued - cancelled and job not in cancelled:
                ask("scontrol", "requeue", job)
                requeued.add(job)
    run.finish()
    assert cancelled
    assert requeued
    assert digests(tmp_path / "there") == expected


def papers_by_folds(folder: Path) -> Path:
    """The suite ``papers`` in three folds, each cell on one processor."""
    text = (Path(__file__).parents[1] / "suites" / "papers.toml").read_text(encoding="utf-8")
    text, splits = re.subn(
        r"\[split\](.*?)(?=\n\n)", '[split]\nkind = "kfold"\nfolds = 3', text, flags=re.DOTALL
    )
    text, threads = re.subn("threads = 2", "threads = 1", text)
    assert (splits, threads) == (1, 1)
    path = folder / "papers.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_papers_in_folds_through_a_queue_that_is_full(bench: Bench, shared: Path, tmp_path: Path) -> None:
    """No array is longer than MaxArraySize allows. Where MaxJobCount is small, sbatch refuses some."""
    data = shared / "data" / "xfyun"
    labels = ["--dataset", data / "testB.csv", "--labels", data / "testB_silver_labels.csv"]
    chosen = [word for name in ("majority", "logreg", "naive-bayes") for word in ("--method", name)]
    common = ["run", papers_by_folds(tmp_path), *labels, *chosen, "--limit", 120, "--memory", "2GiB"]
    expected = here(bench, tmp_path / "here", *common)
    assert len(expected) == 3 * 3
    run = Watched(bench, tmp_path / "there", *common, "--array-limit", 3)
    for _ in run.looks():
        assert len(run.running()) <= 3
    run.finish()
    assert digests(tmp_path / "there") == expected
    scripts = [path.read_text() for path in (tmp_path / "there").glob("runs/*/slurm/*_submission.sh")]
    most = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config"), re.MULTILINE)
    assert most
    lengths = [int(found[1]) + 1 for script in scripts for found in re.finditer(r"--array=0-(\d+)", script)]
    assert lengths
    assert max(lengths) <= int(most[1])


@pytest.mark.parametrize("how", ["requeue", "kill"])
def test_a_fresh_cell_that_is_requeued_keeps_what_it_predicted(
    bench: Bench, tmp_path: Path, how: str
) -> None:
    """It begins anew once, when its run is planned; not each time its job is started."""
    log, results = tmp_path / "log", tmp_path / "results"
    (tmp_path / "logged.py").write_text(LOGGED, encoding="utf-8")
    method = spec(log, seconds=0.2)
    suite = write_suite_of(tmp_path, method)
    common = ["run", suite, "--include-path", tmp_path / "logged.py", "--limit", 60]
    assert here(bench, results, *common)
    log.unlink()
    run = Watched(bench, results, *common, "--fresh")
    run.kept = dict.fromkeys(results.glob("cells/[!.]*/record.json"), b"")  # this one is measured again
    done = set[str]()
    for _ in run.looks():
        running = run.running()
        if not done and running and len(durable(results)) >= 6:
            done = durable(results)
            if how == "requeue":
                ask("scontrol", "requeue", *running)
            else:
                end_of(lambda words: "cell" in words and any(str(results) in word for word in words))
    run.kept.clear()
    run.finish()
    first, second = goes(log)
    assert done
    assert done <= {id_ for call in first.calls for id_ in call}
    assert not {id_ for call in second.calls for id_ in call} & done


def write_suite_of(folder: Path, method: str) -> Path:
    from bench_process import write_suite

    return write_suite(folder, [method], memory="1GiB", timeout="300s")


def end_of(is_meant: Callable[[list[str]], Any]) -> None:
    """Ends processes by SIGKILL."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if is_meant(process.cmdline()):
                process.kill()
