"""Which label a free answer states, rule by rule; where it states none, none is guessed."""

from __future__ import annotations

from time import perf_counter, process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench_adapters.llm.label_answers import label_of

MEDICAL, OTHER = ("medical", "not medical"), ("medical", "physics")
CHINESE, DENIED = ("医学", "计算机"), ("医学", "非医学")
DIGITS, SIGNED = ("0", "1"), ("-1", "0", "1")

SPELLING = [
    (MEDICAL, "Not Medical.", "not medical"),
    (MEDICAL, "not  medical", "not medical"),
    (MEDICAL, "not-medical", "not medical"),
    (MEDICAL, "not_medical", "not medical"),
    (MEDICAL, "ｎｏｔ　ｍｅｄｉｃａｌ", "not medical"),
    (DIGITS, "１", "1"),
    (DIGITS, "结果为０。", "0"),
    (SIGNED, "-1", "-1"),
    (SIGNED, "The label is -1.", "-1"),
    (("cs.AI", "cs.CL"), "It is cs.ai", "cs.AI"),
    (("A", "a"), "a", "a"),
    (("A", "a"), "it is a", None),
]
MENTIONS = [
    # Of labels within labels the longest is meant, in whatever order they are given.
    (("computer", "computer science"), "It is computer science.", "computer science"),
    (("computer", "computer science"), "It is a computer.", "computer"),
    (DIGITS, "输出1", "1"),
    (DIGITS, "是医学论文，输出1", "1"),
    (DIGITS, "第1类", "1"),
    (DIGITS, "label-1", "1"),
    (DIGITS, "1篇论文", None),
    (DIGITS, "-1", None),
    (DIGITS, "－1", None),
    (DIGITS, "\u22121", None),
    (DIGITS, "Answer:-1", None),
    (DIGITS, "10", None),
    (DIGITS, "0.5", None),
    (DIGITS, "1/5", None),
    (DIGITS, "1 %", None),
    (DIGITS, "1,000", None),
    (DIGITS, "0-1", None),
    (CHINESE, "这篇论文属于医学领域", "医学"),
    (CHINESE, "医学和计算机", None),
    (MEDICAL, "paramedical", None),
    (MEDICAL, "bio-medical", None),
    (MEDICAL, "I would say **medical**", "medical"),
    (MEDICAL, "It is medical or not medical", None),
    (("是", "否"), "这是医学", None),
    (("是", "否"), "答案：否", "否"),
]
NEGATIONS = [
    (MEDICAL, "It is not a medical paper", "not medical"),
    (MEDICAL, "This isn’t a medical paper.", "not medical"),
    (MEDICAL, "It doesn't belong to the medical field", "not medical"),
    (MEDICAL, "non-medical", "not medical"),
    (MEDICAL, "nonmedical", "not medical"),
    (MEDICAL, "medical: no", "not medical"),
    (MEDICAL, '{"medical": false}', "not medical"),
    (MEDICAL, "I don't think this is a medical paper", "not medical"),
    (MEDICAL, "It is not at all medical", "not medical"),
    (MEDICAL, "Medical? Not at all.", "not medical"),
    (MEDICAL, "It is unrelated to the medical field", "not medical"),
    (OTHER, "physics rather than medical", "physics"),
    (OTHER, "nothing but physics", "physics"),
    (DENIED, "与医学无关", "非医学"),
    (DENIED, "医学以外的论文", "非医学"),
    (DENIED, "算不上医学论文", "非医学"),
    (DIGITS, "不是0，是1", "1"),
    (OTHER, "It is not a medical paper", None),
    (OTHER, "not physics but medical", "medical"),
    (OTHER, "medical, not physics", "medical"),
    (DIGITS, "not 1", None),
    (CHINESE, "这篇论文不属于医学领域", None),
    (CHINESE, "不属于医学，属于计算机", "计算机"),
    (DENIED, "这篇论文不属于医学领域", "非医学"),
    (DENIED, "这不是一篇医学论文", "非医学"),
    (DENIED, "这篇论文非常明显属于医学", "医学"),
    (("yes", "no"), "No, it is not.", "no"),
]
DOUBTS = [
    (MEDICAL, "It is not only medical", None),
    (MEDICAL, "whether it is medical is not for me to say", None),
    (MEDICAL, "It is not not medical", None),
    (MEDICAL, "It is not, strictly speaking, medical", None),
    (MEDICAL, "as it does not treat patients it is medical", None),
    (MEDICAL, "It is anything but medical", None),
    (DENIED, "不能确定是医学", None),
    (DENIED, "是否属于医学", None),
    # One mention in doubt makes the answer unreadable, whatever another one states.
    (MEDICAL, "If it is medical, I cannot say. It is not medical.", None),
    (OTHER, "Whether it is medical: no. It is physics", None),
    (MEDICAL, "It isn't medical: no", None),
]
FIRST = [
    (DIGITS, "1\nnot 0, because", "1"),
    (DIGITS, "0. The paper scores 1 of 5", "0"),
    (DIGITS, "0 or 1", None),
]


@pytest.mark.parametrize(("labels", "said", "label"), [*SPELLING, *MENTIONS, *NEGATIONS, *DOUBTS, *FIRST])
def test_an_answer_states_what_the_rule_says(labels: tuple[str, ...], said: str, label: str | None) -> None:
    assert label_of(said, labels) == label
    assert label_of(said, labels[::-1]) == label


@pytest.mark.parametrize("part", ["应该", "not a ", "1 ", "不", "is it the ", "not (", "- ", "'", "_ "])
def test_a_long_answer_is_read_at_once(part: str) -> None:
    begun = perf_counter()
    for labels in (MEDICAL, DENIED, DIGITS):
        label_of(f"不{part * 500}医学 medical", labels)
    assert perf_counter() - begun < 5


@pytest.mark.parametrize(
    "part",
    ["medical ", "not, x, medical ", "medical    ", "a" * 50 + "-medical ", "医学", "非医学但", "medical: "],
)
def test_the_time_to_read_grows_as_the_answer_does(part: str) -> None:
    """With its square, eight times the length took 64 times as long."""

    def took(length: int) -> float:
        said = f"x {part * (length // len(part))}"
        begun = process_time()
        for labels in (MEDICAL, DENIED):
            label_of(said, labels)
        return process_time() - begun

    assert min(took(32_000) for _ in range(3)) < 24 * min(took(4_000) for _ in range(3))


LABELS = st.lists(st.text(st.sampled_from("ab 1-不医."), min_size=1, max_size=5), min_size=1, unique=True)


AROUND = (" ", "The label is ", "not ", "不", "是", " or ", ". ", "\n", ":", "'", "**", "非", "paper")


def test_any_answer_states_a_label_or_none() -> None:
    """Answers made of labels and of what stands around them: many state one, and many do not."""
    told: list[bool] = []

    @settings(derandomize=True)
    @given(st.data(), LABELS)
    def tried(data: st.DataObject, labels: list[str]) -> None:
        parts = data.draw(st.lists(st.one_of(st.sampled_from(labels), st.sampled_from(AROUND)), max_size=6))
        said = "".join(parts)
        found = label_of(said, labels)
        told.append(found is not None)
        assert found in {*labels, None}
        assert label_of(said, labels[::-1]) == found
        for label in labels:
            if label == label.strip():
                assert label_of(f" {label}\n", labels) == label

    tried()
    assert 0.1 < sum(told) / len(told) < 0.9
