"""Prompts: their fields, what is cut of a paper that is too long, the examples, and how answers are read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.adapter import TaskSpec
from readbench.core.errors import BenchError
from readbench.core.types import Document
from readbench_adapters.llm.formats import LabelFormat
from readbench_adapters.llm.prompts import Prompter, Template, choose_shots

SPEC = TaskSpec(task="classification", labels=("0", "1"))
FORMAT = LabelFormat(SPEC, ("0", "1"))
INSTRUCTION = "Say 1 if medical. T:{title} A:{abstract} [end]"


class Characters:
    """A tokenizer whose tokens are characters, with two before and one after a prompt."""

    eos_id, pad_id = 1, 0

    def encode(self, text: str) -> list[int]:
        return [ord(char) for char in text]

    def chat(self, prompt: str) -> list[int]:
        return [2, 2, *self.encode(prompt), 3]

    def answer(self, text: str) -> list[int]:
        return [*self.encode(text), self.eos_id]

    def decode(self, ids: object) -> str:
        return "".join(chr(id_) for id_ in ids if id_ > 3)  # type: ignore[attr-defined]


def prompter(room: int, text: str = INSTRUCTION) -> Prompter:
    template = Template.read(text, ("title", "abstract", "labels"))
    return Prompter(template, Characters(), ("0", "1"), room)


def shown(room: int, **fields: str) -> tuple[str, bool]:
    asked = prompter(room)
    ids = asked.ids(Document("d", fields), "test")
    assert len(ids) <= room
    return Characters().decode(ids), asked.cuts.described() == {"test": 1}


def test_what_fits_is_not_cut() -> None:
    assert shown(80, title="A b", abstract="c d") == ("Say 1 if medical. T:A b A:c d [end]", False)


def test_the_abstract_is_cut_first_and_at_a_word() -> None:
    assert shown(60, title="Trials", abstract="word " * 100) == (
        "Say 1 if medical. T:Trials A:word word word word [end]",
        True,
    )


def test_then_the_title_and_never_the_instruction() -> None:
    text, cut = shown(55, title="x" * 200, abstract="word " * 100)
    assert text.startswith("Say 1 if medical. T:xxx")
    assert text.endswith("x A: [end]")
    assert cut


def test_without_room_for_the_instruction_it_is_refused() -> None:
    with pytest.raises(BenchError, match="without a word of the paper"):
        prompter(20).ids(Document("d", {"title": "a"}), "test")


@settings(max_examples=40)
@given(st.text(max_size=120), st.text(max_size=200), st.integers(40, 200))
def test_a_prompt_fits_and_keeps_as_much_as_possible(title: str, abstract: str, room: int) -> None:
    asked = prompter(room)
    ids = asked.ids(Document("d", {"title": title, "abstract": abstract}), "test")
    assert len(ids) <= room
    text, before = Characters().decode(ids), "Say 1 if medical. T:"
    whole = f"{before}{title.strip()} A:{abstract.strip()} [end]"
    if len(whole) + 3 <= room:
        assert not asked.cuts.described()
    else:
        assert asked.cuts.described() == {"test": 1}
    # Control characters below 4 are this tokenizer's specials.
    if all(ord(char) > 3 for char in title + abstract):
        assert text.startswith(before)
        assert text.endswith(" [end]")


def test_chinese_is_cut_between_characters() -> None:
    text, _ = shown(45, title="医", abstract="本文提出一种用于肺部影像的分割方法" * 5)
    assert len(text) + 3 == 45


def test_the_most_that_fits_is_kept() -> None:
    for room in range(40, 70):
        text, _ = shown(room, title="T", abstract="ab " * 40)
        assert room - 3 - 3 < len(text) + 1 <= room  # another "ab " would not fit


@pytest.mark.parametrize("title", ["🎉" * 30, "👩‍🔬" * 12, "ก" * 60, "x" * 90, "a🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉 b"])
def test_the_room_is_counted_in_tokens(title: str) -> None:
    """A character of four bytes takes four tokens here, so that twenty of them fill the room."""
    asked = Prompter(Template.read("T:{title} A:{abstract}", ("title", "abstract")), Bytes(), (), 40)
    ids = asked.ids(Document("d", {"title": title, "abstract": "word " * 30}), "test")
    assert 40 - 12 <= len(ids) <= 40
    kept = bytes(ids).decode().removeprefix("T:").partition(" A:")[0]
    assert title.startswith(kept)
    assert kept
    assert not kept.endswith("\u200d")
    assert not title[len(kept) :].startswith("\u200d")


class Bytes(Characters):
    """A tokenizer whose tokens are bytes, without a frame."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def chat(self, prompt: str) -> list[int]:
        return self.encode(prompt)


