"""The graph methods and the selection of pke, each against pke itself on the same parse: prints the ratios of
CPU time. Short papers are the embedded ones; long texts are chapters of Python's reference, up to 7,000
words each."""

from __future__ import annotations

import pydoc_data.topics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import side_by_side

pytest.importorskip("pke", reason="needs the extra keyphrases")

from pke import unsupervised

from readbench.adapter import Context
from readbench.core.types import Document
from readbench.datasets import open_dataset
from readbench.tasks.spec import TaskSpec
from readbench_adapters.pke import extractors
from readbench_adapters.pke.filling import fill
from readbench_adapters.pke.preparations import TopicModel
from readbench_adapters.words.candidates import NOUN_PHRASES
from readbench_adapters.words.parse import Parse, ParsedSentence

PAPERS = 60
LONG = ("compound", "specialnames", "types")
LONGEST = 7_000
SPEC = TaskSpec(task="keyphrases")

FRESH = ("graph", "topics", "topic_identifiers", "weights")
"""Attributes that a weighting fills."""

Parsed = list[list[ParsedSentence]]


@pytest.fixture(scope="module")
def papers() -> list[Document]:
    return [SPEC.project(document) for document in open_dataset("papers-demo").documents[:PAPERS]]


@pytest.fixture(scope="module")
def chapters() -> list[Document]:
    texts = (pydoc_data.topics.topics[name].split()[:LONGEST] for name in LONG)
    return [Document(name, {"abstract": " ".join(text)}) for name, text in zip(LONG, texts, strict=True)]


def parsed(documents: list[Document], folder: Path) -> Parsed:
    parse = Parse.of("en", tags=True)
    parse.build(documents, folder, Context(task=SPEC))
    opened = parse.open(folder)
    return [opened[document.id] for document in documents]


@pytest.fixture(scope="module")
def short(papers: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    return parsed(papers, tmp_path_factory.mktemp("short"))


@pytest.fixture(scope="module")
def long(chapters: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    return parsed(chapters, tmp_path_factory.mktemp("long"))


def filled(module: Any, name: str, texts: Parsed) -> list[Any]:
    """One object of pke a text, with candidates."""
    found = []
    for sentences in texts:
        extractor = getattr(module, name)()
        fill(extractor, sentences, "stemming")
        extractor.candidate_selection()
        found.append(extractor)
    return found


def weighing(module: Any, name: str, texts: Parsed) -> Callable[[], list[dict[str, float]]]:
    """Gives every candidate its weight, from an object that is as new each time."""
    extractors_of_texts = filled(module, name, texts)
    blank = [
        {
            key: type(value)()
            for key, value in vars(extractor).items()
            if key in ("graph", "topics", "topic_identifiers", "weights")
        }
        for extractor in extractors_of_texts
    ]

    def weigh() -> list[dict[str, float]]:
        found = []
        for extractor, attributes in zip(extractors_of_texts, blank, strict=True):
            for key, value in attributes.items():
                setattr(extractor, key, type(value)())
            if hasattr(extractor, "positions"):
                extractor.positions = type(extractor.positions)(float)
            extractor.candidate_weighting()
            found.append(extractor.weights)
        return found

    return weigh


def order(weights: list[dict[str, float]]) -> list[list[str]]:
    return [sorted(found, key=found.__getitem__, reverse=True) for found in weights]


@pytest.mark.parametrize("name", ["TextRank", "SingleRank", "PositionRank"])
def test_weigh_words(benchmark: BenchmarkFixture, name: str, short: Parsed) -> None:
    theirs, ours = weighing(unsupervised, name, short), weighing(extractors, name, short)
    assert theirs() == ours()  # to the last bit
    assert side_by_side(benchmark, f"{name}, {PAPERS} abstracts", theirs, ours) > 2


@pytest.mark.parametrize("name", ["TopicRank", "MultipartiteRank"])
def test_weigh_topics_of_a_long_text(benchmark: BenchmarkFixture, name: str, long: Parsed) -> None:
    theirs, ours = weighing(unsupervised, name, long), weighing(extractors, name, long)
    assert order(theirs()) == order(ours())
    assert side_by_side(benchmark, f"{name}, {len(LONG)} chapters", theirs, ours) > 5


def test_weigh_by_topics(benchmark: BenchmarkFixture, short: Parsed, tmp_path: Path) -> None:
    """Against pke's steps with the topics of words and documents at hand; pke itself normalises the model of
    a million numbers for each document."""
    from scipy.spatial.distance import cosine

    topics = TopicModel(source="shipped")
    topics.build([], tmp_path, Context(task=SPEC))
    opened = topics.open(tmp_path)
    reader = extractors.TopicReader(opened, frozenset())
    rows = reader.of_documents([[stem for sentence in text for stem in sentence.stems] for text in short])

    def theirs() -> list[dict[str, float]]:
        import networkx

        found = []
        for extractor, row in zip(filled(unsupervised, "TopicalPageRank", short), rows, strict=True):
            extractor.build_word_graph(window=10)
            words = {word: reader.index[word] for word in extractor.graph.nodes() if word in reader.index}
            close = {w: 1 - cosine(opened.word_topics[i], row) for w, i in words.items()}
            lowest = min(close.values(), default=1.0)
            close.update({word: lowest for word in extractor.graph.nodes() if word not in close})
            total = sum(close.values())
            bias = {word: value / total for word, value in close.items()}
            ranks = networkx.pagerank(extractor.graph, personalization=bias, tol=0.0001)
            scores = {
                key: sum(ranks[stem] for stem in phrase.lexical_form)
                for key, phrase in extractor.candidates.items()
            }
            found.append(scores)
        return found

    def ours() -> list[dict[str, float]]:
        found = []
        for extractor, row in zip(filled(extractors, "TopicalPageRank", short), rows, strict=True):
            extractor.candidate_weighting(reader, row)
            found.append(extractor.weights)
        return found

    assert order(theirs()) == order(ours())
    assert side_by_side(benchmark, f"TopicalPageRank with selection, {PAPERS} abstracts", theirs, ours) > 2


@pytest.mark.parametrize("length", ["short", "long"])
def test_select_by_grammar(benchmark: BenchmarkFixture, length: str, request: pytest.FixtureRequest) -> None:
    texts: Parsed = request.getfixturevalue(length)

    def select(module: Any) -> Callable[[], list[list[tuple[str, dict[str, Any]]]]]:
        objects = filled(module, "SingleRank", texts)

        def selected() -> list[list[tuple[str, dict[str, Any]]]]:
            found = []
            for extractor in objects:
                extractor.grammar_selection(grammar=NOUN_PHRASES)
                found.append([(key, vars(phrase)) for key, phrase in extractor.candidates.items()])
            return found

        return selected

    theirs, ours = select(unsupervised), select(extractors)
    assert theirs() == ours()
    assert side_by_side(benchmark, f"selection by grammar, {length} texts", theirs, ours) > 3
