"""Gold from a second file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from files_of_papers import Refused, Write

from readbench.datasets import ReadOptions, open_dataset

PAPERS = '{"id": "a", "title": "t", "keyphrases": ["cats"]}\n{"id": "b", "title": "t", "keyphrases": []}\n'


def test_gold_replaces_that_of_the_documents_it_names(write: Write) -> None:
    write("gold.json", json.dumps({"b": [["dog", "hound"], [" big  house "], "plain"], "z": [["x"]]}))
    dataset = open_dataset(str(write("p.jsonl", PAPERS)), ReadOptions(gold_file=Path("gold.json")))
    assert dataset.targets == {"keyphrases": {"a": ("cats",), "b": ("dog", "big house", "plain")}}
    assert dataset.counts == {"gold without a document": 1, "keyphrase variants left out": 1}


def test_gold_for_papers_that_had_none_and_from_anywhere(write: Write, tmp_path: Path) -> None:
    gold = write("gold.json", '{"1": [["k"]], "2": []}')
    (tmp_path / "sub").mkdir()
    path = write("sub/p.csv", "title\nt\nt\nt\n")
    dataset = open_dataset(str(path), ReadOptions(gold_file=gold))
    assert dataset.targets == {"keyphrases": {"1": ("k",), "2": ()}}
    assert dataset.counts == {"no keyphrases": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": [["x"]],\n]', ", line 2: broken JSON at column 1: "),
        ("[" * 100_000, ": broken JSON; "),
        ('{"a": ' + "9" * 5000 + "}", ": broken JSON; "),
        ("[]", ": is no JSON object; write "),
        ("{}", ": none of its 0 ids is in "),
        ('{"y": [["x"]], "z": []}', ": none of its 2 ids, such as 'y', is in "),
        ('{"a": "cats"}', ", id 'a': its gold is no list of phrases; write "),
        ('{"a": [[]]}', ", id 'a': its gold is no list of phrases; "),
        ('{"a": [["x", 1]]}', ", id 'a': its gold is no list of phrases; "),
        ('{"a": [["\\ud800"]]}', ", id 'a': half of a surrogate pair"),
        (b'{"a": [["\xff"]]}', ", line 1: byte 0xFF is not utf-8; "),
    ],
)
def test_broken_gold_is_refused(write: Write, refused: Refused, content: str | bytes, message: str) -> None:
    gold = write("gold.json", content)
    assert refused(write("p.jsonl", PAPERS), gold_file="gold.json").startswith(f"{gold}{message}")


def test_absent_gold_is_refused(write: Write, refused: Refused) -> None:
    path = write("p.jsonl", PAPERS)
    message = f"{path.parent / 'none.json'}: cannot be read: No such file"
    assert refused(path, gold_file="none.json").startswith(message)
