"""Document frequencies and topic models as memory-mapped arrays, which open in milliseconds."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from readbench.adapter import BenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Source = Literal["shipped", "train"]
NUMBER_OF_DOCUMENTS = "--NB_DOC--"  # pke's own key for the size of the collection


class Frequencies:
    """Document frequencies by stemmed n-gram, with the ``get`` that pke calls.

    Keys are sorted 64-bit hashes, and counts stand beside them. An unknown n-gram is taken for a known one
    with a probability of about 1e-13. Two known n-grams with the same hash are an error when the table
    is made.
    """

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self._keys = memoryview(np.load(folder / "keys.npy", mmap_mode="r"))
        self._counts = memoryview(np.load(folder / "counts.npy", mmap_mode="r"))

    def get(self, ngram: str, default: int = 0) -> int:
        key = hash_of(ngram)
        i = bisect.bisect_left(self._keys, key)
        if i < len(self._keys) and self._keys[i] == key:
            return int(self._counts[i])
        return default


def hash_of(ngram: str) -> int:
    return int.from_bytes(hashlib.blake2b(ngram.encode(), digest_size=8).digest(), "little")


def write_frequencies(counts: Mapping[str, int], folder: Path) -> None:
    """Writes what ``Frequencies`` reads. Raises BenchError where two n-grams have one hash."""
    import numpy as np

    keys = np.fromiter((hash_of(ngram) for ngram in counts), dtype=np.uint64, count=len(counts))
    values = np.fromiter(counts.values(), dtype=np.int64, count=len(counts))
    order = np.argsort(keys)
    keys = keys[order]
    if len(keys) > 1 and bool(np.any(keys[1:] == keys[:-1])):
        raise BenchError("two n-grams share a hash", todo="report it: this should never happen")
    np.save(folder / "keys.npy", keys)
    np.save(folder / "counts.npy", values[order])


@dataclass(frozen=True)
class Topics:
    """A topic model. ``word_topics``: p(word | topic), float64 (words, topics). ``expectation``:
    scikit-learn's ``exp_dirichlet_component_``, float64 (topics, words). ``prior``: that of the
    topics of a document."""

    vocabulary: list[str]
    word_topics: NDArray[np.float64]
    expectation: NDArray[np.float64]
    prior: float

    def model(self) -> Any:
        """A scikit-learn model that can ``transform`` counts (documents, words) into p(topic | document)."""
        from sklearn.decomposition import LatentDirichletAllocation

        model = LatentDirichletAllocation(n_components=len(self.expectation))
        # transform reads the expectation alone; components_ marks the model as fitted.
        model.components_ = self.expectation
        model.exp_dirichlet_component_ = self.expectation
        model.doc_topic_prior_ = self.prior
        return model


def write_topics(vocabulary: Sequence[str], model: Any, folder: Path) -> None:
    """Writes what ``open_topics`` reads, of a scikit-learn ``LatentDirichletAllocation``."""
    import numpy as np

    components = model.components_
    word_topics = components / components.sum(axis=1)[:, np.newaxis]
    np.save(folder / "word_topics.npy", np.ascontiguousarray(word_topics.T))
    np.save(folder / "expectation.npy", model.exp_dirichlet_component_)
    np.save(folder / "prior.npy", np.float64(model.doc_topic_prior_))
    (folder / "vocabulary.txt").write_text("\n".join(vocabulary), encoding="utf-8")


def open_topics(folder: Path) -> Topics:
    import numpy as np

    return Topics(
        vocabulary=(folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n"),
        word_topics=np.load(folder / "word_topics.npy", mmap_mode="r"),
        expectation=np.load(folder / "expectation.npy", mmap_mode="r"),
        prior=float(np.load(folder / "prior.npy")),
    )
