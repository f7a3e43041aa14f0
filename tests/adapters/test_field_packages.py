"""The methods of rake-nltk, pytextrank, yake-rust and rapid-textrank give what these packages give."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rake_nltk", reason="needs the extra field")
pytest.importorskip("pytextrank", reason="needs the extra field")
pytest.importorskip("yake_rust", reason="needs the extra field")
pytest.importorskip("rapid_textrank", reason="needs the extra field")
pytest.importorskip("pke", reason="needs the extra keyphrases")

from readbench.adapter import Adapter, BenchError, Context, MissingDependency
from readbench.authoring.conformance import check_method
from readbench.core.types import Document, RankedPhrases
from readbench.machine.weights import require_spacy_package
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec
from readbench_adapters.keyphrases import pytextrank as pytextrank_method
from readbench_adapters.keyphrases import rapid_textrank as rapid_method
from readbench_adapters.keyphrases import yake_rust as yake_rust_method
from readbench_adapters.words.languages import LANGUAGES
from readbench_adapters.words.parse import Parse

INSPEC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "inspec" / "test.jsonl"
SPEC = TaskSpec(task="keyphrases")
ROSE = (
    "Compatibility of systems of linear constraints over the set of natural numbers",
    "Criteria of compatibility of a system of linear Diophantine equations, strict inequations, and "
    "nonstrict inequations are considered. Upper bounds for components of a minimal set of solutions and "
    "algorithms of "
    "construction of minimal generating sets of solutions for all types of systems are given. These criteria "
    "and the corresponding algorithms for constructing a minimal supporting set of solutions can be used in "
    "solving all the considered types of systems and systems of mixed types.",
)
"""The example of Rose et al. 2010."""
PAPER = Document("rose", {"title": ROSE[0], "abstract": ROSE[1]})
VARIANTS = tuple(f"rapid-textrank[variant={variant}]" for variant in rapid_method.OF_TOKENS)


def loaded(method: str, spec: TaskSpec = SPEC, **preparations: Any) -> Adapter:
    adapter = Registry().method(method).create(Context(task=spec, preparations=preparations))
    adapter.load()
    return adapter


def phrases_of(adapter: Adapter, document: Document = PAPER) -> RankedPhrases:
    [found] = adapter.predict([document])
    assert isinstance(found, RankedPhrases)
    return found


@pytest.fixture(scope="module")
def papers() -> list[Document]:
    if not INSPEC.is_file():
        pytest.skip("the Inspec papers are not beside the repository")
    read = [json.loads(line) for line in INSPEC.read_text(encoding="utf-8").splitlines()[:20]]
    return [Document(paper["id"], {"title": paper["title"], "abstract": paper["abstract"]}) for paper in read]


@pytest.fixture(scope="module")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("parse")
    Parse().build([PAPER], folder, Context(task=SPEC))
    return Parse().open(folder)


@pytest.mark.parametrize("method", ["rake", "yake-rust", "pytextrank", *VARIANTS])
def test_conformance(method: str) -> None:
    assert [result for result in check_method(method, sources=False) if not result.passed] == []


# -- rake ------------------------------------------------------------------------------------------------


def test_rake_gives_the_scores_of_the_paper() -> None:
    """Table 1.2 of Rose et al. 2010, to one decimal. Their stop list has "given", "used" and "solving"."""
    found = dict(
        zip(*(getattr(phrases_of(loaded("rake")), name) for name in ("phrases", "scores")), strict=True)
    )
    table = {
        "minimal generating sets": 8.7,
        "linear diophantine equations": 8.5,
        "minimal supporting set": 7.7,
        "minimal set": 4.7,
        "linear constraints": 4.5,
        "natural numbers": 4.0,
        "strict inequations": 4.0,
        "nonstrict inequations": 4.0,
        "upper bounds": 4.0,
        "corresponding algorithms": 3.5,
        "set": 2.0,
        "algorithms": 1.5,
    }
    assert {phrase: round(found[phrase] + 1e-9, 1) for phrase in table} == table
    assert list(found)[:3] == list(table)[:3]


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("rake", {}),
        (
            "rake[max_length=2, include_repeated_phrases=false]",
            {"max_length": 2, "include_repeated_phrases": False},
        ),
    ],
)
def test_rake_is_the_package(method: str, options: dict[str, Any], papers: list[Document]) -> None:
    from nltk.tokenize.punkt import PunktSentenceTokenizer
    from rake_nltk import Rake

    from readbench_adapters.words.stop_words import NLTK_ENGLISH

    sentences = PunktSentenceTokenizer().tokenize

    adapter = loaded(method)
    for paper in papers:
        plain = Rake(stopwords=set(NLTK_ENGLISH), sentence_tokenizer=sentences, **options)
        plain.extract_keywords_from_text(SPEC.text(paper))
        expected = list(dict.fromkeys(plain.get_ranked_phrases()))[:50]
        assert len(expected) > 3
        assert list(phrases_of(adapter, paper).phrases) == expected


def test_rake_metrics_differ_and_chinese_is_refused() -> None:
    best = {m: phrases_of(loaded(f"rake[metric={m}]")).scores[0] for m in ("degree", "frequency")}
    assert best["degree"] > best["frequency"]
    german = Document("1", {"abstract": "Die Größe der Bäume und die Fläche ihrer Kronen"})
    found = phrases_of(loaded("rake", TaskSpec(task="keyphrases", language="de")), german)
    assert "fläche" in found.phrases
    assert "die" not in found.phrases
    chinese = TaskSpec(task="keyphrases", language="zh")
    for method in ("rake", "yake-rust", "rapid-textrank", "pytextrank"):
        with pytest.raises(MissingDependency):
            Registry().method(method).create(Context(task=chinese)).missing()


# -- yake-rust -------------------------------------------------------------------------------------------


def test_yake_rust_is_the_package(papers: list[Document]) -> None:
    from yake_rust import Yake

    plain, adapter = Yake(language="en", ngrams=3), loaded("yake-rust")
    for paper in papers:
        expected = plain.get_n_best(SPEC.text(paper), n=50)
        found = phrases_of(adapter, paper)
        assert {phrase for phrase, _ in expected} == set(found.phrases)
        assert list(found.scores) == pytest.approx([score for _, score in expected], rel=1e-6)


def test_equal_scores_come_in_the_order_of_the_text() -> None:
    scored = [("tree", 0.3), ("graph", 0.2), ("Word list", 0.20000000000000004), ("part", 0.1999999999999999)]
    assert yake_rust_method.in_one_order(scored, "Bipartite: a word\n list, a graph, a part, a tree") == [
        ("Word list", 0.2),
        ("graph", 0.2),
        ("part", 0.2),
        ("tree", 0.3),
    ]


def test_yake_rust_knows_the_languages_that_it_is_said_to() -> None:
    """Another code makes the package panic, and that is no Exception."""
    from yake_rust import Yake

    assert all(Yake(language=code).stopwords for code in yake_rust_method.LANGUAGES)
    for language in ("nb", "cs", "de"):
        loaded("yake-rust", TaskSpec(task="keyphrases", language=language))
    with pytest.raises(MissingDependency, match="no stop words for 'tlh'"):
        loaded("yake-rust", TaskSpec(task="keyphrases", language="tlh"))


# -- rapid-textrank ----------------------------------------------------------------------------------------


def test_rapid_textrank_is_the_package(papers: list[Document]) -> None:
    import rapid_textrank

    plain = rapid_textrank.PositionRank(top_n=50, language="en")
    adapter = loaded("rapid-textrank[variant=positionrank]")
    for paper in papers:
        found = phrases_of(adapter, paper)
        assert (
            list(zip(found.phrases, found.scores, strict=True))
            == plain.extract_keywords(SPEC.text(paper)).as_tuples()
        )


def test_each_variant_ranks_in_its_own_way(parse: Any) -> None:
    of_text = {variant: phrases_of(loaded(variant, parse=parse)) for variant in VARIANTS}
    assert all(found.phrases for found in of_text.values())
    assert len({found.scores for found in of_text.values()}) == len(VARIANTS)
    parsed = phrases_of(loaded("rapid-textrank[tokens=parse]", parse=parse))
    assert parsed.scores != of_text["rapid-textrank[variant=textrank]"].scores


def test_the_titles_words_pull_the_biased_variant() -> None:
    biased = "rapid-textrank[variant=biasedtextrank, bias_weight=50]"
    abstract = "The new memory is large. Latency of the bus is low. A cache is a fast store of pages."
    best = [
        phrases_of(loaded(biased), Document("1", {"title": title, "abstract": abstract})).phrases[0].lower()
        for title in ("Memory", "Latency")
    ]
    assert "memory" in best[0]
    assert "latency" in best[1]


def test_topicrank_needs_the_parse() -> None:
    with pytest.raises(BenchError, match="leave tokens out"):
        Registry().method("rapid-textrank[variant=topicrank, tokens=own]")
    method = Registry().method("rapid-textrank[variant=topicrank]")
    assert set(method.create(Context(task=SPEC)).needs().preparations) == {"parse"}
    assert not Registry().method("rapid-textrank").create(Context(task=SPEC)).needs().preparations


def test_rapid_textrank_knows_the_languages_that_it_is_said_to() -> None:
    import rapid_textrank

    unknown = set(rapid_textrank.get_stopwords("tlh"))
    known = {code for code in rapid_method.LANGUAGES if set(rapid_textrank.get_stopwords(code)) != unknown}
    assert known == rapid_method.LANGUAGES - {"en"}


# -- pytextrank ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["textrank", "positionrank", "topicrank"])
def test_pytextrank_is_the_package(variant: str, papers: list[Document]) -> None:
    import pytextrank  # noqa: F401 - registers its components

    nlp = importlib.import_module(require_spacy_package("en_core_web_sm")).load()
    nlp.add_pipe(variant)
    adapter = loaded(f"pytextrank[variant={variant}]")
    for paper in papers[:8]:
        found = phrases_of(adapter, paper)
        expected = [(phrase.text, phrase.rank) for phrase in nlp(SPEC.text(paper))._.phrases][:50]
        assert len(expected) > 3
        assert list(zip(found.phrases, found.scores, strict=True)) == expected


def test_pytextrank_runs_where_spacy_finds_noun_chunks() -> None:
    without = {c for c in LANGUAGES if importlib.util.find_spec(f"spacy.lang.{c}.syntax_iterators") is None}
    assert without == pytextrank_method.NO_CHUNKS


# -- all of them -----------------------------------------------------------------------------------------


PREDICTED = """
import sys
from readbench.adapter import Context, Document
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

method, title, abstract = sys.argv[1:]
adapter = Registry().method(method).create(Context(task=TaskSpec(task="keyphrases")))
adapter.load()
[found] = adapter.predict([Document("rose", {"title": title, "abstract": abstract})])
print(repr((found.phrases, found.scores)))
"""
"""No more than the method needs: a process of the tests would import all of their libraries."""


@pytest.mark.parametrize(
    "method",
    [
        "yake-rust",
        "rapid-textrank",
        pytest.param("rapid-textrank[variant=multipartiterank]", marks=pytest.mark.slow),
    ],
)
def test_another_process_gives_the_same(method: str) -> None:
    """Hash tables of Rust have another order in every process."""
    ran = [
        subprocess.run(
            [sys.executable, "-c", PREDICTED, method, *ROSE],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout.splitlines()[-1]
        for _ in range(2)
    ]
    assert ran[0] == ran[1]
    found = phrases_of(loaded(method))
    assert ran[0] == repr((found.phrases, found.scores))
