"""Documents to predict for, one by one: columns that are checked once, ids that are checked in every row."""

from __future__ import annotations

import json
import re
import time

import pytest
from files_of_papers import Write
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.digests import Digests
from readbench.datasets.instruction_reader import instruction_fields, is_instruction
from readbench.datasets.stream import Stream, stream_documents

CONTEXT = "Instruction: Say it.\nInput: deep nets\nAnswer: "


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def refused(stream: Stream) -> str:
    with pytest.raises(BenchError) as caught:
        list(stream)
    assert "\n" not in str(caught.value)
    return str(caught.value)


PAPERS = ("title", "abstract")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("de.csv", "uuid,Titel,Zusammenfassung\na,x,y\n", "no column title or abstract, which the method re"),
        ("de.csv", "uuid,Titel,Zusammenfassung\n", "columns found: 'uuid', 'Titel', 'Zusammenfassung'"),
        ("de.jsonl", '{"id": "a", "Titel": "x"}\n', "line 1: no column title or abstract"),
        ("two.csv", "uuid,id,title\n", "columns uuid and id could both be the id"),
        ("two.csv", "title,Title\n", "two columns are named 'title'"),
        ("two.jsonl", '{"uuid": "a", "id": "b", "title": "x"}\n', "could both be the id"),
    ],
)
def test_columns_that_make_no_document_are_refused(write: Write, name: str, text: str, told: str) -> None:
    assert told in refused(stream_documents(write(name, text), fields=PAPERS))


def test_rows_without_the_fields_are_empty_and_counted(write: Write) -> None:
    rows = [{"id": "a", "title": "x"}, {"id": "b", "note": "y"}, {"id": "c", "title": " "}]
    stream = stream_documents(write("in.jsonl", lines(*rows)), fields=PAPERS)
    assert [document.id for document in stream] == ["a", "b", "c"]
    assert stream.without_text == 2
    list(stream)
    assert stream.without_text == 2


def test_a_doubled_id_is_refused_with_both_rows(write: Write) -> None:
    many = "".join(f"u{i},deep nets\n" for i in range(3000))
    path = write("in.csv", f"uuid,title\n{many}u2,other\n")
    assert "the id 'u2' is in row 3 (line 4) and again in row 3001 (line 3002)" in refused(
        stream_documents(path)
    )
    path = write("in.jsonl", lines({"id": "a", "title": "x"}, {"id": "a ", "title": "y"}))
    assert "the id 'a' is in line 1 and again in line 2" in refused(stream_documents(path))


