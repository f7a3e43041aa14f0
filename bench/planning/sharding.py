"""In how many parts the test documents of a cell may be predicted, each in a process of its own."""

from __future__ import annotations

from math import ceil

from readbench.adapter import Adapter, Combination
from readbench.core.types import Split


def shards_of(adapter: type[Adapter], split: Split, wanted: int) -> tuple[int, str]:
    """The number of parts, at most one for each chunk, and why it is 1 where more are wanted.

    Parts are cut between chunks, and what documents share is a preparation, which is made of all of them
    beforehand. So a method predicts the same in parts as in one go, unless it learns, or declares that what
    it predicts depends on the documents before.
    """
    if wanted == 1:
        return 1, ""
    if why := why_in_one(adapter):
        return 1, why
    if (split.train or split.validation) and adapter.fit is not Adapter.fit:
        return 1, "it learns from documents, which each part would do again"
    chunks = ceil(len(split.test) / adapter.chunk_size)
    if chunks < 2:
        return 1, "its documents are one chunk"
    return min(wanted, chunks), ""


def why_in_one(adapter: type[Adapter]) -> str:
    """Why a method must be given all documents in one process, whatever it has learned; empty where it need
    not be."""
    if adapter.depends_on_order:
        return "what it predicts depends on the documents before"
    if issubclass(adapter, Combination):
        return "it is made of what its members predict"
    if adapter.usage is not Adapter.usage:
        return "it keeps its answers by itself"
    return ""
