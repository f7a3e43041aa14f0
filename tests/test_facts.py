"""Answers as text: every way of writing them is read, what is none is refused in words."""

from __future__ import annotations

import json

import pytest
from damaged_texts import with_one_edit
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.core.types import Fact, StatedFacts
from readbench.text.facts import find_answer, read_answer, write_answer

BOOK = Fact("雾港", "作者", "林青禾", "图书", "人物")
STATED = StatedFacts((BOOK,))
PAIRS = {
    "predicate": "作者",
    "object_type": "人物",
    "subject_type": "图书",
    "object": "林青禾",
    "subject": "雾港",
}


def objects(opening: str = '"', closing: str = '"', colon: str = ": ", comma: str = ", ") -> str:
    return comma.join(f"{opening}{k}{closing}{colon}{opening}{v}{closing}" for k, v in PAIRS.items())


@pytest.mark.parametrize(
    "text",
    [
        f"[{{{objects()}}}]",
        f"  ```json\n[{{{objects()}}}]\n```\n",
        f"```\r\n[{{{objects()}}}]\r\n```",
        f"```json [{{{objects()}}}]",
        f"```JSON\n[{{{objects()}}}]```",
        repr([PAIRS]),
        f"[{{{objects(chr(39), chr(39))}}},]",
        f"［｛{objects('“', '”', '：', '，')}｝］",
        f"[{{{objects('‘', '’', '：', '、')}}}]",
        f"[{{{objects('「', '」')}}}]",
        f"[{{{objects('”', '“')}}}]",
        f"[{{{objects('', '')}}}]",
        f"{{{objects()}}}",
        f"[{{{objects()}, }}]",
        f'[{{{objects()}, "more": null}}]',
    ],
)
def test_facts_however_written(text: str) -> None:
    assert read_answer(text) == STATED
    assert find_answer(text) == STATED
    without_quotes = objects("", "") in text
    assert find_answer(f"好的，如下：\n{text}\n以上。") == (None if without_quotes else STATED)


@pytest.mark.parametrize(
    "text",
    [
        '["水果"]',
        "['水果']",
        "[“水果”]",
        "【水果】",
        "［水果］",
        '```json\n["水果"]\n```',
        '[ "水果" ,]',
        '["水果 "]',
    ],
)
def test_labels_however_written(text: str) -> None:
    assert read_answer(text) == StatedFacts(label="水果")


def test_values_are_taken_as_they_are() -> None:
    text = '[{"subject": "a", "predicate": "身高", "object": 1.50, "subject_type": null}]'
    assert read_answer(text).facts == (Fact("a", "身高", "1.50"),)
    said = "[{'subject': 'It's', 'predicate': 'p', 'object': 'he said \"so\"'}]"
    assert read_answer(said).facts == (Fact("It's", "p", 'he said "so"'),)
    escaped = r"""[{'subject': 'a\'b', 'predicate': '\u4f5c\ud83d\ude42', 'object': 'c\\d\n e'}]"""
    assert read_answer(escaped).facts == (Fact("a'b", "作🙂", "c\\d\n e"),)
    assert read_answer("[]") == read_answer("```json\n[]\n```") == StatedFacts()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has the end where a list is expected"),
        ("   ", "has the end where a list is expected"),
        ("水果", "has '水果' where a list is expected"),
        ('"水果"', "is no list but"),
        ("3", "is no list but"),
        ('["a", "b"]', "names 2 labels"),
        ('[""]', "the label is blank"),
        ("[null]", "holds null"),
        ("[None]", "holds null"),
        ("[[1]]", "something else than labels or facts"),
        ('["a", {"subject": "b"}]', "mixes labels and facts"),
        ('[{"subject": "a", "predicate": "b"}]', "fact 1 has no object"),
        ('[{"subject": " ", "object": "b"}]', "fact 1 has no subject and no predicate"),
        ('[{"subject": ["a"], "predicate": "b", "object": "c"}]', "the 'subject' of a fact is no text"),
        ('["a"', "has the end where a comma or the end of the list is expected"),
        ('["a', "a quote that is closed"),
        ('["a"] 好', "has '好' where the end of the answer is expected"),
        ("[{'subject' 'a'}]", "a colon"),
        ('```json\n["a"]\n``` 好', "has '``` 好' where the end of the answer is expected"),
        (r'["\ud83d"]', "half of a surrogate pair"),
        ("[" * 100_000, "a value"),
    ],
)
def test_what_is_no_answer(text: str, why: str) -> None:
    with pytest.raises(BenchError) as caught:
        read_answer(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('这是一条评论：["水果"]。', "水果"),
        ('【答案】["水果"]', "水果"),
        ('答案 [1]：\n```\n["水果"]\n```\n谢谢', "水果"),
        ("【答案】水果", None),
        ("The list [of things] is empty", None),
        ('["水果", "衣服"]', None),
        ("", None),
    ],
)
def test_an_answer_amid_words(text: str, label: str | None) -> None:
    found = find_answer(text)
    assert (found and found.label) == label


def fact(subject: str, obj: str = '"o"') -> str:
    return f'{{"subject": "{subject}", "predicate": "p", "object": {obj}}}'


