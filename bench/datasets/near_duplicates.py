"""Documents that are the same text, or nearly: groups that a split must keep on one side.

Candidates come from MinHash signatures in bands (locality-sensitive hashing); every candidate pair is
then judged by the exact Jaccard similarity of its shingles, so that chance adds no pair.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from readbench.core.damage import stored_json
from readbench.core.files import cannot_write, write_json
from readbench.core.types import Dataset, Document
from readbench.text.normalise import words

THRESHOLD = 0.7
"""Jaccard similarity of word triples from which two texts count as near-duplicates. An edit of one word
breaks three triples in each text, so 0.7 allows about one edited word in 17."""

SHINGLE = 3
"""Words to a shingle. A Chinese or Japanese character is a word (see ``tasks.normalise.words``), so the
texts of those languages are compared by character triples."""

PERMUTATIONS = 128
MISSED = 1e-3
"""The bands are chosen so that a pair exactly at the threshold is overlooked less often than this."""

RULED_OUT = 4.0
"""A pair is not looked at whose signatures agree so many standard deviations less than those of a pair at the
threshold do on average: of 30,000 pairs at the threshold one is so overlooked, fewer than by the bands."""

VERSION = 1
"""Raised when another grouping would come out of the same texts: kept groups then count no more."""

Hashes = NDArray[np.uint64]

# Odd constants, one a place of a shingle: the order of its words counts. From the digits of pi.
_PLACES = np.array([0x243F6A8885A308D3, 0x13198A2E03707345, 0xA4093822299F31D1], dtype=np.uint64)
_SPACE = re.compile(r"\s+")


def groups(
    dataset: Dataset | Iterable[Document], fields: Sequence[str], threshold: float = THRESHOLD
) -> dict[str, str]:
    """The group of each document that has a near-duplicate: document id -> group id, the smallest id
    of its members. A document that resembles no other is left out.

    Groups are the connected components of "at least ``threshold`` similar", so two members may
    resemble each other through a third alone. ``fields`` make up the compared text; a document
    without text in them is in no group. Neither the order of the documents nor the run changes
    anything. Raises ValueError for a threshold outside of (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"the threshold is {threshold}, not in (0, 1]")
    documents = dataset.documents if isinstance(dataset, Dataset) else tuple(dataset)
    forest = _Forest()
    texts = {document.id: _words(document, fields) for document in documents}
    # Of equal texts one goes on: a thousand copies are one candidate, not half a million pairs.
    same = _by_content(texts)
    for ids in same.values():
        for id_ in ids[1:]:
            forest.join(ids[0], id_)
    shingles = shingle_hashes({ids[0]: content for content, ids in same.items()})
    for one, other in _candidates(shingles, threshold):
        if forest.root(one) != forest.root(other) and jaccard(shingles[one], shingles[other]) >= threshold:
            forest.join(one, other)
    return {id_: forest.root(id_) for id_, content in texts.items() if content and forest.joined(id_)}


def kept_groups(
    dataset: Dataset, fields: Sequence[str], folder: Path, threshold: float = THRESHOLD
) -> dict[str, str]:
    """``groups``, computed once for a dataset's fingerprint and kept as a file in ``folder``; one that is
    damaged is computed again. Raises BenchError where the folder cannot be written."""
    asked = json.dumps([VERSION, dataset.fingerprint, list(fields), threshold])
    path = folder / f"{hashlib.sha256(asked.encode()).hexdigest()[:40]}.json"
    kept = stored_json(path, TypeAdapter(dict[str, str]).validate_python)
    if kept is not None:
        return kept
    found = groups(dataset, fields, threshold)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    write_json(path, found)
    return found


