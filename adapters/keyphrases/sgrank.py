"""SGRank (Danesh, Sumner and Martin 2015, https://aclanthology.org/S15-1013) as textacy has it, on the
shared parse. Parameters default to textacy's, save ``topn``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, combinations
from typing import Any, ClassVar, Literal

from pydantic import Field

from readbench.adapter import Adapter, Needs, PreparationNeed, RankedPhrases
from readbench.adapter import Params as Base
from readbench.core.types import Document, Task
from readbench.text.languages import language_code
from readbench_adapters.words.languages import language_of
from readbench_adapters.words.parse import INSTALL, Parse

Edge = tuple[str, str, dict[str, float]]


class SGRank(Adapter):
    name: ClassVar[str] = "sgrank"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary: ClassVar[str] = "Danesh et al. 2015: statistics of phrases, then PageRank over the best of them"
    requires: ClassVar[tuple[str, ...]] = ("textacy", "spacy", "networkx")
    install: ClassVar[str] = INSTALL

    class Params(Base):
        normalize: Literal["lemma", "lower"] | None = Field(
            "lemma", description="how phrases are written; none: as they stand"
        )
        ngrams: tuple[int, ...] = Field((1, 2, 3, 4, 5, 6), min_length=1, description="lengths of phrases")
        include_pos: tuple[str, ...] = Field(
            ("NOUN", "PROPN", "ADJ"), description="parts of speech of a phrase's words; []: all"
        )
        window_size: int = Field(1500, ge=2, description="words within which two phrases are connected")
        topn: int = Field(50, ge=1, description="phrases kept, best first (textacy's default is 10)")

    params: Params

    def needs(self) -> Needs:
        params, language = self.params, self.context.task.language
        # Chinese words have no other form than the one in which they stand.
        lemmas = params.normalize == "lemma" and language_code(language) != "zh"
        return Needs({"parse": PreparationNeed(Parse.of(language, tags=bool(params.include_pos) or lemmas))})

    def load(self) -> None:
        self.language = language_of(self.context.task.language)
        described = self.language.described()
        self.context.note("words", {name: described[name] for name in ("language", "stop words")})
        import spacy
        import textacy.extract.keyterms  # noqa: F401 - imported here, so that it is no cost of the first document

        # What marks stop words and punctuation is the language's, not the model's.
        self.vocabulary = spacy.blank(self.language.code).vocab

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        return [self._predict(document) for document in chunk]

    def _predict(self, document: Document) -> RankedPhrases:
        doc = rebuild(self.vocabulary, self.context.preparations["parse"], document.id)
        params = self.params
        best = sgrank(
            doc,
            normalize=params.normalize,
            ngrams=params.ngrams,
            include_pos=params.include_pos or None,
            window_size=params.window_size,
            topn=params.topn,
        )
        phrases = tuple(self.language.written(phrase) for phrase, _ in best)
        return RankedPhrases(phrases, tuple(float(score) for _, score in best))


def rebuild(vocabulary: Any, parse: Any, document_id: str) -> Any:
    """A spaCy Doc from the stored columns of one document: words, spaces, lemmas, tags, sentences. A tag
    that spaCy does not know (an annotated corpus may have one) becomes X."""
    from spacy.parts_of_speech import IDS
    from spacy.tokens import Doc

    sentences = parse[document_id]
    return Doc(
        vocabulary,
        words=[word for sentence in sentences for word in sentence.words],
        spaces=parse.spaces(document_id),
        lemmas=[lemma for sentence in sentences for lemma in sentence.lemmas],
        pos=[pos if pos in IDS else "X" for sentence in sentences for pos in sentence.pos],
        sent_starts=[i == 0 for sentence in sentences for i in range(len(sentence.words))],
    )


def sgrank(doc: Any, *, window_size: int, topn: int, **options: Any) -> list[tuple[str, float]]:
    """textacy's ``sgrank``: terms with their scores, best first. For a document longer than the window the
    steps of textacy are taken here, with the edge weights in closed form: textacy slides the window word by
    word and counts all pairs anew each time (18 s for 3,300 words). The sums are equal up to rounding."""
    # textacy.extract.keyterms.sgrank is the function: it hides the module of the same name.
    from importlib import import_module

    textacy = import_module("textacy.extract.keyterms.sgrank")
    if len(doc) <= window_size:
        short: list[tuple[str, float]] = textacy.sgrank(doc, window_size=window_size, topn=topn, **options)
        return short
    candidates, counts = textacy._get_candidates(
        doc, options["normalize"], options["ngrams"], set(options["include_pos"] or ()) or None
    )
    candidates, distinct = textacy._prefilter_candidates(candidates, counts, topn, None)
    weights = textacy._compute_term_weights(candidates, counts, distinct, len(doc), None)
    candidates = [candidate for candidate in candidates if weights[candidate.text] > 0]
    graph = textacy.nx.DiGraph()
    graph.add_edges_from(edges(candidates, weights, window_size, len(doc)))
    ranks = textacy.nx_pagerank(graph, alpha=0.85, weight="weight")
    ranked = sorted(ranks.items(), key=lambda rank: (rank[1], rank[0]), reverse=True)
    best: list[tuple[str, float]] = textacy.ext_utils.get_filtered_topn_terms(
        ranked, topn, match_threshold=0.8
    )
    return best


def edges(
    candidates: Sequence[Any], weights: dict[str, float], window_size: int, n_tokens: int
) -> list[Edge]:
    """What textacy's ``_compute_edge_weights`` returns for a document longer than the window. The
    windows that hold both of two candidates are counted in closed form, not visited one by one."""
    last = n_tokens - window_size
    windows: dict[str, dict[str, int]] = {}
    distances: dict[str, dict[str, float]] = {}
    for first, second in combinations(candidates, 2):
        low, high = sorted((first.idx, second.idx))
        holding = min(last, low) - max(0, high - window_size + 1) + 1
        if holding <= 0:
            continue
        count = windows.setdefault(first.text, {})
        count[second.text] = count.get(second.text, 0) + holding
        log_distance = math.log(window_size / max(1, high - low))
        total = distances.setdefault(first.text, {})
        total[second.text] = total.get(second.text, 0.0) + holding * log_distance
    outgoing = (_outgoing(term, distances[term], windows[term], weights) for term in distances)
    return list(chain.from_iterable(outgoing))


def _outgoing(
    term: str, distances: dict[str, float], windows: dict[str, int], weights: dict[str, float]
) -> list[Edge]:
    """A term's edges, their weights adding up to 1."""
    edge_weights = {
        other: (1.0 + distance) / windows[other] * weights[term] * weights[other]
        for other, distance in distances.items()
    }
    total = sum(edge_weights.values())
    return [(term, other, {"weight": weight / total}) for other, weight in edge_weights.items()]
