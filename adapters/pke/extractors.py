"""The twelve classes of pke as they run here: on the shared selection, with weights computed as arrays, and
with workarounds for the faults of the pke 2.0.0 distributions on PyPI. ``extractor`` gives these or pke's
own. Importing this module imports pke.

* ``TopicalPageRank`` hands a set to scikit-learn as stop words (refused since 1.2), and takes the
  minimum of nothing on a document none of whose graph words is in the topic model.
* ``TopicRank`` and ``MultipartiteRank`` divide by zero where two candidates begin at the same word.
* ``YAKE`` compares phrases by a pure Python edit distance; the one in C gives the same numbers.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from pke import supervised
from pke import unsupervised as pke
from rapidfuzz.distance import Levenshtein
from sklearn.feature_extraction.text import CountVectorizer

from readbench_adapters.pke import yake_words
from readbench_adapters.pke.arrays import Topics
from readbench_adapters.pke.selection import Asked, Selection
from readbench_adapters.pke.topic_graph import Occurrences, between_topics, closeness, cluster, promote_first
from readbench_adapters.pke.walk import Vector, ranks_of_dense
from readbench_adapters.pke.word_graph import Words, phrase_scores
from readbench_adapters.pke.yake_words import SHORTEST

NOUNS_AND_ADJECTIVES = ("NOUN", "PROPN", "ADJ")


class TopicReader:
    """A topic model prepared once for all documents: vocabulary index, vectoriser, scikit-learn model."""

    def __init__(self, topics: Topics, stoplist: Collection[str]) -> None:
        self._word_topics = np.asarray(topics.word_topics)  # of a memory map each slice takes longer
        self.index = {word: i for i, word in enumerate(topics.vocabulary)}
        self._model = topics.model()
        # What pke's TopicalPageRank takes: it makes p(word | topic) of it, for every document.
        self._model.components_ = topics.word_topics.T
        self.of_library = (topics.vocabulary, self._model)
        self._vectorizer = CountVectorizer(stop_words=sorted(stoplist), vocabulary=topics.vocabulary)

    def of_documents(self, stems: Sequence[Sequence[str]]) -> Any:
        """p(topic | document), float64 (documents, topics). Documents do not influence each other."""
        with warnings.catch_warnings():
            # scikit-learn warns that it would cut some stop words ("'ve") of pke's list apart.
            warnings.filterwarnings("ignore", message="Your stop_words may be inconsistent")
            counts = self._vectorizer.transform([" ".join(words) for words in stems])
        return self._model.transform(counts)

    def bias(self, stems: Sequence[str], document_topics: Any) -> Vector | None:
        """How close each word's topics are to the document's, by the cosine, as shares that add up to 1; a
        word that the model does not know is as close as the furthest one that it knows. None where it knows
        none of them, or none is close."""
        places = [self.index.get(stem, -1) for stem in stems]
        known = [place for place in places if place >= 0]
        if not known:
            return None
        rows = self._word_topics.take(known, axis=0)
        # vecdot is numpy's dot product row by row: a product of matrices would add in another order.
        products, squares = np.vecdot(rows, document_topics), np.vecdot(rows, rows)
        lengths = np.sqrt(squares * np.dot(document_topics, document_topics))
        distances = np.clip(1.0 - products / lengths, 0.0, 2.0)
        close = iter((1 - distances).tolist())
        found = [next(close) if place >= 0 else None for place in places]
        lowest = min(value for value in found if value is not None)
        completed = [lowest if value is None else value for value in found]
        # Unknown words come last in the sum, as in pke: the order changes its rounding.
        total = sum([*(v for v in found if v is not None), *(lowest for v in found if v is None)])
        return np.array(completed) / total if total > 0 else None


class TopicalPageRank(Selection, pke.TopicalPageRank):  # type: ignore[misc]
    """Sterckx et al. 2015, doi:10.1145/2740908.2742730: one PageRank biased by how close a word's topics are
    to the document's."""

    def candidate_weighting(
        self,
        reader: TopicReader,
        document_topics: Any,
        window: int = 10,
        pos: Collection[str] = NOUNS_AND_ADJECTIVES,
        normalized: bool = False,
    ) -> None:
        words = Words.of(self.sentences, pos)
        ranks = words.ranks(window, bias=reader.bias(list(words.nodes), document_topics))
        self.weights = phrase_scores(self.candidates, ranks, normalized=normalized)


class MultipartiteRank(Selection, pke.MultipartiteRank):  # type: ignore[misc]
    """Boudin 2018. Candidates that begin at the same word have a gap of one word."""

    def candidate_weighting(
        self, threshold: float = 0.74, method: str = "average", alpha: float = 1.1
    ) -> None:
        place = {name: i for i, name in enumerate(self.candidates)}
        topics = [[place[name] for name in topic] for topic in cluster(self.candidates, threshold, method)]
        candidates = list(self.candidates.values())
        weights = between_topics(closeness(Occurrences.of(candidates)), topics)
        if alpha > 0:
            weights = promote_first(weights, topics, [one.offsets[0] for one in candidates], alpha)
        self.weights = dict(zip(self.candidates, ranks_of_dense(weights).tolist(), strict=True))


