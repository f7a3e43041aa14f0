"""Documents that are the same text, or nearly: groups that a split must keep on one side.

Candidates come from MinHash signatures in bands (locality-sensitive hashing); every candidate pair is
then judged by the exact Jaccard similarity of its shingles, so that chance adds no pair.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from readbench.core.damage import stored_json
from readbench.core.files import cannot_write, write_json
from readbench.core.types import Dataset, Document
from readbench.text.normalise import Memo, stripped, tokens

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
_MIX = np.uint64(0xA4093822299F31D1)
_BLOCK = 1 << 12
"""Words, or shingles with their 128 permutations (2 MiB), that are worked on at a time."""
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
    same: dict[bytes, list[str]] = {}
    # Of equal texts one goes on: a thousand copies are one candidate, not half a million pairs.
    shingles = list(shingle_hashes(_new_texts(documents, fields, same)))
    ids = [of_text[0] for of_text in same.values()]
    for of_text in same.values():
        for id_ in of_text[1:]:
            forest.join(of_text[0], id_)
    for one, other in _candidates(shingles, threshold):
        joined = forest.root(ids[one]) == forest.root(ids[other])
        if not joined and jaccard(shingles[one], shingles[other]) >= threshold:
            forest.join(ids[one], ids[other])
    return {document.id: forest.root(document.id) for document in documents if forest.joined(document.id)}


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
    same: dict[bytes, list[str]] = {}
    for _ in _new_texts(documents, fields, same):
        pass
    return {ids[0]: tuple(ids) for ids in same.values() if len(ids) > 1}


def similarity(one: Document, other: Document, fields: Sequence[str]) -> float:
    """The Jaccard similarity of two documents' shingles, 0 where neither has text."""
    hashed = Memo(_hash_of)
    return jaccard(*shingle_hashes([_hashes(document, fields, hashed) for document in (one, other)]))


def jaccard(one: Hashes, other: Hashes) -> float:
    """The Jaccard similarity of two sets, each given as its distinct elements; 0 of two empty ones."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(len(one) + len(other) - shared, 1)


def shingle_hashes(texts: Iterable[Hashes]) -> Iterator[Hashes]:
    """The distinct shingles of each text, as sorted 64-bit hashes, from the hashes of its words in order. A
    text shorter than a shingle is one, an empty one has none.

    Two of a million different shingles share a hash with a chance of one in 37 million, so a
    similarity computed from them is exact for all that anybody can observe.
    """
    for block in _blocks(texts):
        # A word that is not there counts 0, so that a short text is one shingle of the words that it has.
        filled = [
            np.pad(text, (0, SHINGLE - len(text))) if 0 < len(text) < SHINGLE else text for text in block
        ]
        hashes = np.concatenate([*filled, np.zeros(SHINGLE, dtype=np.uint64)])
        count = len(hashes) - SHINGLE + 1
        # uint64 arithmetic wraps round, which is what a hash wants.
        mixed = np.zeros(count, dtype=np.uint64)
        for place in range(SHINGLE):
            mixed += hashes[place : place + count] * _PLACES[place]
        start = 0
        for text in filled:
            of_text = mixed[start : start + max(len(text) - SHINGLE + 1, 0)]
            of_text.sort()
            first = np.ones(len(of_text), dtype=np.bool_)
            np.not_equal(of_text[1:], of_text[:-1], out=first[1:])
            yield of_text[first]
            start += len(text)


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


def _candidates(shingles: Sequence[Hashes], threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs of places that share a band of their signatures, each once, without those whose signatures alone
    rule out that they reach the threshold: what a thousand papers of one publisher share makes every two of
    them a candidate, and hardly any a near-duplicate."""
    if len(shingles) < 2:
        return
    signatures = _signatures(shingles)
    number, rows = bands(threshold)
    least = PERMUTATIONS * threshold - RULED_OUT * np.sqrt(PERMUTATIONS * threshold * (1 - threshold))
    # Which documents share a band, as numbers: 0 where one shares it with nobody.
    shared = np.zeros((len(shingles), number), dtype=np.int32)
    # Sorted columns and not MinHashLSH: its tables of Python sets take 550 MB for 50,000 documents, the
    # signatures themselves 26.
    for band in range(number):
        for group, members in enumerate(_equal_rows(signatures[:, band * rows : (band + 1) * rows]), 1):
            for place, one in enumerate(members[:-1]):
                others = members[place + 1 :]
                before = (shared[others, :band] == shared[one, :band]) & (shared[one, :band] > 0)
                new = others[~before.any(axis=1)]
                equal = np.count_nonzero(signatures[new] == signatures[one], axis=1)
                for other in new[equal >= least].tolist():
                    yield int(one), other
            shared[members, band] = group


