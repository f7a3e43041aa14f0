"""What holds for any papers and any bytes."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.core.types import Dataset
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.columns import ALIASES, resolve
from readbench.datasets.texts import unwrapped

Paper = dict[str, Any]
LIGHT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40)
words = text.filter(str.strip)
phrases = st.lists(
    st.text("abc é中.-", min_size=1, max_size=10)
    .map(lambda phrase: " ".join(phrase.split()).rstrip(".。 "))
    .filter(lambda phrase: any(map(str.isalnum, phrase))),  # "-" says that there is none
    max_size=4,
)
papers = st.lists(
    st.fixed_dictionaries(
        {
            "id": words.map(str.strip),
            "title": words,
            "abstract": text,
            "authors": text,
            "venue": text,
            "keyphrases": phrases,
            "label": st.sampled_from(["", "0", "1", "médical"]),
        }
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda paper: paper["id"],
)


def written(papers: list[Paper], path: Path) -> Path:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, list(papers[0]))
            table.writeheader()
            table.writerows(paper | {"keyphrases": "; ".join(paper["keyphrases"])} for paper in papers)
    else:
        path.write_text("\n".join(json.dumps(paper) for paper in papers), encoding="utf-8")
    return path


def as_read(name: str, text: str) -> str:
    return text if name == "authors" else unwrapped(text)


def same(dataset: Dataset, papers: list[Paper]) -> bool:
    fields = ("title", "abstract", "authors", "venue")
    return (
        {document.id: document.fields for document in dataset.documents}
        == {
            paper["id"]: {name: as_read(name, paper[name]) for name in fields if paper[name].strip()}
            for paper in papers
        }
        and dataset.targets["keyphrases"] == {paper["id"]: tuple(paper["keyphrases"]) for paper in papers}
        and dataset.targets["classification"]
        == {paper["id"]: paper["label"] for paper in papers if paper["label"]}
    )


@LIGHT
@given(papers)
def test_papers_are_read_back_as_written_from_either_kind_of_file(
    tmp_path: Path, papers: list[Paper]
) -> None:
    from_csv = open_dataset(str(written(papers, tmp_path / "p.csv")))
    from_jsonl = open_dataset(str(written(papers, tmp_path / "p.jsonl")))
    assert same(from_csv, papers)
    assert same(from_jsonl, papers)
    assert from_csv.fingerprint == from_jsonl.fingerprint
    assert from_csv.counts == from_jsonl.counts


@LIGHT
@given(papers, st.randoms(use_true_random=False))
@pytest.mark.parametrize("name", ["p.csv", "p.jsonl"])
def test_fingerprint_does_not_depend_on_the_order_of_rows(
    tmp_path: Path, name: str, papers: list[Paper], order: random.Random
) -> None:
    before = open_dataset(str(written(papers, tmp_path / name))).fingerprint
    order.shuffle(papers)
    assert open_dataset(str(written(papers, tmp_path / name))).fingerprint == before


csv_like = st.lists(st.sampled_from(['"', ",", ";", "\n", "\r", "\0", "a", "é", " ", "\t"]), max_size=30).map(
    lambda parts: ("id,title\n" + "".join(parts)).encode()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
json_like = st.lists(
    st.dictionaries(
        st.sampled_from(
            ["id", "UUID", "title", "Title", "abstract", "keywords", "label", "language", "x", ""]
        ),
        values,
    )
    | values,
    max_size=4,
).map(lambda records: "\n".join(map(json.dumps, records)).encode())


@LIGHT
@given(
    st.binary(max_size=200) | csv_like | json_like, st.sampled_from(["utf-8", "utf-16", "gb18030", "utf-7"])
)
@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.csv.gz", "p"])
def test_any_bytes_are_read_or_refused(tmp_path: Path, name: str, content: bytes, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for options in (ReadOptions(encoding=encoding), ReadOptions(encoding=encoding, labels=path)):
        try:
            dataset = open_dataset(str(path), options)
        except BenchError as error:
            said = str(error)
        else:
            assert dataset.documents
            said = dataset.fingerprint  # whatever is read can be written as UTF-8
        assert len(said.splitlines()) == 1


@given(
    st.lists(st.sampled_from(["id", "title", "Keywords", "label", "Controlled", "note", " NOTE ", "tags"]))
)
def test_gold_columns_never_become_fields(names: list[str]) -> None:
    try:
        columns = resolve(names, {"keyphrases": "tags"}, "here")
    except BenchError:
        assert len({name.strip().lower() for name in names}) < len(names)
    else:
        assert not {"keywords", "keyphrases", "label", "controlled", "tags"} & set(columns.fields)


def test_every_role_has_its_names() -> None:
    names = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(set(names)) == len(names)
    header = io.StringIO()
    csv.writer(header).writerow(names)
    assert header.getvalue().strip() == header.getvalue().strip().lower()
