"""The twelve classes of pke as they run here: on the shared selection, and with workarounds for the faults of
the pke 2.0.0 distributions on PyPI. Importing this module imports pke.

* ``TopicalPageRank`` hands a set to scikit-learn as stop words (refused since 1.2), and takes the
  minimum of nothing on a document none of whose graph words is in the topic model.
* ``TopicRank`` and ``MultipartiteRank`` divide by zero where two candidates begin at the same word.
* ``YAKE`` spends most of its time in a pure Python edit distance; the one in C gives the same numbers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Sequence
from itertools import combinations, product
from typing import Any

import networkx as nx
from pke import supervised
from pke import unsupervised as pke
from rapidfuzz.distance import Levenshtein
from scipy.spatial.distance import cosine
from sklearn.feature_extraction.text import CountVectorizer

from readbench_adapters.pke.arrays import Topics
from readbench_adapters.pke.selection import Selection


class TopicReader:
    """A topic model prepared once for all documents: vocabulary index, vectoriser, scikit-learn model."""

    def __init__(self, topics: Topics, stoplist: Collection[str]) -> None:
        self.topics = topics
        self.index = {word: i for i, word in enumerate(topics.vocabulary)}
        self._model = topics.model()
        self._vectorizer = CountVectorizer(stop_words=sorted(stoplist), vocabulary=topics.vocabulary)

    def of_documents(self, stems: Sequence[Sequence[str]]) -> Any:
        """p(topic | document), float64 (documents, topics). Documents do not influence each other."""
        with warnings.catch_warnings():
            # scikit-learn warns that it would cut some stop words ("'ve") of pke's list apart.
            warnings.filterwarnings("ignore", message="Your stop_words may be inconsistent")
            counts = self._vectorizer.transform([" ".join(words) for words in stems])
        return self._model.transform(counts)


class TopicalPageRank(Selection, pke.TopicalPageRank):  # type: ignore[misc]
    """Sterckx et al. 2015: one PageRank biased by how close a word's topics are to the document's."""

    def candidate_weighting(
        self,
        reader: TopicReader,
        document_topics: Any,
        window: int = 10,
        pos: Collection[str] = ("NOUN", "PROPN", "ADJ"),
        normalized: bool = False,
    ) -> None:
        if not self.candidates:
            return
        self.build_word_graph(window=window, pos=pos)
        closeness = {
            word: 1 - cosine(reader.topics.word_topics[reader.index[word]], document_topics)
            for word in self.graph.nodes()
            if word in reader.index
        }
        bias = None
        if closeness:
            lowest = min(closeness.values())
            # Unknown words come last, as in pke: the order changes the rounding of the sum below.
            completed = dict(closeness)
            completed.update((word, lowest) for word in self.graph.nodes() if word not in closeness)
            total = sum(completed.values())
            bias = {word: value / total for word, value in completed.items()} if total > 0 else None
        rank = nx.pagerank(G=self.graph, personalization=bias, alpha=0.85, tol=0.0001, weight="weight")
        for key, candidate in self.candidates.items():
            self.weights[key] = sum([rank.get(stem, 0.0) for stem in candidate.lexical_form])
            if normalized:
                self.weights[key] /= len(candidate.lexical_form)


class MultipartiteRank(Selection, pke.MultipartiteRank):  # type: ignore[misc]
    """Boudin 2018, with a gap of one word between candidates that begin at the same word."""

    def build_topic_graph(self) -> None:
        self.graph.add_nodes_from(self.candidates.keys())
        for first, second in combinations(self.candidates, 2):
            if self.topic_identifiers[first] == self.topic_identifiers[second]:
                continue
            a, b = self.candidates[first], self.candidates[second]
            weights = [
                1.0 / _gap(p, q, len(a.lexical_form), len(b.lexical_form))
                for p in a.offsets
                for q in b.offsets
            ]
            if weights:
                self.graph.add_edge(first, second, weight=sum(weights))
                self.graph.add_edge(second, first, weight=sum(weights))


def _gap(p: int, q: int, length_p: int, length_q: int) -> int:
    """Words from the end of the earlier candidate to the start of the later one, at least 1."""
    if p < q:
        return max(1, q - p - (length_p - 1))
    if q < p:
        return max(1, p - q - (length_q - 1))
    return 1


class YAKE(Selection, pke.YAKE):  # type: ignore[misc]
    """Campos et al. 2020 as in pke, which takes every word of fewer than three letters for a stop word:
    nearly all words of Chinese. There the stop list alone says what is one."""

    def candidate_selection(self, n: int = 3) -> None:
        if self.shortest_word > 1:
            super().candidate_selection(n=n)
            return
        self.ngram_selection(n=n)
        self.candidate_filtering()

    def _feature_extraction(self) -> None:
        super()._feature_extraction()
        if self.shortest_word == 1:
            for word, features in self.features.items():
                features["isstop"] = word in self.stoplist

    def is_redundant(self, candidate: str, prev: Sequence[str], threshold: float = 0.8) -> bool:
        longest = len(candidate)
        for earlier in prev:
            length = max(longest, len(earlier))
            # 1 - d / length > threshold can hold only for a distance below this bound.
            bound = math.floor((1.0 - threshold) * length) + 1
            distance = Levenshtein.distance(candidate, earlier, score_cutoff=bound)
            if 1.0 - distance / length > threshold:
                return True
        return False


class FirstPhrases(Selection, pke.FirstPhrases):  # type: ignore[misc]
    """As in pke."""


class TfIdf(Selection, pke.TfIdf):  # type: ignore[misc]
    """As in pke."""


class KPMiner(Selection, pke.KPMiner):  # type: ignore[misc]
    """As in pke."""


class TextRank(Selection, pke.TextRank):  # type: ignore[misc]
    """Mihalcea and Tarau 2004; a word of a candidate that is not in the graph weighs nothing."""

    def candidate_weighting(
        self,
        window: int = 2,
        pos: Collection[str] = ("NOUN", "PROPN", "ADJ"),
        top_percent: float | None = None,
        normalized: bool = False,
    ) -> None:
        self.build_word_graph(window=window, pos=pos)
        rank = nx.pagerank(self.graph, alpha=0.85, tol=0.0001, weight=None)
        if top_percent is not None:
            words = sorted(rank, key=rank.get, reverse=True)
            kept = min(math.floor(len(words) * top_percent), len(words))
            self.longest_keyword_sequence_selection(words[:kept])
        _weigh(self, rank, normalized)


class SingleRank(Selection, pke.SingleRank):  # type: ignore[misc]
    """Wan and Xiao 2008; a word of a candidate that is not in the graph weighs nothing."""

    def candidate_weighting(
        self, window: int = 10, pos: Collection[str] = ("NOUN", "PROPN", "ADJ"), normalized: bool = False
    ) -> None:
        self.build_word_graph(window=window, pos=pos)
        rank = nx.pagerank(self.graph, alpha=0.85, tol=0.0001, weight="weight")
        _weigh(self, rank, normalized)


def _weigh(extractor: Any, rank: dict[str, float], normalized: bool) -> None:
    """Sum of its words' ranks; of two equal candidates the later one wins, as in pke."""
    for key, candidate in extractor.candidates.items():
        weight = sum([rank.get(stem, 0.0) for stem in candidate.lexical_form])
        if normalized:
            weight /= len(candidate.lexical_form)
        extractor.weights[key] = weight + candidate.offsets[0] * 1e-8


class TopicRank(Selection, pke.TopicRank):  # type: ignore[misc]
    """Bougouin et al. 2013, with a gap of one word between candidates that begin at the same word."""

    def build_topic_graph(self) -> None:
        self.graph.add_nodes_from(range(len(self.topics)))
        for i, j in combinations(range(len(self.topics)), 2):
            weight = 0.0
            for first, second in product(self.topics[i], self.topics[j]):
                a, b = self.candidates[first], self.candidates[second]
                for p, q in product(a.offsets, b.offsets):
                    weight += 1.0 / _gap(p, q, len(a.lexical_form), len(b.lexical_form))
            self.graph.add_edge(i, j, weight=weight)


class PositionRank(Selection, pke.PositionRank):  # type: ignore[misc]
    """As in pke."""


class Kea(Selection, supervised.Kea):  # type: ignore[misc]
    """As in pke."""


class WINGNUS(Selection, supervised.WINGNUS):  # type: ignore[misc]
    """As in pke."""
