"""Groups of near-duplicates, against a comparison of every pair that shares nothing with them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.core.types import Dataset, Document
from readbench.datasets import near_duplicates
from readbench.datasets.near_duplicates import (
    THRESHOLD,
    bands,
    exact_groups,
    groups,
    jaccard,
    kept_groups,
    similarity,
)

FIELDS = ("title", "abstract")


def paper(id_: str, abstract: str, title: str = "", language: str = "en") -> Document:
    return Document(id_, {"title": title, "abstract": abstract}, language)


def triples(text: str) -> set[tuple[str, ...]]:
    """Word triples in plain Python, of texts without marks and capitals."""
    tokens = text.split()
    return {tuple(tokens[i : i + 3]) for i in range(max(1, len(tokens) - 2))} if tokens else set()


def by_every_pair(texts: dict[str, str], threshold: float) -> dict[str, str]:
    """Connected components by relabelling until nothing changes; no signature, no union of trees."""
    sets = {id_: triples(text) for id_, text in texts.items()}
    label = {id_: id_ for id_ in texts}
    edges = [
        (a, b)
        for a, b in combinations(texts, 2)
        if sets[a] and sets[b] and len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= threshold
    ]
    changed = True
    while changed:
        changed = False
        for a, b in edges:
            low = min(label[a], label[b])
            if label[a] != low or label[b] != low:
                label[a] = label[b] = low
                changed = True
    return {id_: label[id_] for pair in edges for id_ in pair}


def edited(rng: random.Random, tokens: Sequence[str], edits: int, vocabulary: Sequence[str]) -> list[str]:
    changed = list(tokens)
    for place in rng.sample(range(len(changed)), edits):
        changed[place] = rng.choice(vocabulary)
    return changed


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_those_of_every_pair_compared(seed: int) -> None:
    """Families of edited texts whose similarities lie all around the threshold."""
    rng = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(400)]
    texts = {}
    for family in range(25):
        first = rng.choices(vocabulary, k=rng.randint(20, 120))
        for member in range(4):
            tokens = edited(rng, first, rng.randint(0, len(first) // 10), vocabulary)
            texts[f"{family:02}-{member}"] = " ".join(tokens)
    expected = by_every_pair(texts, THRESHOLD)
    assert 20 < len(expected) < len(texts)
    assert groups([paper(id_, text) for id_, text in texts.items()], FIELDS) == expected


words = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon"]), max_size=8).map(" ".join)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(texts=st.lists(words, max_size=8), threshold=st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]))
def test_short_texts_are_grouped_as_every_pair_says(texts: list[str], threshold: float) -> None:
    named = {str(i): text for i, text in enumerate(texts)}
    found = groups([paper(id_, text) for id_, text in named.items()], FIELDS, threshold)
    # A signature may overlook a pair (1 in 1,000 at the threshold), but never adds one; these sets are
    # so small that none is overlooked in practice, and the seed is fixed.
    assert found == by_every_pair(named, threshold)


anything = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(anything, max_size=6), seed=st.integers(0, 1000))
def test_copies_are_together_whatever_the_order(texts: list[str], seed: int) -> None:
    documents = [paper(f"{i}", text) for i, text in enumerate(texts)]
    documents += [paper(f"copy{i}", text) for i, text in enumerate(texts)]
    found = groups(documents, FIELDS)
    for i, text in enumerate(texts):
        if text.split():
            assert found[f"{i}"] == found[f"copy{i}"]
        else:
            assert f"{i}" not in found
    for id_, group in found.items():
        assert found[group] == group
        assert group <= id_
    assert all(sum(other == group for other in found.values()) > 1 for group in found.values())
    random.Random(seed).shuffle(documents)
    assert groups(documents, FIELDS) == found
    for ids in exact_groups(documents, FIELDS).values():
        assert len({found[id_] for id_ in ids}) == 1


def test_a_dataset_and_its_documents_are_the_same_question() -> None:
    documents = (paper("b", "one text of five words"), paper("a", "One text, of five words!"))
    assert groups(Dataset("d", documents), FIELDS) == groups(documents, FIELDS) == {"a": "a", "b": "a"}
    assert exact_groups(documents, FIELDS) == {"a": ("a", "b")}


def test_only_the_given_fields_count() -> None:
    documents = [
        paper("1", "the same abstract for both", "one"),
        paper("2", "the same abstract for both", ""),
    ]
    assert groups(documents, ["abstract"]) == {"1": "1", "2": "1"}
    assert groups(documents, ["title"]) == {}
    assert groups(documents, ["nothing"]) == {}


def test_chinese_is_compared_by_characters() -> None:
    review = "这家酒店的房间很干净,服务员也非常热情,下次来北京还会住在这里,价格也很便宜"
    other = "苹果收到了,个头很大,味道很甜,家里的老人和孩子都很喜欢吃,包装也不错"
    documents = [
        paper("1", review, language="zh"),
        paper("2", review.replace("便宜", "公道"), language="zh"),
        paper("3", other, language="zh"),
    ]
    assert groups(documents, ["abstract"]) == {"1": "1", "2": "1"}
    characters = [c for c in review if c != ","]
    changed = [c for c in review.replace("便宜", "公道") if c != ","]
    mine, theirs = (triples(" ".join(c)) for c in (characters, changed))
    expected = len(mine & theirs) / len(mine | theirs)
    assert similarity(documents[0], documents[1], ["abstract"]) == pytest.approx(expected)


def test_a_chain_is_one_group() -> None:
    tokens = [f"w{i}" for i in range(60)]
    chain = [tokens]
    for step in range(3):
        changed = list(chain[-1])
        changed[10 + 15 * step] = f"new{step}"
        changed[12 + 15 * step] = f"other{step}"
        chain.append(changed)
    documents = [paper(str(i), " ".join(of_one)) for i, of_one in enumerate(chain)]
    assert similarity(documents[0], documents[3], FIELDS) < THRESHOLD
    assert groups(documents, FIELDS) == dict.fromkeys("0123", "0")


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.99, 1.0])
def test_bands_overlook_less_than_one_pair_in_a_thousand(threshold: float) -> None:
    number, rows = bands(threshold)
    assert 1 <= number * rows <= near_duplicates.PERMUTATIONS
    assert (1 - threshold**rows) ** number <= near_duplicates.MISSED


def test_similarity_of_signatures_is_that_of_the_sets() -> None:
    """MinHash estimates Jaccard similarity: 0.5 of 128 permutations is within four standard errors."""
    one = np.random.default_rng(0).integers(0, 1 << 63, 3000).astype(np.uint64)
    signatures = near_duplicates._signatures([np.unique(one[:2000]), np.unique(one[1000:])])
    assert abs(np.mean(signatures[0] == signatures[1]) - 1 / 3) < 4 * (2 / 9 / 128) ** 0.5


def test_signatures_are_those_of_datasketch() -> None:
    """Of sets of one element, of some, and of more than are worked on at a time."""
    generator = np.random.default_rng(3)
    sizes = [1, 2, 200, near_duplicates._BLOCK - 203, 1, near_duplicates._BLOCK + 1, 3]
    sets = [np.unique(generator.integers(0, 1 << 63, size).astype(np.uint64)) for size in sizes]
    plain = [
        MinHash(num_perm=near_duplicates.PERMUTATIONS, seed=1, scheme="affine32", hashfunc=int) for _ in sets
    ]
    for sketch, of_one in zip(plain, sets, strict=True):
        sketch.update_batch((of_one >> np.uint64(32)).tolist())
    expected = np.array([sketch.hashvalues for sketch in plain])
    np.testing.assert_array_equal(near_duplicates._signatures(sets), expected)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(8)
    vocabulary = [f"w{number}" for number in range(300)]
    first = [rng.choices(vocabulary, k=rng.randint(0, 40)) for _ in range(60)]
    again = [edited(rng, tokens, min(1, len(tokens)), vocabulary) for tokens in first]
    documents = [paper(f"{place:03}", " ".join(tokens)) for place, tokens in enumerate([*first, *again])]
    expected = groups(documents, FIELDS)
    assert len(expected) > 20
    monkeypatch.setattr(near_duplicates, "_BLOCK", 7)
    assert groups(documents, FIELDS) == expected


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5, float("nan")])
def test_a_threshold_outside_its_range_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        groups([], FIELDS, threshold)


def test_groups_are_kept_by_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset("d", (paper("1", "a text that is here twice"), paper("2", "a text that is here twice")))
    expected = {"1": "1", "2": "1"}
    assert kept_groups(dataset, FIELDS, tmp_path / "groups") == expected
    (kept,) = (tmp_path / "groups").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(near_duplicates, "groups", lambda *_: pytest.fail("computed again"))
        assert kept_groups(dataset, FIELDS, tmp_path / "groups") == expected
    kept.write_text("{", encoding="utf-8")
    assert kept_groups(dataset, FIELDS, tmp_path / "groups") == expected
    changed = Dataset("d", (*dataset.documents, paper("3", "a text that is here once")))
    assert kept_groups(changed, FIELDS, tmp_path / "groups") == expected
    assert len(list((tmp_path / "groups").iterdir())) == 2
    # Other fields and another threshold are other questions.
    assert kept_groups(dataset, ("title",), tmp_path / "groups") == groups(dataset, ("title",)) != expected
    kept_groups(dataset, FIELDS, tmp_path / "groups", 0.9)
    assert len(list((tmp_path / "groups").iterdir())) == 4


def test_what_all_papers_share_makes_no_pairs_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of boilerplate in every text: each two of them share a band, and are 0.42 similar."""
    rng = random.Random(5)
    vocabulary = [f"w{number}" for number in range(3000)]
    boilerplate = rng.choices(vocabulary, k=120)
    texts = {f"d{i:03}": [*boilerplate, *rng.choices(vocabulary, k=80)] for i in range(200)}
    texts |= {f"x{i:03}": [*texts[f"d{i:03}"], "another", "word"] for i in range(10)}
    looked_at = []

    def counted(one: near_duplicates.Hashes, other: near_duplicates.Hashes) -> float:
        looked_at.append(1)
        return jaccard(one, other)

    monkeypatch.setattr(near_duplicates, "jaccard", counted)
    found = groups([paper(id_, " ".join(tokens)) for id_, tokens in texts.items()], ["abstract"])
    assert found == {f"{kind}{i:03}": f"d{i:03}" for kind in "dx" for i in range(10)}
    assert len(looked_at) < 0.02 * 210 * 209 / 2


def test_the_order_of_words_counts() -> None:
    """The same words the other way round share no three in a row, and so no shingle."""
    tokens = [f"w{number}" for number in range(30)]
    there, back = paper("1", " ".join(tokens)), paper("2", " ".join(reversed(tokens)))
    assert similarity(there, back, FIELDS) == 0
    assert groups([there, back], FIELDS, 0.1) == {}
