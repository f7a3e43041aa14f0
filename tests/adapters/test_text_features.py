"""How texts are cleaned and cut into n-grams."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from readbench.adapter import Context, TaskSpec
from readbench.core.errors import BenchError
from readbench_adapters.classical.text_features import TfidfParams, check_language, cleaned, vectoriser

pytest.importorskip("sklearn", reason="needs the extra classification")


def ngrams(texts: list[str], **params: Any) -> list[str]:
    chosen = TfidfParams(**params)
    found = vectoriser(chosen).fit([cleaned(text, chosen) for text in texts])
    return list(found.get_feature_names_out())


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"ngram_max": 1}, ["412", "café", "the", "und"]),
        ({"ngram_max": 1, "lowercase": False}, ["412", "Café", "The", "und"]),
        ({"ngram_max": 1, "strip_accents": True}, ["412", "cafe", "the", "und"]),
        ({"ngram_max": 1, "numbers": "mask"}, ["000", "café", "the", "und"]),
        ({"ngram_max": 1, "numbers": "drop"}, ["café", "the", "und"]),
        ({"ngram_max": 1, "stop_words": "english"}, ["412", "café", "und"]),
        ({"ngram_min": 2, "ngram_max": 2}, ["412 und", "café 412", "the café"]),
    ],
)
def test_each_step_of_cleaning(params: dict[str, Any], expected: list[str]) -> None:
    assert ngrams(["The Café 412 und"], **params) == expected


def test_characters_for_texts_without_spaces() -> None:
    assert ngrams(["水果好吃"], analyzer="char", ngram_max=2) == sorted(
        ["水", "果", "好", "吃", "水果", "果好", "好吃"]
    )
    assert ngrams(["水果好吃"], ngram_max=1) == ["水果好吃"]


def test_the_most_frequent_are_kept() -> None:
    assert ngrams(["aa bb", "aa cc", "aa bb"], ngram_max=1, max_features=2) == ["aa", "bb"]


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"ngram_min": 3, "ngram_max": 2}, "ngram_min is more than ngram_max"),
        ({"analyzer": "char", "stop_words": "english"}, "stop_words are for analyzer=word"),
    ],
)
def test_parameters_that_contradict_each_other(params: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        TfidfParams(**params)


def test_the_language_of_the_task_counts() -> None:
    notes: dict[str, Any] = {}
    chinese = Context(task=TaskSpec(task="classification", language="zh"), note=notes.__setitem__)
    with pytest.raises(BenchError, match="stop_words=english, and the texts are of the language 'zh'"):
        check_language(TfidfParams(stop_words="english"), chinese)
    check_language(TfidfParams(analyzer="char"), chinese)
    assert notes == {}
    check_language(TfidfParams(), chinese)
    assert "analyzer=char" in notes["analyzer"]