A, B, NO_TEXT = fact("a"), fact("b"), fact("b", '["x"]')


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        (f"{A}\n{B}", "ab"),
        (f"{A}, {B}", "ab"),
        (f"1. {A}\n2. {B}", "ab"),
        (f"```json\n{A}\n```\n```json\n{B}\n```", "ab"),
        (f"The set {{x}} and f(){{}}: {A}\n{B}", "ab"),
        (f"【答案】{A}", "a"),
        (f"{A} [1]", "a"),
        (f"{A}\n{B[:-5]}", None),
        (f"{A}\n{NO_TEXT}", None),
        (f"{NO_TEXT}\n{A}", None),
        (f'{A}\n{{"subject": "b"}}', None),
        (f"[{A}, {NO_TEXT}]", None),
        (f"The answer is {NO_TEXT}", None),
        (f"The answer is {NO_TEXT.replace(chr(34), chr(39))}", None),
        ('{subject: a, predicate: p, object: ["x"]}', None),
        (f"[{NO_TEXT}] or rather [{A}]", "a"),
        (f"[{fact('a []')}, {B[:-14]}", None),
        (f"So: [{A}, {B[:-14]}", None),
        (f"So: [] or [{A}, {B[:-14]}", None),
        (f"- [ ] todo\n[{A}]", "a"),
        (f"- [ ] todo\n{A}\n{B}", "ab"),
        (f"```json\n[]\n```\nNo: [{A}]", "a"),
        (f"in [0, 1) as asked: [{A}]", "a"),
        ("There are none: []", ""),
        ("- [ ] todo [1]", ""),
        ("```json\n[]\n```\nThere are none.", ""),
    ],
)
def test_a_part_of_an_answer_is_not_taken_for_the_whole(text: str, subjects: str | None) -> None:
    found = find_answer(text)
    assert (found and "".join(fact.subject for fact in found.facts)) == subjects
    assert found is None or found.label is None


def test_json_amid_words_is_read_as_json() -> None:
    """Its values may hold what would end one in Chinese punctuation."""
    said = '[{"subject": "“长征”，“北斗”", "predicate": "p", "object": "the \\"A\\", \\"B\\" trial"}]'
    whole = read_answer(said)
    assert whole.facts[0].object == 'the "A", "B" trial'
    assert find_answer(f"答案：{said}。") == find_answer(f"答案：\n```json\n{said}\n```\n完") == whole
    assert find_answer('Sure: ["x”、】"]') == StatedFacts(label="x”、】")
    assert find_answer('Sure: ["x ```null[a"]') == StatedFacts(label="x ```null[a")
    assert find_answer('Of ["x"]:\n```\n[y]\n```') == StatedFacts(label="y")
    assert find_answer("See [1] and [2.5] and [null].") is None


def test_a_cut_answer_is_none() -> None:
    """What a limit on tokens leaves of an answer does not count as one that could be read."""
    whole = write_answer(StatedFacts((BOOK, BOOK.untyped)))
    for length in range(whole.rindex("]")):
        assert find_answer(whole[:length]) is None
    assert find_answer(whole[: whole.rindex("]") + 1]) is not None


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip)
named = texts.filter(bool)
facts = st.builds(Fact, named, named, named, texts, texts)


@settings(max_examples=300)
@given(
    st.one_of(
        st.builds(StatedFacts, st.lists(facts, max_size=4).map(tuple)),
        st.builds(StatedFacts, st.just(()), named),
    )
)
def test_what_is_written_is_read(target: StatedFacts) -> None:
    assert read_answer(write_answer(target)) == find_answer(write_answer(target)) == target


@settings(max_examples=300)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([*PAIRS]), st.text("ab'，\"\\ “”【：\n", min_size=1), max_size=5)
    )
)
def test_json_and_python_say_the_same(rows: list[dict[str, str]]) -> None:
    def outcome(text: str) -> object:
        try:
            return read_answer(text)
        except BenchError as error:
            return str(error)

    whole = outcome(json.dumps(rows))
    assert outcome(json.dumps(rows, ensure_ascii=False)) == whole
    assert isinstance(whole, str) == any(
        not row.get(key, "").strip() for row in rows for key in ("subject", "predicate", "object")
    )


def test_any_text_is_read_or_refused() -> None:
    """Most of these texts are an answer with one edit: about half of them can be read."""
    marks = "[]{}【】\"'“”,:，： `\\nul\nab1"
    written = st.builds(StatedFacts, st.lists(facts, max_size=2).map(tuple)).map(write_answer)
    readable: list[bool] = []

    @settings(max_examples=300, derandomize=True)
    @given(
        st.one_of(with_one_edit(written, marks), with_one_edit(written, marks), st.text(marks, max_size=40))
    )
    def tried(text: str) -> None:
        try:
            stated = read_answer(text)
        except BenchError:
            stated = None
        readable.append(stated is not None)
        assert stated is None or find_answer(text) == stated

    tried()
    assert 0.2 < sum(readable) / len(readable) < 0.9


def test_facts_beside_a_label_cannot_be_written() -> None:
    with pytest.raises(BenchError, match="facts and a label"):
        write_answer(StatedFacts((BOOK,), "水果"))
