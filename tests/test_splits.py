"""Official splits, and samples that keep them in proportion."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readbench.errors import BenchError
from readbench.splits import SplitSpec, make_splits, subsample
from readbench.types import Dataset, Document, Part

GIVEN = SplitSpec(kind="given")
PARTS: tuple[Part, ...] = ("train", "validation", "test")

parts_of_ids = st.dictionaries(
    st.text(min_size=1, max_size=6), st.sampled_from([*PARTS, None]), min_size=1, max_size=60
)
seeds = st.integers(0, 2**32)


def dataset(parts: dict[str, Part | None]) -> Dataset:
    documents = tuple(Document(id_, {"title": id_}) for id_ in parts)
    return Dataset("toy", documents, parts={id_: part for id_, part in parts.items() if part})


def sized(train: int, validation: int, test: int) -> Dataset:
    sizes = {"train": train, "validation": validation, "test": test}
    return dataset({f"{part}{i}": part for part in PARTS for i in range(sizes[part])})


def counted(sample: Dataset) -> Counter[str]:
    return Counter(sample.parts.get(document.id, "none") for document in sample.documents)


@given(parts_of_ids, seeds, seeds)
def test_given_parts_are_the_split_whatever_seed_and_order(parts, seed, other) -> None:
    if "test" not in parts.values():
        parts["the test document"] = "test"
    split = make_splits(dataset(parts), GIVEN, seed)[0]
    for part in PARTS:
        assert sorted(split.ids(part)) == sorted(id_ for id_ in parts if parts[id_] == part)
    turned = dataset(dict(reversed(parts.items())))
    assert make_splits(turned, GIVEN, other)[0].hash == split.hash


def test_parts_make_the_hash_of_a_split_but_not_the_fingerprint() -> None:
    one, other = dataset({"a": "train", "b": "test"}), dataset({"a": "test", "b": "train"})
    assert make_splits(one, GIVEN, 1)[0].hash != make_splits(other, GIVEN, 1)[0].hash
    assert one.fingerprint == other.fingerprint


def test_a_dataset_without_parts_has_no_given_split() -> None:
    with pytest.raises(BenchError, match=r"^dataset toy: it comes without a split of its own; set kind = "):
        make_splits(dataset({"a": None}), GIVEN, 1)[0]


def test_a_given_split_needs_test_documents() -> None:
    with pytest.raises(BenchError, match=r"its own split has no test documents \(train 2, validation 1\); "):
        make_splits(sized(2, 1, 0), GIVEN, 1)[0]


def test_other_kinds_of_split_do_not_look_at_parts() -> None:
    whole = sized(4, 2, 2)
    assert len(make_splits(whole, SplitSpec(), 1)[0].test) == 8
    holdout = SplitSpec(kind="holdout")
    bare = Dataset("toy", whole.documents)
    assert make_splits(whole, holdout, 1)[0].hash == make_splits(bare, holdout, 1)[0].hash


def test_only_keeps_the_parts_of_what_it_keeps() -> None:
    assert dataset({"a": "train", "b": "test", "c": None}).only(["b", "c"]).parts == {"b": "test"}


@given(parts_of_ids, seeds, st.integers(1, 70))
def test_a_sample_has_every_part_in_proportion(parts, seed, limit) -> None:
    whole = dataset(parts)
    sample = subsample(whole, limit, seed)
    kept = [document.id for document in sample.documents]
    assert len(kept) == min(limit, len(parts))
    assert kept == [id_ for id_ in parts if id_ in set(kept)]  # file order
    sizes, taken = counted(whole), counted(sample)
    if whole.parts:
        assert len(taken) == min(len(sizes), limit)
        assert "test" not in sizes or taken["test"]
        for part, size in sizes.items():
            # Adams' method gives everyone the share, rounded up, or less; never far below it.
            assert taken[part] >= min(size, size * len(kept) // len(parts) - len(sizes) + 1)
    # A smaller sample is part of a bigger one, and the order of the file chooses nothing.
    assert set(kept) <= {document.id for document in subsample(whole, limit + 1, seed).documents}
    turned = subsample(dataset(dict(reversed(parts.items()))), limit, seed)
    assert {document.id for document in turned.documents} == set(kept)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(1, (0, 0, 1)), (2, (1, 0, 1)), (3, (1, 1, 1)), (20, (10, 5, 5)), (200, (100, 50, 50))],
)
def test_samples_of_a_corpus_like_inspec(limit: int, expected: tuple[int, int, int]) -> None:
    taken = counted(subsample(sized(1000, 500, 500), limit, 7))
    assert tuple(taken[part] for part in PARTS) == expected


def test_a_tiny_part_is_not_lost() -> None:
    taken = counted(subsample(sized(10_000, 3, 3), 10, 7))
    assert taken == {"train": 8, "validation": 1, "test": 1}


def test_a_sample_depends_on_the_seed() -> None:
    first, second = (subsample(sized(100, 50, 50), 20, seed) for seed in (1, 2))
    assert {d.id for d in first.documents} != {d.id for d in second.documents}


def test_a_small_sample_can_still_be_split_as_given() -> None:
    split = make_splits(subsample(sized(1000, 500, 500), 8, 1), GIVEN, 1)[0]
    assert (len(split.train), len(split.validation), len(split.test)) == (4, 2, 2)
