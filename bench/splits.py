"""Which documents a method learns from and which it is judged on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from readbench.errors import BenchError
from readbench.types import Dataset, Part, Split

# Who comes first where a sample has no room for all: without a test document nothing is measured.
_PARTS_BY_NEED: tuple[Part | None, ...] = ("test", "train", "validation", None)


class SplitSpec(BaseModel):
    """``all``: every document is a test document (methods that learn nothing). ``holdout``: seeded
    parts; what neither ``test`` nor ``validation`` takes is for training. ``given``: the official
    parts that the dataset came with; the shares and the seed play no role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["all", "holdout", "given"] = "all"
    test: float = Field(0.25, gt=0, lt=1, description="share of the documents")
    validation: float = Field(0.0, ge=0, lt=1, description="share of the documents")


def make_split(dataset: Dataset, spec: SplitSpec, seed: int) -> Split:
    """One fold. Documents are ordered by a seeded hash of their id: a document that joins the
    dataset later moves no other to another part of that order.

    Raises BenchError where a part would be empty. Of a given split the test part alone must be there,
    and a document without a part is in none.
    """
    ids = [document.id for document in dataset.documents]
    if spec.kind == "all":
        return Split((), (), tuple(ids))
    if spec.kind == "given":
        return _given(dataset)
    order = seeded_order(ids, f"split:{seed}")
    n_test = round(spec.test * len(ids))
    n_validation = round(spec.validation * len(ids))
    n_train = len(ids) - n_test - n_validation
    if n_test < 1 or n_train < 1 or (spec.validation > 0 and n_validation < 1):
        raise BenchError(
            f"{len(ids)} documents are too few for a split of test {spec.test}, validation {spec.validation}",
            where=f"dataset {dataset.name}", todo="use more documents or change [split] in the suite",
        )  # fmt: skip
    test, rest = order[:n_test], order[n_test:]
    return Split(tuple(rest[n_validation:]), tuple(rest[:n_validation]), tuple(test))


def subsample(dataset: Dataset, limit: int | None, seed: int) -> Dataset:
    """The one seeded subsample of ``limit`` documents that all methods share, in file order.

    Of a dataset with official parts each part gives its share, and one document at least while
    ``limit`` allows (the test part first). A smaller sample is part of a bigger one either way.
    """
    if limit is None or limit >= len(dataset.documents):
        return dataset
    if limit < 1:
        raise BenchError(f"--limit must be at least 1, not {limit}")
    ids = [document.id for document in dataset.documents]
    order = seeded_order(ids, f"limit:{seed}")
    if dataset.parts:
        order = list(_in_proportion(order, dataset))
    kept = set(order[:limit])
    return dataset.only(id_ for id_ in ids if id_ in kept)


def _in_proportion(order: Sequence[str], dataset: Dataset) -> Iterator[str]:
    """The same ids so that any beginning of them has every part in proportion.

    Adams' method of apportionment (Balinski and Young, Fair Representation, 1982): the i-th document
    of a part of n is due at i/n, the first at 0.
    """
    due: list[tuple[float, int, str]] = []
    for need, part in enumerate(_PARTS_BY_NEED):
        members = [id_ for id_ in order if dataset.parts.get(id_) == part]
        due += [(index / len(members), need, id_) for index, id_ in enumerate(members)]
    return (id_ for _, _, id_ in sorted(due))


def _given(dataset: Dataset) -> Split:
    members: dict[Part, list[str]] = {"train": [], "validation": [], "test": []}
    for document in dataset.documents:
        if part := dataset.parts.get(document.id):
            members[part].append(document.id)
    if not members["test"]:
        has = ", ".join(f"{part} {len(ids)}" for part, ids in members.items() if ids)
        raise BenchError(
            f"its own split has no test documents ({has})" if has else "it comes without a split of its own",
            where=f"dataset {dataset.name}",
            todo='set kind = "holdout" (or "all") in the suite\'s [split]',
        )  # fmt: skip
    # In an order that neither the file nor the seed decides: equal parts have equal hashes, and a
    # file sorted by class is not learned class by class.
    train, validation, test = (tuple(seeded_order(ids, "given")) for ids in members.values())
    return Split(train, validation, test)


def seeded_order(ids: Sequence[str], salt: str) -> list[str]:
    return sorted(ids, key=lambda id_: hashlib.sha256(f"{salt}:{id_}".encode()).digest())


def derived_seed(seed: int, *parts: object) -> int:
    """A 32-bit seed from the suite's seed and what it is for, so that adding a method changes no
    other method's result."""
    text = ":".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
