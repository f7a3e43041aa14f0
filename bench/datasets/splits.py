"""Which documents a method learns from and which it is judged on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from readbench.core.errors import BenchError
from readbench.core.seeds import seeded_order
from readbench.core.types import Dataset, Part, Split

# Who comes first where a sample has no room for all: without a test document nothing is measured.
_PARTS_BY_NEED: tuple[Part | None, ...] = ("test", "train", "validation", None)


class SplitSpec(BaseModel):
    """``all``: every document is a test document (methods that learn nothing). ``holdout``: seeded
    parts; what neither ``test`` nor ``validation`` takes is for training. ``kfold``: every document is in
    the test part of one of ``folds`` folds. ``given``: the official parts that the dataset came with; the
    shares and the seed play no role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["all", "holdout", "kfold", "given"] = Field(
        "all", description="how documents are divided into parts"
    )
    test: float = Field(0.25, gt=0, lt=1, description="holdout: share of the documents")
    validation: float = Field(0.0, ge=0, lt=1, description="share of the documents")
    folds: int = Field(5, ge=2, description="kfold: number of folds")
    repeats: int = Field(1, ge=1, description="seeds that methods with training noise are run with")
    stratified: bool = Field(True, description="classification: labels in proportion in every part")
    near_duplicates: Literal["together", "ignore"] = Field(
        "together", description="near-duplicates of a document stay in the part that it is in"
    )


def make_splits(
    dataset: Dataset,
    spec: SplitSpec,
    seed: int,
    labels: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> tuple[Split, ...]:
    """The folds: one, or as many as a k-fold split has. Documents are ordered by a seeded hash of their
    id: a document that joins the dataset later moves no other to another part of that order.

    ``labels`` by document id: each part gets them in proportion. ``groups`` by document id: documents of
    one group stay in one part, which may so grow past its share by the rest of a group.
    Raises BenchError where a part would be empty. Of a given split the test part alone must be there,
    and a document without a part is in none.
    """
    ids = [document.id for document in dataset.documents]
    if spec.kind == "all":
        return (Split((), (), tuple(ids)),)
    if spec.kind == "given":
        return (_given(dataset),)
    units = _units(seeded_order(ids, f"split:{seed}"), groups or {})
    if labels and spec.stratified:
        units = _interleaved(units, labels)
    n = len(ids)
    if spec.kind == "kfold":
        pieces = _cut(units, [round(n * (fold + 1) / spec.folds) for fold in range(spec.folds)])
        folds = []
        for fold, test in enumerate(pieces):
            rest = [unit for other in pieces if other is not test for unit in other]
            validation, train = _cut(rest, [round(spec.validation * n), n])
            folds.append(Split(_flat(train), _flat(validation), _flat(test), fold, spec.folds))
    else:
        marks = [round(spec.test * n), round(spec.test * n) + round(spec.validation * n), n]
        test, validation, train = _cut(units, marks)
        folds = [Split(_flat(train), _flat(validation), _flat(test))]
    for split in folds:
        if not split.test or not split.train or (spec.validation > 0 and not split.validation):
            shares = f"{spec.folds} folds" if spec.kind == "kfold" else f"test {spec.test}"
            raise BenchError(
                f"{n} documents are too few for a split of {shares}, validation {spec.validation}",
                where=f"dataset {dataset.name}",
                todo="use more documents or change [split] in the suite",
            )
    return tuple(folds)


def _units(order: Sequence[str], groups: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What goes to one part as a whole: the documents of a group, at the place of the first of them."""
    units: dict[str, list[str]] = {}
    for id_ in order:
        units.setdefault(f"group {groups[id_]}" if id_ in groups else f"document {id_}", []).append(id_)
    return [tuple(members) for members in units.values()]


def _interleaved(units: Sequence[tuple[str, ...]], labels: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The same units so that any beginning of them has every label in proportion.

    Webster's method of apportionment (Balinski and Young, Fair Representation, 1982): the i-th of n units
    of a label, counted from 0, is due at (i + 1/2) / n. A label that occurs once so stays for training.
    """
    of_label: dict[str, list[int]] = {}
    for place, unit in enumerate(units):
        of_label.setdefault(labels.get(unit[0], ""), []).append(place)
    due = [
        ((index + 0.5) / len(places), place)
        for places in of_label.values()
        for index, place in enumerate(places)
    ]
    return [units[place] for _, place in sorted(due)]


def _cut(units: Sequence[tuple[str, ...]], marks: Sequence[int]) -> list[list[tuple[str, ...]]]:
    """Consecutive pieces that end where at least ``marks`` documents are passed."""
    pieces: list[list[tuple[str, ...]]] = [[] for _ in marks]
    done = piece = 0
    for unit in units:
        while piece < len(marks) - 1 and done >= marks[piece]:
            piece += 1
        pieces[piece].append(unit)
        done += len(unit)
    return pieces


def _flat(units: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(id_ for unit in units for id_ in unit)


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
        )
    # In an order that neither the file nor the seed decides: equal parts have equal hashes, and a
    # file sorted by class is not learned class by class.
    train, validation, test = (tuple(seeded_order(ids, "given")) for ids in members.values())
    return Split(train, validation, test)
