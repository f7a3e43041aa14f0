"""Which documents a method learns from and which it is judged on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from readbench.errors import BenchError
from readbench.types import Dataset, Split


class SplitSpec(BaseModel):
    """``all``: every document is a test document (methods that learn nothing). ``holdout``: seeded
    parts; what neither ``test`` nor ``validation`` takes is for training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["all", "holdout"] = "all"
    test: float = Field(0.25, gt=0, lt=1, description="share of the documents")
    validation: float = Field(0.0, ge=0, lt=1, description="share of the documents")


def make_split(dataset: Dataset, spec: SplitSpec, seed: int) -> Split:
    """One fold. Documents are ordered by a seeded hash of their id: a document that joins the
    dataset later moves no other to another part of that order.

    Raises BenchError where a part would be empty.
    """
    ids = [document.id for document in dataset.documents]
    if spec.kind == "all":
        return Split((), (), tuple(ids))
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
    """The one seeded subsample of ``limit`` documents that all methods share, in file order."""
    if limit is None or limit >= len(dataset.documents):
        return dataset
    if limit < 1:
        raise BenchError(f"--limit must be at least 1, not {limit}")
    ids = [document.id for document in dataset.documents]
    kept = set(seeded_order(ids, f"limit:{seed}")[:limit])
    return dataset.only(id_ for id_ in ids if id_ in kept)


def seeded_order(ids: Sequence[str], salt: str) -> list[str]:
    return sorted(ids, key=lambda id_: hashlib.sha256(f"{salt}:{id_}".encode()).digest())


def derived_seed(seed: int, *parts: object) -> int:
    """A 32-bit seed from the suite's seed and what it is for, so that adding a method changes no
    other method's result."""
    text = ":".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
