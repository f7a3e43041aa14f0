"""The ten pke methods give what pke gives: phrases and scores equal a plain loop, document by document."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import readbench
from readbench.adapter import Context, PreparationNeed
from readbench.authoring.conformance import check_method
from readbench.core.errors import MissingDependency
from readbench.core.types import Document
from readbench.datasets import open_dataset
from readbench.engine.workbench import Build, Workbench
from readbench.methods.registry import Registry
from readbench.results.store import Store
from readbench.results.tables import read_columns
from readbench.tasks.spec import TaskSpec

pke = pytest.importorskip("pke", reason="needs the extra keyphrases")

from pke import unsupervised  # noqa: E402
from pke.lang import stopwords  # noqa: E402
from pke.utils import (  # noqa: E402
    compute_document_frequency,
    compute_lda_model,
    load_document_frequency_file,
    load_lda_model,
)

from readbench_adapters.pke import extractors  # noqa: E402
from readbench_adapters.pke.filling import fill  # noqa: E402
from readbench_adapters.pke.preparations import DocumentFrequencies, TopicModel  # noqa: E402
from readbench_adapters.pke.selection import Selection  # noqa: E402
from readbench_adapters.words.parse import Parse, ParsedSentence  # noqa: E402

INSPEC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "inspec" / "test.jsonl"
PAPERS = 12
N_BEST = 50
SPEC = TaskSpec(task="keyphrases")

PLAIN = {
    "pke.firstphrases": unsupervised.FirstPhrases,
    "pke.tfidf": unsupervised.TfIdf,
    "pke.kpminer": unsupervised.KPMiner,
    "pke.yake": unsupervised.YAKE,
    "pke.textrank": unsupervised.TextRank,
    "pke.singlerank": unsupervised.SingleRank,
    "pke.topicrank": unsupervised.TopicRank,
    "pke.topicalpagerank": unsupervised.TopicalPageRank,
    "pke.positionrank": unsupervised.PositionRank,
    "pke.multipartiterank": unsupervised.MultipartiteRank,
}


@pytest.fixture(scope="module")
def papers() -> list[dict[str, Any]]:
    if not INSPEC.is_file():
        pytest.skip("the Inspec papers are not beside the repository")
    return [json.loads(line) for line in INSPEC.read_text(encoding="utf-8").splitlines()[:PAPERS]]


@pytest.fixture(scope="module")
def ran(papers: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every method through the whole harness: predictions by method and document."""
    folder = tmp_path_factory.mktemp("pke")
    file = folder / "inspec.jsonl"
    file.write_text("\n".join(json.dumps(paper) for paper in papers), encoding="utf-8")
    frame = readbench.run("keyphrases", dataset=file, output_path=folder / "results", methods=list(PLAIN))
    store = Store(folder / "results")
    assert list(frame.status) == ["ok"] * len(PLAIN)
    manifest = store.manifest(Path(frame.attrs["run"]).name)
    found = {}
    for cell in manifest.cells:
        columns = read_columns(store.cell(cell.key) / "predictions.parquet")
        rows = zip(columns["id"], columns["phrases"], columns["scores"], strict=True)
        found[cell.method] = {id_: list(zip(phrases, scores, strict=True)) for id_, phrases, scores in rows}
    return found


@pytest.fixture(scope="module")
def model() -> Any:
    """spaCy as pke's reader sets it up."""
    import importlib

    from readbench.machine.weights import require_spacy_package

    nlp = importlib.import_module(require_spacy_package("en_core_web_sm")).load(
        disable=["ner", "textcat", "parser"]
    )
    nlp.add_pipe("sentencizer")
    return nlp


@pytest.fixture(scope="module")
def parsed(papers: list[dict[str, Any]], model: Any) -> dict[str, Any]:
    """Each paper's text as spaCy reads it for pke: with pke's own rule for hyphens, as its reader sets it."""
    model.tokenizer.infix_finditer = pke.readers.infix_re.finditer
    fields = ({"title": paper["title"], "abstract": paper["abstract"]} for paper in papers)
    texts = [SPEC.text(Document(paper["id"], of_one)) for paper, of_one in zip(papers, fields, strict=True)]
    return {paper["id"]: model(text) for paper, text in zip(papers, texts, strict=True)}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    models = Path(pke.__file__).parent / "models"
    dictionary, lda = load_lda_model(str(models / "lda-1000-semeval2010.py3.pickle.gz"))
    return {
        "df": load_document_frequency_file(str(models / "df-semeval2010.tsv.gz")),
        # Normalised once: the call does it for every document, with the same result.
        "lda": (dictionary, lda, lda.components_ / lda.components_.sum(axis=1)[:, None]),
    }


