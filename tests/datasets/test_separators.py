"""The separator of a column is chosen from the whole column, or refused with the option to set."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from files_of_papers import Refused, Write
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.core.types import Dataset, Decision
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.separators import STRONG, WEAK, list_in_cell, separator_of

PHRASES = (
    ("neural network pruning", "speech recognition", "model compression"),
    ("quantum error correction", "surface codes"),
    ("graph-based ranking", "text mining", "TCP/IP", "C++"),
    ("health policy", "ageing"),
    ("data mining", "peer-to-peer"),
)


def read(write: Write, cells: Sequence[object], **options: object) -> Dataset:
    rows = [json.dumps({"title": "t", "keywords": cell}) for cell in cells]
    return open_dataset(str(write("p.jsonl", "\n".join(rows))), ReadOptions.model_validate(options))


def gold(dataset: Dataset) -> list[tuple[str, ...]]:
    return [phrases for phrases in dataset.targets["keyphrases"].values() if isinstance(phrases, tuple)]


def decision(dataset: Dataset) -> Decision:
    (found,) = (decision for decision in dataset.decisions if decision.about == "keyphrases")
    return found


@pytest.mark.parametrize(
    "mark", [";", ",", "|", "\t", "\n", "；", "，", "、", " / ", " - ", " • ", ", ", " ; "]
)
def test_any_usual_separator_is_found(write: Write, mark: str) -> None:
    dataset = read(write, [mark.join(phrases) for phrases in PHRASES])
    assert gold(dataset) == list(PHRASES)
    assert (decision(dataset).seen, decision(dataset).of) == (5, 5)
    assert decision(dataset).option == "--keyword-separator"


def test_the_decision_is_told_in_words(write: Write) -> None:
    told = decision(read(write, [", ".join(phrases) for phrases in PHRASES])).sentence()
    assert told == (
        "keyphrases: column `keywords`, separated by `,` in 5 of 5 cells (--keyword-separator overrides it)"
    )


@pytest.mark.parametrize(
    "spell",
    [
        json.dumps,
        lambda phrases: repr(list(phrases)),
        repr,
        lambda phrases: "[" + " ".join(map(repr, phrases)) + "]",  # an array of NumPy
        lambda phrases: "[" + "\n ".join(map(repr, phrases)) + "]",
        lambda phrases: "[" + ", ".join(phrases) + "]",
        lambda phrases: "{" + ",".join(f'"{phrase}"' for phrase in phrases) + "}",
        lambda phrases: 'c("' + '", "'.join(phrases) + '")',
        lambda phrases: ", ".join(f'"{phrase}"' for phrase in phrases),
        lambda phrases: "".join(f"<{phrase}>" for phrase in phrases),
        lambda phrases: json.dumps([phrase.split() for phrase in phrases]),
        lambda phrases: json.dumps(json.dumps(phrases)),
    ],
)
def test_lists_written_into_cells_are_lists(write: Write, spell: Callable[[tuple[str, ...]], str]) -> None:
    assert gold(read(write, [spell(phrases) for phrases in PHRASES])) == list(PHRASES)


def test_lists_in_most_cells_are_lists_and_the_others_are_split() -> None:
    lists, plain = ['["a b", "c"]', '["d", "e"]', '["f"]'], ["g; h", "i; j"]
    mostly = separator_of([*lists, *plain])
    assert (mostly.name, mostly.seen, mostly.of) == ("lists in the cells", 3, 5)
    assert mostly.split(lists[0]) == ["a b", "c"]
    assert [piece.strip() for piece in mostly.split("g; h")] == ["g", "h"]
    assert separator_of([*lists, *plain, "k; l"]).name != "lists in the cells"


def test_the_semicolon_of_an_entity_separates_nothing(write: Write) -> None:
    assert gold(read(write, ["R&amp;D; text mining", "a &lt; b; c"]))[0] == ("R&D", "text mining")
    assert gold(read(write, ["AT&T; x", "Q&A; y"]))[0] == ("AT&T", "x")


def test_slashes_that_are_nearly_everywhere_separate(write: Write) -> None:
    assert gold(read(write, ["a/b/c", "d/e", "f/g/h", "i/j", "k/l/m"]))[0] == ("a", "b", "c")
    protocols = ["TCP/IP", "a", "b", "c", "d"]
    assert gold(read(write, protocols))[0] == ("TCP/IP",)


def test_lists_of_tokens_are_phrases(write: Write) -> None:
    assert gold(read(write, [[["neural", "network"], ["codes"]]])) == [("neural network", "codes")]


def test_lists_of_one_text_each_are_texts(write: Write) -> None:
    assert gold(read(write, [["; ".join(phrases)] for phrases in PHRASES])) == list(PHRASES)
    # Of phrases that are one to a list, some with a comma, nothing is split.
    single = [["a"], ["health, public"], ["b"], ["c"], ["d"]]
    assert gold(read(write, single)) == [tuple(cell) for cell in single]


def test_semicolons_win_over_commas_within_phrases(write: Write) -> None:
    cells = ["networks, neural; codes, surface", "health, public; ageing", "mining, text; C++", "one"]
    assert gold(read(write, cells))[0] == ("networks, neural", "codes, surface")
    # Though most documents have one phrase, and one of them a comma.
    cells = ["a", "b", "c; d", "e", "health, public", "f; g"]
    assert gold(read(write, cells))[4] == ("health, public",)


def test_a_few_cells_of_another_kind_are_told(write: Write) -> None:
    cells = [f"a{i}; b{i}" for i in range(20)] + ["c, d, e"]
    found = decision(read(write, cells))
    assert found.doubt == "1 cells hold several `,` and no `;`"
    assert (found.seen, found.of) == (20, 21)


def test_a_list_in_wrapped_lines_is_a_list_of_commas(write: Write) -> None:
    cells = ["neural network,\nspeech, text\nmining", "a, b, c,\nd", "e,\nf, g"]
    assert gold(read(write, cells))[0] == ("neural network", "speech", "text mining")


def test_full_and_half_width_marks_are_one(write: Write) -> None:
    assert gold(read(write, ["甲；乙;丙", "丁；戊", "己;庚"])) == [
        ("甲", "乙", "丙"),
        ("丁", "戊"),
        ("己", "庚"),
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ["a, b, c", "d, e, f", "g; h; i", "j; k; l"],
        ["a"] * 8 + ["health, public", "policy, social"],
        ["a long list of many words without any mark between its many phrases"] * 3,
    ],
)
def test_a_column_that_contradicts_itself_is_refused_with_the_option(
    write: Write, refused: Refused, cells: list[str]
) -> None:
    path = write("p.jsonl", "\n".join(json.dumps({"title": "t", "keywords": cell}) for cell in cells))
    message = refused(path)
    assert "what separates the keyphrases of the column `keywords` cannot be told: " in message
    assert "--keyword-separator ';'" in message
    dataset = open_dataset(str(path), ReadOptions(keyphrase_separator=","))
    assert gold(dataset)[0] == tuple(piece.strip() for piece in cells[0].split(","))


def test_what_the_user_says_holds(write: Write) -> None:
    assert gold(read(write, ["a, b; c"], keyphrase_separator=",")) == [("a", "b; c")]
    assert gold(read(write, ["a\tb, c"], keyphrase_separator="\\t")) == [("a", "b, c")]
    assert "`,` is in 3" in decision(read(write, ["a, b", "c, d", "e, f"], keyphrase_separator="|")).doubt


def test_cells_that_say_that_nothing_is_there_have_no_phrases(write: Write) -> None:
    dataset = read(write, ["nan", "None", "", "a; b", None, "[]"])
    assert gold(dataset) == [(), (), (), ("a", "b"), (), ()]
    assert dataset.counts == {"no keyphrases": 5}


def test_the_papers_of_the_finding(shared: Path) -> None:
    path = Path(shared, "findings", "cases", "keywords-comma.csv")
    if not path.is_file():
        pytest.skip("no findings beside the repository")
    assert [len(phrases) for phrases in gold(open_dataset(str(path)))] == [3, 3, 3]


words = st.text("abcdé", min_size=1, max_size=6)
phrase = st.lists(words, min_size=1, max_size=3).map(" ".join)
columns = st.lists(st.lists(phrase, min_size=2, max_size=5), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(columns, st.sampled_from([*STRONG, *WEAK[:3]]))
def test_joined_phrases_come_apart(column: list[list[str]], mark: str) -> None:
    apart = separator_of([mark.join(phrases) for phrases in column])
    assert [apart.split(mark.join(phrases)) for phrases in column] == column
    assert apart.certain


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_a_list_in_a_cell_is_read_as_it_was_written(phrases: list[str]) -> None:
    assert list_in_cell(json.dumps(phrases)) == tuple(phrases)
    assert list_in_cell(repr(phrases)) == tuple(phrases)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.sampled_from("[](){}<>'\"\\,;|abc \n\t"), max_size=20), max_size=6))
def test_any_cells_are_split(cells: list[str]) -> None:
    apart = separator_of(cells)
    for cell in cells:
        assert all(isinstance(piece, str) for piece in apart.split(cell))
