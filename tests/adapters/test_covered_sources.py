"""Every built-in method runs as a cell, and all that its process had loaded is covered by its key."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra neural")
pytest.importorskip("peft", reason="needs the extra llm")
pytest.importorskip("pke", reason="needs the extra keyphrases")
pytest.importorskip("openai", reason="needs the extra api")

from api_server import Stub, serving
from tiny_bert import save_tiny_bert
from tiny_checkpoints import write_second
from tiny_models import build_chatglm, build_llama

from readbench.core.types import Part, Task
from readbench.datasets import open_dataset
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner
from readbench.methods.registry import Registry
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.store import Store

CORPORA: dict[Task, str] = {
    "keyphrases": "papers-demo",
    "classification": "papers-demo",
    "extraction": "facts-demo",
}
FIELDS = {"extraction": ["instruction", "input"]}


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The parameters of methods that need a model, or a server, which is on no machine by itself."""
    folder = tmp_path_factory.mktemp("models")
    tuned = "tuning=lora, max_new_tokens=8, epochs=1, max_tokens"
    tagger = save_tiny_bert(folder / "tagger")
    known = {
        "llm": f'llm[model="{build_llama(folder / "llama")}", {tuned}=400]',
        "chatglm2-6b": f'chatglm2-6b[model="{write_second(folder / "second")}", {tuned}=120]',
        "chatglm-6b": f'chatglm-6b[model="{build_chatglm(folder / "first")}", {tuned}=400]',
        "bert-keyword-extractor": f'bert-keyword-extractor[model="{tagger}", max_length=64, overlap=8]',
        "bert": "bert[epochs=1, max_length=64]",
        "bert-tagger": "bert-tagger[epochs=1]",
    }
    with serving(Stub()) as stub:
        yield known | {"api": f"api[model=stub-1, base_url={stub.url}]"}


NO_RAPID_TEXTRANK = (3, 13)
"""The first version of Python for which its package has no wheel; pyproject leaves it out from there on."""


@pytest.mark.parametrize("task", sorted(CORPORA))
def test_the_key_covers_what_runs(task: Task, specs: dict[str, str], tmp_path: Path) -> None:
    methods = [specs.get(cls.name, cls.name) for cls in Registry().usable() if task in cls.tasks]
    corpus = open_dataset(CORPORA[task])
    learn = [d.id for d in corpus.documents if d.id in corpus.targets[task]][:30]
    parts: dict[str, Part] = dict.fromkeys(learn[:20], "train")
    parts |= dict.fromkeys(learn[20:24], "validation")
    parts |= dict.fromkeys(learn[24:], "test")
    section = {"methods": methods} | ({"fields": FIELDS[task]} if task in FIELDS else {})
    suite = Suite.model_validate({"name": "all", "tasks": {task: section}, "split": {"kind": "given"}})
    store = Store(tmp_path / "results")
    plan = make_plan(suite, replace(corpus.only(learn), parts=parts), Options(), store)
    runner = Runner(plan, store, Silent(), charges_imports=False)
    runner.run()
    found = {cell.method.spec: runner.records[cell.key] for cell in plan.cells}
    failed = {name: record.failure for name, record in found.items() if record.status != "ok"}
    if sys.version_info >= NO_RAPID_TEXTRANK:
        failed.pop("rapid-textrank", None)
    assert failed == {}
    uncovered = {name: list(r.more_sources) for name, r in found.items() if r.more_sources}
    assert uncovered == {}, json.dumps(uncovered, indent=1)
