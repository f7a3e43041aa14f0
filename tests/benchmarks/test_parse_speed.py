"""What keyphrase methods share, against the libraries themselves: the parse against spaCy's pipeline, pke's
shipped tables from the user's cache against those made anew. Prints the ratios of CPU time, and the memory of
long texts."""

from __future__ import annotations

import importlib
import pydoc_data.topics
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import side_by_side

pytest.importorskip("pke", reason="needs the extra keyphrases")

from readbench.adapter import Context
from readbench.datasets import open_dataset
from readbench.machine.user_cache import cache_folder
from readbench.machine.weights import require_spacy_package
from readbench.tasks.spec import TaskSpec
from readbench_adapters.pke.preparations import DocumentFrequencies, TopicModel
from readbench_adapters.words.fast_pipeline import speed_up
from readbench_adapters.words.parse import WordReader

PAPERS = 200
MEMORY = 800 * 1024**2
SPEC = TaskSpec(task="keyphrases")


def pipeline() -> Any:
    nlp = importlib.import_module(require_spacy_package("en_core_web_sm")).load(
        disable=["ner", "textcat", "parser"]
    )
    nlp.add_pipe("sentencizer")
    return nlp


def test_parse_abstracts(benchmark: BenchmarkFixture) -> None:
    documents = open_dataset("papers-demo").documents[:PAPERS]
    texts = [SPEC.text(SPEC.project(document)) for document in documents]
    plain, fast = pipeline(), pipeline()
    speed_up(fast)
    read = WordReader()

    def by_objects() -> list[dict[str, list[Any]]]:
        return [
            {
                "word": [word.text for word in document],
                "lemma": [word.lemma_ or word.lower_ for word in document],
                "pos": [word.pos_ or word.tag_ for word in document],
                "offset": [word.idx for word in document],
                "space": [bool(word.whitespace_) for word in document],
                "sentence": [sentence.end for sentence in document.sents],
            }
            for document in plain.pipe(texts, batch_size=64)
        ]

    def by_arrays() -> list[dict[str, list[Any]]]:
        return [read(document) for document in fast.pipe(texts, batch_size=64)]

    assert by_objects() == by_arrays()
    ratio = side_by_side(benchmark, f"parse, {PAPERS} abstracts", by_objects, by_arrays, rounds=5)
    assert ratio > 1.5


@pytest.mark.parametrize("preparation", [DocumentFrequencies(), TopicModel()], ids=lambda one: one.name)
def test_open_shipped_tables(
    benchmark: BenchmarkFixture, preparation: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folders = iter(range(100))

    def in_a_new_folder() -> None:
        folder = tmp_path / f"results-{next(folders)}"
        folder.mkdir()
        preparation.build([], folder, Context(task=SPEC))

    def anew() -> None:
        shutil.rmtree(cache_folder(), ignore_errors=True)
        in_a_new_folder()

    ratio = side_by_side(benchmark, f"shipped {preparation.name}", anew, in_a_new_folder)
    assert ratio > 20


LONG_TEXTS = """
import os, sys, tempfile
from pathlib import Path
from readbench.adapter import Context
from readbench.core.types import Document
from readbench.machine.processes import look_at
from readbench.tasks.spec import TaskSpec
from readbench_adapters.words.parse import Parse

text = " ".join(sys.stdin.read().split()[:7000])
documents = [Document(str(i), {"abstract": text}) for i in range(12)]
context = Context(task=TaskSpec(task="keyphrases"))
Parse.of("en", tags=True).build(documents, Path(tempfile.mkdtemp()), context)
print(look_at(os.getpid()).peak_resident)
"""


def test_memory_of_long_texts(benchmark: BenchmarkFixture) -> None:
    """The whole process, its libraries included. Not by ``ru_maxrss``, which begins with the parent's."""

    def peak() -> int:
        text = "\n".join(pydoc_data.topics.topics[name] for name in ("specialnames", "compound"))
        done = subprocess.run(
            [sys.executable, "-c", LONG_TEXTS], input=text, capture_output=True, text=True, check=True
        )
        return int(done.stdout.split()[-1])

    measured: Callable[..., int] = benchmark.pedantic
    found = measured(peak, rounds=1, iterations=1)
    print(f"\npeak of a parse of twelve texts of 7,000 words: {found / 1024**2:.0f} MiB")
    assert found < MEMORY
