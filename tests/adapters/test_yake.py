"""The method ``yake`` gives what the package yake gives, and says where that gives up."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from readbench.adapter import BenchError, Context
from readbench.authoring.conformance import check_method
from readbench.core.types import Document
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

yake = pytest.importorskip("yake", reason="needs the extra keyphrases")

INSPEC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "inspec" / "test.jsonl"
PAPERS = 20
SPEC = TaskSpec(task="keyphrases")
TEXT = "Graph-based ranking of words. A word graph ranks the words of a text; ranking needs no training."


def loaded(method_spec: str, spec: TaskSpec = SPEC, notes: dict[str, Any] | None = None) -> Any:
    note = (notes if notes is not None else {}).__setitem__
    adapter = Registry().method(method_spec).create(Context(task=spec, note=note))
    adapter.load()
    return adapter


def test_every_phrase_and_score_equals_a_plain_loop() -> None:
    if not INSPEC.is_file():
        pytest.skip("the Inspec papers are not beside the repository")
    papers = [json.loads(line) for line in INSPEC.read_text(encoding="utf-8").splitlines()[:PAPERS]]
    documents = [Document(p["id"], {"title": p["title"], "abstract": p["abstract"]}) for p in papers]
    found = loaded("yake").predict(documents)
    for document, prediction in zip(documents, found, strict=True):
        plain = yake.KeywordExtractor(
            lan="en", n=3, dedup_lim=0.9, dedup_func="seqm", window_size=1, top=50
        ).extract_keywords(SPEC.text(document))
        assert plain
        assert list(zip(prediction.phrases, prediction.scores, strict=True)) == plain
        assert list(prediction.scores) == sorted(prediction.scores)


@pytest.mark.parametrize(
    ("method_spec", "options"),
    [
        ("yake[n=1, window_size=2]", {"n": 1, "window_size": 2}),
        ("yake[dedup_lim=0.5, dedup_func=levs]", {"dedup_lim": 0.5, "dedup_func": "levs"}),
        ("yake[dedup_lim=1, top=5]", {"dedup_lim": 1.0, "top": 5}),
        ("yake[features=[wrel, wfreq]]", {"features": ["wrel", "wfreq"]}),
    ],
)
def test_parameters_reach_yake(method_spec: str, options: dict[str, Any]) -> None:
    [found] = loaded(method_spec).predict([Document("1", {"abstract": TEXT})])
    plain = yake.KeywordExtractor(**{"top": 50, **options}).extract_keywords(TEXT)
    assert list(zip(found.phrases, found.scores, strict=True)) == plain


def test_the_old_spelling_is_refused() -> None:
    with pytest.raises(BenchError, match="no parameter 'dedupLim'; did you mean dedup_lim"):
        Registry().method("yake[dedupLim=0.5]")


def test_the_language_is_that_of_the_task() -> None:
    notes: dict[str, Any] = {}
    german = loaded("yake", TaskSpec(task="keyphrases", language="de"), notes)
    assert german.extractor.config["lan"] == "de"
    assert "der" in german.extractor.stopword_set
    assert notes == {}
    loaded("yake", TaskSpec(task="keyphrases", language="tlh"), notes)
    assert "tlh" in notes["stop_words"]


def test_a_document_that_yake_gives_up_on_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """yake answers any exception with an empty list and a line in its log."""
    notes: dict[str, Any] = {}
    adapter = loaded("yake", notes=notes)

    def fail(_one: str, _other: str) -> float:
        raise ValueError("broken")

    monkeypatch.setattr(adapter.extractor, "dedup_function", fail)
    [found] = adapter.predict([Document("1", {"abstract": TEXT})])
    assert found.phrases == ()
    assert notes == {"documents_given_up": 1}
    assert len(logging.getLogger("yake.core.yake").handlers) == 1


def test_conformance() -> None:
    assert [result for result in check_method("yake", sources=False) if not result.passed] == []


def test_longer_n_grams_are_refused() -> None:
    """With more than three words the package's scores turn negative, and its best phrase is its worst."""
    with pytest.raises(BenchError, match=r"parameter n: 5"):
        Registry().method("yake[n=5]")
