"""The most frequent n-grams of words, counted without making a string of each.

scikit-learn's ``CountVectorizer`` makes a string of every n-gram at every place and keeps all distinct ones
in a dictionary until the most frequent are chosen. Here words are numbers by their alphabetical order, and
all places of a corpus are sorted once by the words that follow them. Places that begin with the same words
then lie side by side, so that an n-gram is a run of places and its count the length of the run (a suffix
array with its common prefixes: Manber and Myers 1993, https://doi.org/10.1137/0222058; the sort doubles the
number of words at each step, as theirs does). The order of the runs is the alphabetical order of the
strings, because a blank sorts before every letter and digit. So the very ``argsort`` by which scikit-learn
chooses among equal counts chooses the same n-grams here, and every vector is equal to the last bit.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

END = 0
"""Stands behind the last word of each document. Words have numbers from 1."""


@dataclass(frozen=True)
class Counted:
    """``terms`` in alphabetical order, and how often each document has each: a CSR matrix (documents,
    terms), whose rows list the terms in the order in which a reader of the corpus first meets them."""

    terms: tuple[str, ...]
    counts: Any


def most_frequent(
    documents: Iterable[Sequence[str]], shortest: int, longest: int, most: int, dtype: Any
) -> Counted:
    """The ``most`` most frequent n-grams of ``shortest`` to ``longest`` words. ``documents``: their words in
    order. Counts have the type ``dtype``, on which it depends which of equally frequent n-grams are chosen.

    Raises ValueError, in scikit-learn's words, where there is none.
    """
    import numpy as np

    corpus = Corpus.of(documents)
    order, shared = corpus.sorted_places(longest)
    length = np.minimum(corpus.words_left()[order], longest)
    # A place brings the n-grams that are longer than what it shares with the place before.
    base = np.maximum(shared, shortest - 1)
    brought = np.maximum(length - base, 0)
    offsets = np.cumsum(brought) - brought
    negated = np.empty(int(brought.sum()), dtype=dtype)
    if not len(negated):
        raise ValueError("empty vocabulary; perhaps the documents only contain stop words")
    for words in range(shortest, longest + 1):
        has = length >= words
        runs = np.flatnonzero(has & (shared < words))
        before = np.cumsum(has)
        sizes = np.diff(np.append(before[runs] - 1, before[-1]))
        negated[offsets[runs] + words - base[runs] - 1] = -sizes
    chosen = np.arange(len(negated))
    if len(negated) > most:
        chosen = np.sort(negated.argsort()[:most])
    starts = np.searchsorted(offsets, chosen, side="right") - 1
    sizes = -negated[chosen].astype(np.int64)
    words_of = chosen - offsets[starts] + base[starts] + 1
    return _gathered(corpus, order, starts, sizes, words_of, dtype)


def _gathered(
    corpus: Corpus, order: Numbers, starts: Numbers, sizes: Numbers, words_of: Numbers, dtype: Any
) -> Counted:
    """The n-grams of ``words_of`` words whose runs begin at ``starts`` of ``order``, and their counts."""
    import numpy as np

    places, begins = _of_runs(order, starts, sizes)
    first = np.minimum.reduceat(places, begins)
    # Within a document the shorter ones are read first, those of one length from left to right.
    met = np.lexsort((first, words_of, corpus.document[first]))
    rank = np.empty_like(met)
    rank[met] = np.arange(len(met))
    terms = tuple(
        corpus.text(place, words) for place, words in zip(first.tolist(), words_of.tolist(), strict=True)
    )
    counts = _matrix(corpus.document[places], np.repeat(rank, sizes), met, corpus.documents, dtype)
    return Counted(terms, counts)


def _of_runs(order: Numbers, starts: Numbers, sizes: Numbers) -> tuple[Numbers, Numbers]:
    """The places of some runs one behind the other, and where each run begins among them."""
    import numpy as np

    begins = np.cumsum(sizes) - sizes
    return order[np.repeat(starts - begins, sizes) + np.arange(int(sizes.sum()))], begins


def _matrix(rows: Numbers, columns: Numbers, named: Numbers, documents: int, dtype: Any) -> Any:
    """A CSR matrix (documents, ``len(named)``) with the number of times that a pair of row and column
    occurs. Rows are sorted by ``columns``; the column is called ``named[column]`` in the matrix."""
    import numpy as np
    from scipy import sparse

    width = len(named)
    pairs, counts = np.unique(rows * width + columns, return_counts=True)
    ends = np.searchsorted(pairs, np.arange(documents + 1) * width)
    found = (counts.astype(dtype), named[pairs % width].astype(np.int32), ends.astype(np.int32))
    return sparse.csr_matrix(found, shape=(documents, width))


@dataclass(frozen=True)
class Corpus:
    """All documents one behind the other. ``numbers``: the word at each place, int64, ``END`` behind each
    document; ``document``: the document of each place; ``words``: the word of each number but ``END``."""

    numbers: Numbers
    document: Numbers
    words: tuple[str, ...]
    documents: int

    @classmethod
    def of(cls, documents: Iterable[Sequence[str]]) -> Corpus:
        import numpy as np

        numbers: dict[str, int] = {}
        written, lengths = array("i"), array("i")
        for words in documents:
            written.extend([numbers.setdefault(word, len(numbers) + 1) for word in words])
            written.append(END)
            lengths.append(len(words) + 1)
        alphabetical = sorted(numbers)
        rank = np.zeros(len(numbers) + 1, dtype=np.int64)
        rank[[numbers[word] for word in alphabetical]] = np.arange(1, len(numbers) + 1)
        sizes = np.frombuffer(lengths, dtype=np.int32) if lengths else np.zeros(0, dtype=np.int32)
        taken = np.frombuffer(written, dtype=np.int32) if written else np.zeros(0, dtype=np.int32)
        return cls(rank[taken], np.repeat(np.arange(len(sizes)), sizes), tuple(alphabetical), len(sizes))

    def text(self, place: int, words: int) -> str:
        return " ".join(self.words[number - 1] for number in self.numbers[place : place + words].tolist())

    def words_left(self) -> Numbers:
        """How many words there are from each place to the end of its document."""
        import numpy as np

        ends = np.flatnonzero(self.numbers == END)
        left: Numbers = ends[self.document] - np.arange(len(self.numbers))
        return left

    def sorted_places(self, words: int) -> tuple[Numbers, Numbers]:
        """All places in the order of the ``words`` words that follow, and how many of these each shares with
        the place before it in that order. A document ends before any word; what stands behind its end may
        order equal places, and counts as nothing shared."""
        import numpy as np

        if not len(self.numbers):
            return self.numbers, self.numbers
        rank, order, known = self.numbers, np.argsort(self.numbers, kind="stable"), 1
        while known < words:
            following = np.zeros_like(rank)
            following[:-known] = rank[known:]
            pairs = rank * (int(rank.max()) + 1) + following
            order = np.argsort(pairs)
            in_order = pairs[order]
            rank = np.empty_like(rank)
            rank[order] = np.cumsum(np.append(0, in_order[1:] != in_order[:-1]))
            known *= 2
            if rank[order[-1]] == len(rank) - 1:  # all differ
                break
        return order, self._shared(order, words)

    def _shared(self, order: Numbers, words: int) -> Numbers:
        import numpy as np

        padded = np.concatenate([self.numbers, np.full(words, END)])
        shared = np.zeros_like(order)
        alike = np.arange(1, len(order))
        for distance in range(words):
            here = padded[order[alike] + distance]
            alike = alike[(here == padded[order[alike - 1] + distance]) & (here != END)]
            if not len(alike):
                break
            shared[alike] += 1
        return shared


class Finder:
    """Counts known n-grams in texts. Words that no n-gram has are not looked at; the others lead from place
    to place through the tree of the n-grams' beginnings, all places of a corpus at once."""

    def __init__(self, vocabulary: Mapping[str, int], split: Callable[[str], list[str]]) -> None:
        """``vocabulary``: the column of each n-gram. ``split``: the words of a text."""
        import numpy as np

        self._split, self._columns = split, len(vocabulary)
        self._numbers: dict[str, int] = {}
        children: dict[tuple[int, int], int] = {}
        columns = {0: -1}
        for term, column in vocabulary.items():
            node = 0
            for word in term.split(" "):
                number = self._numbers.setdefault(word, len(self._numbers) + 1)
                node = children.setdefault((node, number), len(children) + 1)
                columns.setdefault(node, -1)
            columns[node] = int(column)
        self._width = len(self._numbers) + 1
        edges = np.array([node * self._width + number for node, number in children], dtype=np.int64)
        order = np.argsort(edges)
        self._edges, self._nodes = edges[order], np.array(list(children.values()), dtype=np.int64)[order]
        self._column = np.array([columns[node] for node in range(len(columns))], dtype=np.int64)

    def __call__(self, texts: Sequence[str], dtype: Any) -> Any:
        """A CSR matrix (texts, n-grams) of counts, the columns of each row in order."""
        import numpy as np

        numbers, document = self._read(texts)
        places = np.flatnonzero(numbers)
        nodes = np.zeros_like(places)
        rows, columns = [numbers[:0]], [numbers[:0]]
        while len(places):
            edges = nodes * self._width + numbers[places]
            found = np.minimum(np.searchsorted(self._edges, edges), len(self._edges) - 1)
            known = self._edges[found] == edges
            nodes, places = self._nodes[found[known]], places[known]
            column = self._column[nodes]
            rows.append(document[places[column >= 0]])
            columns.append(column[column >= 0])
            places = places + 1
            goes_on = numbers[places] != END
            nodes, places = nodes[goes_on], places[goes_on]
        named = np.arange(self._columns)
        return _matrix(np.concatenate(rows), np.concatenate(columns), named, len(texts), dtype)

    def _read(self, texts: Sequence[str]) -> tuple[Numbers, Numbers]:
        """The number of the word at each place, ``END`` for unknown words and behind each text, and the text
        of each place."""
        import numpy as np

        written, lengths = array("i"), []
        for text in texts:
            words = self._split(text)
            written.extend([self._numbers.get(word, END) for word in words])
            written.append(END)
            lengths.append(len(words) + 1)
        taken = np.frombuffer(written, dtype=np.int32) if written else np.zeros(0, dtype=np.int32)
        return taken.astype(np.int64), np.repeat(np.arange(len(lengths)), lengths)
