"""The language of documents that name none is said, found beside the data, or seen in the texts."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from files_of_papers import Write

from readbench.core.types import Dataset, Document
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.language_guess import Guess, _plainly_english, guessed

TEXTS = {
    "en": "We study how ranking methods order the candidate phrases of a document and show that they differ.",
    "pt": "Este artigo estuda como os métodos de ordenação escolhem as expressões de um documento e mostra "
    "que eles são diferentes entre si, com resultados em várias coleções.",
    "fr": "Nous étudions comment les méthodes de classement ordonnent les expressions d'un document et nous "
    "montrons qu'elles sont différentes les unes des autres.",
    "de": "Wir untersuchen, wie Verfahren die Ausdrücke eines Textes ordnen, und zeigen, dass sie sich "
    "voneinander unterscheiden, wenn die Texte länger werden.",
    "pl": "Badamy, w jaki sposób metody porządkują wyrażenia z dokumentu, i pokazujemy, że różnią się one "
    "od siebie, gdy teksty są dłuższe niż zwykle.",
    "zh": "我们研究排序方法如何对文档中的候选短语进行排序，并说明这些方法之间存在明显的差异。",
}


def read(tmp_path: Path, text: str, n: int = 12, **options: object) -> Dataset:
    path = tmp_path / "p.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["id", "abstract"], *([i, f"{text} {i}"] for i in range(n))])
    return open_dataset(str(path), ReadOptions.model_validate(options))


def said(dataset: Dataset) -> str:
    (found,) = (decision for decision in dataset.decisions if decision.about == "language")
    return found.sentence()


@pytest.mark.parametrize("code", list(TEXTS))
def test_texts_are_read_in_the_language_that_they_are_in(tmp_path: Path, code: str) -> None:
    dataset = read(tmp_path, TEXTS[code])
    assert {document.language for document in dataset.documents} == {code}
    assert (
        said(dataset) == f"language: `{code}`, as the texts look in 12 of 12 texts (--language overrides it)"
    )


@pytest.mark.parametrize(
    ("german", "english", "short", "expected"),
    [
        (12, 0, 0, Guess("de", 12, 12)),
        (8, 2, 0, Guess("de", 8, 10)),
        # Fewer than eight in ten agree; more than half of the texts are too short to tell.
        (7, 3, 0, None),
        (5, 0, 5, Guess("de", 5, 5)),
        (5, 0, 6, None),
        (0, 0, 3, None),
    ],
)
def test_most_texts_decide_or_nobody(german: int, english: int, short: int, expected: Guess | None) -> None:
    texts = [TEXTS["de"]] * german + [TEXTS["en"]] * english + ["x"] * short
    documents = [Document(str(number), {"abstract": text}) for number, text in enumerate(texts)]
    assert guessed(documents, ("abstract",)) == expected


def test_where_english_is_said_and_seen_the_model_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def loads() -> None:
        raise AssertionError("it loads the model")

    monkeypatch.setattr("readbench.datasets.language_guess._identifier", loads)
    texts = [TEXTS["en"]] * 9 + [TEXTS["de"]]
    documents = [Document(str(number), {"abstract": text}) for number, text in enumerate(texts)]
    assert guessed(documents, ("abstract",), said="en") == Guess("en", 9, 10)
    with pytest.raises(AssertionError, match="it loads the model"):
        guessed(documents, ("abstract",), said="de")


def test_only_english_is_plainly_english() -> None:
    assert [code for code, text in TEXTS.items() if _plainly_english(text)] == ["en"]


def test_what_the_user_says_holds_and_is_doubted(tmp_path: Path) -> None:
    dataset = read(tmp_path, TEXTS["pt"], language="fr")
    assert dataset.documents[0].language == "fr"
    assert "as said; 12 of 12 texts that were looked at are 'pt'" in said(dataset)


@pytest.mark.parametrize("text", ["alpha beta", "word1 gamma2 word3", "x"])
def test_short_texts_tell_nothing(tmp_path: Path, text: str) -> None:
    dataset = read(tmp_path, text)
    assert dataset.documents[0].language == "en"
    assert "nobody says" in said(dataset)


@pytest.mark.parametrize(
    ("name", "content"), [("language.txt", "Portuguese\n"), ("lan.txt", "PT"), ("lang.txt", "pt.\n")]
)
@pytest.mark.parametrize("inner", ["", "top/"])
def test_a_file_beside_the_texts_names_their_language(
    tmp_path: Path, name: str, content: str, inner: str
) -> None:
    for path, text in (
        (f"{inner}docsutf8/a.txt", "t\nshort"),
        (f"{inner}keys/a.key", "k"),
        (f"{inner}{name}", content),
    ):
        place = tmp_path / "archive" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    dataset = open_dataset(str(tmp_path / "archive"))
    assert dataset.documents[0].language.lower()[:2] in ("po", "pt")
    assert f"as {inner}{name} says" in said(dataset)
    assert open_dataset(str(tmp_path / "archive"), ReadOptions(language="fr")).documents[0].language == "fr"


@pytest.mark.parametrize("name", ["language", "Lang", "Language of Original Document"])
def test_rows_name_their_language(write: Write, name: str) -> None:
    rows = [{"title": "t", name: "Portuguese"}, {"title": "t", name: "English; Portuguese"}]
    dataset = open_dataset(str(write("p.jsonl", "\n".join(map(json.dumps, rows)))))
    assert [document.language for document in dataset.documents] == ["Portuguese", "English"]
    assert "as each says" in said(dataset)


@pytest.mark.parametrize(
    ("lines", "phrases"),
    [
        (["graph theory\t4", "trees\t1"], ("graph theory", "trees")),
        (["4\tgraph theory", "0.5\ttrees"], ("graph theory", "trees")),
        (["graph theory;4", "trees; 2"], ("graph theory", "trees")),
        (["graph theory (4)", "trees (2)"], ("graph theory", "trees")),
        (["windows 95", "graph theory"], ("windows 95", "graph theory")),
        (["graph theory\tx", "trees\t1"], ("graph theory x", "trees 1")),
    ],
)
def test_counts_beside_phrases_are_left_out(tmp_path: Path, lines: str, phrases: object) -> None:
    for path, text in (("docsutf8/a.txt", "t\nabstract"), ("keys/a.key", "\n".join(lines) + "\n")):
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    assert open_dataset(str(tmp_path)).targets["keyphrases"]["a"] == phrases
