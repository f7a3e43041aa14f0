"""The ten unsupervised methods of pke on 500 papers of Inspec (or the 240 embedded ones), against nine of
them as pke's own examples run them: a model loaded and a text parsed for each document and method. Prints the
ratios of CPU time a paper, everything included and for one paper more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("pke", reason="needs the extra keyphrases")

INSPEC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "inspec" / "test.jsonl"
METHODS = (
    "firstphrases",
    "tfidf",
    "kpminer",
    "yake",
    "textrank",
    "singlerank",
    "topicrank",
    "positionrank",
    "multipartiterank",
    "topicalpagerank",
)
BY_HAND = 8
"""Papers that pke's own way reads."""
MANY, FEW = 500, 100

AS_IN_THE_README = """
import logging, sys
import pke
from readbench.datasets import open_dataset
from readbench.tasks.spec import TaskSpec

logging.disable(logging.CRITICAL)
spec = TaskSpec(task="keyphrases")
names = "FirstPhrases TfIdf KPMiner YAKE TextRank SingleRank TopicRank PositionRank MultipartiteRank".split()
for paper in open_dataset(sys.argv[1]).documents[: int(sys.argv[2])]:
    for name in names:
        extractor = getattr(pke.unsupervised, name)()
        extractor.load_document(input=spec.text(spec.project(paper)), language="en")
        extractor.candidate_selection()
        extractor.candidate_weighting()
        extractor.get_n_best(n=50)
"""


def cpu_of(command: list[str]) -> float:
    """Seconds of CPU time of a command and all that it starts."""
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_methods(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    papers = str(INSPEC) if INSPEC.is_file() else "papers-demo"
    methods = [part for name in METHODS for part in ("--method", f"pke.{name}")]
    number = MANY if INSPEC.is_file() else 240
    folders = iter(range(100))

    def run(limit: int) -> float:
        place = tmp_path / f"results-{next(folders)}"
        command = [sys.executable, "-m", "readbench", "run", "keyphrases", "--dataset", papers]
        return cpu_of([*command, "--limit", str(limit), "--output-path", str(place), *methods])

    def script(limit: int) -> float:
        return cpu_of([sys.executable, "-c", AS_IN_THE_README, papers, str(limit)])

    run(FEW)  # import costs and tables are kept from here on
    by_hand = (script(BY_HAND) - script(1)) / (BY_HAND - 1)
    few = run(FEW)
    measured: Callable[..., float] = benchmark.pedantic
    many = measured(run, args=(number,), rounds=1, iterations=1)
    whole, marginal = many / number, (many - few) / (number - FEW)
    print(
        f"\nten methods of pke, {number} papers: by hand {by_hand:.2f} s of CPU a paper for nine; here "
        f"{1000 * whole:.1f} ms a paper with everything, ratio {by_hand / whole:.0f}; one paper more "
        f"{1000 * marginal:.1f} ms, ratio {by_hand / marginal:.0f}"
    )
    assert by_hand / whole > 100
