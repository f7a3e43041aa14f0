"""Exact and near-duplicates of a dataset, across its official parts, and labels that contradict."""

from __future__ import annotations

from collections.abc import Mapping

from readbench.audit.values import Copies, CopyGroup, Finding
from readbench.core.types import Dataset, Document
from readbench.datasets.near_duplicates import THRESHOLD, exact_groups, groups, similarity

EXAMPLES = 5
"""Ids in one message."""

EXCERPT = 60


def find_copies(dataset: Dataset, fields: tuple[str, ...], labels: Mapping[str, str]) -> Copies:
    """The groups, those of equal texts first, then by their smallest id."""
    by_id = {document.id: document for document in dataset.documents}
    members: dict[str, list[str]] = {}
    for id_, group in sorted(groups(dataset, fields).items()):
        members.setdefault(group, []).append(id_)
    exact = set(exact_groups(dataset, fields).values())
    found = []
    for ids in members.values():
        same = tuple(ids) in exact
        first, other = by_id[ids[0]], by_id[ids[1]]
        found.append(
            CopyGroup(
                tuple(ids),
                same,
                1.0 if same else similarity(first, other, fields),
                _excerpt(first, fields),
                tuple(dataset.parts.get(id_) for id_ in ids),
                tuple(labels.get(id_) for id_ in ids),
            )
        )
    return Copies(fields, THRESHOLD, tuple(sorted(found, key=lambda group: (not group.exact, group.ids))))


def judge_copies(copies: Copies) -> list[Finding]:
    """Copies on both sides of an official split and contradictory labels are findings: no split of ours
    can mend them. Other copies are a note: they stay on one side."""
    found = []
    if across := copies.across_parts():
        pairs: dict[str, int] = {}
        for group in across:
            between = " and ".join(sorted({part for part in group.parts if part}))
            pairs[between] = pairs.get(between, 0) + 1
        said = ", ".join(f"{count:,} between {between}" for between, count in sorted(pairs.items()))
        text = f"the official parts share documents: {many_groups(len(across))} ({said})"
        found.append(Finding("copies across parts", "finding", text, None, _ids(across)))
    if contradictory := copies.contradictory():
        exact = sum(group.exact for group in contradictory)
        text = (
            f"{many_groups(len(contradictory))} of near-duplicates carry different labels, "
            f"{exact:,} of them equal texts"
        )
        found.append(Finding("contradictory labels", "finding", text, None, _ids(contradictory)))
    if copies.groups:
        exact = sum(group.exact for group in copies.groups)
        text = (
            f"{copies.documents:,} documents are in {many_groups(len(copies.groups))} of near-duplicates, "
            f"{exact:,} of them of equal texts; a split keeps each on one side"
        )
        found.append(Finding("copies", "note", text, None, _ids(copies.groups)))
    return found


def many_groups(count: int) -> str:
    """A number of groups in words."""
    return "1 group" if count == 1 else f"{count:,} groups"


def _ids(found: tuple[CopyGroup, ...] | list[CopyGroup]) -> tuple[str, ...]:
    return tuple(id_ for group in found for id_ in group.ids[:2])[:EXAMPLES]


def _excerpt(document: Document, fields: tuple[str, ...]) -> str:
    text = " ".join(document.fields.get(name, "") for name in fields).split()
    line = " ".join(text)
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"
