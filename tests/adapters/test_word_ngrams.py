"""Features of n-grams by the project's own counts equal scikit-learn's to the last bit."""

from __future__ import annotations

import random
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="needs the extra classification")

from hypothesis import given, settings
from hypothesis import strategies as st

from readbench_adapters.classical.text_features import (
    CountParams,
    Features,
    TextParams,
    TfidfParams,
    counts_words,
    vectoriser,
)
from readbench_adapters.classical.word_ngrams import Corpus, most_frequent

# One letter is no word for scikit-learn; the last are cut, changed by lower(), or hold an accent.
WORDS = ("aa", "ab", "b", "Aa", "ba2", "_x", "é1", "Éa", "水果", "İİ", "a-b", "can't", "x1.5", "ﬁne", "ß")
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), min_size=1, max_size=8)


def features(params: TextParams, texts: list[str], more: list[str]) -> tuple[Any, Any, Any]:
    made = Features(vectoriser(params), params)
    return made.fit(texts), made.of(more), made.vectors


def refused(params: TextParams, texts: list[str]) -> str | None:
    """What is said where the texts have no n-gram."""
    try:
        Features(vectoriser(params), params).fit(texts)
    except ValueError as error:
        return str(error)
    return None


def assert_the_same_to_the_last_bit(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert found.indptr.tolist() == expected.indptr.tolist()
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.data.tobytes() == expected.data.tobytes()


def assert_as_scikit_learn(params: TextParams, texts: list[str], more: list[str]) -> None:
    assert counts_words(params)
    library = params.model_copy(update={"implementation": "library"})
    assert not counts_words(library)
    if (why := refused(library, texts)) is not None:
        assert refused(params, texts) == why
        return
    fitted, asked, vectors = features(library, texts, more)
    own_fitted, own_asked, own_vectors = features(params, texts, more)
    assert own_vectors.vocabulary_ == vectors.vocabulary_
    assert_the_same_to_the_last_bit(own_fitted, fitted)
    assert_the_same_to_the_last_bit(own_asked, asked)
    # The vectoriser that is saved is a fitted one of scikit-learn.
    assert_the_same_to_the_last_bit(own_vectors.transform(more), asked)


@given(
    texts=TEXTS,
    more=TEXTS,
    shortest=st.integers(1, 4),
    further=st.integers(0, 12),
    most=st.integers(1, 40),
    lowercase=st.booleans(),
    strip_accents=st.booleans(),
    weigh=st.sampled_from(("counts", "tf-idf", "sublinear")),
)
@settings(max_examples=200, deadline=None)
def test_any_texts(
    texts: list[str], more: list[str], shortest: int, further: int, most: int, weigh: str, **cleaning: bool
) -> None:
    chosen: dict[str, Any] = {
        "ngram_min": shortest,
        "ngram_max": shortest + further,
        "max_features": most,
        **cleaning,
    }
    params: TextParams = (
        CountParams(**chosen)
        if weigh == "counts"
        else TfidfParams(**chosen, sublinear_tf=weigh == "sublinear")
    )
    assert_as_scikit_learn(params, texts, more)


@pytest.mark.parametrize("params", [CountParams(max_features=700), TfidfParams(max_features=700)])
def test_ties_at_the_cut_are_chosen_as_scikit_learn_chooses_them(params: TextParams) -> None:
    """numpy's sort is not stable, and sorts arrays of this size in another way than short ones."""
    generator = random.Random(1)
    words = [f"w{i}" for i in range(300)]
    texts = [" ".join(generator.choices(words, k=40)) for _ in range(60)]
    assert_as_scikit_learn(params, texts[:40], texts[40:])


def test_what_is_left_to_scikit_learn() -> None:
    for params in (
        TfidfParams(implementation="library"),
        TfidfParams(analyzer="char"),
        TfidfParams(stop_words="english"),
        TfidfParams(max_features=None),
        TfidfParams(min_df=2),
        TfidfParams(min_df=0.1),
        TfidfParams(max_df=0.9),
        TfidfParams(max_df=1),  # one document, not all of them
        CountParams(binary=True),
    ):
        assert not counts_words(params), params


def test_places_in_the_order_of_the_words_that_follow() -> None:
    corpus = Corpus.of([["b", "a", "b"], [], ["a", "b"]])
    assert corpus.words == ("a", "b")
    assert corpus.numbers.tolist() == [2, 1, 2, 0, 0, 1, 2, 0]
    assert corpus.words_left().tolist() == [3, 2, 1, 0, 0, 2, 1, 0]
    order, shared = corpus.sorted_places(2)
    following = [corpus.text(place, min(2, corpus.words_left()[place])) for place in order.tolist()]
    assert following == ["", "", "", "a b", "a b", "b", "b", "b a"]
    assert shared.tolist() == [0, 0, 0, 0, 2, 0, 1, 1]


def test_no_document_at_all() -> None:
    with pytest.raises(ValueError, match="empty vocabulary"):
        most_frequent([], 1, 2, 10, float)