def exact_groups(dataset: Dataset | Iterable[Document], fields: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Documents of one text, letter case, punctuation and white space aside: the smallest id -> all of
    them in order. Every one of these groups lies within one of ``groups``."""
    documents = dataset.documents if isinstance(dataset, Dataset) else tuple(dataset)
    same = _by_content({document.id: _words(document, fields) for document in documents})
    return {ids[0]: tuple(ids) for ids in same.values() if len(ids) > 1}


def similarity(one: Document, other: Document, fields: Sequence[str]) -> float:
    """The Jaccard similarity of two documents' shingles, 0 where neither has text."""
    shingles = shingle_hashes({"one": _words(one, fields), "other": _words(other, fields)})
    return jaccard(shingles["one"], shingles["other"])


def jaccard(one: Hashes, other: Hashes) -> float:
    """The Jaccard similarity of two sets, each given as its distinct elements; 0 of two empty ones."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(len(one) + len(other) - shared, 1)


def shingle_hashes(texts: Mapping[str, Sequence[str]]) -> dict[str, Hashes]:
    """The distinct shingles of each text, as 64-bit hashes. A text shorter than a shingle is one.

    Two of a million different shingles share a hash with a chance of one in 37 million, so a
    similarity computed from them is exact for all that anybody can observe.
    """
    seen: dict[str, int] = {}
    found = {}
    for id_, content in texts.items():
        hashes = np.array([_hash_of(word, seen) for word in content], dtype=np.uint64)
        width = min(SHINGLE, len(hashes))
        count = len(hashes) - width + 1 if width else 0
        # uint64 arithmetic wraps round, which is what a hash wants.
        mixed = np.zeros(count, dtype=np.uint64)
        for place in range(width):
            mixed += hashes[place : place + count] * _PLACES[place]
        found[id_] = np.unique(mixed)
    return found


def bands(threshold: float) -> tuple[int, int]:
    """How many bands of how many rows: the longest rows (fewest vain candidates) with which a pair at the
    threshold shares no band with a chance of at most ``MISSED``; (1 - t**rows)**bands.

    Leskovec, Rajaraman & Ullman 2014, Mining of Massive Datasets, section 3.4.

    >>> bands(0.7)
    (32, 4)
    """
    for rows in range(PERMUTATIONS, 1, -1):
        number = PERMUTATIONS // rows
        if (1 - threshold**rows) ** number <= MISSED:
            return number, rows
    return PERMUTATIONS, 1


def _candidates(shingles: Mapping[str, Hashes], threshold: float) -> Iterator[tuple[str, str]]:
    """Pairs of ids that share a band of their signatures, each once, without those whose signatures alone
    rule out that they reach the threshold: what a thousand papers of one publisher share makes every two of
    them a candidate, and hardly any a near-duplicate."""
    ids = [id_ for id_ in sorted(shingles) if len(shingles[id_])]
    if len(ids) < 2:
        return
    signatures = _signatures([shingles[id_] for id_ in ids])
    number, rows = bands(threshold)
    least = PERMUTATIONS * threshold - RULED_OUT * np.sqrt(PERMUTATIONS * threshold * (1 - threshold))
    # Which documents share a band, as numbers: 0 where one shares it with nobody.
    shared = np.zeros((len(ids), number), dtype=np.int32)
    # Sorted columns and not MinHashLSH: its tables of Python sets take 550 MB for 50,000 documents, the
    # signatures themselves 26.
    for band in range(number):
        part = np.ascontiguousarray(signatures[:, band * rows : (band + 1) * rows])
        for group, members in enumerate(_equal_rows(part), 1):
            for place, one in enumerate(members[:-1]):
                others = members[place + 1 :]
                before = (shared[others, :band] == shared[one, :band]) & (shared[one, :band] > 0)
                new = others[~before.any(axis=1)]
                equal = np.count_nonzero(signatures[new] == signatures[one], axis=1)
                for other in new[equal >= least].tolist():
                    yield ids[one], ids[other]
            shared[members, band] = group


def _equal_rows(table: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Indices of rows (n, k) that are equal to another, in order, an array for each distinct row."""
    keys = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, keys[order][1:] != keys[order][:-1], True])
    for start, stop in pairwise(starts):
        if stop - start > 1:
            yield np.sort(order[start:stop])


def _signatures(sets: Sequence[Hashes]) -> NDArray[np.uint32]:
    """MinHash signatures (documents, permutations)."""
    from datasketch import MinHash

    table = np.empty((len(sets), PERMUTATIONS), dtype=np.uint32)
    # The elements are hashes already; the upper half of their bits is taken as it is.
    for row, sketch in enumerate(
        MinHash.generator(
            ((of_one >> np.uint64(32)).astype(np.uint32) for of_one in sets),
            num_perm=PERMUTATIONS,
            seed=1,
            scheme="affine32",
            hashfunc=_as_it_is,
        )
    ):
        table[row] = sketch.hashvalues
    return table


def _as_it_is(value: int) -> int:
    return value


def _words(document: Document, fields: Sequence[str]) -> tuple[str, ...]:
    text = "\n".join(document.fields[name] for name in fields if document.fields.get(name))
    # A text of nothing but marks (a review "!!!") is still a text, and the same as its copies.
    return words(text) or tuple(_SPACE.sub(" ", text).split())


def _by_content(texts: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, ...], list[str]]:
    same: dict[tuple[str, ...], list[str]] = {}
    for id_ in sorted(texts):
        if texts[id_]:
            same.setdefault(texts[id_], []).append(id_)
    return same


def _hash_of(word: str, seen: dict[str, int]) -> int:
    """A hash that is the same in every run: Python's own is salted."""
    found = seen.get(word)
    if found is None:
        found = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        seen[word] = found
    return found


class _Forest:
    """Disjoint sets of ids, each named by its smallest member."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, id_: str) -> str:
        while (parent := self._parent.get(id_, id_)) != id_:
            self._parent[id_] = self._parent.get(parent, parent)
            id_ = parent
        return id_

    def join(self, one: str, other: str) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[low] = self._parent[high] = low

    def joined(self, id_: str) -> bool:
        return id_ in self._parent