def plain_loop(name: str, document: Any, shipped: dict[str, Any]) -> list[tuple[str, float]]:
    """What pke's documentation does for one document of spaCy, with nothing of this project."""
    extractor = PLAIN[name]()
    extractor.load_document(input=document, language="en")
    extractor.candidate_selection()
    if name in ("pke.tfidf", "pke.kpminer"):
        extractor.candidate_weighting(df=shipped["df"])
    elif name == "pke.topicalpagerank":
        weigh_by_hand(extractor, *shipped["lda"])
    else:
        extractor.candidate_weighting()
    best: list[tuple[str, float]] = extractor.get_n_best(n=N_BEST)
    return best


def weigh_by_hand(extractor: Any, dictionary: list[str], lda: Any, of_words: Any) -> None:
    """TopicalPageRank.candidate_weighting with its one broken argument mended, step by step."""
    import networkx
    from scipy.spatial.distance import cosine
    from sklearn.feature_extraction.text import CountVectorizer

    if not extractor.candidates:
        return
    extractor.build_word_graph(window=10, pos={"NOUN", "PROPN", "ADJ"})
    stems = [stem for sentence in extractor.sentences for stem in sentence.stems]
    counts = CountVectorizer(stop_words=list(extractor.stoplist), vocabulary=dictionary).fit_transform(
        [" ".join(stems)]
    )
    of_document = lda.transform(counts)[0]
    weights = {}
    for word in extractor.graph.nodes():
        if word in dictionary:
            index = dictionary.index(word)
            column = [of_words[k][index] for k in range(len(of_document))]
            weights[word] = 1 - cosine(column, of_document)
    lowest = min(weights.values())
    for word in extractor.graph.nodes():
        weights.setdefault(word, lowest)
    total = sum(weights.values())
    weights = {word: weight / total for word, weight in weights.items()}
    rank = networkx.pagerank(
        G=extractor.graph, personalization=weights, alpha=0.85, tol=0.0001, weight="weight"
    )
    for key, candidate in extractor.candidates.items():
        extractor.weights[key] = sum(rank[stem] for stem in candidate.lexical_form)


@pytest.mark.parametrize("name", PLAIN)
def test_every_phrase_and_score_equals_a_plain_loop(
    name: str, ran: dict[str, Any], parsed: dict[str, Any], shipped: dict[str, Any]
) -> None:
    assert len(ran[name]) == len(parsed) == PAPERS
    for id_, document in parsed.items():
        same(ran[name][id_], plain_loop(name, document, shipped), id_)


def same(ours: list[tuple[str, float]], theirs: list[tuple[str, float]], id_: str) -> None:
    """The same phrases in the same order, each with the same score."""
    assert [phrase for phrase, _ in ours] == [phrase for phrase, _ in theirs], id_
    assert [score for _, score in ours] == summed([score for _, score in theirs]), id_


def summed(scores: Sequence[float]) -> Any:
    """Scores that pke sums up: from Python 3.12 on ``sum`` compensates for rounding, and the sums of arrays
    here do not. The last bits then differ."""
    return scores if sys.version_info < (3, 12) else pytest.approx(scores, rel=1e-12)


def test_a_document_loaded_by_pke_alone_gives_the_same(
    ran: dict[str, Any], papers: list[dict[str, Any]]
) -> None:
    """Nothing shared at all: pke finds, loads and configures the spaCy model itself."""
    paper = papers[1]
    extractor = unsupervised.SingleRank()
    text = SPEC.text(Document(paper["id"], {"title": paper["title"], "abstract": paper["abstract"]}))
    extractor.load_document(input=text, language="en")
    extractor.candidate_selection()
    extractor.candidate_weighting()
    same(ran["pke.singlerank"][paper["id"]], extractor.get_n_best(n=N_BEST), paper["id"])


@pytest.mark.parametrize(
    "spec",
    [
        "pke.tfidf",
        "pke.topicalpagerank[lda=train]",
        "pke.firstphrases[implementation=library]",
        *(
            pytest.param(variant, marks=pytest.mark.slow)
            for variant in (
                *sorted({*PLAIN} - {"pke.tfidf"}),
                "pke.tfidf[df=train]",
                *(f"{name}[implementation=library]" for name in sorted({*PLAIN} - {"pke.firstphrases"})),
                "pke.textrank[top_percent=0.33]",
                "pke.singlerank[candidates=ngrams(1,3)]",
                "pke.multipartiterank[candidates=noun-phrases, normalization=none]",
            )
        ),
    ],
)
def test_conformance(spec: str) -> None:
    results = list(check_method(spec, sources=False))
    assert len(results) == 8
    assert [result for result in results if not result.passed] == []


