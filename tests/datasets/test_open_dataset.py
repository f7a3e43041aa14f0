"""References: embedded names, paths, and what is said where there is nothing to read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from files_of_papers import Refused, Write
from pydantic import ValidationError

from readbench.core.errors import BenchError
from readbench.datasets import READERS, ReadOptions, embedded, list_datasets, open_dataset
from readbench.planning.infer import infer_suite

RECORD = (
    '{"id": "x1", "title": "t", "abstract": "a", "keyphrases": ["k"], "label": "1", "area": "dentistry"}\n'
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "FOLDER", tmp_path)
    (tmp_path / "papers_demo.jsonl").write_text(RECORD + "\n")


@pytest.mark.usefixtures("installed")
def test_embedded_corpus_is_a_demonstration_without_its_area() -> None:
    dataset = open_dataset("papers-demo", ReadOptions(language="zh", encoding="utf-16"))
    assert (dataset.name, dataset.source, dataset.demo) == ("papers-demo", "papers-demo", True)
    assert dataset.documents[0].fields == {"title": "t", "abstract": "a"}
    assert dataset.documents[0].language == "en"
    assert dataset.targets == {"keyphrases": {"x1": ("k",)}, "classification": {"x1": "1"}}


@pytest.mark.usefixtures("installed")
def test_area_is_a_field_of_other_files(write: Write) -> None:
    assert open_dataset(str(write("mine.jsonl", RECORD))).documents[0].fields["area"] == "dentistry"


@pytest.mark.usefixtures("installed")
def test_list_counts_documents() -> None:
    (info,) = list_datasets()
    assert (info.name, info.documents) == ("papers-demo", 1)
    assert info.summary


def test_an_embedded_corpus_that_is_not_installed_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr(embedded, "FOLDER", tmp_path)
    assert list_datasets() == []
    assert "the embedded corpus papers-demo is not installed" in refused("papers-demo")


def test_the_corpus_as_shipped() -> None:
    if not list_datasets():
        pytest.skip("papers_demo.jsonl is not there yet")
    dataset = open_dataset("papers-demo")
    assert len(dataset.documents) == list_datasets()[0].documents == 240
    assert dataset.counts == {}
    for document in dataset.documents:
        assert set(document.fields) == {"title", "abstract"}
        assert dataset.targets["keyphrases"][document.id]
    assert set(dataset.targets["classification"].values()) == {"0", "1"}


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from readbench.datasets import list_datasets; list_datasets();"
        "print(*{'pandas', 'pyarrow', 'numpy', 'torch', 'datasets', 'huggingface_hub', 'urllib.request'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
    )
    assert done.stdout.strip() == ""


def test_unknown_names_say_what_there_is(refused: Refused) -> None:
    message = refused("paper-demo")
    assert message.startswith(
        "no dataset or file 'paper-demo'; did you mean papers-demo? there is papers-demo, "
    )
    assert "CSV (.csv, .tsv) or JSON Lines (.jsonl, .ndjson)" in message


def test_absent_files_suggest_their_neighbours(write: Write, refused: Refused) -> None:
    path = write("papers.csv", "title\nt\n")
    message = refused(path.with_name("paper.csv"))
    assert f"no dataset or file {str(path.with_name('paper.csv'))!r}; did you mean {path}? " in message


@pytest.mark.parametrize("reference", ["", "/nowhere/at/all.csv", "a\0b", "x" * 5000, "Hub:NAME"])
def test_references_to_nothing_are_refused(refused: Refused, reference: str) -> None:
    assert refused(reference).startswith("no dataset or file ")


def test_folders_of_other_kinds_are_refused(tmp_path: Path, refused: Refused) -> None:
    message = refused(tmp_path)
    assert message.startswith(f"{tmp_path}: a folder of a kind that no reader knows; give a folder with ")
    assert "train.jsonl" in message
    assert "docsutf8/*.txt" in message
    (tmp_path / "papers.csv").mkdir()
    assert "a folder of a kind" in refused(tmp_path / "papers.csv")


def test_what_is_no_regular_file_is_refused(tmp_path: Path, refused: Refused) -> None:
    os.mkfifo(tmp_path / "pipe.csv")  # must not wait for a writer
    assert refused(tmp_path / "pipe.csv").startswith(f"{tmp_path / 'pipe.csv'}: is no regular file; ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p"])
def test_files_that_may_not_be_read_are_refused(write: Write, refused: Refused, name: str) -> None:
    path = write(name, "title\nt\n")
    path.chmod(0)
    assert "ermission denied" in refused(path)


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_files_that_cannot_be_opened_are_refused(
    write: Write, refused: Refused, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write(name, "title\nt\n")

    def denied(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    assert refused(path) == f"{path}: cannot be read: Permission denied"


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("papers", b"id,title\n1,t\n", "t"),
        ("papers.txt", b"id\ttitle\n1,2\tt\n", "t"),
        ("papers.json", b'\xef\xbb\xbf\n {"title": "t"}\n', "t"),
        ("papers.JSONL", b'{"title": "t"}\n', "t"),
        ("papers.CSV", b"title\n{t}\n", "{t}"),
    ],
)
def test_the_reader_is_chosen_by_extension_then_by_the_first_bytes(
    write: Write, name: str, content: bytes, title: str
) -> None:
    assert open_dataset(str(write(name, content))).documents[0].fields["title"] == title


def test_the_extension_has_the_last_word(write: Write, refused: Refused) -> None:
    assert "broken JSON" in refused(write("p.jsonl", "id,title\n1,t\n"))
    assert "no title, abstract or text column" in refused(write("p.csv", '{"title": "t"}\n'))


@pytest.mark.parametrize("content", [b"\x00\x01,", b"%PDF-1.7, x\n", b"<xml a='1,2'>\n", b"prose alone\n"])
def test_unknown_kinds_are_refused(write: Write, refused: Refused, content: bytes) -> None:
    path = write("p.bin", content)
    assert refused(path).startswith(f"{path}: of a kind that no reader knows; give CSV (.csv")


def test_an_empty_file_without_extension_is_refused(write: Write, refused: Refused) -> None:
    path = write("p", b"")
    assert refused(path).startswith(f"{path}: is empty; ")


def test_readers_are_asked_in_turn() -> None:
    assert [type(reader).__name__ for reader in READERS] == [
        "InstructionReader",
        "PartFolderReader",
        "KeyFolderReader",
        *["RowReader"] * 7,
        "CsvReader",
        "JsonLinesReader",
        "HubReader",
    ]
    assert [reader.matches(Path("hub:NAME")) for reader in READERS] == [False] * 12 + [True]


def test_a_file_comes_before_the_hub(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write("hub:papers.csv", "title\nt\n").parent)
    assert open_dataset("hub:papers.csv").documents[0].fields == {"title": "t"}


@pytest.mark.parametrize("name", ["papers.csv", "papers.jsonl"])
def test_annotation_that_a_kind_of_file_cannot_have_is_refused(
    write: Write, refused: Refused, name: str
) -> None:
    path = write(name, "title\nt\n")
    assert refused(path, annotation="corenlp").startswith(
        f"{path}: comes without corenlp annotation; remove `annotation` from the suite's [dataset], or "
    )


@pytest.mark.usefixtures("installed")
def test_annotation_of_an_embedded_corpus_is_refused(refused: Refused) -> None:
    assert refused("papers-demo", annotation="corenlp").startswith("papers-demo: comes without corenlp")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"encoding": "utf-99"}, "'utf-99' is no text encoding"),
        ({"encoding": "hex"}, "'hex' is no text encoding"),
        ({"columns": {"titel": "x"}}, "'title'"),
        ({"columns": {"title": " "}}, "at least 1 character"),
        ({"columns": {"title": "X", "label": "x"}}, "column 'x' is given to both title and label"),
        ({"max_characters": 0}, "greater than 0"),
        ({"annotation": "spacy"}, "Input should be 'none' or 'corenlp'"),
        ({"separator": ","}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        ReadOptions.model_validate(options)


def test_options_are_frozen() -> None:
    with pytest.raises(ValidationError):
        setattr(ReadOptions(), "language", "fr")  # noqa: B010


def test_errors_are_bench_errors_of_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(BenchError) as caught:
        open_dataset(str(tmp_path / "none.csv"))
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("url", "todo"),
    [
        ("https://example.org/papers.csv", "download it, and give the path of the file"),
        ("s3://bucket/papers.parquet", "download it, and give the path of the file"),
        ("file:///tmp/papers.csv", "give the path of the file"),
        ("https://huggingface.co/datasets/midas/inspec/tree/main", "give hub:midas/inspec, or download"),
    ],
)
def test_a_url_is_called_one(url: str, todo: str, refused: Refused) -> None:
    assert "is a URL" in refused(url)
    assert todo in refused(url)


def test_a_url_of_labels_is_called_one(write: Write, refused: Refused) -> None:
    papers = write("p.csv", "id,title\n1,t\n")
    assert "is a URL, and bench downloads nothing" in refused(papers, labels="https://example.org/l.csv")


def test_the_message_without_gold_names_the_columns(write: Write) -> None:
    dataset = open_dataset(str(write("p.csv", "ID,Title,Topic,\n1,t,x,\n")))
    assert dataset.columns == ("ID", "Title", "Topic")
    with pytest.raises(BenchError, match=r"columns found: 'ID', 'Title', 'Topic'; name the gold column"):
        infer_suite(dataset)