def test_ids_that_share_a_digest_are_told_apart(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readbench.datasets.stream._digest", lambda _: 7)
    path = write("in.csv", "uuid,title\na,x\nb,y\nc,z\na,x\n")
    assert "'a' is in row 1 (line 2) and again in row 4 (line 5)" in refused(stream_documents(path))


@pytest.mark.parametrize(
    ("id_", "told"),
    [
        ("a\0", "a NUL byte"),
        ("a\ud800", "half of a surrogate pair"),
        ("a\rb", "a control character"),
        ("a\nb", "a control character"),
        ("a\x1bb", "a control character"),
        ("a\u2028b", "a control character"),
    ],
)
def test_ids_of_characters_that_no_table_keeps_are_refused(write: Write, id_: str, told: str) -> None:
    assert told in refused(stream_documents(write("in.jsonl", lines({"id": id_, "title": "x"}))))


def test_ids_where_they_are_needed(write: Write) -> None:
    assert "no uuid or id column" in refused(stream_documents(write("in.csv", "title\nx\n"), needs_ids=True))
    assert "no uuid or id" in refused(
        stream_documents(write("in.jsonl", lines({"title": "x"})), needs_ids=True)
    )
    assert "no uuid or id" in refused(
        stream_documents(write("rows.jsonl", lines({"context": CONTEXT})), needs_ids=True)
    )
    assert [d.id for d in stream_documents(write("in.csv", "title\nx\ny\n"))] == ["1", "2"]
    mixed = write("in.jsonl", lines({"id": "2", "title": "x"}, {"title": "y"}))
    assert "line 2: has no id, line 1 has one" in refused(stream_documents(mixed))
    mixed = write("in.jsonl", lines({"title": "x"}, {"id": "1", "title": "y"}))
    assert "line 2: has an id, line 1 has none" in refused(stream_documents(mixed))


def test_instruction_rows_have_the_ids_of_the_dataset(write: Write) -> None:
    rows = (
        lines({"context": CONTEXT, "target": "['x']"})
        + "\n"
        + lines({"context": CONTEXT, "target": "['y']", "id": "own"}, {"context": CONTEXT, "target": "['z']"})
    )
    path = write("dev.jsonl", rows)
    known = [document.id for document in open_dataset(str(path)).documents]
    assert [document.id for document in stream_documents(path)] == known == ["dev-1", "own", "dev-4"]


def test_a_malformed_instruction_row_is_refused_with_its_line(write: Write) -> None:
    good = {"context": CONTEXT, "target": "['x']"}
    for bad in ({"context": "Instruction: a\nInput: b\nAnswer: c"}, {"context": 3}, {"instruction": "a"}):
        told = refused(stream_documents(write("dev.jsonl", lines(good, bad))))
        assert "dev.jsonl, line 2: the context is" in told
    told = refused(stream_documents(write("dev.jsonl", lines({"context": "no", "target": "['x']"}, good))))
    assert "dev.jsonl, line 1: the context is not an Instruction" in told


def test_fields_of_instructions_may_have_columns_of_their_own(write: Write) -> None:
    path = write("flat.jsonl", lines({"instruction": "a", "input": "c"}))
    (document,) = stream_documents(path, fields=("instruction", "input"))
    assert (document.id, document.fields) == ("1", {"instruction": "a", "input": "c"})


def test_token_lists_are_read_as_the_dataset_reads_them(write: Write) -> None:
    row = {"id": "1", "document": ["deep", "nets"], "extractive_keyphrases": ["deep nets"]}
    path = write("hub.jsonl", lines(row))
    (document,) = stream_documents(path, fields=("text",))
    assert document.fields == open_dataset(str(path)).documents[0].fields == {"text": "deep nets"}


def test_mapped_columns(write: Write) -> None:
    path = write("in.csv", "uuid,Titel\na,x\n")
    options = ReadOptions(columns={"title": "Titel"})
    (document,) = stream_documents(path, options, fields=PAPERS)
    assert document.fields == {"title": "x"}
    options = ReadOptions(columns={"title": "Tittel"})
    assert "no column 'Tittel' for the title" in refused(stream_documents(path, options, fields=PAPERS))


AS_IT_WAS = re.compile(
    r"\s*Instruction:(?P<instruction>.*?)(?:\n\s*Input:(?P<input>.*))?\n\s*Answer:\s*", re.DOTALL
)


@given(st.lists(st.one_of(st.integers(0, 40), st.integers(-(2**63), 2**63 - 1)), max_size=200))
def test_digests_are_a_set(numbers: list[int]) -> None:
    digests, known = Digests(slots=4), {0}
    digests.add(1)  # which 0 is stored as
    known.add(1)
    for number in numbers:
        assert digests.add(number) == (number not in known)
        known.add(number)


PIECES = ("Instruction:", "Input:", "Answer:", "\n", "\r\n", " ", "a", "\u3000", "\x1c")


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.booleans())
def test_contexts_are_split_as_by_a_regular_expression(text: str, whole: bool) -> None:
    context = f"Instruction:{text}\nAnswer:" if whole else text
    found = AS_IT_WAS.fullmatch(context)
    assert is_instruction({"context": context}) == (found is not None)
    if found is not None:
        expected = {name: part.strip() for name, part in found.groupdict().items() if part and part.strip()}
        assert instruction_fields({"context": context}, "here") == expected


@pytest.mark.parametrize("repeated", ["\n", "\nInput: b", "\nAnswer:", " \n", "\nInput:\n", "x"])
def test_contexts_take_time_in_proportion(repeated: str) -> None:
    context = "Instruction: a" + repeated * 100_000 + "x"
    began = time.perf_counter()
    assert not is_instruction({"context": context})
    assert time.perf_counter() - began < 1
