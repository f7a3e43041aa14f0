"""n-grams of 1 to 10 words, the 3,000 most frequent: scikit-learn's vectoriser against the project's counts,
on 1,600 texts whose words are as frequent as those of English. Prints the ratio of CPU time."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from subprocess import run

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import side_by_side

pytest.importorskip("sklearn", reason="needs the extra classification")

from readbench_adapters.classical.text_features import Features, TfidfParams, vectoriser

LEARNED_FROM, ASKED, WORDS = 1_600, 758, 170
LIBRARY, OWN = TfidfParams(implementation="library"), TfidfParams()
MANY, MOST_MEMORY = 15_000, 1.5 * 2**30


def texts(count: int, seed: int) -> list[str]:
    """Of words of a Zipf distribution, and of phrases that come again, so that long n-grams do, too."""
    generator = random.Random(seed)
    shares = [1 / rank for rank in range(1, 20_001)]
    words = [f"word{rank}" for rank in range(len(shares))]
    phrases = [" ".join(random.Random(i).choices(words, shares, k=12)) for i in range(300)]
    return [
        " ".join([*generator.choices(words, shares, k=WORDS - 12), generator.choice(phrases)])
        for _ in range(count)
    ]


def test_learn_the_features(benchmark: BenchmarkFixture) -> None:
    papers = texts(LEARNED_FROM, 1)
    before, after = (
        lambda params=params: Features(vectoriser(params), params).fit(papers) for params in (LIBRARY, OWN)
    )
    assert side_by_side(benchmark, f"n-grams of {LEARNED_FROM:,} texts, learned", before, after) > 6


def test_find_the_features(benchmark: BenchmarkFixture) -> None:
    papers, more = texts(400, 1), texts(ASKED, 2)
    before, after = (Features(vectoriser(params), params) for params in (LIBRARY, OWN))
    before.fit(papers)
    after.fit(papers)
    assert (
        side_by_side(
            benchmark, f"n-grams of {ASKED} texts, found", lambda: before.of(more), lambda: after.of(more)
        )
        > 5
    )


@pytest.mark.slow
def test_many_texts_stay_in_little_memory() -> None:
    """In a process of its own, whose peak is its alone."""
    script = (
        "import os, test_ngram_speed as t\n"
        "from readbench.machine.processes import look_at\n"
        "papers = t.texts(t.MANY, 1)\n"
        "t.Features(t.vectoriser(t.OWN), t.OWN).fit(papers)\n"
        "print(look_at(os.getpid()).peak_resident)"
    )
    ended = run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    peak = int(ended.stdout)
    print(f"\nn-grams of {MANY:,} texts: peak of the process {peak / 2**20:,.0f} MiB")
    assert peak <= MOST_MEMORY
