"""Folders of JSON Lines with an official split, and the annotation that they bring along."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from files_of_papers import Refused, Write
from of_type import of_type

from readbench.core.types import Token
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.annotation import universal

CORENLP = ReadOptions(annotation="corenlp")


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def paper(id_: str) -> dict[str, object]:
    return {"id": id_, "title": f"title {id_}", "keyphrases": [id_]}


@pytest.fixture
def folder(write: Write) -> Path:
    write("test.jsonl", lines(paper("c"), paper("d")))
    write("train.jsonl", lines(paper("a")))
    return write("valid.jsonl", lines(paper("b"))).parent


def test_files_are_the_parts(folder: Path) -> None:
    (folder / "notes.jsonl").write_text("no JSON at all\n")
    (folder / "README.md").write_text("hello")
    dataset = open_dataset(str(folder))
    assert [document.id for document in dataset.documents] == ["a", "b", "c", "d"]
    assert dataset.parts == {"a": "train", "b": "validation", "c": "test", "d": "test"}
    assert dataset.targets["keyphrases"]["d"] == ("d",)
    assert (dataset.name, dataset.source) == (folder.name, str(folder))
    assert dataset.counts == {}


def test_the_folder_one_is_in_has_its_name_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert open_dataset(".").name == folder.name


@pytest.mark.parametrize("name", ["dev.jsonl", "Validation.ndjson", "VAL.jsonl", "development.jsonl"])
def test_parts_have_many_names(write: Write, name: str) -> None:
    assert open_dataset(str(write(name, lines(paper("a"))).parent)).parts == {"a": "validation"}


def test_gzipped_parts_are_read(write: Write) -> None:
    folder = write("train.jsonl.gz", gzip.compress(lines(paper("a")).encode())).parent
    assert open_dataset(str(folder)).parts == {"a": "train"}


def test_what_is_left_out_has_no_part(folder: Path) -> None:
    (folder / "train.jsonl").write_text(lines(paper("a"), {"id": "x", "title": ""}))
    dataset = open_dataset(str(folder))
    assert "x" not in dataset.parts
    assert dataset.counts == {"skipped: no text": 1}


def test_parts_are_no_part_of_the_fingerprint(folder: Path) -> None:
    before = open_dataset(str(folder))
    (folder / "train.jsonl").rename(folder / "dev.jsonl")
    (folder / "valid.jsonl").rename(folder / "train.jsonl")
    after = open_dataset(str(folder))
    assert after.parts["a"] == "validation"
    assert after.fingerprint == before.fingerprint


def test_labels_are_joined_to_all_parts(folder: Path, write: Write) -> None:
    labels = write("labels.csv", "id,label\na,1\nd,0\n")
    dataset = open_dataset(str(folder), ReadOptions(labels=labels))
    assert dataset.targets["classification"] == {"a": "1", "d": "0"}


def test_two_files_for_one_part_are_refused(folder: Path, write: Write, refused: Refused) -> None:
    write("dev.jsonl", lines(paper("z")))
    message = f"{folder}: dev.jsonl and valid.jsonl could both be the validation part; keep one"
    assert refused(folder).startswith(message)


def test_an_id_in_two_parts_is_refused(folder: Path, refused: Refused) -> None:
    (folder / "test.jsonl").write_text(lines(paper("a")))
    assert refused(folder).startswith(
        f"{folder}: the id 'a' is in train.jsonl, line 1 and again in test.jsonl, line 1; "
    )


def test_errors_name_the_file_and_the_line(folder: Path, refused: Refused) -> None:
    (folder / "test.jsonl").write_text(lines(paper("c")) + "{\n")
    assert refused(folder).startswith(f"{folder}/test.jsonl, line 2: broken JSON at column ")
    (folder / "test.jsonl").write_text(lines(paper("c"), {"id": [], "title": "t"}))
    assert refused(folder).startswith(f"{folder}/test.jsonl, line 2: the id is a list")


def test_tags_become_universal() -> None:
    assert [universal(tag) for tag in ("JJ", "JJS", "NN", "NNPS", "VB", "", "-LRB-")] == [
        "ADJ",
        "ADJ",
        "NOUN",
        "NOUN",
        "X",
        "X",
        "X",
    ]


def test_annotation_is_read_where_it_is_asked_for(folder: Path, write: Write) -> None:
    sentences = [[["Big", "big", "JJ"], ["-LRB-", "-lrb-", "-LRB-"]], [["Graphs", "graph", "NNS"]]]
    write("corenlp_train.jsonl", lines({"id": "a", "sentences": sentences}))
    write("corenlp_test.jsonl", lines({"id": "c", "sentences": []}, {"id": "none", "sentences": []}))
    write("corenlp_other.jsonl", "no JSON")
    plain, annotated = open_dataset(str(folder)), open_dataset(str(folder), CORENLP)
    assert all(document.annotation is None for document in plain.documents)
    assert {document.id: document.annotation for document in annotated.documents} == {
        "a": (
            Token("Big", "big", "ADJ", 0, True, 0),
            Token("-LRB-", "-lrb-", "X", 4, True, 0),
            Token("Graphs", "graph", "NOUN", 10, True, 1),
        ),
        "b": None,
        "c": (),
        "d": None,
    }
    assert annotated.counts == {"no annotation": 2, "annotation without a document": 1}
    assert [document.fields for document in annotated.documents] == [d.fields for d in plain.documents]
    assert annotated.fingerprint != plain.fingerprint


def test_annotation_that_is_not_there_is_refused(folder: Path, refused: Refused) -> None:
    assert refused(folder, annotation="corenlp").startswith(
        f"{folder}: comes without corenlp annotation; put corenlp_test.jsonl or corenlp_train.jsonl or "
    )


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"sentences": []}, "the id is empty; write "),
        ({"id": "a"}, "the sentences are no list of lists; "),
        ({"id": "a", "sentences": ["w"]}, "the sentences are no list of lists; "),
        ({"id": "a", "sentences": [[], [["w", "l"]]]}, "a token of sentence 2 is \"['w', 'l']\"; "),
        ({"id": "a", "sentences": [[["w", "l", None]]]}, "a token of sentence 1 is "),
        ({"id": "a", "sentences": [[["w\0", "l", "t"]]]}, "a NUL byte in the text; "),
        ({"id": "a", "sentences": [[["w", "\ud800", "t"]]]}, "half of a surrogate pair"),
        ([], "is no JSON object"),
    ],
)
def test_broken_annotation_is_refused(
    folder: Path, write: Write, refused: Refused, record: object, what: str
) -> None:
    path = write("corenlp_train.jsonl", "\n" + lines(record))
    assert refused(folder, annotation="corenlp").startswith(f"{path}, line 2: {what}")


def test_annotation_that_is_there_twice_is_refused(folder: Path, write: Write, refused: Refused) -> None:
    record = {"id": "a", "sentences": []}
    path = write("corenlp_test.jsonl", lines(record, record))
    assert refused(folder, annotation="corenlp").startswith(f"{path}, line 2: the id 'a' is there again; ")


def test_midas_rows_are_unfolded(write: Write, refused: Refused) -> None:
    row = {
        "id": 7,
        "document": ["Deep", "reading", "."],
        "doc_bio_tags": ["B", "I", "O"],
        "extractive_keyphrases": ["deep reading"],
        "abstractive_keyphrases": ["machines"],
    }
    folder = write("train.jsonl", lines(row)).parent
    dataset = open_dataset(str(folder))
    assert dataset.documents[0].fields == {"text": "Deep reading ."}
    assert dataset.targets == {"keyphrases": {"7": ("deep reading", "machines")}}
    only = ReadOptions.model_validate({"columns": {"keyphrases": "extractive_keyphrases"}})
    assert open_dataset(str(folder), only).targets == {"keyphrases": {"7": ("deep reading",)}}
    path = write("train.jsonl", lines(row | {"document": [None]}))
    assert refused(folder).startswith(f"{path}, line 1: the document is a list of other things than strings")


@pytest.mark.parametrize("name", ["extractive_keyphrases", "abstractive_keyphrases", "doc_bio_tags", "prmu"])
def test_gold_of_hub_sets_never_becomes_a_field(write: Write, name: str) -> None:
    path = write("p.jsonl", lines({"id": "1", "title": "t", name: "gold"}))
    assert open_dataset(str(path)).documents[0].fields == {"title": "t"}


@pytest.fixture(scope="module")
def inspec(shared: Path) -> Path:
    return shared / "data" / "inspec"


def test_inspec(inspec: Path) -> None:
    dataset = open_dataset(str(inspec))
    assert len(dataset.documents) == len(dataset.parts) == 2000
    parts = list(dataset.parts.values())
    assert [parts.count(part) for part in ("train", "validation", "test")] == [1000, 500, 500]
    assert dataset.name == "inspec"
    assert of_type(tuple, dataset.targets["keyphrases"]["193"])[0] == "out-of-print materials"
    assert dataset.counts == {}
    assert all(document.annotation is None for document in dataset.documents)


def test_inspec_as_the_original_scorer_sees_it(inspec: Path) -> None:
    options = ReadOptions(annotation="corenlp", gold_file=Path("test_uncontrolled_stemmed.json"))
    dataset = open_dataset(str(inspec), options)
    annotated = [document for document in dataset.documents if document.annotation is not None]
    assert len(annotated) == 1500
    assert all((d.annotation is None) == (dataset.parts[d.id] == "validation") for d in dataset.documents)
    assert dataset.counts == {"no annotation": 500}
    assert dataset.targets["keyphrases"]["193"] == (
        "out-of-print materi",
        "recur issu",
        "chang practic",
        "out-of-print book",
        "librari materi",
        "acquisit",
    )
    assert of_type(tuple, dataset.targets["keyphrases"]["7"])[0] == "Sprint"  # of the training part
    for document in annotated[::50]:
        tokens = of_type(tuple, document.annotation)
        text = " ".join(token.word for token in tokens)
        assert all(text.startswith(token.word, token.offset) for token in tokens)
        assert {token.pos for token in tokens} <= {"ADJ", "NOUN", "X"}
        assert [token.sentence for token in tokens] == sorted(token.sentence for token in tokens)
    # Nothing is lost or doubled between the papers and their annotation.
    assert {document.id for document in annotated} == {
        id_ for id_, part in dataset.parts.items() if part != "validation"
    }