@pytest.mark.parametrize(
    ("prompt", "with_cue"),
    [
        ("Judge: {title} {abstract}", "Judge: {title} {abstract}\nAnswer: "),
        ("Judge: {abstract}\n", "Judge: {abstract}\nAnswer: "),
        ("判断：{abstract}", "判断：{abstract}\n答案："),
        ("Judge: {abstract} =", "Judge: {abstract} ="),
        ("Judge.", "Judge."),
    ],
)
def test_a_prompt_that_ends_in_the_paper_gets_a_cue(prompt: str, with_cue: str) -> None:
    template = Template.read(prompt, ("title", "abstract"))
    assert template.with_cue().fill({"title": "{title}", "abstract": "{abstract}"}) == with_cue


def test_examples_are_shown_with_the_cue() -> None:
    template = Template.read("{title}", ("title",)).with_cue()
    asked = Prompter(template, Characters(), ("0", "1"), 300)
    asked.show([(Document("a", {"title": "A"}), "1")])
    text = Characters().decode(asked.ids(Document("d", {"title": "D"}), "test"))
    assert text == "A\nAnswer: 1\n\nD\nAnswer: "


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{authors}", "no field {authors}"),
        ("{title", "prompt"),
        ("{title!r}", "no field"),
        ("{0}", "no field"),
    ],
)
def test_prompts_that_cannot_be_filled_are_refused(text: str, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        prompter(80, text)


def test_braces_of_a_paper_are_text() -> None:
    assert "{title} {{" in shown(90, title="{title} {{")[0]
    text = Characters().decode(
        prompter(90, "{{json}} {title} of {labels}").ids(Document("d", {"title": "x"}), "t")
    )
    assert text == "{json} x of 0, 1"


def test_the_default_prompt_names_the_fields_and_the_labels() -> None:
    template = Template.read(FORMAT.prompt, ("title", "abstract", "labels"))
    assert set(template.fields) == {"title", "abstract", "labels"}


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("1", "1"),
        (" 0\n", "0"),
        ("The answer is 1.", "1"),
        ("1: medical", "1"),
        ("label=0", "0"),
        ("10", None),
        ("", None),
        ("medical", None),
        ("0 or 1", None),
        ("1\nnot 0, because", "1"),
        ("0. The paper scores 1 of 5", "0"),
        ("0.5", None),
        ("1.0", None),
        ("答：1", "1"),
        ("**1**", "1"),
    ],
)
def test_answers_are_read_tolerantly(said: str, label: str | None) -> None:
    found = FORMAT.read(said)
    assert (found.label if found else None) == label


def test_of_labels_within_labels_the_longer_is_meant() -> None:
    of_words = LabelFormat(SPEC, ("Medical", "Not medical"))
    for said, label in [("not medical", "Not medical"), ("It is medical!", "Medical"), ("paramedical", None)]:
        found = of_words.read(said)
        assert (found.label if found else None) == label


@given(st.text(max_size=40))
def test_any_answer_is_read_as_a_label_or_as_none(said: str) -> None:
    found = FORMAT.read(said)
    assert found is None or found.label in ("0", "1")


def test_shots_are_seeded_and_of_every_label() -> None:
    documents = [Document(str(i), {}) for i in range(20)]
    targets = {str(i): "1" if i < 3 else "0" for i in range(20)}
    chosen = choose_shots(documents, targets, 4, 7)
    assert chosen == choose_shots(documents[::-1], targets, 4, 7)
    assert sorted(targets[d.id] for d in chosen) == ["0", "0", "1", "1"]
    assert [d.id for d in chosen] != [d.id for d in choose_shots(documents, targets, 4, 8)]
    more = choose_shots(documents, targets, 10, 7)
    assert sum(targets[d.id] == "1" for d in more) == 3  # there are no more of them
    with pytest.raises(BenchError, match="has 20 documents"):
        choose_shots(documents, targets, 21, 7)


def test_shots_stand_before_the_paper_and_share_the_room() -> None:
    asked = prompter(300)
    long = Document("a", {"title": "A", "abstract": "word " * 100})
    asked.show([(long, "1"), (Document("b", {"title": "B"}), "0")])
    text = Characters().decode(asked.ids(Document("d", {"title": "D", "abstract": "end " * 100}), "test"))
    assert text.startswith("Say 1 if medical. T:A A:word")
    assert " [end]\n1\n\nSay 1 if medical. T:B A: [end]\n0\n\nSay 1 if medical. T:D A:end" in text
    assert len(text) + 3 <= 300
    assert asked.cuts.described() == {"shots": 1, "test": 1}
    first = text.index("\n1\n\n")
    assert first < 100
