"""Small valid files of every format that is read, by name."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

PAPERS = [
    {
        "id": f"p{number}",
        "title": f"Graph ranking {number}",
        "abstract": f"We rank the phrases of {number} documents, and of them the best.",
        "authors": "A. Person; B. Other",
        "keywords": "graph ranking; phrases; Müller index",
        "label": str(number % 2),
        "year": 2020 + number,
    }
    for number in range(6)
]
HEADER = list(PAPERS[0])


def table(delimiter: str) -> bytes:
    rows = [HEADER, *([str(value) for value in paper.values()] for paper in PAPERS)]
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in row] for row in rows]
    return "".join(delimiter.join(row) + "\n" for row in quoted).encode()


def json_lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


LINES = json_lines(PAPERS)
SCOPUS = (
    "\ufeffAuthors,Title,Year,Source title,Abstract,Author Keywords,Index Keywords,EID\n"
    '"A.; B.",Graph ranking,2020,J,We rank phrases.,graphs; ranking,graphs; Data mining,e1\n'
    "B.,Surface codes,2020,J,[No abstract available],codes; errors,codes; errors,e2\n"
    'C.,"Tag, label",2021,J,We tag words.,tags; words,tags; words,e3\n'
).encode()
WOS_TAB = (
    "\ufeffPT\tAU\tTI\tLA\tDE\tID\tAB\tUT\n"
    "J\tPerson, A\tGraph ranking\tEnglish\tgraphs; ranking\tSOME PLUS WORDS\tWe rank phrases.\tWOS:1\n"
    'J\tPerson, A\t"Surface" codes\tEnglish\tcodes; errors\tSOME PLUS WORDS\tWe correct.\tWOS:2\n'
).encode()
WOS = b"""FN Clarivate Analytics Web of Science
VR 1.0
PT J
AU Person, A
   Other, B
TI Graph
   ranking
LA English
DE graphs;
   ranking
AB We rank phrases.
UT WOS:1
ER

PT J
TI Surface codes
DE codes; errors
AB We correct errors.
UT WOS:2
ER

EF
"""
NBIB = b"""PMID- 1
TI  - Graph
      ranking
LA  - eng
DP  - 2020 Jan 3
AB  - We rank phrases.
FAU - Person, A.
AID - 10.1000/1 [doi]
OT  - *graphs
OT  - ranking
MH  - Data Mining/*methods

PMID- 2
TI  - Surface codes
AB  - We correct errors.
OT  - codes
OT  - errors

"""
RIS = b"""TY  - JOUR
TI  - Graph ranking
AB  - We rank phrases.
AU  - Person, A.
AU  - Other, B.
KW  - graphs
KW  - ranking
AN  - one
PY  - 2020
ER  -

TY  - JOUR
TI  - Surface codes
AB  - We correct errors.
KW  - codes
AN  - two
ER  -
"""
BIBTEX = b"""@string{j = "Journal"}
@article{one, title = {Graph {Ranking}}, abstract = {We rank
  phrases.}, keywords = {graphs, ranking}, author = {M{\\"u}ller, A.}, journal = j # " of Graphs"}
@comment{nothing}
@article{two, title = "Surface codes", abstract = {We correct $e^{2}$ errors.}, keywords = {codes, errors}}
"""
INSTRUCTIONS = json_lines(
    [
        {
            "context": f"Instruction: State the facts.\nInput: Zinc binds p{number}.\nAnswer: ",
            "target": '[{"subject": "zinc", "predicate": "binds", "object": "p"}]' if number else '["good"]',
        }
        for number in range(3)
    ]
)
CORENLP = json_lines(
    [
        {"id": f"p{number}", "sentences": [[["Graph", "graph", "NN"], ["ranking", "ranking", "NN"]]]}
        for number in range(6)
    ]
)
GOLD = json.dumps({paper["id"]: [["graph ranking"], ["phrases", "phrase"]] for paper in PAPERS}).encode()
LABELS = ("uuid,label\n" + "".join(f"p{number},{number % 2}\n" for number in range(6))).encode()
SUBMISSION = (
    "uuid,Keywords,label\n" + "".join(f'p{number},"graphs; ranking",{number % 2}\n' for number in range(6))
).encode()
SUITE = b"""# a suite
name = "fuzzed"
version = 2
description = "Papers of mine."
seed = 7

[dataset]
name = "papers.csv"
language = "en"
encoding = "utf-8"
keyphrase_separator = ";"
max_characters = 1000

[dataset.columns]
title = "title"
keyphrases = "keywords"

[split]
kind = "holdout"
test = 0.5
validation = 0.1

[tasks.keyphrases]
fields = ["title", "abstract"]
primary = "f1@10"
board = ["f1@5", "map"]
methods = ["pke.firstphrases[n_best=10]", "yake"]

[[tasks.keyphrases.tuned]]
method = "yake"
params = { n = [1, 2], dedup_lim = [0.9] }

[tasks.keyphrases.reference]
label = "published"
metric = "f1@10"
values = { yake = 0.25 }

[tasks.classification]
fields = ["title"]
labels = ["0", "1"]
positive = "1"
methods = ["majority", "logreg[C=1.5, ngram_max=2]"]

[limits]
timeout = "5m"
memory = "2GiB"
threads = 1
"""
THRESHOLDS = b"""fail_on = ["f1@10:-1pp", "documents_per_s:-10%"]

[methods."pke.tfidf"]
fail_on = ["peak_memory_bytes:+100MiB"]

[suites.quick]
fail_on = ["accuracy:-0.02", "fit_s:+30s"]

[suites.quick.methods.yake]
fail_on = ["f1@10:-2%"]
"""


def zipped(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


KEY_FILES = {
    "set/docsutf8/a.txt": b"Graph ranking\nWe rank phrases.\n",
    "set/docsutf8/b.txt": b"Surface codes\n\nWe correct errors.\n",
    "set/keys/a.key": b"graphs\t4\nranking\t2\n",
    "set/keys/b.key": b"codes\t1\nerrors\t1\n",
    "set/language.txt": b"english\n",
}


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        paper | {"keywords": str(paper["keywords"]).split("; "), "vector": [0.5, 1.5]} for paper in PAPERS
    ]
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), written)
    return written.getvalue()


def workbook() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in [HEADER, *(list(paper.values()) for paper in PAPERS)]:
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


TABLES: dict[str, bytes] = {
    "papers.csv": table(","),
    "papers.tsv": table("\t"),
    "semicolons.csv": table(";").replace(b"; ", b", "),
    "scopus.csv": SCOPUS,
    "savedrecs.txt": WOS_TAB,
    "papers.csv.gz": gzip.compress(table(",")),
}
OBJECTS: dict[str, bytes] = {
    "papers.jsonl": LINES,
    "papers.json": json.dumps(PAPERS, indent=1).encode(),
    "by-id.json": json.dumps({paper["id"]: paper for paper in PAPERS}).encode(),
    "papers.jsonl.gz": gzip.compress(LINES),
    "instructions.jsonl": INSTRUCTIONS,
}
REFERENCES: dict[str, bytes] = {
    "refs.ris": RIS,
    "refs.bib": BIBTEX,
    "pubmed.nbib": NBIB,
    "savedrecs.ciw": WOS,
}