def _equal_rows(table: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Indices of rows (n, k) that are equal to another, in order, an array for each distinct row."""
    # One number a row. Two rows that share it by chance are one more pair to look at.
    keys = np.zeros(len(table), dtype=np.uint64)
    for column in table.T:
        keys = (keys ^ column) * _MIX
        keys ^= keys >> np.uint64(32)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1], True])
    for place in np.flatnonzero(np.diff(starts) > 1):
        yield order[starts[place] : starts[place + 1]]


def _signatures(sets: Sequence[Hashes]) -> NDArray[np.uint32]:
    """MinHash signatures (documents, permutations) of sets that are not empty: those of datasketch's scheme
    ``affine32``, for many documents in one step. The elements are hashes already; the upper half of their
    bits is taken as it is.

    Broder 1997, On the resemblance and containment of documents. A permutation is a product with an odd
    number and a sum, both modulo 2**32.
    """
    generator = np.random.RandomState(1)
    factors = generator.randint(0, 1 << 31, PERMUTATIONS, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    summands = generator.randint(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)
    table = np.empty((len(sets), PERMUTATIONS), dtype=np.uint32)
    row = 0
    for block in _blocks(sets):
        starts = np.cumsum([0, *(len(of_one) for of_one in block[:-1])])
        values = _scattered((np.concatenate(block) >> np.uint64(32)).astype(np.uint32))
        permuted = np.multiply.outer(factors, values)
        permuted += summands[:, None]
        table[row : row + len(block)] = np.minimum.reduceat(permuted, starts, axis=1).T
        row += len(block)
    return table


def _scattered(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """MurmurHash3's last step (Appleby 2011, public domain): numbers that lie close together part."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        values = (values ^ (values >> np.uint32(shift))) * np.uint32(factor)
    return values ^ (values >> np.uint32(16))


def _blocks(arrays: Iterable[Hashes]) -> Iterator[list[Hashes]]:
    """The arrays in lists with about ``_BLOCK`` elements in all, or of a single one with more."""
    block: list[Hashes] = []
    total = 0
    for array in arrays:
        if block and total + len(array) > _BLOCK:
            yield block
            block, total = [], 0
        block.append(array)
        total += len(array)
    if block:
        yield block


def _new_texts(
    documents: Iterable[Document], fields: Sequence[str], same: dict[bytes, list[str]]
) -> Iterator[Hashes]:
    """The hashes of the words of each distinct text that is not empty, in the order of the ids. ``same`` is
    filled with the ids of each, those of one text in order."""
    hashed = Memo(_hash_of)
    for document in sorted(documents, key=lambda document: document.id):
        hashes = _hashes(document, fields, hashed)
        if len(hashes):
            content = hashlib.blake2b(hashes.tobytes(), digest_size=16).digest()
            ids = same.setdefault(content, [])
            ids.append(document.id)
            if len(ids) == 1:
                yield hashes


def _hashes(document: Document, fields: Sequence[str], hashed: Memo[int]) -> Hashes:
    """The hashes of the words of a document, in order."""
    text = "\n".join(document.fields[name] for name in fields if document.fields.get(name))
    found = np.array([hash_ for hash_ in map(hashed.__getitem__, tokens(text)) if hash_], dtype=np.uint64)
    if len(found):
        return found
    # A text of nothing but marks (a review "!!!") is still a text, and the same as its copies.
    return np.array([_digest(word) for word in _SPACE.sub(" ", text).split()], dtype=np.uint64)


def _hash_of(token: str) -> int:
    """A hash of the word in a token, 0 where there is none."""
    word = stripped(token)
    return _digest(word) if word else 0


def _digest(word: str) -> int:
    """A hash that is the same in every run: Python's own is salted."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest())


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
