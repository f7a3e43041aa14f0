"""Official splits, and samples that keep them in proportion."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.core.seeds import seeded_order
from readbench.core.types import Dataset, Document, Part
from readbench.datasets.splits import SplitSpec, make_splits, subsample

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
def test_given_parts_are_the_split_whatever_seed_and_order(
    parts: dict[str, Part | None], seed: int, other: int
) -> None:
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
def test_a_sample_has_every_part_in_proportion(parts: dict[str, Part | None], seed: int, limit: int) -> None:
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


def labelled(sizes: dict[str, int]) -> tuple[Dataset, dict[str, str]]:
    labels = {f"{label}{i}": label for label, size in sizes.items() for i in range(size)}
    return dataset(dict.fromkeys(labels)), labels


@given(st.lists(st.integers(4, 40), min_size=2, max_size=4), seeds)
def test_every_part_has_the_labels_in_proportion(sizes: list[int], seed: int) -> None:
    papers, labels = labelled({"abcd"[i]: size for i, size in enumerate(sizes)})
    spec = SplitSpec(kind="holdout", test=0.25, validation=0.2)
    (split,) = make_splits(papers, spec, seed, labels)
    shares: dict[Part, float] = {"test": 0.25, "validation": 0.2}
    for part, share in shares.items():
        count = Counter(labels[id_] for id_ in split.ids(part))
        for label, size in Counter(labels.values()).items():
            # Both ends of a part can cut through a label.
            assert abs(count[label] - share * size) <= 2, (part, label)


def test_a_label_that_occurs_once_stays_for_training() -> None:
    papers, labels = labelled({"a": 40, "rare": 1})
    for seed in range(20):
        (split,) = make_splits(papers, SplitSpec(kind="holdout", test=0.25), seed, labels)
        assert "rare0" in split.train


@given(st.integers(12, 60), st.integers(2, 5), st.sampled_from([0.0, 0.2]), seeds)
def test_folds_test_every_document_once(size: int, folds: int, validation: float, seed: int) -> None:
    papers, labels = labelled({"a": size // 2, "b": size - size // 2})
    spec = SplitSpec(kind="kfold", folds=folds, validation=validation)
    splits = make_splits(papers, spec, seed, labels)
    assert [split.fold for split in splits] == list(range(folds))
    assert sorted(id_ for split in splits for id_ in split.test) == sorted(labels)
    for split in splits:
        parts = [set(split.ids(part)) for part in PARTS]
        assert sum(map(len, parts)) == len(set().union(*parts)) == size
        assert abs(len(split.test) - size / folds) <= 1
        assert bool(split.validation) == bool(validation)
    assert len({split.hash for split in splits}) == folds


@given(st.integers(10, 50), st.lists(st.lists(st.integers(0, 49), max_size=5), max_size=6), seeds)
def test_documents_of_a_group_are_in_one_part(size: int, members: list[list[int]], seed: int) -> None:
    papers, labels = labelled({"a": size, "b": size})
    ids = list(labels)
    groups = {ids[i % len(ids)]: str(name) for name, of_one in enumerate(members) for i in of_one}
    for spec in (SplitSpec(kind="holdout", test=0.3), SplitSpec(kind="kfold", folds=3)):
        for split in make_splits(papers, spec, seed, labels, groups):
            part_of = {id_: part for part in PARTS for id_ in split.ids(part)}
            for name in set(groups.values()):
                assert len({part_of[id_] for id_ in groups if groups[id_] == name}) == 1


def test_without_labels_and_groups_a_split_is_the_seeded_order_cut() -> None:
    papers, _ = labelled({"a": 30})
    order = seeded_order([document.id for document in papers.documents], "split:3")
    (split,) = make_splits(papers, SplitSpec(kind="holdout", test=0.2, validation=0.1), 3)
    assert (*split.test, *split.validation, *split.train) == tuple(order)


def test_labels_in_proportion_can_be_declined() -> None:
    papers, labels = labelled({"a": 20, "b": 20})
    plain = SplitSpec(kind="holdout", test=0.2, stratified=False)
    assert make_splits(papers, plain, 3, labels) == make_splits(papers, plain, 3)
    assert make_splits(papers, plain, 3, labels) != make_splits(
        papers, SplitSpec(kind="holdout", test=0.2), 3, labels
    )


@pytest.mark.parametrize(
    ("size", "spec", "told"),
    [
        (2, SplitSpec(kind="holdout", test=0.1), "2 documents are too few for a split of test 0.1"),
        (5, SplitSpec(kind="holdout", test=0.2, validation=0.05), "a split of test 0.2, validation 0.05"),
        (3, SplitSpec(kind="kfold", folds=5), "3 documents are too few for a split of 5 folds"),
        (4, SplitSpec(kind="kfold", folds=2, validation=0.1), "a split of 2 folds, validation 0.1"),
    ],
)
def test_a_part_that_would_be_empty_is_refused(size: int, spec: SplitSpec, told: str) -> None:
    papers, _ = labelled({"a": size})
    with pytest.raises(BenchError, match=told):
        make_splits(papers, spec, 3)


def test_the_validation_part_of_a_fold_is_a_share_of_all_documents() -> None:
    papers, _ = labelled({"a": 40})
    folds = make_splits(papers, SplitSpec(kind="kfold", folds=4, validation=0.2), 3)
    sizes = {(len(split.train), len(split.validation), len(split.test)) for split in folds}
    assert sizes == {(22, 8, 10)}
