"""Manifests of runs: what older versions said in sentences is read as fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from readbench.core.errors import BenchError
from readbench.core.types import OtherLanguage
from readbench.results.manifest import MANIFEST_VERSION, Chosen, Manifest, read_manifest
from readbench.results.store import Store

VERSION_2 = Path(__file__).with_name("manifest_of_version_2.json")


@pytest.fixture
def older() -> dict[str, Any]:
    """A manifest as version 2 wrote it, with two of its cells."""
    data: dict[str, Any] = json.loads(VERSION_2.read_text(encoding="utf-8"))
    assert data["schema_version"] == 2
    return data


def chosen(older: dict[str, Any], method: str, words: str | None) -> Chosen | None:
    older["cells"][0] |= {"method": method, "chosen": words}
    return read_manifest(older, "run.json").cells[0].chosen


@pytest.mark.parametrize(
    ("words", "asked", "combinations", "documents"),
    [
        ("pke.tfidf[n=2]: best of 12 on 1234 validation documents", "pke.tfidf[n=2]", 12, 1234),
        ("none of 3 combinations ran", "pke.tfidf", 3, None),
    ],
)
def test_what_was_chosen_is_read_from_the_words_of_version_2(
    older: dict[str, Any], words: str, asked: str, combinations: int, documents: int | None
) -> None:
    found = chosen(older, "pke.tfidf[n=3]", words)
    assert found == Chosen(asked=asked, combinations=combinations, documents=documents)
    assert found.words == words


def test_a_method_that_was_not_tuned_has_nothing_chosen(older: dict[str, Any]) -> None:
    assert chosen(older, "pke.tfidf", None) is None


def test_what_was_counted_is_read_from_the_words_of_version_2(older: dict[str, Any]) -> None:
    language = "documents say that they are in another language than the suite reads"
    counts = {
        "skipped: no text": 2,
        "skipped: longer than 50 characters": 1,
        "no keyphrases": 4,
        f"{language}, en (de 3, pt-BR 2, fr 1, …)": 7,
        f"{language}, zh (en 5)": 5,
    }
    manifest = read_manifest(older | {"dataset_counts": counts}, "run.json")
    assert manifest.left_out == {"no text": 2, "longer than 50 characters": 1}
    assert manifest.remarks == {"no keyphrases": 4}
    assert manifest.other_languages == (
        OtherLanguage("en", 7, {"de": 3, "pt-BR": 2, "fr": 1}),
        OtherLanguage("zh", 5, {"en": 5}),
    )
    said = {other.words: other.documents for other in manifest.other_languages}
    assert said.items() <= counts.items()
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    assert manifest.schema_version == MANIFEST_VERSION


@pytest.mark.parametrize(
    "damage", [{"cells": 3}, {"cells": [3]}, {"dataset_counts": None}, {"schema_version": 9}]
)
def test_a_damaged_manifest_is_one_line(
    tmp_path: Path, older: dict[str, Any], damage: dict[str, Any]
) -> None:
    path = tmp_path / "runs" / "r" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(older | damage), encoding="utf-8")
    with pytest.raises(BenchError, match="run"):
        Store(tmp_path).manifest("r")


def test_a_manifest_without_its_fields_is_one_line(tmp_path: Path, older: dict[str, Any]) -> None:
    path = tmp_path / "runs" / "r" / "run.json"
    path.parent.mkdir(parents=True)
    del older["dataset_counts"]
    path.write_text(json.dumps(older), encoding="utf-8")
    with pytest.raises(BenchError, match="cannot be read as a run"):
        Store(tmp_path).manifest("r")