class YAKE(Selection, pke.YAKE):  # type: ignore[misc]
    """Campos et al. 2020 as in pke, which takes every word of fewer than three letters for a stop word:
    nearly all words of Chinese. There the stop list alone says what is one."""

    def candidate_selection(self, n: int = 3) -> None:
        if self.shortest_word > 1:
            super().candidate_selection(n=n)
            return
        self.ngram_selection(n=n)
        self.candidate_filtering()

    def candidate_weighting(self, window: int = 2, use_stems: bool = False) -> None:
        if not self.candidates:
            return
        shortest = 1 if self.shortest_word == 1 else SHORTEST
        words = yake_words.Words(
            self.sentences, self.stoplist, window=window, use_stems=use_stems, shortest=shortest
        )
        for key, phrase in self.candidates.items():
            if use_stems:
                weights = [words.weights[stem] for stem in phrase.lexical_form]
                self.weights[key] = np.prod(weights) / (len(phrase.offsets) * (1 + sum(weights)))
                continue
            forms = [tuple(word.lower() for word in form) for form in phrase.surface_forms]
            for form, times in Counter(forms).items():
                written = " ".join(form)
                self.weights[written] = words.phrase(form, times)
                self.surface_to_lexical[written] = key

    def is_redundant(self, candidate: str, prev: Sequence[str], threshold: float = 0.8) -> bool:
        longest = len(candidate)
        for earlier in prev:
            length = max(longest, len(earlier))
            # 1 - d / length > threshold can hold only for a distance below this bound.
            bound = math.floor((1.0 - threshold) * length) + 1
            if abs(longest - len(earlier)) >= bound:
                continue
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
        pos: Collection[str] = NOUNS_AND_ADJECTIVES,
        top_percent: float | None = None,
        normalized: bool = False,
    ) -> None:
        ranks = Words.of(self.sentences, pos).ranks(window, counted=False)
        if top_percent is not None:
            best = sorted(ranks, key=ranks.__getitem__, reverse=True)
            self.longest_keyword_sequence_selection(best[: math.floor(len(best) * top_percent)])
        self.weights = phrase_scores(self.candidates, ranks, normalized=normalized, later_wins=True)


class SingleRank(Selection, pke.SingleRank):  # type: ignore[misc]
    """Wan and Xiao 2008; a word of a candidate that is not in the graph weighs nothing."""

    def candidate_weighting(
        self, window: int = 10, pos: Collection[str] = NOUNS_AND_ADJECTIVES, normalized: bool = False
    ) -> None:
        ranks = Words.of(self.sentences, pos).ranks(window)
        self.weights = phrase_scores(self.candidates, ranks, normalized=normalized, later_wins=True)


class TopicRank(Selection, pke.TopicRank):  # type: ignore[misc]
    """Bougouin et al. 2013. Candidates that begin at the same word have a gap of one word."""

    def candidate_weighting(
        self, threshold: float = 0.74, method: str = "average", heuristic: str | None = None
    ) -> None:
        topics = cluster(self.candidates, threshold, method)
        in_turn = [self.candidates[name] for topic in topics for name in topic]
        graph = closeness(Occurrences.of(in_turn), [len(topic) for topic in topics])
        for topic, rank in zip(topics, ranks_of_dense(graph).tolist(), strict=True):
            self.weights[self._named_by(topic, heuristic)] = rank

    def _named_by(self, topic: Sequence[str], heuristic: str | None) -> str:
        """The candidate that stands for a topic: the first one, or (frequent) what begins where the most
        frequent one begins."""
        offsets = {name: self.candidates[name].offsets for name in topic}
        most = max(map(len, offsets.values())) if heuristic == "frequent" else 0
        first = min(places[0] for places in offsets.values() if len(places) >= most)
        return next(name for name, places in offsets.items() if places[0] == first)


class PositionRank(Selection, pke.PositionRank):  # type: ignore[misc]
    """Florescu and Caragea 2017: one PageRank biased towards words that occur early and often."""

    def candidate_weighting(
        self, window: int = 10, pos: Collection[str] = NOUNS_AND_ADJECTIVES, normalized: bool = False
    ) -> None:
        words = Words.of(self.sentences, pos)
        ranks = words.ranks(window, bias=words.early())
        self.weights = phrase_scores(self.candidates, ranks, normalized=normalized)


class Kea(Selection, supervised.Kea):  # type: ignore[misc]
    """As in pke."""


class WINGNUS(Selection, supervised.WINGNUS):  # type: ignore[misc]
    """As in pke."""


class AsShipped(Asked):
    """pke's own selection and weights."""

    shortest_word = 2


class TopicalPageRankAsShipped(AsShipped, pke.TopicalPageRank):  # type: ignore[misc]
    """scikit-learn refuses the set that pke hands it as stop words."""

    def candidate_weighting(self, **options: Any) -> None:
        self.stoplist = sorted(self.stoplist)
        super().candidate_weighting(**options)


def extractor(name: str, *, library: bool) -> type[Any]:
    """A class of pke: as it runs here, or (``library``) pke's own on the shared parse."""
    if not library:
        own: type[Any] = globals()[name]
        return own
    if name == "TopicalPageRank":
        return TopicalPageRankAsShipped
    module = supervised if hasattr(supervised, name) else pke
    return type(name, (AsShipped, getattr(module, name)), {})
