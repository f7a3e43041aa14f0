"""CSV: columns, cells, and every way in which a file can be broken."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from files_of_papers import Refused, Write
from of_type import all_of_type

from readbench.datasets import ReadOptions, open_dataset

GOOD = (
    "uuid,Title,AUTHOR,abstract,Keywords,Label,Language,Journal Name\n"
    'a,T one,"X; Y",A one,Flow  cytometry; HDACi;; ROS.,1,,Nature\n'
    "b,T two,,A two,,1.0,fr,\n"
)


def test_columns_in_any_letter_case_become_fields_targets_and_language(write: Write) -> None:
    dataset = open_dataset(str(write("papers.csv", GOOD)))
    first, second = dataset.documents
    assert first.fields == {
        "title": "T one",
        "abstract": "A one",
        "authors": "X; Y",
        "journal name": "Nature",
    }
    assert second.fields == {"title": "T two", "abstract": "A two"}
    assert (first.language, second.language) == ("en", "fr")
    assert dataset.targets == {
        "keyphrases": {"a": ("Flow cytometry", "HDACi", "ROS"), "b": ()},
        "classification": {"a": "1", "b": "1"},
    }
    assert dataset.counts == {"no keyphrases": 1}
    assert dataset.name == "papers"
    assert not dataset.demo


def test_source_is_the_path_as_given(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write("papers.csv", GOOD).parent)
    assert open_dataset("./papers.csv").source == "./papers.csv"


def test_rows_are_numbered_without_an_id_column_and_skipped_rows_count(write: Write) -> None:
    dataset = open_dataset(str(write("p.csv", "title,abstract\na,\n,\nb,\n")))
    assert [document.id for document in dataset.documents] == ["1", "3"]
    assert dataset.counts == {"skipped: no text": 1}
    assert dataset.targets == {}


def test_a_row_with_authors_alone_has_no_text(write: Write) -> None:
    dataset = open_dataset(str(write("p.csv", "title,author\nT, X\n ,Y\n")))
    assert len(dataset.documents) == 1
    assert dataset.counts == {"skipped: no text": 1}


@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_delimiter_is_sniffed_where_a_comma_gives_one_column(write: Write, delimiter: str) -> None:
    text = f"id{delimiter}title{delimiter}abstract\n1{delimiter}a, b{delimiter}c\n"
    (document,) = open_dataset(str(write("p.csv", text))).documents
    assert document.fields == {"title": "a, b", "abstract": "c"}


def test_lines_within_cells_are_one_text(write: Write) -> None:
    (document,) = open_dataset(str(write("p.csv", 'title,abstract\r\nt,"a\r\nb\n\n c"\r\n'))).documents
    assert document.fields["abstract"] == "a b\n\nc"


def test_byte_order_mark_and_blank_lines_are_passed_over(write: Write) -> None:
    dataset = open_dataset(str(write("p.csv", b"\xef\xbb\xbf\n\nid,title\n\nx,t\n\n")))
    assert [document.id for document in dataset.documents] == ["x"]


def test_header_may_hold_a_line_end(write: Write) -> None:
    dataset = open_dataset(str(write("p.csv", '"Notes\nof ours",id,title\nn,x,t\n')))
    assert dataset.documents[0].fields == {"title": "t", "notes\nof ours": "n"}


def test_unnamed_columns_are_left_out(write: Write) -> None:
    (document,) = open_dataset(str(write("p.csv", ",title,\n0,t,x\n"))).documents
    assert document.fields == {"title": "t"}


def test_mapped_columns_play_their_role_and_no_other(write: Write) -> None:
    text = "key,id,Heading,title,tags,Keywords,Class\nk1,7,H,T,one|two,gold,x\n"
    columns = {"id": "KEY", "title": "heading", "keyphrases": "tags", "label": "class"}
    options = ReadOptions.model_validate({"columns": columns, "keyphrase_separator": "|"})
    dataset = open_dataset(str(write("p.csv", text)), options)
    (document,) = dataset.documents
    # Keywords is gold whatever plays its part, and title has been replaced by Heading.
    assert document.id == "k1"
    assert document.fields == {"title": "H", "id": "7"}
    assert dataset.targets == {"keyphrases": {"k1": ("one", "two")}, "classification": {"k1": "x"}}


def test_a_gold_column_mapped_to_a_field_is_no_target(write: Write) -> None:
    options = ReadOptions.model_validate({"columns": {"abstract": "Keywords"}})
    dataset = open_dataset(str(write("p.csv", "title,Keywords\nt,a;b\n")), options)
    assert dataset.documents[0].fields == {"title": "t", "abstract": "a;b"}
    assert dataset.targets == {}


def test_text_column_is_a_field_of_its_own(write: Write) -> None:
    (document,) = open_dataset(str(write("p.csv", "id,Text\n1,t\n"))).documents
    assert document.fields == {"text": "t"}


def test_language_of_the_options_is_the_default(write: Write) -> None:
    path = write("p.csv", "title,language\na,\nb,fr\n")
    documents = open_dataset(str(path), ReadOptions(language="zh")).documents
    assert [document.language for document in documents] == ["zh", "fr"]


def test_other_encodings_are_read_when_named(write: Write) -> None:
    for encoding in ("latin-1", "utf-16"):
        path = write("p.csv", "title\ncafé\n".encode(encoding))
        assert open_dataset(str(path), ReadOptions(encoding=encoding)).documents[0].fields["title"] == "café"


def test_gzip_is_unpacked(write: Write) -> None:
    dataset = open_dataset(str(write("papers.csv.gz", gzip.compress(GOOD.encode()))))
    assert dataset.name == "papers"
    assert len(dataset.documents) == 2


def test_no_label_is_no_target_and_counted(write: Write) -> None:
    dataset = open_dataset(str(write("p.csv", "id,title,label\na,t,1\nb,t, \n")))
    assert dataset.targets == {"classification": {"a": "1"}}
    assert dataset.counts == {"no label": 1}


def test_too_long_texts_are_skipped_and_counted(write: Write) -> None:
    path = write("p.csv", f"id,title\na,{'x' * 10}\nb,{'x' * 11}\n")
    dataset = open_dataset(str(path), ReadOptions(max_characters=10))
    assert [document.id for document in dataset.documents] == ["a"]
    assert dataset.counts == {"skipped: longer than 10 characters": 1}


@pytest.mark.slow
@pytest.mark.parametrize("quote", ['"', ""])
def test_an_abstract_of_100_megabytes_is_skipped_in_seconds(tmp_path: Path, quote: str) -> None:
    path = tmp_path / "p.csv"
    with path.open("w") as stream:
        stream.write(f"id,title,abstract\n1,t,{quote}")
        for _ in range(100):
            stream.write("word " * 200_000)
        stream.write(f"{quote}\n2,t,a\n")
    start = time.perf_counter()
    dataset = open_dataset(str(path))
    assert time.perf_counter() - start < 30
    assert [document.id for document in dataset.documents] == ["2"]
    assert dataset.counts == {"skipped: longer than 1000000 characters": 1}


def test_missing_text_columns_name_what_is_there_and_how_to_map(write: Write, refused: Refused) -> None:
    message = refused(path := write("p.csv", "id,Titel,body\n1,t,b\n"))
    assert message.startswith(
        f"{path}: no title, abstract or text column; columns found: 'id', 'Titel', 'body'"
    )
    assert '[dataset.columns] title = "…"' in message


def test_mapped_column_must_be_there(write: Write, refused: Refused) -> None:
    message = refused(path := write("p.csv", "id,Titel\n1,t\n"), columns={"title": "Title"})
    assert message.startswith(f"{path}: no column 'Title' for the title; columns found: 'id', 'Titel'")
    assert "did you mean 'titel'? correct [dataset.columns]" in message


def test_two_columns_for_one_role_must_be_told_apart(write: Write, refused: Refused) -> None:
    message = refused(write("p.csv", "uuid,id,title\n1,2,t\n"))
    assert "columns uuid and id could both be the id" in message
    assert '[dataset.columns] id = "uuid"' in message


@pytest.mark.parametrize("name", ["Title", "a"])
def test_two_columns_of_one_name_are_refused(write: Write, refused: Refused, name: str) -> None:
    message = refused(write("p.csv", f"title,{name},{name.lower()}\n1,2,3\n"))
    assert f"two columns are named '{name.lower()}'" in message


def test_wrong_encoding_names_line_byte_and_remedy(write: Write, refused: Refused) -> None:
    path = write("p.csv", "id,title\n1,fine\n2,caf\xe9\n".encode("latin-1"))
    message = refused(path)
    assert message.startswith(
        f"{path}, line 3: byte 0xE9 is not utf-8; set `encoding` in the suite's [dataset]"
    )
    assert "iconv -f ENCODING -t UTF-8" in message


def test_wrong_encoding_is_found_far_into_a_file(write: Write, refused: Refused) -> None:
    path = write("p.csv", b"id,title\n" + b"".join(b"%d,t\n" % n for n in range(50_000)) + b"x,\xff\n")
    assert f"{path}, line 50002: byte 0xFF is not utf-8" in refused(path)


def test_wrong_encoding_without_escapes_is_told_too(write: Write, refused: Refused) -> None:
    path = write("p.csv", b"id,title\n1,tt\n")
    assert refused(path, encoding="utf-16").startswith(f"{path}: is not utf-16: ")


def test_utf_16_without_its_mark_is_a_nul_in_the_header(write: Write, refused: Refused) -> None:
    message = refused(path := write("p.csv", "title\nt\n".encode("utf-16-le")))
    assert message.startswith(f"{path}, header: a NUL byte")
    assert "UTF-16" in message


def test_nul_bytes_are_refused_with_their_row(write: Write, refused: Refused) -> None:
    path = write("p.csv", b"id,title,author\n1,t,\n2,t,x\0y\n")
    assert refused(path).startswith(f"{path}, row 2 (line 3): a NUL byte in the text; ")


def test_duplicate_ids_name_both_rows(write: Write, refused: Refused) -> None:
    path = write("p.csv", 'id,title\nx,"t\nt"\ny,t\nx,t\n')
    message = refused(path)
    assert message == (
        f"{path}: the id 'x' is in row 1 (line 2) and again in row 3 (line 5); "
        "give every document an id of its own"
    )


def test_an_empty_id_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.csv", "id,title\nx,t\n ,t\n")
    assert refused(path) == f"{path}, row 2 (line 3): the id is empty; give every row an id, or none"


@pytest.mark.parametrize(("row", "fields"), [("2,t", 2), ("2,t,a,b", 4), ("  ", 1)])
def test_rows_of_another_length_are_refused(write: Write, refused: Refused, row: str, fields: int) -> None:
    path = write("p.csv", f"id,title,abstract\n1,t,a\n{row}\n3,t,a\n")
    message = refused(path)
    assert message.startswith(f"{path}, row 2 (line 3): {fields} fields where the header has 3; quote cells")


def test_unclosed_quotes_are_refused_where_they_open(write: Write, refused: Refused) -> None:
    path = write("p.csv", 'id,title\n1,t\n2,"t\n3,t\n4,t\n')
    message = refused(path)
    assert message.startswith(
        f"{path}, row 2 (line 3): broken CSV: a quote is never closed; close its quotes"
    )


def test_text_after_a_quote_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.csv", 'id,title\n1,"t" x\n')
    assert refused(path).startswith(f"{path}, row 1 (line 2): broken CSV: ',' expected after '\"'; ")


def test_a_broken_header_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.csv", 'id,"title\n1,t\n')
    assert refused(path).startswith(f"{path}, header (line 1): broken CSV: a quote is never closed; ")


@pytest.mark.parametrize("content", ["", "\n\n", b"\xef\xbb\xbf"])
def test_empty_files_are_refused(write: Write, refused: Refused, content: str | bytes) -> None:
    path = write("p.csv", content)
    assert refused(path) == f"{path}: is empty; give a file with a header and one row a document"


def test_a_header_alone_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.csv", "id,title\n")
    assert refused(path) == f"{path}: has no rows; give one row a document"


def test_a_dataset_without_documents_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.csv", "id,title\n1,\n2,long\n3,\n")
    message = refused(path, max_characters=3)
    assert message == (
        f"{path}: no document is left; skipped: no text (2), skipped: longer than 3 characters (1)"
    )


def test_damaged_gzip_is_refused(write: Write, refused: Refused) -> None:
    packed = gzip.compress(GOOD.encode())
    for content in (b"no gzip", packed[:-12], packed[:20] + b"\xff\xff\xff" + packed[23:]):
        path = write("p.csv.gz", content)
        assert refused(path).startswith(f"{path}: cannot be read: ")


def test_papers_of_the_challenge(shared: Path) -> None:
    dataset = open_dataset(str(shared / "data" / "xfyun" / "test.csv"))
    assert len(dataset.documents) == 2358
    assert dataset.counts == {}
    assert {name for document in dataset.documents for name in document.fields} == {
        "title",
        "abstract",
        "authors",
    }
    numbers = [len(phrases) for phrases in all_of_type(tuple, dataset.targets["keyphrases"].values())]
    assert (min(numbers), max(numbers), round(sum(numbers) / len(numbers), 1)) == (1, 26, 5.8)
    assert dataset.targets["keyphrases"]["0"] == ("Flow cytometry", "HDACi", "Leukemia", "ROS")
