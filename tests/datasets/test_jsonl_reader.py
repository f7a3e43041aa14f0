"""JSON Lines: values of every kind, and every way in which a line can be broken."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from files_of_papers import Refused, Write

from readbench.datasets import ReadOptions, open_dataset


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_keys_in_any_letter_case_become_fields_and_targets(write: Write) -> None:
    path = write(
        "papers.jsonl",
        lines(
            {
                "ID": 7,
                "Title": "t",
                "Abstract": "a",
                "Author": "x",
                "keyphrases": [" b  c ", "Acme Inc.", ""],
                "label": 1,
                "controlled": ["gold"],
                "year": 2003,
                "authors_list": ["x"],
                "venue": "V",
            },
            {
                "ID": "8",
                "Title": None,
                "Abstract": "a",
                "Author": "",
                "keyphrases": "d; e.",
                "label": True,
                "controlled": "gold",
                "language": "fr",
            },
        ),
    )
    dataset = open_dataset(str(path))
    assert [document.id for document in dataset.documents] == ["7", "8"]
    assert [document.fields for document in dataset.documents] == [
        {"title": "t", "abstract": "a", "authors": "x", "venue": "V"},
        {"abstract": "a"},
    ]
    assert [document.language for document in dataset.documents] == ["en", "fr"]
    assert dataset.targets == {
        "keyphrases": {"7": ("b c", "Acme Inc."), "8": ("d", "e")},
        "classification": {"7": "1", "8": "true"},
    }


def test_numbers_stay_as_written(write: Write) -> None:
    text = '{"id": 10.1000, "title": "t", "label": 1.0}\n{"id": 2, "title": "t", "label": 1}\n'
    dataset = open_dataset(str(write("p.jsonl", text)))
    assert dataset.targets["classification"] == {"10.1000": "1", "2": "1"}
    assert all(type(document.id) is str for document in dataset.documents)


def test_numbers_of_many_digits_are_no_trouble(write: Write) -> None:
    text = f'{{"id": "1", "title": "t", "pages": {"9" * 10_000}}}\n'
    assert open_dataset(str(write("p.jsonl", text))).documents[0].fields == {"title": "t"}


def test_absent_values_are_no_targets_but_counted(write: Write) -> None:
    dataset = open_dataset(
        str(
            write(
                "p.jsonl",
                lines(
                    {"id": "a", "title": "t", "keywords": "k", "label": "x"},
                    {"id": "b", "title": "t", "keywords": None, "label": None},
                    {"id": "c", "title": "t"},
                    {"id": "d", "title": " "},
                ),
            )
        )
    )
    assert dataset.targets["keyphrases"] == {"a": ("k",), "b": (), "c": ()}
    assert dataset.targets["classification"] == {"a": "x"}
    assert dataset.counts == {"skipped: no text": 1, "no keyphrases": 2, "no label": 2}


def test_without_ids_documents_are_numbered_and_blank_lines_do_not_count(write: Write) -> None:
    path = write("p.jsonl", b'\xef\xbb\xbf\n{"title": "a"}\r\n  \n\n{"title": "b"}')
    assert [document.id for document in open_dataset(str(path)).documents] == ["1", "2"]


def test_mapped_keys(write: Write) -> None:
    options = ReadOptions.model_validate({"columns": {"abstract": "context"}})
    path = write("p.ndjson", lines({"context": "c", "abstract": "old"}, {"abstract": "old", "title": "t"}))
    fields = [document.fields for document in open_dataset(str(path), options).documents]
    assert fields == [{"abstract": "c"}, {"title": "t"}]


def test_gzip_is_unpacked(write: Write) -> None:
    dataset = open_dataset(str(write("papers.jsonl.gz", gzip.compress(lines({"title": "t"}).encode()))))
    assert dataset.name == "papers"


def test_an_abstract_of_100_megabytes_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    with path.open("w") as stream:
        stream.write('{"id": "1", "abstract": "')
        for _ in range(100):
            stream.write("word " * 200_000)
        stream.write('"}\n{"id": "2", "abstract": "a"}\n')
    dataset = open_dataset(str(path))
    assert [document.id for document in dataset.documents] == ["2"]
    assert dataset.counts == {"skipped: longer than 1000000 characters": 1}


def test_missing_text_keys_name_what_is_there(write: Write, refused: Refused) -> None:
    message = refused(path := write("p.jsonl", lines({"id": 1, "body": "b"}, {"id": 2, "head": "h"})))
    assert message.startswith(
        f"{path}: no title, abstract or text column; columns found: 'id', 'body', 'head'; name them"
    )


def test_mapped_key_must_be_in_some_record(write: Write, refused: Refused) -> None:
    message = refused(write("p.jsonl", lines({"title": "t"})), columns={"abstract": "summary"})
    assert "no column 'summary' for the abstract; columns found: 'title'; " in message


@pytest.mark.parametrize(
    "line", ['{"title": "t"', "{'title': 't'}", '{"title": "t"} {}', '{"title": "a\tb"}']
)
def test_broken_json_is_refused_with_its_line(write: Write, refused: Refused, line: str) -> None:
    path = write("p.jsonl", f'{{"title": "t"}}\n\n{line}\n')
    message = refused(path)
    assert message.startswith(f"{path}, line 3: broken JSON at column ")
    assert message.endswith("; write one object a line")


@pytest.mark.parametrize("line", ["1", '"title"', "null", '[{"title": "t"}]'])
def test_a_line_that_is_no_object_is_refused(write: Write, refused: Refused, line: str) -> None:
    path = write("p.jsonl", f'{{"title": "t"}}\n{line}\n')
    message = refused(path)
    assert message.startswith(f"{path}, line 2: is no JSON object; write one object a line")
    assert "jq -c '.[]'" in message


def test_deep_nesting_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.jsonl", '{"a":' * 100_000)
    assert f"{path}, line 1: broken JSON" in refused(path)


@pytest.mark.parametrize("value", ['"a\0b"', '"a\\u0000b"'])
def test_nul_is_refused_with_its_line(write: Write, refused: Refused, value: str) -> None:
    path = write("p.jsonl", f'{{"title": "t"}}\n{{"title": {value}}}\n')
    assert refused(path).startswith(f"{path}, line 2: a NUL byte in the text; ")


@pytest.mark.parametrize("key", ["id", "title", "keyphrases", "label", "language"])
def test_half_a_surrogate_pair_is_refused(write: Write, refused: Refused, key: str) -> None:
    path = write("p.jsonl", lines({"id": "1", "title": "t"} | {key: "x\ud800"}))
    assert refused(path).startswith(f"{path}, line 1: half of a surrogate pair (\\ud800) in the text; ")


def test_wrong_encoding_names_its_line_and_byte(write: Write, refused: Refused) -> None:
    path = write("p.jsonl", b'{"title": "t"}\n{"title": "caf\xe9"}\n')
    message = refused(path)
    assert message.startswith(f"{path}, line 2: byte 0xE9 is not utf-8; set `encoding`")


def test_duplicate_ids_name_both_lines_even_where_numbers_and_strings_meet(
    write: Write, refused: Refused
) -> None:
    path = write("p.jsonl", lines({"id": 1, "title": "t"}, {"id": "1", "title": "t"}))
    assert f"{path}: the id '1' is in line 1 and again in line 2; " in refused(path)


def test_ids_for_some_records_only_are_refused(write: Write, refused: Refused) -> None:
    with_id, without = {"id": "a", "title": "t"}, {"title": "t"}
    path = write("p.jsonl", lines(with_id, without))
    assert f"{path}, line 2: has no id, line 1 has one; give every row an id, or none" in refused(path)
    path = write("p.jsonl", lines(without, with_id))
    assert f"{path}, line 2: has an id, line 1 has none; " in refused(path)


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"id": [1]}, "the id is a list; give a string or a number"),
        ({"id": None}, "the id is empty"),
        ({"label": {"a": 1}}, "the label is a JSON object; give a string or a number"),
        ({"keyphrases": {"a": 1}}, "the keyphrases are a JSON object; give a list of strings"),
        ({"keyphrases": True}, "the keyphrases are a truth value; give a list of strings"),
        ({"abstract": {"text": "a"}}, "the abstract is a JSON object; give one string, or a list of strings"),
        ({"title": ["a", 1]}, "the title is a list of other things than strings"),
        ({"keyphrases": [["a", ["b"]]]}, "the keyphrases are a list of other things than strings; "),
    ],
)
def test_values_of_a_wrong_kind_are_refused(
    write: Write, refused: Refused, record: dict[str, Any], what: str
) -> None:
    path = write("p.jsonl", lines({"id": "x", "title": "t"} | record))
    assert refused(path).startswith(f"{path}, line 1: {what}")


def test_a_list_of_texts_is_a_text_of_paragraphs(write: Write) -> None:
    record = {"title": "t", "abstract": ["First part.", "Second part."]}
    (document,) = open_dataset(str(write("p.jsonl", lines(record)))).documents
    assert document.fields["abstract"] == "First part.\n\nSecond part."


def test_a_key_that_is_there_twice_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.jsonl", '{"title": "a"}\n{"title": "b", "title": "c"}\n')
    assert refused(path) == f"{path}, line 2: the key 'title' is there twice; keep one"


def test_two_keys_for_one_role_are_refused(write: Write, refused: Refused) -> None:
    path = write("p.jsonl", lines({"title": "t"}, {"title": "t", "keywords": "a", "keyphrases": "b"}))
    assert f"{path}, line 2: columns keywords and keyphrases could both be the keyphrases; " in refused(path)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_files_are_refused(write: Write, refused: Refused, content: str) -> None:
    path = write("p.jsonl", content)
    assert refused(path) == f"{path}: has no rows; give one row a document"


def test_a_dataset_without_documents_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.jsonl", lines({"title": ""}))
    assert refused(path) == f"{path}: no document is left; skipped: no text (1)"


def test_inspec(shared: Path) -> None:
    dataset = open_dataset(str(shared / "data" / "inspec" / "test.jsonl"))
    assert len(dataset.documents) == 500
    assert {name for document in dataset.documents for name in document.fields} == {"title", "abstract"}
    assert dataset.targets["keyphrases"]["2"] == (
        "wavelength services",
        "fiber optic networks",
        "Looking Glass Networks",
        "PointEast Research",
    )
    assert set(dataset.targets) == {"keyphrases"}