# -- pke's own code ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built() -> dict[Build, Path]:
    """Preparations, which the methods share."""
    return {}


@pytest.mark.parametrize(
    "spec",
    [
        *PLAIN,
        "pke.kea[model=shipped]",
        "pke.wingnus[model=shipped]",
        "pke.textrank[top_percent=0.33]",
        "pke.singlerank[candidates=noun-phrases]",
        "pke.topicrank[heuristic=frequent]",
        "pke.multipartiterank[alpha=0.5, method=complete]",
        "pke.yake[use_stems=true, window=3]",
    ],
)
def test_the_library_itself_gives_the_same(spec: str, built: dict[Build, Path], tmp_path: Path) -> None:
    papers = [SPEC.project(document) for document in open_dataset("papers-demo").documents[:4]]
    name, _, parameters = spec.removesuffix("]").partition("[")
    found = []
    for implementation in ("own", "library"):
        given = ", ".join(filter(None, (parameters, f"implementation={implementation}")))
        method = Registry().method(f"{name}[{given}]")
        place = tmp_path / implementation
        place.mkdir()
        adapter: Any = Workbench(method, SPEC, place, built=built).loaded({"test": papers})
        assert (Selection in type(adapter.extractor()).__mro__) == (implementation == "own")
        found.append(adapter.predict(papers))
    own, library = found
    assert [one.phrases for one in own] == [one.phrases for one in library]
    for one, other in zip(own, library, strict=True):
        # TopicalPageRank: pke divides the topics of words by their sum once more.
        assert one.scores == (
            pytest.approx(other.scores, rel=1e-12) if name == "pke.topicalpagerank" else summed(other.scores)
        )


def test_the_library_alone_is_for_languages_with_longer_words(tmp_path: Path) -> None:
    method = Registry().method("pke.tfidf[df=train, implementation=library]")
    adapter = method.create(Context(task=TaskSpec(task="keyphrases", language="zh"), scratch=tmp_path))
    with pytest.raises(MissingDependency, match="one character"):
        adapter.missing()


# -- the preparations ----------------------------------------------------------------------------


def prepared(preparation: Any, documents: list[Document], folder: Path, **inputs: Any) -> Any:
    folder.mkdir()
    preparation.build(documents, folder, Context(task=SPEC, preparations=inputs))
    return preparation.open(folder)


TEXTS = [
    "Graph-based ranking of words. A word graph ranks the words of a text; ranking needs no training.",
    "Topic models describe documents. Words of a topic model share a document's topics, e.g. networks.",
    "Wireless sensor networks save energy. Energy-aware routing in sensor networks is studied here.",
]


def test_shipped_frequencies_are_looked_up_exactly(tmp_path: Path, shipped: dict[str, Any]) -> None:
    table = prepared(DocumentFrequencies(source="shipped"), [], tmp_path / "df")
    for ngram in [*list(shipped["df"])[::997], "--NB_DOC--", "no such n gram", ""]:
        assert table.get(ngram, 0) == shipped["df"].get(ngram, 0)


