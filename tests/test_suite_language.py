"""The suite's language drives everything; documents that say they are in another one are told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records

from readbench.authoring.scaffold_suite import write_suite
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document, OtherLanguage
from readbench.datasets import open_dataset
from readbench.planning.infer import infer_suite
from readbench.planning.suite import Suite, load_suite
from readbench.planning.suite_language import count_other_languages, unnamed_language
from readbench.text.languages import language_code

PAPERS = (
    (
        "Neuronale Netze für die Erkennung von Rissen in Brücken",
        "Wir zeigen, dass neuronale Netze Risse in Betonbrücken erkennen. Die Netze lernen aus Bildern.",
        "neuronales Netz;Riss",
    ),
    (
        "Messung der Luftfeuchte in Getreidespeichern",
        "Die Luftfeuchte in Speichern schwankt. Wir messen die Luftfeuchte mit Sensoren.",
        "Luftfeuchte;Sensor",
    ),
    (
        "Bodenerosion an Hängen",
        "Die Bodenerosion nimmt mit dem Regen zu. Wir messen Bodenerosion im Feld.",
        "Bodenerosion",
    ),
)


def suite(task_language: str | None = None, dataset_language: str | None = None) -> Suite:
    data: dict[str, Any] = {"name": "s", "tasks": {"keyphrases": {"methods": ["yake"]}}}
    if task_language:
        data["tasks"]["keyphrases"]["language"] = task_language
    if dataset_language:
        data["dataset"] = {"language": dataset_language}
    return Suite.model_validate(data)


def dataset(*languages: str) -> Dataset:
    return Dataset("d", tuple(Document(str(i), {"abstract": "a"}, code) for i, code in enumerate(languages)))


@pytest.mark.parametrize(
    ("task", "of_dataset", "unnamed", "read"),
    [(None, None, None, "en"), ("de", None, "de", "de"), (None, "fr", "fr", "fr"), ("de", "fr", "fr", "de")],
)
def test_which_language_drives_what(
    task: str | None, of_dataset: str | None, unnamed: str | None, read: str
) -> None:
    given = suite(task, of_dataset)
    assert unnamed_language(given) == unnamed
    assert given.spec("keyphrases").language == read


def test_tasks_that_disagree_say_nothing_about_documents() -> None:
    methods = {"methods": ["m"]}
    data = {"keyphrases": {**methods, "language": "de"}, "classification": {**methods, "language": "fr"}}
    assert unnamed_language(Suite.model_validate({"name": "s", "tasks": data})) is None


def test_documents_in_another_language_are_counted() -> None:
    found = count_other_languages(suite("de"), dataset("de", "de-AT", "German", "fr", "en", "en"))
    assert found.other_languages == (OtherLanguage("de", 3, {"en": 2, "fr": 1}),)
    words = "documents say that they are in another language than the suite reads, de (en 2, fr 1)"
    assert found.counts == {words: 3}
    assert len(found.documents) == 6
    assert count_other_languages(suite("de"), dataset("de", "ger")).counts == {}


def test_no_document_in_the_suite_s_language_is_an_error() -> None:
    with pytest.raises(BenchError, match=r"in 'en', which.*most say 'de'; set language = .de"):
        count_other_languages(suite(), dataset("de", "de", "fr"))


@pytest.mark.parametrize(
    ("text", "code"),
    [("EN", "en"), ("pt_BR", "pt"), ("Chinese", "zh"), ("zh-Hant", "zh"), (" ger ", "de"), ("tlh", "tlh")],
)
def test_spellings_of_a_language(text: str, code: str) -> None:
    assert language_code(text) == code


def written(folder: Path, name: str, languages: tuple[str | None, ...]) -> Path:
    rows = [
        {"id": str(i), "title": title, "abstract": abstract, "keywords": keywords}
        | ({} if language is None else {"language": language})
        for i, ((title, abstract, keywords), language) in enumerate(zip(PAPERS, languages, strict=True))
    ]
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_a_bare_dataset_is_read_in_the_language_that_most_documents_name(tmp_path: Path) -> None:
    found, why = infer_suite(open_dataset(str(written(tmp_path, "d.jsonl", ("de", "German", "de")))))
    assert found.spec("keyphrases").language == "de"
    assert "read as 'de'" in why
    init = load_suite(write_suite(tmp_path / "d.jsonl", tmp_path / "s.toml"))
    assert init.spec("keyphrases").language == "de"


def test_a_suite_s_language_reaches_methods_metrics_and_board(tmp_path: Path, bench: Bench) -> None:
    pytest.importorskip("pke", reason="needs the extra keyphrases")
    papers = written(tmp_path, "papers.jsonl", (None, None, "fr"))
    (tmp_path / "german.toml").write_text(
        '[tasks.keyphrases]\nlanguage = "de"\nmethods = ["yake", "pke.tfidf", "pke.textrank"]\n'
        'primary = "f1@5"\n[limits]\ntimeout = "120s"\n',
        encoding="utf-8",
    )
    results = tmp_path / "results"
    run = bench.here("run", tmp_path / "german.toml", "--dataset", papers, "--output-path", results)
    assert run.returncode == 0, run.stderr
    shown = " ".join(run.stdout.split())
    assert "1 documents say that they are in another language than the suite reads, de (fr 1)" in shown
    assert "pke's shipped document frequencies are English, the texts are 'de'" in shown
    found = records(results)
    assert found["yake"]["status"] == "ok"
    # "Netze" and "neuronale Netze": gold is "neuronales Netz", and German stems make them one.
    assert found["yake"]["metrics"]["recall@20"]["value"] == 1.0
    assert found["pke.tfidf"]["status"] == "missing_dependency"
    refused = bench.here("run", "keyphrases", "--dataset", written(tmp_path, "f.jsonl", ("fr", "fr", "fr")))
    assert refused.returncode == 2
    assert 'set language = "fr" in the [dataset]' in " ".join(refused.stderr.split())
