"""Headings, numbers and bullets beside phrases are no part of them; objects in cells have their phrase."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from files_of_papers import Refused, Write

from readbench.core.types import Dataset
from readbench.datasets import open_dataset

PHRASES = [("graph theory", "networks", "codes"), ("surface codes", "noise"), ("text mining", "C++")]


def read(write: Write, cells: Sequence[object]) -> Dataset:
    rows = [json.dumps({"title": "t", "keywords": cell}) for cell in cells]
    return open_dataset(str(write("p.jsonl", "\n".join(rows))))


def gold(dataset: Dataset) -> list[object]:
    return list(dataset.targets["keyphrases"].values())


def told(dataset: Dataset) -> str:
    return "\n".join(decision.sentence() for decision in dataset.decisions)


@pytest.mark.parametrize(
    ("before", "between", "said"),
    [
        ("", "<br>", "separated by line breaks in 3 of 3 cells"),
        ("", "<BR />", "separated by line breaks in 3 of 3 cells"),
        ("Keywords: ", "; ", "a heading such as `Keywords:` left out in 3 of 3 cells"),
        ("Index Terms—", ", ", "a heading such as `Keywords:` left out in 3 of 3 cells"),
        ("Mots clés : ", " ; ", "a heading such as `Keywords:` left out in 3 of 3 cells"),
        ("• ", "\n• ", "in 3 of 3 cells"),
        ("- ", "\n- ", "bullets before the phrases left out in 7 of 7 lines"),
        ("", "؛ ", "separated by `؛` in 3 of 3 cells"),
    ],
)
def test_what_stands_beside_phrases_is_no_part_of_them(
    write: Write, before: str, between: str, said: str
) -> None:
    dataset = read(write, [before + between.join(phrases) for phrases in PHRASES])
    assert gold(dataset) == PHRASES
    assert said in told(dataset)


@pytest.mark.parametrize("number", ["{}. ", "{}) ", "({}) "])
@pytest.mark.parametrize("between", [" ", "\n", "; "])
def test_numbers_that_count_phrases_are_no_part_of_them(write: Write, number: str, between: str) -> None:
    cells = [
        between.join(number.format(place) + phrase for place, phrase in enumerate(phrases, 1))
        for phrases in PHRASES
    ]
    dataset = read(write, cells)
    assert gold(dataset) == PHRASES
    assert "numbers before the phrases left out in 3 of 3 cells" in told(dataset)


def test_numbers_within_phrases_stay(write: Write) -> None:
    cells = ["windows 95; type 2 diabetes", "1. FC Köln; football", "3 d. printing; 4 d. printing"]
    assert gold(read(write, cells)) == [tuple(cell.split("; ")) for cell in cells]


def test_a_mark_that_is_in_nearly_every_cell_separates(write: Write) -> None:
    pairs = [
        ("graph theory", "networks"),
        ("text mining", "noise"),
        ("a long phrase", "b"),
        ("c d", "e"),
        ("f g", "h"),
    ]
    dataset = read(write, [" ~ ".join(pair) for pair in pairs])
    assert gold(dataset) == pairs
    assert "separated by `~` in 5 of 5 cells; an unusual separator" in told(dataset)
    few = read(write, [" ~ ".join(pair) for pair in pairs[:3]])
    assert "`~` is in 3 of them, and these are few" in told(few)


def test_objects_of_catalogues_have_their_phrase(write: Write) -> None:
    objects = [[{"display_name": phrase, "score": 0.5} for phrase in phrases] for phrases in PHRASES]
    assert gold(read(write, [*objects])) == PHRASES
    assert gold(read(write, [json.dumps(cell) for cell in objects])) == PHRASES
    assert gold(read(write, [repr(cell) for cell in objects])) == PHRASES


def test_objects_without_a_known_name_are_refused(write: Write, refused: Refused) -> None:
    cells = [json.dumps([{"qid": 1}, {"qid": 2}]) for _ in range(3)]
    path = write("p.jsonl", "\n".join(json.dumps({"title": "t", "keywords": cell}) for cell in cells))
    assert "3 cells hold objects, and none of their names is name, display_name" in refused(path)


@pytest.mark.parametrize("none", ["-", "No keywords", "[No author keywords available]", "n/a", "?"])
def test_what_says_that_there_are_none_is_no_phrase(write: Write, none: str) -> None:
    dataset = read(write, [none, "a; b"])
    assert gold(dataset) == [(), ("a", "b")]
