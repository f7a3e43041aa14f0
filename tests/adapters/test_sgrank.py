"""The method ``sgrank`` gives on the shared parse what textacy gives on a fresh one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from readbench.adapter import Context
from readbench.authoring.conformance import check_method
from readbench.core.types import Document, Token
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

pytest.importorskip("textacy", reason="needs the extra keyphrases")
pytest.importorskip("pke", reason="needs the extra keyphrases")

from textacy.extract.keyterms.sgrank import sgrank as plain_sgrank

from readbench_adapters.keyphrases.sgrank import rebuild, sgrank
from readbench_adapters.words.parse import Parse

INSPEC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "inspec" / "test.jsonl"
PAPERS = 20
SPEC = TaskSpec(task="keyphrases")


@pytest.fixture(scope="module")
def papers() -> list[Document]:
    if not INSPEC.is_file():
        pytest.skip("the Inspec papers are not beside the repository")
    lines = INSPEC.read_text(encoding="utf-8").splitlines()[:PAPERS]
    read = [json.loads(line) for line in lines]
    return [Document(paper["id"], {"title": paper["title"], "abstract": paper["abstract"]}) for paper in read]


@pytest.fixture(scope="module")
def parse(papers: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("parse")
    Parse().build(papers, folder, Context(task=SPEC))
    return Parse().open(folder)


@pytest.fixture(scope="module")
def fresh(papers: list[Document]) -> dict[str, Any]:
    """Every paper parsed anew with the pipeline of the preparation, by spaCy alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("readbench_adapters.words.parse.speed_up", lambda _: None)
        nlp = Parse()._model()
    return {paper.id: nlp(SPEC.text(paper)) for paper in papers}


def loaded(spec: str, **preparations: Any) -> Any:
    adapter = Registry().method(spec).create(Context(task=SPEC, preparations=preparations))
    adapter.load()
    return adapter


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("sgrank", {}),
        ("sgrank[normalize=lower, ngrams=[1, 2]]", {"normalize": "lower", "ngrams": (1, 2)}),
        ("sgrank[normalize=none, include_pos=[]]", {"normalize": None, "include_pos": None}),
    ],
)
def test_every_phrase_and_score_equals_textacy(
    spec: str, options: dict[str, Any], papers: list[Document], parse: Any, fresh: dict[str, Any]
) -> None:
    found = loaded(spec, parse=parse).predict(papers)
    for paper, prediction in zip(papers, found, strict=True):
        expected = plain_sgrank(fresh[paper.id], topn=50, **options)
        assert len(expected) > 1
        assert list(zip(prediction.phrases, prediction.scores, strict=True)) == expected, paper.id


def test_the_rebuilt_document_is_the_parsed_one(papers: list[Document], parse: Any, fresh: Any) -> None:
    vocabulary = loaded("sgrank", parse=parse).vocabulary
    for paper in papers:
        doc, parsed = rebuild(vocabulary, parse, paper.id), fresh[paper.id]
        assert doc.text == parsed.text
        assert [sentence.text for sentence in doc.sents] == [sentence.text for sentence in parsed.sents]
        for one, other in zip(doc, parsed, strict=True):
            assert (one.lemma_, one.pos_, one.is_stop, one.is_punct, one.is_space) == (
                (other.lemma_, other.pos_, other.is_stop, other.is_punct, other.is_space)
            )


@pytest.mark.parametrize("window_size", [2, 7, 40])
def test_a_window_shorter_than_the_document(
    window_size: int, papers: list[Document], fresh: dict[str, Any]
) -> None:
    """Closed form against textacy's sliding window: the same phrases, and scores up to rounding."""
    options: dict[str, Any] = {
        "normalize": "lemma",
        "ngrams": (1, 2, 3),
        "include_pos": ("NOUN", "PROPN", "ADJ"),
    }
    for paper in papers[:8]:
        doc = fresh[paper.id]
        assert len(doc) > window_size
        expected = plain_sgrank(doc, window_size=window_size, topn=20, **options)
        found = sgrank(doc, window_size=window_size, topn=20, **options)
        assert [score for _, score in found] == pytest.approx([s for _, s in expected], rel=1e-9)
        assert [phrase for phrase, _ in found] == [phrase for phrase, _ in expected]


def test_an_annotated_document_with_foreign_tags(tmp_path: Path) -> None:
    words = [("Sensor", "NOUN"), ("networks", "NOUN"), ("save", "VBZ"), ("energy", "NOUN"), (".", "")]
    tokens = tuple(Token(word, word.lower(), pos, 0, True, 0) for word, pos in words)
    document = Document("1", {"abstract": "Sensor networks save energy."}, annotation=tokens)
    Parse().build([document], tmp_path, Context(task=SPEC))
    [found] = loaded("sgrank", parse=Parse().open(tmp_path)).predict([document])
    assert "energy" in found.phrases


def test_conformance() -> None:
    assert [result for result in check_method("sgrank", sources=False) if not result.passed] == []
