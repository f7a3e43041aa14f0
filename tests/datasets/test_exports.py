"""Exports of databases and reference managers, and files of other kinds than CSV and JSON Lines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from files_of_papers import Refused, Write

from readbench.core.errors import BenchError, MissingDependency
from readbench.core.types import Dataset
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.stream import stream_documents

RIS = """TY  - JOUR
TI  - Graph ranking
AB  - We rank phrases.
AU  - Person, A.
AU  - Other, B.
KW  - graphs
KW  - ranking
AN  - one
ER  -

TY  - JOUR
TI  - Surface codes
AB  - We correct errors.
KW  - codes
KW  - errors
AN  - two
ER  -
"""
BIBTEX = """@article{one, title = {Graph {Ranking}}, abstract = {We rank
  phrases.}, keywords = {graphs, ranking}, author = {M{\\"u}ller, A.}}
@article{two, title = {Surface codes}, abstract = {We correct errors.}, keywords = {codes, errors}}
"""
NBIB = """PMID- 1
TI  - Graph
      ranking
LA  - eng
AB  - We rank phrases.
FAU - Person, A.
OT  - *graphs
OT  - ranking
MH  - Data Mining/*methods

PMID- 2
TI  - Surface codes
LA  - eng
AB  - We correct errors.
OT  - codes
OT  - errors

"""
WOS = """FN Clarivate Analytics Web of Science
VR 1.0
PT J
AU Person, A
   Other, B
TI Graph
   ranking
LA English
DE graphs;
   ranking
ID SOME PLUS WORDS
AB We rank phrases.
UT WOS:1
ER

PT J
TI Surface codes
LA English
DE codes; errors
ID SOME PLUS WORDS
AB We correct errors.
UT WOS:2
ER

EF
"""
WOS_TAB = (
    "\ufeffPT\tAU\tTI\tLA\tDE\tID\tAB\tUT\n"
    "J\tPerson, A\tGraph ranking\tEnglish\tgraphs; ranking\tSOME PLUS WORDS\tWe rank phrases.\tWOS:1\n"
    'J\tPerson, A\t"Surface" codes\tEnglish\tcodes; errors\tSOME PLUS WORDS\tWe correct errors.\tWOS:2\n'
)
SCOPUS = (
    "\ufeffAuthors,Title,Year,Source title,Abstract,Author Keywords,Index Keywords,EID\n"
    "A.,Graph ranking,2020,J,We rank phrases.,graphs; ranking,graphs; Data mining,e1\n"
    "B.,Surface codes,2020,J,[No abstract available],codes; errors,codes; errors,e2\n"
)
ZOTERO = (
    '"Key","Item Type","Publication Year","Author","Title","Abstract Note","Manual Tags","Automatic Tags"\n'
    '"K1","journalArticle","2020","A","Graph ranking","We rank phrases.","graphs; ranking","mining"\n'
    '"K2","journalArticle","2020","B","Surface codes","We correct errors.","codes; errors",""\n'
)
GOLD = [("graphs", "ranking"), ("codes", "errors")]
LIBRARIES = {".ris": "rispy", ".bib": "bibtexparser", ".nbib": "nbib", ".xlsx": "openpyxl"}


def gold(dataset: Dataset) -> list[object]:
    return list(dataset.targets["keyphrases"].values())


@pytest.mark.parametrize(
    ("name", "content", "ids"),
    [
        ("p.ris", RIS, ["one", "two"]),
        ("export.txt", RIS, ["one", "two"]),
        ("p.bib", BIBTEX, ["one", "two"]),
        ("p.nbib", NBIB, ["1", "2"]),
        ("pubmed-set.txt", NBIB, ["1", "2"]),
        ("savedrecs.txt", WOS, ["WOS:1", "WOS:2"]),
        ("p.ciw", "\ufeff" + WOS.replace("\n", "\r\n"), ["WOS:1", "WOS:2"]),
        ("wos-tab.txt", WOS_TAB, ["WOS:1", "WOS:2"]),
        ("scopus.csv", SCOPUS, ["e1", "e2"]),
        ("zotero.csv", ZOTERO, ["K1", "K2"]),
    ],
)
def test_exports_are_read_as_they_come(write: Write, name: str, content: str | bytes, ids: list[str]) -> None:
    pytest.importorskip(LIBRARIES.get(Path(name).suffix, "rispy"))
    dataset = open_dataset(str(write(name, content)))
    assert [document.id for document in dataset.documents] == ids
    assert [document.fields["title"].lower() for document in dataset.documents] == [
        "graph ranking",
        '"surface" codes' if content is WOS_TAB else "surface codes",
    ]
    assert dataset.documents[0].fields["abstract"] == "We rank phrases."
    assert gold(dataset) == GOLD
    text = " ".join(" ".join(document.fields.values()) for document in dataset.documents).lower()
    assert "plus words" not in text
    assert "mining" not in text


def test_a_placeholder_is_no_abstract(write: Write) -> None:
    dataset = open_dataset(str(write("scopus.csv", SCOPUS)))
    assert "abstract" not in dataset.documents[1].fields
    assert dataset.counts == {"abstracts that say only that there is none": 1}


def test_references_without_ids_of_their_own_are_numbered(write: Write) -> None:
    pytest.importorskip("rispy")
    dataset = open_dataset(str(write("p.ris", RIS.replace("AN  - two", "AN  - one"))))
    assert [document.id for document in dataset.documents] == ["1", "2"]
    assert any("rows are numbered" in decision.sentence() for decision in dataset.decisions)


@pytest.mark.parametrize(
    ("name", "content"), [("p.nbib", "PMID- 1\nno tag here\n"), ("p.ris", "prose\n"), ("p.bib", "@article{")]
)
def test_broken_references_are_refused(
    write: Write, refused: Refused, name: str, content: str | bytes
) -> None:
    pytest.importorskip(LIBRARIES[Path(name).suffix])
    assert str(write(name, content)) in refused(write(name, content))


def test_without_the_library_the_line_to_install_is_given(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rispy", None)
    with pytest.raises(
        MissingDependency, match=r"needs the library rispy; pip install 'readbench\[exports\]'"
    ):
        open_dataset(str(write("p.ris", RIS)))


PAPERS = [
    {
        "id": "a",
        "title": "Graph ranking",
        "abstract": "We rank.",
        "keywords": "graphs, ranking",
        "label": 1.0,
    },
    {"id": "b", "title": "Surface codes", "abstract": "We code.", "keywords": "codes, errors", "label": 0.0},
]


@pytest.mark.parametrize(
    "value",
    [
        PAPERS,
        {"papers": PAPERS},
        {"count": 2, "data": PAPERS},
        {p["id"]: {**p, "id": p["id"]} for p in PAPERS},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_json_values_are_read(write: Write, value: object, indent: int | None) -> None:
    dataset = open_dataset(str(write("p.json", json.dumps(value, indent=indent))))
    assert [document.id for document in dataset.documents] == ["a", "b"]
    assert gold(dataset) == GOLD
    assert dataset.targets["classification"] == {"a": "1", "b": "0"}


def test_objects_by_id_have_it(write: Write) -> None:
    value = {"x": {"title": "t"}, "y": {"title": "u"}}
    assert [d.id for d in open_dataset(str(write("p.json", json.dumps(value)))).documents] == ["x", "y"]


def test_json_lines_in_a_json_file_are_read(write: Write) -> None:
    lines = "\n".join(map(json.dumps, PAPERS))
    assert len(open_dataset(str(write("p.json", lines))).documents) == 2


@pytest.mark.parametrize("content", ["[1, 2]", '["a"]', "[", "[{", "3", "[" * 100_000, ""])
def test_other_json_is_refused(write: Write, refused: Refused, content: str | bytes) -> None:
    assert str(path := write("p.json", content)) in refused(path)


def test_parquet_is_read(tmp_path: Path, refused: Refused) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(
        [paper | {"vector": [0.1, 0.2], "label": paper["label"]} for paper in PAPERS]
    )
    pq.write_table(table, path := tmp_path / "p.parquet")
    dataset = open_dataset(str(path))
    assert gold(dataset) == GOLD
    assert dataset.targets["classification"] == {"a": "1", "b": "0"}
    assert set(dataset.documents[0].fields) == {"title", "abstract"}
    damaged = tmp_path / "q.parquet"
    damaged.write_bytes(path.read_bytes()[:-30] + b"x" * 30)
    assert "is no Parquet file, or damaged" in refused(damaged)


def test_a_damaged_parquet_ends_no_process(tmp_path: Path) -> None:
    """Asking pyarrow for a column whose description contradicts itself ends the process."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"id": ["a", "b"], "title": ["x", "y"], "keywords": [["k"], ["l"]]}), tmp_path / "p"
    )
    whole = (tmp_path / "p").read_bytes()
    # The element of the list is declared as repeated and no more as optional.
    damaged = whole.replace(b"\x25\x02\x18\x07element", b"\x25\x03\x18\x07element", 1)
    assert damaged != whole
    path = tmp_path / "p.parquet"
    path.write_bytes(damaged)
    reading = "import sys, readbench.datasets as d; d.open_dataset(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", reading, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "p.parquet: is no Parquet file, or damaged" in done.stderr


def test_excel_is_read(tmp_path: Path, refused: Refused) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    rows = [list(PAPERS[0]), *(list(paper.values()) for paper in PAPERS), [None] * 5]
    for row in rows:
        book.active.append(row)
    book.create_sheet("notes").append(["x"])
    book.save(path := tmp_path / "p.xlsx")
    dataset = open_dataset(str(path))
    assert gold(dataset) == GOLD
    assert dataset.targets["classification"] == {"a": "1", "b": "0"}
    assert any("the first of 2 sheets" in decision.sentence() for decision in dataset.decisions)
    damaged = tmp_path / "q.xlsx"
    with zipfile.ZipFile(damaged, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook>")
    assert "is no Excel workbook, or damaged" in refused(damaged)


def test_predictions_are_made_for_these_kinds_too(write: Write) -> None:
    path = write("p.json", json.dumps(PAPERS, indent=1))
    assert [document.id for document in stream_documents(path, fields=["title"])] == ["a", "b"]


@pytest.mark.parametrize("suffix", [".ris", ".bib", ".nbib", ".ciw", ".json", ".parquet", ".xlsx"])
@pytest.mark.parametrize(
    "content", [b"", b"\0\xff" * 50, RIS.encode()[:70], NBIB.encode()[:33], b"@a{b,c={" * 9]
)
def test_whatever_stands_in_such_a_file_is_read_or_refused(
    write: Write, suffix: str, content: str | bytes
) -> None:
    path = write(f"p{suffix}", content)
    try:
        said = open_dataset(str(path), ReadOptions()).fingerprint
    except BenchError as error:
        said = str(error)
    assert len(said.splitlines()) == 1


def test_references_that_cannot_be_read_are_counted(write: Write) -> None:
    pytest.importorskip("bibtexparser")
    broken = (
        BIBTEX + "@article{three, title = {never closed, keywords = {a, b}\n" + BIBTEX.replace("one", "four")
    )
    dataset = open_dataset(str(write("p.bib", broken.replace("@article{two", "@article{five", 1))))
    assert [document.id for document in dataset.documents] == ["one", "five", "four", "two"]
    (file,) = (decision for decision in dataset.decisions if decision.about == "file")
    assert (file.seen, file.of) == (4, 5)
    assert file.doubt == "1 that begin in the file could not be read"


@pytest.mark.parametrize("times", [50, 3000])
def test_braces_that_are_never_closed_take_no_time(write: Write, times: int) -> None:
    pytest.importorskip("bibtexparser")
    path = write("p.bib", '@article{one, abstract = {We rank\n@string{j = "J\n' * times + BIBTEX)
    began = time.process_time()
    if times == 50:
        assert len(open_dataset(str(path)).documents) == 2
    else:
        with pytest.raises(BenchError, match="the braces of more than 100 entries do not match"):
            open_dataset(str(path))
    assert time.process_time() - began < 5
