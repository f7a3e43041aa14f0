"""The pipeline that parses annotates as spaCy's own does."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

spacy = pytest.importorskip("spacy", reason="needs the extra keyphrases")

from readbench.core.errors import MissingDependency  # noqa: E402
from readbench.datasets import open_dataset  # noqa: E402
from readbench.machine.weights import require_spacy_package  # noqa: E402
from readbench.tasks.spec import TaskSpec  # noqa: E402
from readbench_adapters.words.fast_pipeline import FACTORY, RULER, NamedWords, speed_up  # noqa: E402
from readbench_adapters.words.parse import WordReader  # noqa: E402

PAPERS = 40
ODD = [
    "We're gonna see, y'all: let's go, c'mon. It ain't so, we got ta go.",
    "Let x be 3.   Then\n\nit's 4; they'd've known.",
    "",
    " ",
    "gonna",
]


def pipeline() -> Any:
    try:
        package = require_spacy_package("en_core_web_sm")
    except MissingDependency as error:
        pytest.skip(str(error))
    nlp = importlib.import_module(package).load(disable=["ner", "textcat", "parser"])
    nlp.add_pipe("sentencizer")
    return nlp


def annotation(doc: Any) -> list[tuple[Any, ...]]:
    return [
        (t.text, t.lemma_, t.pos_, t.tag_, str(t.morph), t.idx, t.whitespace_, t.is_sent_start) for t in doc
    ]


def test_every_word_is_annotated_as_by_spacy() -> None:
    spec = TaskSpec(task="keyphrases")
    texts = [spec.text(spec.project(document)) for document in open_dataset("papers-demo").documents[:PAPERS]]
    texts += ODD
    plain, fast = pipeline(), pipeline()
    speed_up(fast)
    assert FACTORY in fast.pipe_names
    assert RULER not in fast.pipe_names
    expected = [annotation(doc) for doc in plain.pipe(texts, batch_size=16)]
    assert [annotation(doc) for doc in fast.pipe(texts, batch_size=16)] == expected
    # And once more, when every word is known.
    assert [annotation(doc) for doc in fast.pipe(texts, batch_size=1)] == expected


def test_words_are_read_as_spacy_says_them() -> None:
    nlp, read = pipeline(), WordReader()
    untagged = spacy.blank("en")
    untagged.add_pipe("sentencizer")
    for doc in [
        *nlp.pipe([*ODD, *ODD[:2], "The studies of bacteria. They were dying."]),
        untagged("One. TWO 3"),
    ]:
        if doc.vocab is not nlp.vocab:
            read = WordReader()
        assert read(doc) == {
            "word": [token.text for token in doc],
            "lemma": [token.lemma_ or token.lower_ for token in doc],
            "pos": [token.pos_ or token.tag_ for token in doc],
            "offset": [token.idx for token in doc],
            "space": [bool(token.whitespace_) for token in doc],
            "sentence": [sentence.end for sentence in doc.sents],
        }


def test_named_words() -> None:
    named = NamedWords()
    for token in (
        {"LOWER": "ai"},
        {"ORTH": {"IN": ["Be", "do"]}, "TAG": "VB"},
        {"TEXT": {"REGEX": "^n[ou]thin$"}},
        {"TAG": "NN"},
    ):
        named.add(token)
    assert [word for word in ("AI", "ai", "Be", "be", "DO", "Nuthin", "nothing", "x") if word in named] == [
        *("AI", "ai", "Be", "DO", "Nuthin")
    ]
    named.add({"LOWER": {"NOT_IN": ["x"]}})
    assert "y" in named
    first = NamedWords()
    first.add({"TAG": "NN"}, whole=True)
    assert "whatever" in first


def test_flags_that_a_network_reads_stay() -> None:
    from spacy.attrs import IDS

    plain, fast = pipeline(), pipeline()
    getters = fast.vocab.lex_attr_getters
    columns = next(layer for layer in fast.get_pipe("tok2vec").model.walk() if "columns" in layer.attrs)
    columns.attrs["columns"] = [*columns.attrs["columns"], IDS["LIKE_NUM"]]
    fast.remove_pipe("sentencizer")
    speed_up(fast)
    assert {IDS["LIKE_NUM"], IDS["SHAPE"], IDS["NORM"]} <= getters.keys()
    assert IDS["LIKE_URL"] not in getters
    assert IDS["LIKE_URL"] in plain.vocab.lex_attr_getters


def ruled(patterns: list[dict[str, str]], attrs: dict[str, str]) -> Any:
    nlp = spacy.blank("en")
    nlp.add_pipe("attribute_ruler").add([patterns], attrs)
    return nlp


@pytest.mark.parametrize(
    ("patterns", "attrs"),
    [
        ([{"SHAPE": "dddd"}], {"POS": "NUM"}),
        ([{"LOWER": "so", "OP": "+"}], {"POS": "ADV"}),
        ([{"LOWER": "so"}], {"POS": "ADV", "NORM": "thus"}),
    ],
)
def test_a_ruler_that_looks_at_more_stays(patterns: list[dict[str, str]], attrs: dict[str, str]) -> None:
    nlp = ruled(patterns, attrs)
    speed_up(nlp)
    assert nlp.pipe_names == [RULER]


def test_a_ruler_behind_other_annotation_stays() -> None:
    nlp = ruled([{"LOWER": "so"}], {"POS": "ADV"})
    nlp.add_pipe("morphologizer", before=RULER)
    speed_up(nlp)
    assert nlp.pipe_names == ["morphologizer", RULER]


def test_rules_of_one_word_and_of_two_are_both_kept() -> None:
    nlp = ruled([{"LOWER": "so"}], {"POS": "ADV"})
    nlp.get_pipe(RULER).add([[{"LOWER": "so"}, {"LOWER": "that"}]], {"POS": "SCONJ", "LEMMA": "so that"})
    speed_up(nlp)
    assert nlp.pipe_names == [FACTORY]
    assert [[t.pos_ for t in nlp(text)] for text in ("it is so", "so that", "that so")] == [
        ["", "", "ADV"],
        ["SCONJ", ""],
        ["", "ADV"],
    ]