@pytest.mark.parametrize("preparation", [DocumentFrequencies(), TopicModel()], ids=lambda one: one.name)
def test_a_second_results_folder_takes_the_arrays_from_the_cache(
    preparation: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    noted: list[tuple[str, Any]] = []
    context = Context(task=SPEC, note=lambda name, value: noted.append((name, value)))
    for place in ("a", "b", "c"):
        (tmp_path / place).mkdir()
        preparation.build([], tmp_path / place, context)
        if place == "b":
            (kept,) = (tmp_path / "cache" / "readbench" / "files").iterdir()
            (kept / "files.json").write_text("damaged", encoding="utf-8")
    anew = "made anew, what was kept is damaged"
    assert noted == [("table", "made"), ("table", "kept"), ("table", anew)]
    for file in (tmp_path / "a").iterdir():
        assert file.samefile(tmp_path / "b" / file.name)
        assert file.read_bytes() == (tmp_path / "c" / file.name).read_bytes()


def test_frequencies_of_the_training_part_equal_pke(tmp_path: Path, model: Any) -> None:
    documents = [Document(str(i), {"abstract": text}) for i, text in enumerate(TEXTS)]
    parse = prepared(Parse(), documents, tmp_path / "parse")
    table = prepared(DocumentFrequencies(source="train"), documents, tmp_path / "df", parse=parse)
    file = tmp_path / "pke.tsv.gz"
    # pke's function takes no spaCy model but takes parsed documents.
    model.tokenizer.infix_finditer = pke.readers.infix_re.finditer
    compute_document_frequency([model(text) for text in TEXTS], str(file))
    expected = load_document_frequency_file(str(file))
    assert len(expected) > 30
    assert {ngram: table.get(ngram, 0) for ngram in expected} == expected


def test_topics_of_the_training_part_equal_pke(tmp_path: Path, model: Any) -> None:
    import numpy

    documents = [Document(str(i), {"abstract": text}) for i, text in enumerate(TEXTS)]
    parse = prepared(Parse(), documents, tmp_path / "parse")
    topics = prepared(TopicModel(source="train", topics=4), documents, tmp_path / "lda", parse=parse)
    file = tmp_path / "pke.gz"
    compute_lda_model([model(text) for text in TEXTS], str(file), n_topics=4)
    vocabulary, lda = load_lda_model(str(file))
    assert topics.vocabulary == list(vocabulary)
    numpy.testing.assert_array_equal(topics.expectation, lda.exp_dirichlet_component_)


def test_the_training_part_is_declared_as_such() -> None:
    needs = DocumentFrequencies(source="train").needs()
    assert needs["parse"] == PreparationNeed(needs["parse"].preparation, ("train",))


# -- the repairs ---------------------------------------------------------------------------------


def filled(cls: Any, text: str, tmp_path: Path) -> Any:
    document = Document("1", {"abstract": text})
    extractor = cls()
    fill(extractor, prepared(Parse(), [document], tmp_path / "parse")["1"], "stemming")
    return extractor


def test_multipartite_rank_survives_candidates_that_begin_together(tmp_path: Path) -> None:
    """pke's own divides by zero as soon as candidates overlap, as n-grams do."""
    text = "Neural network training of a neural network classifier improves image classification."
    for cls, works in ((unsupervised.MultipartiteRank, False), (extractors.MultipartiteRank, True)):
        extractor = cls()
        document = Document("1", {"abstract": text})
        parse = prepared(Parse(), [document], tmp_path / ("own" if works else "pke"))
        fill(extractor, parse["1"], "stemming")
        extractor.ngram_selection(n=3)
        extractor.candidate_filtering()
        if works:
            extractor.candidate_weighting()
            assert len(extractor.get_n_best(n=5)) == 5
        else:
            with pytest.raises(ZeroDivisionError):
                extractor.candidate_weighting()


def test_topical_page_rank_without_any_known_word(tmp_path: Path) -> None:
    """Where no word of the graph is in the topic model nothing biases the walk."""
    topics = prepared(TopicModel(source="shipped"), [], tmp_path / "lda")
    reader = extractors.TopicReader(topics, stopwords["en"])
    extractor = filled(extractors.TopicalPageRank, "Qwertzuiopify zyxwvutsrqponify.", tmp_path)
    extractor.candidate_selection()
    stems = [[stem for sentence in extractor.sentences for stem in sentence.stems]]
    assert extractor.candidates
    assert not any(stem in reader.index for stem in stems[0])
    extractor.candidate_weighting(reader, reader.of_documents(stems)[0])
    assert all(weight > 0 for weight in extractor.weights.values())


@settings(deadline=None, max_examples=300)
@given(
    st.text("abcdé -", min_size=1, max_size=20),
    st.lists(st.text("abcdé -", min_size=1, max_size=20), max_size=4),
    st.sampled_from([0.0, 0.3, 0.5, 0.8, 0.9, 1.0]),
)
def test_redundancy_in_c_decides_as_in_python(candidate: str, earlier: list[str], threshold: float) -> None:
    ours = extractors.YAKE().is_redundant(candidate, earlier, threshold)
    assert ours == unsupervised.YAKE().is_redundant(candidate, earlier, threshold)


# Valid and invalid words that share a stem (being, be), words of two letters, punctuation, hyphens.
WORDS = [
    "graph",
    "graphs",
    "be",
    "being",
    "the",
    "ab",
    "abs",
    "-",
    "x",
    "co-op",
    "co-ops",
    "a.b",
    "word",
    "an",
]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=9), max_size=4),
    st.integers(1, 5),
    st.sampled_from(["TfIdf", "YAKE", "KPMiner"]),
)
def test_selection_keeps_what_pke_keeps(sentences: list[list[str]], n: int, name: str) -> None:
    from nltk.stem.snowball import SnowballStemmer

    stem = SnowballStemmer("porter").stem
    found = []
    for module in (unsupervised, extractors):
        extractor = getattr(module, name)()
        parsed = [
            ParsedSentence(words, words, ["NOUN"] * len(words), [0] * len(words), [stem(w) for w in words])
            for words in sentences
        ]
        fill(extractor, parsed, "stemming")
        extractor.ngram_selection(n=n)
        extractor.candidate_filtering()
        found.append([(key, vars(candidate)) for key, candidate in extractor.candidates.items()])
    assert found[0] == found[1]
