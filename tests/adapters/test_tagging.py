"""Tags of words and back: gold phrases in any inflection, windows that cover everything, ranked phrases."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from readbench.text import normalise
from readbench_adapters.encoders.tagging import (
    UNLIKELY,
    B,
    I,
    O,
    Words,
    best_window,
    columns_of,
    gold_tags,
    likely_spans,
    ranked_phrases,
    tagged_spans,
    windows,
)
from readbench_adapters.encoders.token_tagger import _first_pieces

TEXT = "Multi-modal models. A graph of graphs; neural networks, and the Neural-Network\nmodel."


def tagged(text: str, *phrases: str, language: str = "en") -> list[str]:
    """The tagged phrases as they stand in the text, in order."""
    words = Words.of(text, language)
    tags = gold_tags(words, phrases, language)
    starts = [i for i, tag in enumerate(tags) if tag == B]
    found = []
    for start in starts:
        end = start
        while end + 1 < len(tags) and tags[end + 1] == I:
            end += 1
        found.append(words.surface(start, end))
    assert sum(tag != O for tag in tags) == sum(len(Words.of(f, language)) for f in found)
    return found


def test_gold_is_found_in_any_inflection_and_spelling() -> None:
    assert tagged(TEXT, "neural network") == ["neural networks", "Neural-Network"]
    assert tagged(TEXT, "MULTIMODAL", "multi modal model") == ["Multi-modal models"]
    assert tagged(TEXT, "graphs") == ["graph", "graphs"]
    assert tagged(TEXT, "nothing of it", "", "…") == []


def test_of_overlapping_phrases_the_longer_is_tagged_then_the_earlier() -> None:
    assert tagged("neural network model", "network model", "neural network model") == ["neural network model"]
    assert tagged("a b c", "a b", "b c") == ["a b"]
    assert tagged("a b a b", "a b a", "b") == ["a b a", "b"]
    assert tagged("a a a", "a a") == ["a a"]


def test_gold_of_texts_without_spaces() -> None:
    assert tagged("基于深度学习的方法", "深度学习", "方法", language="zh") == ["深度学习", "方法"]


@given(st.lists(st.sampled_from(["a", "b", "c", "cs", "."]), max_size=12).map(" ".join), st.data())
def test_every_tagged_phrase_is_gold_and_none_that_could_be_is_left(text: str, data: st.DataObject) -> None:
    gold = data.draw(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(" ".join)))
    found = {normalise.key(phrase) for phrase in tagged(text, *gold)}
    keys = {normalise.key(phrase) for phrase in gold}
    assert found <= keys
    tags = gold_tags(Words.of(text, "en"), gold, "en")
    for key in keys:
        if normalise.key_present(key, normalise.key(text)):
            # It is tagged, or a longer (or earlier) one stands in its place.
            assert any(tags)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(4, 60), st.data())
def test_windows_cover_everything_with_their_overlap(length: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    cut = windows(length, size, overlap)
    assert {i for start, end in cut for i in range(start, end)} == set(range(length))
    assert all(end - start == min(size, length) for start, end in cut)
    assert all(a[1] - b[0] >= overlap and b[0] > a[0] for a, b in pairwise(cut))
    for place in range(length):
        start, end = cut[best_window(place, cut)]
        assert start <= place < end
        # At least half of the overlap on the side where there is more text.
        assert place - start >= overlap // 2 or start == 0
        assert end - 1 - place >= (overlap - 1) // 2 or end == length


def table(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows)


def test_likely_spans_by_hand() -> None:
    probabilities = table((0.1, 0.9, 0.0), (0.3, 0.1, 0.6), (0.9, 0.1, 0.0))
    spans = {(first, last): score for first, last, score in likely_spans(probabilities, 3)}
    assert spans == {
        (0, 0): pytest.approx(0.9 * 0.4),
        (0, 1): pytest.approx(0.9 * 0.6),
        (1, 1): pytest.approx(0.1),
        (2, 2): pytest.approx(0.1),
    }


@given(st.lists(st.tuples(*[st.floats(0.01, 1)] * 3), min_size=1, max_size=6), st.integers(1, 6))
def test_likely_spans_are_of_disjoint_events(rows: list[tuple[float, ...]], longest: int) -> None:
    """At one first word: that just these words are tagged excludes that just those are."""
    values = np.array(rows)
    values /= values.sum(axis=1, keepdims=True)
    spans = likely_spans(values, longest)
    for first in range(len(rows)):
        of_first = [score for start, _, score in spans if start == first]
        assert sum(of_first) <= values[first, B] + 1e-9
    assert all(last - first < longest for first, last, _ in spans)
    if longest >= len(rows) and values.min() > 0.5:
        assert sum(s for f, _, s in spans if f == 0) == pytest.approx(values[0, B], abs=UNLIKELY)


def test_tagged_spans_by_hand() -> None:
    o, b, i = (0.8, 0.1, 0.1), (0.2, 0.7, 0.1), (0.1, 0.3, 0.6)
    spans = tagged_spans(table(i, i, o, b, b, i, o))
    assert [(first, last) for first, last, _ in spans] == [(0, 1), (3, 3), (4, 5)]
    assert [score for _, _, score in spans] == pytest.approx([0.6, 0.7, 0.65])
    assert tagged_spans(np.zeros((0, 3))) == []


def test_phrases_come_from_the_text_once_each() -> None:
    words = Words.of(TEXT, "en")
    at = {stem: i for i, stem in reversed(list(enumerate(words.stems)))}
    first, again = at["neural"], len(words) - 3
    spans = [(again, again + 1, 0.9), (first, first + 1, 0.4), (0, 1, 0.9), (at["graph"], at["graph"], 0.1)]
    found = ranked_phrases(words, spans, n_best=9, threshold=0.2)
    assert found.phrases == ("Multi-modal", "neural networks")
    assert found.scores == (0.9, 0.9)
    assert ranked_phrases(words, spans, n_best=1).phrases == ("Multi-modal",)
    assert words.surface(again, again + 2) == "Neural-Network model"


@given(st.text(max_size=60), st.data())
def test_no_surface_is_blank_or_lost(text: str, data: st.DataObject) -> None:
    words = Words.of(text, "en")
    assume(len(words))
    first = data.draw(st.integers(0, len(words) - 1))
    assert words.surface(first, first).strip()


def test_a_phrase_behind_an_elision_can_be_tagged_and_comes_out_as_itself() -> None:
    text, gold = "Nous étudions l'apprentissage profond.", "apprentissage profond"
    words = Words.of(text, "fr")
    tags = gold_tags(words, [gold], "fr")
    assert tags == [O, O, O, B, I]
    first = _first_pieces(words, [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)])
    assert len(set(first)) == len(words)  # what is taught of one word is not taught of another
    assert ranked_phrases(words, tagged_spans(np.eye(3)[tags]), n_best=5).phrases == (gold,)


def test_labels_of_any_type_and_scheme() -> None:
    assert columns_of(["O", "B-KEY", "I-KEY"]) == ([0], [1], [2])
    assert columns_of(["B-TASK", "I-TASK", "B-METHOD", "I-METHOD", "O"]) == ([4], [0, 2], [1, 3])
    assert columns_of(["O", "S-K", "B-K", "I-K", "E-K"]) == ([0], [1, 2], [3, 4])
    for wrong in (["LABEL_0", "LABEL_1", "LABEL_2"], ["O", "B"], ["negative", "positive"]):
        with pytest.raises(ValueError, match="B-"):
            columns_of(wrong)
